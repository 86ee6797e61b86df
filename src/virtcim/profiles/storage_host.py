"""What a host stores on as objects: its volumes and drives, what they are built on, and the disks that sit on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, NodeDevice, Pool, Vm, Volume
from virtcim.mapping import ids, storage
from virtcim.mapping.storage import Drive
from virtcim.profiles.elements import Device, devices, kept, settings, state_of
from virtcim.profiles.pools_host import HostDevice, shown

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class HostVolume:
    """A volume; one that several storage pools list is the same in all of them."""

    volume: Volume

    @property
    def host(self) -> Host:
        return self.volume.host

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def device_id(self) -> str:
        return ids.host_device_id(ids.volume_name(self.volume.key))


@dataclass(frozen=True, eq=False)
class HostDrive(HostDevice):
    """A disk drive of the host."""

    drive: Drive


class HostOpticalDrive(HostDrive):
    """A drive of the host for optical discs."""


class HostFloppyDrive(HostDrive):
    """A drive of the host for floppy disks."""


DRIVES = {"disk": HostDrive, "cdrom": HostOpticalDrive, "floppy": HostFloppyDrive}  # by what libvirt calls them


@dataclass(frozen=True, eq=False)
class _Since(Generic[T]):
    """Something made from objects that are the same as long as nothing has changed."""

    origin: object
    made: T


@dataclass(frozen=True, eq=False)
class Volumes:
    """The volumes of a host: by libvirt's key, by where disks say that they are, and by DeviceID."""

    by_key: Mapping[str, HostVolume]
    by_image: Mapping[str, HostVolume]
    by_id: Mapping[str, HostVolume]
    pools: Mapping[str, tuple[Pool, ...]]  # libvirt's key -> the storage pools that list it
    overlays: Mapping[str, tuple[HostVolume, ...]]  # path -> what has it as its backing image


def volumes_on(host: Host) -> Volumes:
    """All volumes of a host, looked through once until a storage pool changes."""
    pools = host.pools
    known: _Since[Volumes] | None = vars(host).get("_host_volumes")
    if known is None or known.origin is not pools:
        known = vars(host)["_host_volumes"] = _Since(pools, _volumes(pools))
    return known.made


def _volumes(pools: Iterable[Pool]) -> Volumes:
    by_key: dict[str, HostVolume] = {}
    by_image: dict[str, HostVolume] = {}
    listed: dict[str, tuple[Pool, ...]] = {}
    overlays: dict[str, tuple[HostVolume, ...]] = {}
    for pool in pools:
        for volume in volumes_in(pool):
            one = by_key.setdefault(volume.key, host_volume(volume))
            by_image.update(dict.fromkeys(storage.places(pool.name, volume.name, volume.path), one))
            listed[volume.key] = (*listed.get(volume.key, ()), pool)
    for one in by_key.values():
        base = backing_path(one.volume)
        if base:
            overlays[base] = (*overlays.get(base, ()), one)
    return Volumes(by_key, by_image, {one.device_id: one for one in by_key.values()}, listed, overlays)


def host_volume(volume: Volume) -> HostVolume:
    return kept(volume, "_host_volume", partial(HostVolume, volume))


def volumes_in(pool: Pool) -> list[Volume]:
    """What is stored in a storage pool: its volumes but for directories."""
    return [volume for volume in pool.volumes if not volume.is_directory]


def backing_path(volume: Volume) -> str:
    """The image that a volume is an overlay of; empty where it is none."""
    return kept(volume, "_backing_path", lambda: storage.backing_path(volume.xml) or "")


def volumes(host: Host) -> Iterable[HostVolume]:
    return volumes_on(host).by_key.values()


def find_volume(world: Hosts, keys: Keys) -> list[HostVolume]:
    """By SystemName and DeviceID."""
    hosts = (host for host in world.reachable() if ids.host_token(host) == keys["SystemName"])
    found = (volumes_on(host).by_id.get(str(keys["DeviceID"])) for host in hosts)
    return [one for one in found if one is not None]


def volume_properties(one: HostVolume) -> Properties:
    volume = one.volume
    facts = storage.volume_properties(volume.name, volume.path, volume.capacity, volume.allocation, volume.xml)
    return shown(one.host, one.device_id, facts)


def drives(host: Host, of: type[HostDrive] = HostDrive) -> Iterator[HostDrive]:
    """The drives of a host: the disk drives, or those of another type."""
    for device in host.node_devices:
        yield from (one for one in drives_in(device) if type(one) is of)


def drives_in(device: NodeDevice) -> list[HostDrive]:
    """A device of the host as the drive that it is; nothing where it is none."""
    return kept(device, "_host_drives", partial(_drives, device))


def _drives(device: NodeDevice) -> list[HostDrive]:
    found = storage.drive_of(device.xml)
    of = DRIVES.get(found.kind) if found is not None else None
    return [of(device.host, device.name, found.properties, found)] if found is not None and of else []


# What sits on what


def base_of(one: HostVolume) -> list[HostVolume]:
    """The volume that a volume is an overlay of."""
    found = volumes_on(one.host).by_image.get(backing_path(one.volume))
    return [found] if found is not None and found is not one else []


def chain(host: Host, place: str) -> list[str]:
    """Where an image is, and where all are that it is built on."""
    found, by_image = [place], volumes_on(host).by_image
    while (one := by_image.get(found[-1])) is not None and (base := backing_path(one.volume)) and base not in found:
        found.append(base)
    return found


def overlays_of(one: HostVolume) -> list[HostVolume]:
    return [over for over in volumes_on(one.host).overlays.get(one.volume.path, ()) if over is not one]


def images_of(vm: Vm) -> frozenset[str]:
    """Where the images of the disks and drives of a system are, by its State configuration."""
    return kept(vm, "_disk_images", lambda: frozenset(_images(vm)))


def _images(vm: Vm) -> Iterator[str]:
    for setting in settings(state_of(vm)):
        image = storage.image_of(setting.resource.view)
        if image is not None:
            yield image


def users_on(host: Host) -> Mapping[str, tuple[Vm, ...]]:
    """The active systems by the images of their disks, looked through once until a system changes."""
    vms = host.vms
    known: _Since[Mapping[str, tuple[Vm, ...]]] | None = vars(host).get("_image_users")
    if known is None or known.origin is not vms:
        known = vars(host)["_image_users"] = _Since(vms, _users(vms))
    return known.made


def _users(vms: Iterable[Vm]) -> Mapping[str, tuple[Vm, ...]]:
    found: dict[str, list[Vm]] = {}
    for vm in vms:
        for image in images_of(vm) if vm.active else ():
            found.setdefault(image, []).append(vm)
    return {image: tuple(users) for image, users in found.items()}


def volume_below(device: Device) -> list[HostVolume]:
    """The volume that holds the image of a disk; devices of a system that is off sit on nothing."""
    image = storage.image_of(device.resource.view) if device.vm.active else None
    found = volumes_on(device.vm.host).by_image.get(image) if image else None
    return [found] if found is not None else []


def drive_below(device: Device, of: type[HostDrive] = HostDrive) -> list[HostDrive]:
    """The drive of a type that a disk or drive is on as a whole, where it is no volume."""
    image = storage.image_of(device.resource.view) if device.vm.active else None
    if image is None or volume_below(device):
        return []
    return [one for one in drives(device.vm.host, of) if one.drive.path == image]


def devices_above(one: HostVolume) -> Iterator[Device]:
    """The disks and drives of active systems that have the volume as their image."""
    pools, volume = pools_of_volume(one), one.volume
    names = {place for pool in pools for place in storage.places(pool.name, volume.name, volume.path)}
    return _devices_on(one.host, names)


def devices_above_drive(one: HostDrive) -> Iterator[Device]:
    taken = one.drive.path in volumes_on(one.host).by_image
    return iter(()) if taken else _devices_on(one.host, {one.drive.path})


def _devices_on(host: Host, names: set[str]) -> Iterator[Device]:
    users = users_on(host)
    for vm in dict.fromkeys(vm for name in names for vm in users.get(name, ())):
        yield from (device for device in devices(vm) if storage.image_of(device.resource.view) in names)


def pools_of_volume(one: HostVolume) -> tuple[Pool, ...]:
    """The storage pools that list a volume."""
    return volumes_on(one.host).pools.get(one.volume.key, ())
