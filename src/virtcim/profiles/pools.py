"""The resource pools of a host as objects: what libvirt has, and what the active systems take of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtcim.host.inventory import Host, Network, Pool, Vm
from virtcim.host.records import HostFacts
from virtcim.mapping import divisions, ids, pools
from virtcim.mapping.disk import DISK
from virtcim.mapping.divisions import Division
from virtcim.mapping.kind import DISK_DRIVE
from virtcim.mapping.pools import HOST_DEVICES, LUNS, MEMORIES, NETWORKS, PROCESSORS, STORAGE, TYPES, PoolType
from virtcim.profiles import pools_host as hardware
from virtcim.profiles import storage_host as stored
from virtcim.profiles.divided import divisions_of
from virtcim.profiles.elements import (
    kept,
    pool_id_of,
    settings,
    state_of,
)

STORAGE_POOL, NETWORK_POOL = ids.pool_id(STORAGE), ids.pool_id(NETWORKS)
NOTHING = (0, 0)
Totals = Mapping[str, tuple[int, int]]  # PoolID -> what is reserved and consumed


@dataclass(frozen=True, eq=False)
class ResourcePool:
    """A pool at one moment; `source` is the storage pool, network or division that a concrete one shows.

    `capacity`, `reserved` in the type's units, `consumed` in its units of consumption; None where nothing bounds it.
    """

    host: Host
    type: PoolType
    pool_id: str
    source: Pool | Network | Division | None
    capacity: int | None
    reserved: int | None
    consumed: int | None

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def id(self) -> str:
        """The InstanceID."""
        return ids.host_scoped(self.host, self.pool_id)

    @property
    def primordial(self) -> bool:
        return self.source is None

    @property
    def name(self) -> str:
        return self.source.name if self.source else f"{self.type.label} of {self.host.name}"

    @property
    def of_old(self) -> bool:
        """Whether it is shown as libvirt-cim did, to which disks, drives and file systems were of one type."""
        legacy = self.host.settings.legacy_resource_types
        return legacy and self.type.kinds[0].setting_class == DISK.setting_class

    @property
    def resource_type(self) -> int:
        """ResourceType of the pool and of all that comes from it."""
        return DISK_DRIVE if self.of_old else self.type.resource_type

    @property
    def other_type(self) -> str | None:
        """OtherResourceType of the pool and of all that comes from it."""
        return None if self.of_old else self.type.other_type

    @property
    def sub_type(self) -> str | None:
        """ResourceSubType of the pool and of all that comes from it; of a storage pool the kind of storage."""
        storage = pools.storage_sub_type(self.source.xml) if isinstance(self.source, Pool) else None
        return storage or divisions.sub_type_of(self.pool_id)

    @property
    def divided(self) -> bool:
        """Whether it is a part of the host that libvirt has no object for."""
        return isinstance(self.source, Division)

    def shows(self, other: ResourcePool) -> bool:
        """Whether it is the same pool with nothing new to tell."""
        facts = ("source", "capacity", "reserved", "consumed")
        return all(getattr(self, name) == getattr(other, name) for name in facts)


class ProcessorPool(ResourcePool):
    """Of DSP1044."""


class MemoryPool(ResourcePool):
    """Of DSP1045."""


class StoragePool(ResourcePool):
    """Of DSP1047."""


class NetworkPool(ResourcePool):
    """Of DSP1050."""


class DevicePool(ResourcePool):
    """Of DSP1059."""


POOLS: Mapping[str, type[ResourcePool]] = {
    PROCESSORS: ProcessorPool,
    MEMORIES: MemoryPool,
    STORAGE: StoragePool,
    LUNS: StoragePool,
    NETWORKS: NetworkPool,
}
POOL_TYPES = (ProcessorPool, MemoryPool, StoragePool, NetworkPool, DevicePool)
SERVED = tuple(dict.fromkeys((POOLS.get(one.word, DevicePool), one.classname) for one in TYPES.values()))


@dataclass(frozen=True, eq=False)
class _Known:
    """The pools of a host, by PoolID, at a version of what is known of it."""

    version: int
    facts: HostFacts
    pools: Mapping[str, ResourcePool]


def pools_of(host: Host) -> Mapping[str, ResourcePool]:
    """Every pool of a host by PoolID, primordial ones first; pools with nothing new to tell stay the same objects.

    None does once the host is another one, on which their names and what can be asked of them depend.
    """
    version, facts = host.version, host.facts  # read first: what changes meanwhile makes another version
    known: _Known | None = vars(host).get("_resource_pools")
    if known is None or (known.version, known.facts) != (version, facts):
        before = known.pools if known and known.facts is facts else {}
        made = {one.pool_id: _same(before.get(one.pool_id), one) for one in _pools(host, totals(host.vms))}
        known = vars(host)["_resource_pools"] = _Known(version, facts, made)
    return known.pools


def _same(old: ResourcePool | None, new: ResourcePool) -> ResourcePool:
    return old if old is not None and old.shows(new) else new


def totals(vms: Iterable[Vm]) -> Totals:
    """What the active systems take from each pool; from a primordial one with all that comes below it."""
    found: dict[str, tuple[int, int]] = {}
    for vm in vms:
        for pool, (reserved, consumed) in taken(vm).items() if vm.active else ():
            before = found.get(pool, NOTHING)
            found[pool] = (before[0] + reserved, before[1] + consumed)
    return found


def taken(vm: Vm) -> Totals:
    """What a system takes when it is active; made once a document."""
    return kept(vm, "_taken", lambda: _taken(vm))


def _taken(vm: Vm) -> Totals:
    found: dict[str, tuple[int, int]] = {}
    resources = ((one.resource, pool_id_of(one)) for one in settings(state_of(vm)))
    for share in pools.shares(resources, vm.images):
        for pool in (share.pool, *above(share.pool)):
            before = found.get(pool, NOTHING)
            found[pool] = (before[0] + share.reserved, before[1] + share.consumed)
    return found


def above(pool_id: str) -> list[str]:
    """The PoolIDs above that of a pool, the nearest first; none above a primordial one."""
    return [] if pool_id in TYPES else divisions.above(pool_id)


def _pools(host: Host, taken: Totals) -> Iterator[ResourcePool]:
    for of in TYPES.values():
        yield _primordial(host, of, taken)
    for source in host.pools:
        if source.name != ids.PRIMORDIAL:  # libvirt's own figures know more of what fills a file system
            pool_id = ids.pool_id(STORAGE, source.name)
            consumed = taken.get(pool_id, NOTHING)[1]
            yield StoragePool(host, TYPES[STORAGE_POOL], pool_id, source, source.capacity, source.allocation, consumed)
    for network in host.networks:
        if network.name != ids.PRIMORDIAL:
            pool_id = ids.pool_id(NETWORKS, network.name)
            yield NetworkPool(host, TYPES[NETWORK_POOL], pool_id, network, None, *taken.get(pool_id, NOTHING))
    for part in divisions_of(host):
        of = TYPES[divisions.above(part.pool_id)[-1]]
        used = taken.get(part.pool_id, NOTHING)
        capacity = part.capacity or (None if used[0] else 0)  # what libvirt does not tell of, and yet gives away
        yield POOLS.get(of.word, DevicePool)(host, of, part.pool_id, part, capacity, *used)


def _primordial(host: Host, of: PoolType, taken: Totals) -> ResourcePool:
    make = POOLS.get(of.word, DevicePool)
    if of.word == STORAGE:
        active = [pool for pool in host.pools if pool.active]
        drives, pooled = sum(one.drive.size for one in stored.drives(host)), sum(pool.capacity for pool in active)
        filled, consumed = sum(pool.allocation for pool in active), taken.get(of.id, NOTHING)[1]
        return make(host, of, of.id, None, max(drives, pooled), filled, consumed)
    return make(host, of, of.id, None, _capacity(host, of), *taken.get(of.id, NOTHING))


def _capacity(host: Host, of: PoolType) -> int | None:
    """What the host has of it; None for devices that are emulated, which nothing but sense bounds."""
    if of.word == PROCESSORS:
        return host.facts.node.cpus * pools.WHOLE_PROCESSOR
    if of.word == HOST_DEVICES:
        return sum(1 for _ in hardware.passed(host))
    return host.facts.node.memory if of.word == MEMORIES else None
