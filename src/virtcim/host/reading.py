"""Reading libvirt objects into immutable records: one at a time after an event, in bulk at the start and to reconcile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

import libvirt

from virtcim.host.errors import HostError, Kind, translated, unsupported
from virtcim.host.states import DomainState

log = logging.getLogger(__name__)

T = TypeVar("T")
INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE
CHUNK = 32  # domains one worker reads in a row


@dataclass(frozen=True, kw_only=True)
class DomainRecord:
    """A domain; state and reason by libvirt's numbers, defined_xml None for a transient domain."""

    uuid: str
    name: str
    active: bool
    persistent: bool
    autostart: bool
    managed_save: bool
    state: DomainState
    reason: int
    state_xml: str
    defined_xml: str | None

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class VolumeRecord:
    """A storage volume; sizes in bytes, kind is virStorageVolType. `key` is libvirt's."""

    pool: str  # UUID of the pool
    pool_name: str
    name: str
    key: str
    path: str
    kind: int
    capacity: int
    allocation: int
    xml: str


@dataclass(frozen=True, kw_only=True)
class PoolRecord:
    """A storage pool with its volumes (none while inactive); sizes in bytes, state is virStoragePoolState."""

    uuid: str
    name: str
    active: bool
    persistent: bool
    autostart: bool
    state: int
    capacity: int
    allocation: int
    available: int
    xml: str
    defined_xml: str | None
    volumes: tuple[VolumeRecord, ...]

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """A virtual network; defined_xml None for a transient one."""

    uuid: str
    name: str
    active: bool
    persistent: bool
    autostart: bool
    xml: str
    defined_xml: str | None

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class NodeDeviceRecord:
    """A device of the host; capabilities as libvirt names them (pci, net, storage, ...)."""

    name: str
    parent: str | None
    capabilities: tuple[str, ...]
    xml: str

    @property
    def key(self) -> str:
        return self.name


def found(read: Callable[[], T]) -> T | None:
    """What the read answers, None when the object does not exist (any more)."""
    try:
        return read()
    except libvirt.libvirtError as error:
        if translated(error).kind is Kind.NOT_FOUND:
            return None
        raise


def where_supported(read: Callable[[], list[T]]) -> list[T]:
    """What the read answers, nothing where the driver has no such objects."""
    try:
        return read()
    except libvirt.libvirtError as error:
        if unsupported(error):
            return []
        raise


def read_domain(connection: libvirt.virConnect, uuid: str) -> DomainRecord | None:
    """One domain, None when it is gone."""
    return found(lambda: _domain_alone(connection.lookupByUUIDString(uuid)))


def _domain_alone(domain: libvirt.virDomain) -> DomainRecord:
    state, reason = domain.state()
    return _domain(
        domain,
        state=DomainState(state),
        reason=reason,
        active=bool(domain.isActive()),
        persistent=bool(domain.isPersistent()),
        autostart=bool(domain.autostart()),
        managed_save=bool(domain.hasManagedSaveImage()),
    )


def _domain(
    domain: libvirt.virDomain,
    *,
    state: DomainState,
    reason: int,
    active: bool,
    persistent: bool,
    autostart: bool,
    managed_save: bool,
) -> DomainRecord:
    state_xml = domain.XMLDesc() if active else None
    defined_xml = domain.XMLDesc(INACTIVE) if persistent else None
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
    )


def _saved_document(domain: libvirt.virDomain) -> str | None:
    """The document of the managed save image; None when it cannot be read (no such call, damaged image)."""
    try:
        return domain.managedSaveGetXMLDesc()
    except libvirt.libvirtError as error:
        if translated(error).kind is Kind.NOT_FOUND:
            raise
        log.debug("the saved image of %s cannot be read: %s", domain.name(), error)
        return None


class _Traits:
    """What libvirt tells of all domains in one request each, so that a domain costs no more than its documents."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.domains = connection.listAllDomains()
        self._active = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        self._persistent = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)
        self._autostart = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        self._managed_save = _uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
        self._states = _states(connection)

    def record(self, domain: libvirt.virDomain) -> DomainRecord:
        uuid = domain.UUIDString()
        state, reason = self._states.get(uuid) or domain.state()
        return _domain(
            domain,
            state=DomainState(state),
            reason=reason,
            active=uuid in self._active,
            persistent=uuid in self._persistent,
            autostart=uuid in self._autostart,
            managed_save=uuid in self._managed_save,
        )

    def records(self, domains: list[libvirt.virDomain]) -> list[DomainRecord]:
        read = (found(lambda domain=domain: self.record(domain)) for domain in domains)  # type: ignore[misc]
        return [record for record in read if record is not None]


def _uuids(connection: libvirt.virConnect, flag: int) -> set[str]:
    return {domain.UUIDString() for domain in connection.listAllDomains(flag)}


def _states(connection: libvirt.virConnect) -> dict[str, list[int]]:
    """State and reason by UUID; empty where the driver has no bulk statistics (LXC)."""
    stats = where_supported(lambda: connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE))
    return {domain.UUIDString(): [values["state.state"], values["state.reason"]] for domain, values in stats}


def read_domains(connection: libvirt.virConnect, workers: Executor) -> list[DomainRecord]:
    """All domains; those that vanish meanwhile are left out."""
    traits = _Traits(connection)
    chunks = [traits.domains[start : start + CHUNK] for start in range(0, len(traits.domains), CHUNK)]
    return [record for records in workers.map(traits.records, chunks) for record in records]


def read_pool(connection: libvirt.virConnect, uuid: str) -> PoolRecord | None:
    """One storage pool with its volumes, None when it is gone."""
    return found(lambda: _pool(connection.storagePoolLookupByUUIDString(uuid)))


def read_pools(connection: libvirt.virConnect) -> list[PoolRecord]:
    pools = where_supported(connection.listAllStoragePools)
    return [record for pool in pools if (record := found(lambda pool=pool: _pool(pool)))]  # type: ignore[misc]


def _pool(pool: libvirt.virStoragePool) -> PoolRecord:
    state, capacity, allocation, available = pool.info()
    active, persistent = bool(pool.isActive()), bool(pool.isPersistent())
    volumes = _volumes(pool) if active else ()
    return PoolRecord(
        uuid=pool.UUIDString(),
        name=pool.name(),
        active=active,
        persistent=persistent,
        autostart=bool(pool.autostart()),
        state=state,
        capacity=capacity,
        allocation=allocation,
        available=available,
        xml=pool.XMLDesc(),
        defined_xml=pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE) if persistent else None,
        volumes=volumes,
    )


def _volumes(pool: libvirt.virStoragePool) -> tuple[VolumeRecord, ...]:
    read = (found(lambda volume=volume: _volume(pool, volume)) for volume in pool.listAllVolumes())  # type: ignore[misc]
    return tuple(sorted((record for record in read if record is not None), key=lambda record: record.name))


def _volume(pool: libvirt.virStoragePool, volume: libvirt.virStorageVol) -> VolumeRecord:
    kind, capacity, allocation = volume.info()
    return VolumeRecord(
        pool=pool.UUIDString(),
        pool_name=pool.name(),
        name=volume.name(),
        key=volume.key(),
        path=volume.path(),
        kind=kind,
        capacity=capacity,
        allocation=allocation,
        xml=volume.XMLDesc(),
    )


def read_network(connection: libvirt.virConnect, uuid: str) -> NetworkRecord | None:
    """One virtual network, None when it is gone."""
    return found(lambda: _network(connection.networkLookupByUUIDString(uuid)))


def read_networks(connection: libvirt.virConnect) -> list[NetworkRecord]:
    networks = where_supported(connection.listAllNetworks)
    return [record for network in networks if (record := found(lambda network=network: _network(network)))]  # type: ignore[misc]


def _network(network: libvirt.virNetwork) -> NetworkRecord:
    persistent = bool(network.isPersistent())
    return NetworkRecord(
        uuid=network.UUIDString(),
        name=network.name(),
        active=bool(network.isActive()),
        persistent=persistent,
        autostart=bool(network.autostart()),
        xml=network.XMLDesc(),
        defined_xml=network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE) if persistent else None,
    )
