"""Reading the snapshots of domains: most have none, which libvirt tells of all of them in one call."""

from __future__ import annotations

import logging
from functools import partial

import libvirt

from virtcim.host.errors import Kind, translated, where_supported
from virtcim.host.records import SnapshotRecord
from virtcim.model.fields import ModelError
from virtcim.model.snapshot import DomainSnapshot, parted

log = logging.getLogger(__name__)

Names = tuple[tuple[str, ...], str | None]


def has_snapshots(connection: libvirt.virConnect) -> list[libvirt.virDomain]:
    """The domains with snapshots; none where the driver knows no such thing."""
    flag = libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT
    return where_supported(partial(connection.listAllDomains, flag)) or []


def snapshot_names(domain: libvirt.virDomain) -> Names | None:
    """The names of a domain's snapshots, and of the current one; None where it cannot be asked any more."""
    try:
        names = sorted(one.getName() for one in domain.listAllSnapshots())
        return tuple(names), _current(domain)
    except libvirt.libvirtError as error:  # it is gone, and will not be among the domains next time
        log.debug("no snapshots of %s: %s", domain.name(), error)
        return None


def read_snapshots(domain: libvirt.virDomain) -> tuple[SnapshotRecord, ...]:
    """The snapshots of a domain, in the order in which they were taken. Errors: libvirtError."""
    handles = where_supported(domain.listAllSnapshots) or []
    current = _current(domain) if handles else None
    found = (_read(handle, current) for handle in handles)
    known = [one for one in found if one is not None]
    return tuple(record for _, record in sorted(known, key=lambda one: one[0]))


def _current(domain: libvirt.virDomain) -> str | None:
    try:
        return domain.snapshotCurrent().getName()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT:
            return None
        raise


def _read(handle: libvirt.virDomainSnapshot, current: str | None) -> tuple[tuple[int, str], SnapshotRecord] | None:
    """A snapshot with what puts it in order; None when it is gone, or says nothing of its domain."""
    name = handle.getName()
    try:
        xml, domain_xml, _ = parted(handle.getXMLDesc())
        created = DomainSnapshot.parse(xml).created or 0
    except libvirt.libvirtError as error:
        if translated(error).kind is not Kind.NOT_FOUND:
            raise
        return None
    except ModelError as error:
        log.warning("the snapshot %s is left out: %s", name, error)
        return None
    if domain_xml is None:
        log.warning("the snapshot %s is left out: it does not say what its domain was like", name)
        return None
    record = SnapshotRecord(name=name, current=name == current, xml=xml, domain_xml=domain_xml)
    return (created, name), record
