"""What can be asked of a pool, as capabilities with the sample settings that spell them out (DSP1043)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Pool
from virtcim.mapping import allocation, allocation_pools, pools
from virtcim.mapping.allocation import Offer, Sample
from virtcim.mapping.divisions import Division
from virtcim.mapping.documents import blank
from virtcim.mapping.kind import Kind
from virtcim.mapping.memory import BASE_MEMORY, ELASTIC
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import pools_lookup as stock
from virtcim.profiles import sampled
from virtcim.profiles.dsp1047_volumes import pool_type
from virtcim.profiles.elements import kept
from virtcim.profiles.placing import max_weight
from virtcim.profiles.pools import ResourcePool
from virtcim.profiles.sampled import Sampled


@dataclass(frozen=True, eq=False)
class Allocation:
    """What can be asked of a pool: of `kind`; `sub_type` where the pool has several with ranges of their own."""

    pool: ResourcePool
    kind: Kind[Any]
    sub_type: str | None = None

    @property
    def platform(self) -> str:
        return self.pool.platform

    @property
    def id(self) -> str:
        """libvirt-cim's InstanceID, that of the pool."""
        return f"{self.pool.id}/{self.sub_type}" if self.sub_type else self.pool.id


class Template(Sampled):
    """One of what can be asked of a pool."""


# What a pool offers


def offer_of(host: Host) -> Offer:
    """What the hypervisor offers for a system that says nothing of its machine; libvirt is asked once a connection."""
    pattern = blank(host.platform, host.capabilities, {})
    emulator = host.domain_capabilities(pattern.type, pattern.arch, pattern.machine)
    most = (emulator.max_vcpus if emulator else None) or host.max_vcpus(pattern.type)
    return Offer(host.platform, host.capabilities, most, max_weight(host), emulator)


def allocations_of(pool: ResourcePool) -> tuple[Allocation, ...]:
    return kept(pool, "_allocations", lambda: tuple(_allocations(pool)))


def _allocations(pool: ResourcePool) -> Iterator[Allocation]:
    yield Allocation(pool, pool.type.kinds[0])
    if pool.type.word == pools.MEMORIES and pool.primordial and pool.platform in allocation.PLUGGING:
        yield Allocation(pool, MEMORY_MODULE, "dimm")
        yield Allocation(pool, MEMORY_MODULE, ELASTIC)


def allocations_on(host: Host) -> Iterator[Allocation]:
    """Those of the primordial pools, where a client begins that looks at the host."""
    return (one for pool in stock.pools_on(host) if pool.primordial for one in allocations_of(pool))


def host_of(one: Allocation) -> list[Host]:
    return [one.pool.host] if one.pool.primordial else []


def samples_of(one: Allocation) -> Iterator[Sample]:
    pool, offer = one.pool, offer_of(one.pool.host)
    yield from allocation.samples(one.kind, _range(one, offer))
    if not pool.divided:
        yield from allocation.choices(pool.type.word, pool.type.kinds, offer)
    if pool.type.word == pools.STORAGE:
        yield from allocation_pools.storage_pools() if pool.primordial else _volumes(pool)
    if pool.type.word == pools.NETWORKS and pool.primordial:
        yield from allocation_pools.networks()


def _volumes(pool: ResourcePool) -> Iterator[Sample]:
    shown = pools.storage_properties(pool.source.xml) if isinstance(pool.source, Pool) else {}
    return allocation_pools.volumes(shown.get("StorageType"), shown.get("Path"))


def _range(one: Allocation, offer: Offer) -> allocation.Range:
    bounding = stock.parent_of(one.pool) if isinstance(one.pool.source, Division) and not one.pool.capacity else []
    capacity = (bounding[0] if bounding else one.pool).capacity or 0
    if one.kind is PROCESSORS:
        return allocation.processor_range(capacity, offer)
    if one.kind is MEMORY_MODULE:
        return (
            allocation.elastic_module_range(capacity) if one.sub_type == ELASTIC else allocation.module_range(capacity)
        )
    if one.kind is BASE_MEMORY:
        return allocation.memory_range(capacity)
    if one.pool.type.word == pools.STORAGE:
        source = one.pool.source
        return allocation.storage_range(capacity, pool_type(source) if isinstance(source, Pool) else "")
    if one.pool.type.word == pools.HOST_DEVICES and not capacity:
        return allocation.nothing_to_pass(one.kind)
    return _named_network(one, allocation.device_range(one.kind))


def _named_network(one: Allocation, ranges: allocation.Range) -> allocation.Range:
    """An interface of a network is on that network."""
    if one.pool.type.word != pools.NETWORKS or one.pool.primordial:
        return ranges
    return {**ranges, "Default": {**ranges["Default"], "NetworkType": "network"}}


# The samples as settings


def templates_of(owner: Allocation) -> tuple[Template, ...]:
    return kept(owner, "_templates", lambda: _templates(owner))


def _templates(owner: Allocation) -> tuple[Template, ...]:
    pool = owner.pool
    common = sampled.common(pool.pool_id, pool.resource_type, pool.other_type, _sub_type(pool))
    return sampled.made(Template, owner, samples_of(owner), common)


def _sub_type(pool: ResourcePool) -> str | None:
    """That of the pool; the one of a disk is the format of its image, which does not follow from its pool."""
    return None if pool.type.word == pools.STORAGE else pool.sub_type


# Where they all are


def all_allocations(world: Hosts) -> Iterator[Allocation]:
    return (one for pool in stock.all_pools(world) for one in allocations_of(pool))


def all_templates(world: Hosts) -> Iterator[Template]:
    return (one for owner in all_allocations(world) for one in templates_of(owner))


def templates_of_class(classname: str) -> Callable[[Hosts], Iterator[Template]]:
    return lambda world: (one for one in all_templates(world) if one.sample.classname == classname)


def _by_id(world: Hosts, instance_id: str) -> Iterator[Allocation]:
    for text in (instance_id, instance_id.rpartition("/")[0]):
        for pool in stock.pool_by_id(world, text):
            yield from (one for one in allocations_of(pool) if one.id == instance_id)


def find_allocation(world: Hosts, keys: Keys) -> Iterator[Allocation]:
    return _by_id(world, str(keys["InstanceID"]))


find_template = sampled.finding(_by_id, templates_of)
