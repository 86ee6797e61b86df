"""Reading domains into records: one at a time after an event, in bulk at the start and to reconcile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from itertools import chain
from typing import TypeVar

import libvirt

from virtcim.host.errors import is_gone, unsupported
from virtcim.host.records import DomainRecord
from virtcim.host.snapshot_reading import has_snapshots, read_snapshots
from virtcim.host.states import DomainState

log = logging.getLogger(__name__)

A = TypeVar("A")
T = TypeVar("T")
_Sighting = tuple[libvirt.virDomain, int, int]  # with state and reason
FAILED_DISK = (DomainState.PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR)
CHUNK = 32  # domains one worker reads in a row


def found(read: Callable[[A], T], argument: A) -> T | None:
    """What the read answers, None when the object does not exist (any more)."""
    try:
        return read(argument)
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None
        raise


def all_found(read: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
    """The answers for all that still exist."""
    answers = (found(read, argument) for argument in arguments)
    return [answer for answer in answers if answer is not None]


def where_supported(read: Callable[[], list[T]]) -> list[T]:
    """What the read answers, nothing where the driver has no such objects."""
    try:
        return read()
    except libvirt.libvirtError as error:
        if unsupported(error):
            return []
        raise


def if_told(connection: libvirt.virConnect, read: Callable[[libvirt.virConnect], T], otherwise: T) -> T:
    """What the read answers; `otherwise` where a part of libvirt that one can do without fails, the link itself not.

    Where libvirt is split into daemons, some of them may not be there.
    """
    try:
        return read(connection)
    except libvirt.libvirtError as error:
        if connection.isAlive() != 1:
            raise
        log.debug("%s is left out: %s", read.__name__, error)
        return otherwise


def _has_saved_image(domain: libvirt.virDomain) -> bool:
    try:
        return bool(domain.hasManagedSaveImage())
    except libvirt.libvirtError as error:
        if unsupported(error):  # LXC saves nothing
            return False
        raise


def read_domain(connection: libvirt.virConnect, uuid: str) -> DomainRecord | None:
    """One domain, None when it is gone. Read again when its state changed meanwhile: its parts are of one moment."""

    def alone(uuid: str) -> DomainRecord:
        while True:
            domain = connection.lookupByUUIDString(uuid)
            state = domain.state()
            record = _domain_alone(domain, DomainState(state[0]), state[1])
            if domain.state() == state and record.active == _is_active(record):
                return record

    return found(alone, uuid)


def read_new_domain(domain: libvirt.virDomain) -> DomainRecord:
    """One that has just been defined for the first time, so it is off: of who starts it since an event tells."""
    off, reason = DomainState.SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN
    new = {"active": False, "persistent": True, "autostart": False, "managed_save": False, "snapshots": False}
    return _domain(domain, state=off, reason=reason, **new)


def _domain_alone(domain: libvirt.virDomain, state: DomainState, reason: int) -> DomainRecord:
    """The record. What the handle knows since it was looked up is not asked again."""
    active = domain.ID() != -1
    return _domain(
        domain,
        state=state,
        reason=reason,
        active=active,
        persistent=bool(domain.isPersistent()) if active else True,  # a transient domain that is off is gone
        autostart=bool(domain.autostart()),
        managed_save=_has_saved_image(domain),
        snapshots=True,
    )


def _is_active(record: DomainRecord) -> bool:
    """By its state, as far as that tells."""
    either = record.state in (DomainState.CRASHED, DomainState.NOSTATE)
    return record.active if either else record.state is not DomainState.SHUTOFF


def _domain(
    domain: libvirt.virDomain,
    *,
    state: DomainState,
    reason: int,
    active: bool,
    persistent: bool,
    autostart: bool,
    managed_save: bool,
    snapshots: bool,
) -> DomainRecord:
    """`snapshots`: whether it may have some."""
    state_xml = domain.XMLDesc() if active else None
    defined_xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) if persistent else None
    if not active and managed_save:
        state_xml = _saved_document(domain)
    return DomainRecord(
        uuid=domain.UUIDString(),
        name=domain.name(),
        active=active,
        persistent=persistent,
        autostart=autostart,
        managed_save=managed_save,
        state=state,
        reason=reason,
        state_xml=state_xml or defined_xml or domain.XMLDesc(),
        defined_xml=defined_xml,
        disk_errors=_disk_errors(domain) if (state, reason) == FAILED_DISK else (),
        snapshots=read_snapshots(domain) if snapshots else (),
    )


def _disk_errors(domain: libvirt.virDomain) -> tuple[tuple[str, int], ...]:
    """The disks that failed, which libvirt has to ask QEMU for; none where it went on or off meanwhile."""
    try:
        return tuple(sorted(domain.diskErrors().items()))
    except libvirt.libvirtError as error:
        if is_gone(error):
            raise
        log.debug("the failed disks of %s cannot be told: %s", domain.name(), error)
        return ()


def _saved_document(domain: libvirt.virDomain) -> str | None:
    """The document of the managed save image; None when it cannot be read (no such call, damaged image)."""
    try:
        return domain.managedSaveGetXMLDesc()
    except libvirt.libvirtError as error:
        if is_gone(error):
            raise
        log.debug("the saved image of %s cannot be read: %s", domain.name(), error)
        return None


class _Traits:
    """What libvirt tells of all domains in one request each, so that a domain costs no more than its documents."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.domains = _states(connection)
        self._active = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        self._transient = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
        self._autostart = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        self._managed_save = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
        self._snapshots = {domain.UUIDString() for domain in has_snapshots(connection)}

    def record(self, sighting: _Sighting) -> DomainRecord:
        domain, state, reason = sighting
        uuid = domain.UUIDString()
        return _domain(
            domain,
            state=DomainState(state),
            reason=reason,
            active=uuid in self._active,
            persistent=uuid not in self._transient,
            autostart=uuid in self._autostart,
            managed_save=uuid in self._managed_save,
            snapshots=uuid in self._snapshots,
        )

    def records(self, domains: list[_Sighting]) -> list[DomainRecord]:
        return all_found(self.record, domains)


def _uuids(connection: libvirt.virConnect, flag: int) -> set[str]:
    return {domain.UUIDString() for domain in connection.listAllDomains(flag)}


def _states(connection: libvirt.virConnect) -> list[_Sighting]:
    """Every domain with its state and reason; one by one where the driver has no bulk statistics (LXC)."""
    try:
        stats = connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
    except libvirt.libvirtError as error:
        if not unsupported(error):
            raise
        return all_found(_sighting, connection.listAllDomains())
    return [(domain, values["state.state"], values["state.reason"]) for domain, values in stats]


def _sighting(domain: libvirt.virDomain) -> _Sighting:
    state, reason = domain.state()
    return domain, state, reason


def read_domains(connection: libvirt.virConnect, workers: Executor) -> Iterator[DomainRecord]:
    """All domains, being read by the workers from now on; those that vanish meanwhile are left out."""
    traits = _Traits(connection)
    chunks = [traits.domains[start : start + CHUNK] for start in range(0, len(traits.domains), CHUNK)]
    return chain.from_iterable(workers.map(traits.records, chunks))
