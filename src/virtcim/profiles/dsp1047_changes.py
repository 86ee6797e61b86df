"""Changes of disks that concern their volumes: another size, and whether the volume goes with the disk (DSP1047)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host import blocks, storage
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import volumes
from virtcim.mapping.disk import BLOCK_SIZE, OF_THE_IMAGE, requested_bytes
from virtcim.mapping.image import image_of
from virtcim.mapping.volumes import Room
from virtcim.messages import message
from virtcim.profiles import elements
from virtcim.profiles.dsp1047_owning import OWNED, check_volume, disown, location_at, own
from virtcim.profiles.dsp1047_sharing import locations_of, name_at, refuse_shared_with
from virtcim.profiles.dsp1047_volumes import check_room, pool_type, volume_at
from virtcim.profiles.dsp1050_targets import setting_named
from virtcim.profiles.elements import Setting
from virtcim.profiles.requests import Undo, changes, given, refusing

MADE_SO = ("VolumeName", "BackingImage", "BackingFormat")


@dataclass(frozen=True)
class Change:
    """What is to become of the volume of a disk: its size in bytes, and whether it goes with the disk."""

    where: str
    setting: Setting
    size: int | None
    owned: bool | None


def change_of(host: Host, number: int, instance: Instance) -> Change | None:
    """What a setting changes of a volume; None where it is of no disk. Errors: Refused, HostError."""
    where, properties = f"ResourceSettings[{number}]", given(instance)
    setting = setting_named(host, str(properties.get("InstanceID")))
    if setting is None or setting.kind not in volumes.ON_IMAGES:
        return None
    asked = changes(properties, elements.written(setting))
    moved = "HostResource" in asked or "Address" in asked
    _refuse_fixed(setting, asked, where, moved)
    if moved and setting.vm.active and not setting.configuration.defined:
        refuse_shared_with(setting.vm, {number: instance})
    return Change(where, setting, _size(setting, properties, asked, where), _owned(asked))


def _owned(asked: Properties) -> bool | None:
    wanted = asked.get(OWNED)
    return wanted if isinstance(wanted, bool) else None


def _refuse_fixed(setting: Setting, asked: Properties, where: str, moved: bool) -> None:
    for name in MADE_SO:
        if name in asked:
            raise Refused("Invalid Parameter", f"{where}.{name} is what the volume was made with, and stays")
    if "PoolID" in asked and not moved:
        reason = f"{setting.id} is in {elements.pool_id_of(setting)}; CopyImage moves a disk to another pool"
        raise Refused("Invalid Parameter", f"{where}.PoolID: {reason}")


def _size(setting: Setting, properties: Properties, asked: Properties, where: str) -> int | None:
    """The size asked for where it is another one. Errors: Refused."""
    present = elements.properties(setting)
    block = int(str(present["VirtualResourceBlockSize"]))
    with refusing(where):
        wanted = requested_bytes({"VirtualResourceBlockSize": block, **properties})
    now = _size_now(setting) if wanted is not None else None
    if wanted is None or (now is not None and ceil(wanted / block) == ceil(now / block)):
        _refuse_reserving(present, asked, where)
        return None
    if now is None:
        raise Refused("Failed", f"{where}.VirtualQuantity: {setting.id} is on no volume of a storage pool")
    if wanted < now:
        raise Refused("Invalid Parameter", f"{where}.VirtualQuantity: a disk of {now} bytes cannot become smaller")
    if setting.vm.managed_save:
        raise Refused(
            "Invalid State", f"{where}.VirtualQuantity: {setting.vm.name} is saved, and knows the size it had"
        )
    wanted = ceil(wanted / BLOCK_SIZE) * BLOCK_SIZE
    _refuse_reserving({**present, **_of_size(present, wanted)}, asked, where)
    return wanted


def _of_size(present: Properties, size: int) -> Properties:
    """Limit and Reservation of a disk that has grown."""
    on_host = size // BLOCK_SIZE
    return {"Limit": on_host, "Reservation": on_host if present.get("Reservation") else 0}


def _refuse_reserving(present: Properties, asked: Properties, where: str) -> None:
    for name in ("Reservation", "Limit"):
        if name in asked and asked[name] != present.get(name):
            reason = f"{asked[name]} is not {present.get(name)}, which it has by its size and by how it was made"
            raise Refused("Invalid Parameter", f"{where}.{name}: {reason}")


def _size_now(setting: Setting) -> int | None:
    image = image_of(setting.resource, setting.vm.images)
    if image is not None:
        return image.capacity
    return blocks.size(setting.vm, setting.dev) if setting.vm.active and not setting.configuration.defined else None


def rest_of(instance: Instance, change: Change | None) -> Instance:
    """A setting without what is of its volume."""
    if change is None:
        return instance
    rest = {name: value for name, value in instance.properties.items() if name not in OF_THE_IMAGE}
    return replace(instance, properties=rest)


def carry_out(changes: Sequence[Change | None], undo: Undo) -> None:
    """Make the changes, growing last: nothing shrinks again. Errors: Refused, HostError."""
    wanted = [one for one in changes if one is not None]
    rooms = [(one, _room(one)) for one in wanted if one.size is not None]
    for one in wanted:
        location = location_at(one.setting)
        if one.owned:
            own(one.setting.vm, [check_volume(one.setting.vm.host, location, one.where)], undo)
        elif one.owned is False:
            disown(one.setting.vm, [location], undo)
    for one, room in rooms:
        _resize(one, room)


def _room(change: Change) -> Room | None:
    """Where the volume is that grows; None for an image in no pool. Errors: Refused where it has no room."""
    found = volume_at(change.setting.vm.host, location_at(change.setting))
    if found is None:
        return None
    pool, volume = found[0], found[1]
    room = Room(pool.name, pool_type(pool), pool.available)
    full = volume.allocation >= volume.capacity
    more = (change.size or 0) - volume.capacity
    check_room(more if full else 0, room, f"{change.where}.VirtualQuantity")
    return room


def _resize(change: Change, room: Room | None) -> None:
    vm, location, size = change.setting.vm, location_at(change.setting), change.size or 0
    found, user = volume_at(vm.host, location), active_user(vm.host, location)
    if user is not None and user.uuid != vm.uuid:
        raise Refused("Failed", message("RESOURCE_IN_USE", f"{change.where}.VirtualQuantity", location, user.name))
    if found and (user is None or pool_type(found[0]) in volumes.WHOLE):
        full = found[1].allocation >= found[1].capacity
        storage.resize_volume(found[0], found[1].name, size, full=full and room is not None)
    if user is not None:
        blocks.resize(user, change.setting.dev, size)
        if found:
            storage.refresh(found[0])


def active_user(host: Host, location: str, but: Vm | None = None) -> Vm | None:
    """The active system, other than `but`, that names an image."""
    name = name_at(host, location)
    others = (vm for vm in host.vms if vm.active and (but is None or vm.uuid != but.uuid))
    return next((vm for vm in others if name in locations_of(vm)), None)
