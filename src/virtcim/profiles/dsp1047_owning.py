"""Volumes that belong to their disks: AutomaticDeallocation, kept in the metadata of the system (DSP1047)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from virtcim.broker.call import Instance
from virtcim.broker.provider import Refused
from virtcim.host import domains, storage
from virtcim.host.images import image_of
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import sharing, volumes
from virtcim.mapping.image import disk_of
from virtcim.mapping.location import location_of
from virtcim.mapping.pools import READY_MADE
from virtcim.profiles.dsp1047_sharing import locations_of, name_at
from virtcim.profiles.dsp1047_volumes import pool_type, volume_at
from virtcim.profiles.elements import Setting, configurations, settings
from virtcim.profiles.requests import Undo, Wish, given

OWNED = "AutomaticDeallocation"


def location_at(setting: Setting) -> str:
    """Where the image of a disk is; empty for what is no disk."""
    disk = disk_of(setting.resource)
    return (location_of(disk) or "") if disk else ""


def owned_of(setting: Setting) -> list[str]:
    """Where the volume is that goes with a disk."""
    location = location_at(setting)
    own = setting.configuration.document.own_metadata.owned_images or []
    return [location] if location and location in own else []


def owned_by(vm: Vm) -> list[str]:
    """Where the volumes are that go with the disks of a system."""
    if not _owned(vm):
        return []
    found = (location for one in configurations(vm) for each in settings(one) for location in owned_of(each))
    return list(dict.fromkeys(found))


def deallocating(host: Host, instances: Mapping[int, Instance]) -> list[str]:
    """Where the volumes are that new disks, by their numbers, want to take with them. Errors: Refused."""
    found = []
    for number, one in instances.items():
        if not one.properties.get(OWNED):
            continue
        wish = Wish(f"ResourceSettings[{number}]", one.classname, given(one))
        if wish.kind in volumes.ON_IMAGES:
            asked = sharing.use_asked(wish.kind, wish.properties)
            found.append(check_volume(host, asked.location if asked else "", wish.where))
    return found


def check_volume(host: Host, location: str, where: str) -> str:
    """The location, which has to be that of a volume. Errors: Refused."""
    found = volume_at(host, location)
    if found is None or pool_type(found[0]) in READY_MADE:
        raise Refused("Invalid Parameter", f"{where}.{OWNED}: {location or 'what is no image'} cannot be deleted")
    return location


def own(vm: Vm, locations: Iterable[str], undo: Undo) -> None:
    """Let volumes go with the disks of a system. Errors: HostError."""
    new = [one for one in locations if one not in _owned(vm)]
    if new:
        _keep(vm, [*_owned(vm), *new])
        undo(partial(disown, vm, new))


def disown(vm: Vm, locations: Iterable[str], undo: Undo = lambda _: None) -> None:
    """Let volumes stay when the disks of a system go. Errors: HostError."""
    gone = [one for one in locations if one in _owned(vm)]
    if gone:
        _keep(vm, [one for one in _owned(vm) if one not in gone])
        undo(partial(own, vm, gone, lambda _: None))


def leave(vm: Vm, location: str, now: str) -> None:
    """What a disk was on goes, if it was the disk's own and the disk is on another image now. Errors: HostError."""
    vm.host.refresh(vm.uuid)
    if location != now and location in _owned(vm):
        disown(vm, [location])
        deallocate(vm.host, location)


def owns(vm: Vm, location: str) -> bool:
    """Whether the volume at a location goes with its disk."""
    return location in _owned(vm)


def _owned(vm: Vm) -> list[str]:
    latest = vm.host.vm(vm.uuid)
    if latest is None or OWNED not in (latest.defined_xml or latest.state_xml):  # mostly: nothing needs to be parsed
        return []
    document = latest.defined_document or latest.state_document
    return list(document.own_metadata.owned_images or [])


def _keep(vm: Vm, locations: Sequence[str]) -> None:
    domains.change_own_metadata(vm, lambda own: setattr(own, "owned_images", list(locations)))


def is_used(host: Host, location: str) -> bool:
    """Whether a system names an image, or another volume lies on it."""
    name = name_at(host, location)
    return any(name in locations_of(vm) for vm in host.vms) or is_lain_on(host, location)


def is_lain_on(host: Host, location: str, but: str = "") -> bool:
    """Whether a volume other than `but` lies on an image."""
    found = volume_at(host, location)
    path = found[1].path if found else location
    return any(image_of("", one).backing == path and one.path != but for one in host.volumes)


def deallocate(host: Host, location: str) -> None:
    """Delete a volume that nothing uses any more. Errors: HostError."""
    found = volume_at(host, location)
    if found is not None and not is_used(host, location):
        storage.delete_volume(found[0], found[1].name)
