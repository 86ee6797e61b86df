"""How far what a running system has can be changed, as capabilities with sample settings (DSP1043)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Hosts, Vm
from virtcim.mapping import allocation, ids
from virtcim.mapping.allocation import Sample
from virtcim.mapping.memory_module import elastic_extent
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import sampled
from virtcim.profiles.elements import Setting, kept, pool_id_of, settings, state_of
from virtcim.profiles.lookup import find_setting
from virtcim.profiles.sampled import Sampled
from virtcim.profiles.transitions import row_of


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


class Bound(Sampled):
    """One of how far a running system can be changed."""


def mutability_of(setting: Setting) -> list[Mutability]:
    """Of the processors, the memory and its elastic modules, of the State configuration of a running system."""
    running = row_of(setting.vm).enabled_state == allocation.ENABLED
    changeable = (
        running and not setting.configuration.defined and (setting.kind.single or elastic_extent(setting.resource.view))
    )
    return [kept(setting, "_mutability", lambda: Mutability(setting))] if changeable else []


def _samples(one: Mutability) -> Iterator[Sample]:
    """Processors can be added up to the maximum, and memory moved below its limit."""
    resource = one.setting.resource
    elastic = elastic_extent(resource.view)
    if elastic:
        return allocation.samples(resource.kind, allocation.elastic_range(*elastic))
    row = {row.name: row for row in resource.kind.rows}
    if resource.kind is PROCESSORS:
        least, most = row["VirtualQuantity"].get(resource.view), row["MaxVirtualQuantity"].get(resource.view)
    else:
        least, most = min(allocation.MIB, row["Limit"].get(resource.view)), row["Limit"].get(resource.view)
    ends = {"Minimum": {"VirtualQuantity": least}, "Maximum": {"VirtualQuantity": most}}
    return allocation.samples(resource.kind, ends)


def bounds_of(owner: Mutability) -> tuple[Bound, ...]:
    return kept(owner, "_bounds", lambda: _bounds(owner))


def _bounds(owner: Mutability) -> tuple[Bound, ...]:
    kind = owner.setting.kind
    common = sampled.common(pool_id_of(owner.setting), kind.resource_type, kind.other_type)
    return sampled.made(Bound, owner, _samples(owner), common)


# Where they all are


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


def _by_id(world: Hosts, instance_id: str) -> Iterator[Mutability]:
    token = ids.parse_own_id("mutability", instance_id)
    for setting in find_setting(world, {"InstanceID": token}) if token else ():
        yield from mutability_of(setting)


def find_mutability(world: Hosts, keys: Keys) -> Iterator[Mutability]:
    return _by_id(world, str(keys["InstanceID"]))


find_bound = sampled.finding(_by_id, bounds_of)
