"""A device of the host is in one active system at a time, and so is all of its IOMMU group (DSP1059-R11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from virtcim.broker.call import Instance
from virtcim.broker.provider import Refused
from virtcim.host.inventory import Vm
from virtcim.mapping import hostdev
from virtcim.mapping.net import INTERFACE
from virtcim.mapping.net_source import function_in
from virtcim.mapping.pools_host import taken
from virtcim.messages import message
from virtcim.profiles.elements import kept, state_of
from virtcim.profiles.placing import placed
from virtcim.profiles.requests import Wish, given, refusing

NOTHING: frozenset[str] = frozenset()


def held_by(vm: Vm) -> frozenset[str]:
    """The devices and groups that a system is running with, or would be, in words."""
    return kept(vm, "_held", lambda: frozenset(_held(vm))) if vm.passing else NOTHING


def _held(vm: Vm) -> Iterator[str]:
    for place, device in taken(state_of(vm).document, vm.passed):
        yield from _names(place, None if device is None else device.group)


def _names(place: str, group: int | None) -> Iterator[str]:
    yield f"the device {place}"
    if group is not None:
        yield f"IOMMU group {group}"


def refuse_taken(vm: Vm) -> None:
    """Before a system becomes active. Errors: Refused."""
    _refuse(vm, held_by(vm), "In Use", vm.name)


def refuse_taken_with(vm: Vm, instances: Mapping[int, Instance]) -> None:
    """Before devices are plugged into an active system; by their numbers in the request. Errors: Refused."""
    for number, one in instances.items():
        wish = Wish(f"ResourceSettings[{number}]", one.classname, given(one))
        place = _place_asked(vm, wish)
        if place is not None:
            device = vm.host.uses.devices.known.get(place)
            _refuse(vm, _names(place, device.group if device else None), "Failed", f"{wish.where}.HostResource")


def _place_asked(vm: Vm, wish: Wish) -> str | None:
    if wish.kind is INTERFACE:
        named = wish.properties.get("HostResource")
        return function_in(str(named[0])) if isinstance(named, list) and named else None
    if wish.kind not in hostdev.HOST_DEVICES:
        return None
    with refusing(wish.where):
        return hostdev.place_given(placed(vm.host, wish.kind, wish.properties))


def _refuse(vm: Vm, wanted: Iterable[str], answer: str, where: str) -> None:
    names = frozenset(wanted)
    for other in vm.host.vms if names else ():
        if other.active and other.uuid != vm.uuid and not names.isdisjoint(held_by(other)):
            one = max(names & held_by(other))  # the device itself rather than its group
            raise Refused(answer, message("RESOURCE_IN_USE", where, one, other.name))
