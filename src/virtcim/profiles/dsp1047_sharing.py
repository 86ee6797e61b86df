"""An image that is not shareable is in one active system at a time (DSP1047-R18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from virtcim.broker.call import Instance
from virtcim.broker.provider import Refused
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import sharing, volumes
from virtcim.mapping.disk import CDROM, DISK, FLOPPY_DRIVE, LUN
from virtcim.mapping.resources import Domain
from virtcim.mapping.sharing import Use
from virtcim.messages import message
from virtcim.profiles.dsp1047_volumes import volume_at
from virtcim.profiles.elements import kept, state_of
from virtcim.profiles.requests import Wish, given

DRIVES = (DISK, LUN, CDROM, FLOPPY_DRIVE)


def uses_of(vm: Vm) -> tuple[Use, ...]:
    """The images that a system is running with, or would be."""
    return kept(vm, "_uses", lambda: tuple(sharing.uses(state_of(vm).document, vm.images)))


def locations_of(vm: Vm) -> frozenset[str]:
    """The images that either configuration of a system names, volumes by their keys."""
    return kept(vm, "_locations", lambda: frozenset(sharing.one_name(path, vm.images) for path in vm.paths))


def refuse_shared(vm: Vm) -> None:
    """Before a system becomes active. Errors: Refused."""
    _refuse(vm, uses_of(vm), "In Use", vm.name)


def refuse_uses(vm: Vm, document: Domain, answer: str, where: str) -> None:
    """Before a system goes back to what a document says. Errors: Refused."""
    _refuse(vm, sharing.uses(document, vm.images), answer, where)


def refuse_shared_with(vm: Vm, instances: Mapping[int, Instance]) -> None:
    """Before disks are plugged into an active system; by their numbers in the request. Errors: Refused."""
    for number, one in instances.items():
        wish = Wish(f"ResourceSettings[{number}]", one.classname, given(one))
        if wish.kind in DRIVES:
            asked = sharing.use_asked(wish.kind, wish.properties)
            if asked is not None:
                known = asked._replace(location=name_at(vm.host, asked.location))
                _refuse(vm, [known], "Failed", f"{wish.where}.HostResource")


def name_at(host: Host, location: str) -> str:
    """The one name of an image."""
    found = volume_at(host, location)
    return volumes.volume_name(found[0].name, found[1].name) if found else location


def _refuse(vm: Vm, wanted: Iterable[Use], answer: str, where: str) -> None:
    by_location = {one.location: one for one in wanted}
    for other in vm.host.vms if by_location else ():
        if other.active and other.uuid != vm.uuid and not locations_of(other).isdisjoint(by_location):
            for use in uses_of(other):
                mine = by_location.get(use.location)
                if mine is not None and not mine.bears(use):
                    raise Refused(
                        answer, message("RESOURCE_IN_USE", where, use.location, f"{other.name}, and not shareable")
                    )
