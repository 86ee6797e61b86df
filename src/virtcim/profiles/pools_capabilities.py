"""Capabilities of pools and of running systems as objects, with the sample settings that spell them out (DSP1043)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Pool, Vm
from virtcim.mapping import allocation, allocation_pools, ids, pools
from virtcim.mapping.allocation import Offer, Sample
from virtcim.mapping.divisions import Division
from virtcim.mapping.documents import blank
from virtcim.mapping.kind import Kind
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import pools as stock
from virtcim.profiles.dsp1047_volumes import pool_type
from virtcim.profiles.elements import Setting, kept, pool_id_of, present, settings, state_of
from virtcim.profiles.lookup import find_setting
from virtcim.profiles.placing import max_weight
from virtcim.profiles.pools import ResourcePool
from virtcim.profiles.transitions import row_of

NOT_CHANGEABLE = 0  # ChangeableType
# PropertyPolicy, ValueRole and ValueRange by the role of a sample
ROLES = {
    "Default": (0, 0, 0),
    "Minimum": (0, 3, 1),
    "Maximum": (0, 3, 2),
    "Increment": (0, 3, 3),
    "Supported": (1, 3, 0),
}
SAMPLE_ID = re.compile(rf"(?P<owner>.+)/(?:{'|'.join(ROLES)})(?:/[^/]+)?")


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


@dataclass(frozen=True, eq=False)
class Mutability:
    """How far the allocation of a running system can be changed."""

    setting: Setting

    @property
    def platform(self) -> str:
        return self.setting.platform

    @property
    def id(self) -> str:
        return ids.own_id("mutability", self.setting.id)


Owner = Allocation | Mutability


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sample setting of capabilities."""

    owner: Owner
    sample: Sample
    properties: Properties

    @property
    def platform(self) -> str:
        return self.owner.platform

    @property
    def id(self) -> str:
        return f"{ids.own_id('sample', self.owner.id)}/{self.sample.name}"


class Template(Sampled):
    """One of what can be asked of a pool."""


class Bound(Sampled):
    """One of how far a running system can be changed."""


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


def allocations_on(host: Host) -> Iterator[Allocation]:
    """Those of the primordial pools, where a client begins that looks at the host."""
    return (one for pool in stock.pools_on(host) if pool.primordial for one in allocations_of(pool))


def host_of(one: Allocation) -> list[Host]:
    return [one.pool.host] if one.pool.primordial else []


def samples_of(one: Allocation) -> Iterator[Sample]:
    pool, offer = one.pool, offer_of(one.pool.host)
    yield from allocation.samples(one.kind, _range(one, offer))
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
        return allocation.module_range(capacity)
    if one.kind is BASE_MEMORY:
        return allocation.memory_range(capacity)
    if one.pool.type.word == pools.STORAGE:
        source = one.pool.source
        return allocation.storage_range(capacity, pool_type(source) if isinstance(source, Pool) else "")
    return _named_network(one, allocation.device_range(one.kind))


def _named_network(one: Allocation, ranges: allocation.Range) -> allocation.Range:
    """An interface of a network is on that network."""
    if one.pool.type.word != pools.NETWORKS or one.pool.primordial:
        return ranges
    return {**ranges, "Default": {**ranges["Default"], "NetworkType": "network"}}


# How far a running system can be changed


def mutability_of(setting: Setting) -> list[Mutability]:
    """Of the processors and the memory of the State configuration of a running system."""
    running = row_of(setting.vm).enabled_state == allocation.ENABLED
    changeable = running and not setting.configuration.defined and setting.kind.single
    return [kept(setting, "_mutability", lambda: Mutability(setting))] if changeable else []


def _mutable(one: Mutability) -> Iterator[Sample]:
    """Processors can be added up to the maximum, and memory moved below its limit."""
    resource = one.setting.resource
    row = {row.name: row for row in resource.kind.rows}
    if resource.kind is PROCESSORS:
        least, most = row["VirtualQuantity"].get(resource.view), row["MaxVirtualQuantity"].get(resource.view)
    else:
        least, most = min(allocation.MIB, row["Limit"].get(resource.view)), row["Limit"].get(resource.view)
    ends = {"Minimum": {"VirtualQuantity": least}, "Maximum": {"VirtualQuantity": most}}
    return allocation.samples(resource.kind, ends)


# The samples as settings


def templates_of(owner: Allocation) -> tuple[Template, ...]:
    return kept(owner, "_templates", lambda: tuple(_templates(owner)))


def _templates(owner: Allocation) -> Iterator[Template]:
    common = _common(owner)
    return (Template(owner, sample, common | present(sample.properties)) for sample in samples_of(owner))


def bounds_of(owner: Mutability) -> tuple[Bound, ...]:
    return kept(owner, "_bounds", lambda: tuple(_bounds(owner)))


def _bounds(owner: Mutability) -> Iterator[Bound]:
    common = _common(owner)
    return (Bound(owner, sample, common | present(sample.properties)) for sample in _mutable(owner))


def _sub_type(owner: Allocation) -> str | None:
    """That of the pool; the one of a disk is the format of its image, which does not follow from its pool."""
    return None if owner.pool.type.word == pools.STORAGE else owner.pool.sub_type


def _common(owner: Owner) -> Properties:
    kind = owner.kind if isinstance(owner, Allocation) else owner.setting.kind
    pool_id = owner.pool.pool_id if isinstance(owner, Allocation) else pool_id_of(owner.setting)
    word = (ids.parse_pool_id(kind.pool) or ("", ""))[0]
    properties: Properties = {
        "ResourceType": owner.pool.resource_type if isinstance(owner, Allocation) else kind.resource_type,
        "OtherResourceType": owner.pool.other_type if isinstance(owner, Allocation) else kind.other_type,
        "PoolID": pool_id,
        "ResourceSubType": _sub_type(owner) if isinstance(owner, Allocation) else None,
        "ChangeableType": NOT_CHANGEABLE,
        **allocation.units(word),
    }
    return present(properties)


# Where they all are


def all_allocations(world: Hosts) -> Iterator[Allocation]:
    return (one for pool in stock.all_pools(world) for one in allocations_of(pool))


def mutabilities_in(vm: Vm) -> Iterator[Mutability]:
    """Those of a virtual system."""
    for setting in settings(state_of(vm)) if vm.active else ():
        yield from mutability_of(setting)


def bounds_in(vm: Vm) -> Iterator[Bound]:
    """Their samples."""
    for one in mutabilities_in(vm):
        yield from bounds_of(one)


def bounds_of_class(classname: str) -> Callable[[Vm], Iterator[Bound]]:
    return lambda vm: (one for one in bounds_in(vm) if one.sample.classname == classname)


def all_mutabilities(world: Hosts) -> Iterator[Mutability]:
    return (one for vm in world.vms() for one in mutabilities_in(vm))


def all_bounds(world: Hosts) -> Iterator[Bound]:
    return (one for vm in world.vms() for one in bounds_in(vm))


def all_templates(world: Hosts) -> Iterator[Template]:
    return (one for owner in all_allocations(world) for one in templates_of(owner))


def templates_of_class(classname: str) -> Callable[[Hosts], Iterator[Template]]:
    return lambda world: (one for one in all_templates(world) if one.sample.classname == classname)


def allocations_by_id(world: Hosts, instance_id: str) -> Iterator[Allocation]:
    for text in (instance_id, instance_id.rpartition("/")[0]):
        for pool in stock.pool_by_id(world, text):
            yield from (one for one in allocations_of(pool) if one.id == instance_id)


def mutabilities_by_id(world: Hosts, instance_id: str) -> Iterator[Mutability]:
    token = ids.parse_own_id("mutability", instance_id)
    for setting in find_setting(world, {"InstanceID": token}) if token else ():
        yield from mutability_of(setting)


def find_allocation(world: Hosts, keys: Keys) -> Iterator[Allocation]:
    return allocations_by_id(world, str(keys["InstanceID"]))


def find_mutability(world: Hosts, keys: Keys) -> Iterator[Mutability]:
    return mutabilities_by_id(world, str(keys["InstanceID"]))


def _owner(keys: Keys) -> str:
    """The InstanceID of the capabilities that a sample's names; empty when it names none."""
    found = SAMPLE_ID.fullmatch(ids.parse_own_id("sample", str(keys["InstanceID"])) or "")
    return found["owner"] if found else ""


def find_template(world: Hosts, keys: Keys) -> Iterator[Template]:
    found = (one for owner in allocations_by_id(world, _owner(keys)) for one in templates_of(owner))
    return (one for one in found if one.id == keys["InstanceID"])


def find_bound(world: Hosts, keys: Keys) -> Iterator[Bound]:
    found = (one for owner in mutabilities_by_id(world, _owner(keys)) for one in bounds_of(owner))
    return (one for one in found if one.id == keys["InstanceID"])
