"""A device of the host is in one active system at a time, and so is all of its IOMMU group (DSP1059-R11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from virtcim.broker.call import Instance
from virtcim.broker.provider import Refused
from virtcim.host.inventory import Vm
from virtcim.mapping import hostdev
from virtcim.profiles.elements import kept, state_of
from virtcim.profiles.placing import placed
from virtcim.profiles.requests import Wish, given, refusing

NOTHING: frozenset[str] = frozenset()


def held_by(vm: Vm) -> frozenset[str]:
    """The devices and groups that a system is running with, or would be, in words."""
    return kept(vm, "_held", lambda: frozenset(_held(vm))) if vm.passing else NOTHING


def _held(vm: Vm) -> Iterator[str]:
    for place, device in hostdev.passed(state_of(vm).document, vm.passed):
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
        if wish.kind in hostdev.HOST_DEVICES:
            with refusing(wish.where):
                place = hostdev.place_given(placed(vm.host, wish.kind, wish.properties))
            device = vm.host.uses.devices.known.get(place or "")
            names = _names(place, device.group if device else None) if place else ()
            _refuse(vm, names, "Failed", f"{wish.where}.HostResource")


def _refuse(vm: Vm, wanted: Iterable[str], answer: str, where: str) -> None:
    names = frozenset(wanted)
    for other in vm.host.vms if names else ():
        if other.active and other.uuid != vm.uuid and not names.isdisjoint(held_by(other)):
            taken = max(names & held_by(other))  # the device itself rather than its group
            raise Refused(answer, f"{where}: {taken} is in use by {other.name}")
