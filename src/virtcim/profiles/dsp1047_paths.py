"""Volumes and drives of the host that settings name by their instance paths (DSP1047), as where disks find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from virtcim.broker.call import Instance, Path, Properties, Value
from virtcim.broker.provider import VIRT, Refused, path_in
from virtcim.host.images import image_of
from virtcim.host.inventory import Host, Volume
from virtcim.mapping import ids, volumes
from virtcim.mapping.disk import ANY_DISK, CDROM, DISK, FLOPPY_DRIVE, LUN
from virtcim.mapping.location import as_uri
from virtcim.profiles import elements
from virtcim.profiles.dsp1047_sharing import DRIVES
from virtcim.profiles.dsp1050_targets import setting_named
from virtcim.profiles.elements import host_class
from virtcim.profiles.storage_host import (
    HostDrive,
    HostFloppyDrive,
    HostOpticalDrive,
    HostVolume,
    drives,
    pools_of_volume,
    volumes_on,
)

CLASSES = ("DiskResourceAllocationSettingData", "StorageAllocationSettingData")
TYPES = ANY_DISK | {number for one in (DISK, LUN, CDROM, FLOPPY_DRIVE) for number in one.accepts}
VOLUME = "HostStorageVolume"
DRIVE_CLASSES = {"HostDiskDrive": HostDrive, "HostDVDDrive": HostOpticalDrive, "HostDisketteDrive": HostFloppyDrive}
FORMAT = ("ResourceSubType", "DriverType")


def resolved(host: Host, instances: Sequence[Instance]) -> list[Instance]:
    """The settings with locations in place of instance paths. Errors: Refused."""
    return [_resolved(host, one, f"ResourceSettings[{number}]") for number, one in enumerate(instances)]


def _resolved(host: Host, instance: Instance, where: str) -> Instance:
    named = instance.properties.get("HostResource")
    paths = [path_in(text) if isinstance(text, str) else None for text in named] if isinstance(named, list) else []
    if not any(paths) or not _is_of_drive(host, instance):
        return instance
    texts: list[Value] = []
    properties: Properties = {}
    for text, path in zip(named, paths, strict=True):  # type: ignore[arg-type]
        present = _present(host, instance)
        location, word = (text, None) if path is None else _found(host, path, present, f"{where}.HostResource: {text}")
        texts.append(location)
        if word and location != present and not any(instance.properties.get(name) for name in FORMAT):
            properties["ResourceSubType"] = word
    return replace(instance, properties={**instance.properties, **properties, "HostResource": texts})


def _is_of_drive(host: Host, instance: Instance) -> bool:
    if instance.classname.endswith(CLASSES) or instance.properties.get("ResourceType") in TYPES:
        return True
    setting = setting_named(host, str(instance.properties.get("InstanceID") or ""))
    return setting is not None and setting.kind in DRIVES


def _present(host: Host, instance: Instance) -> str:
    """The image that the setting named by InstanceID has in its document; empty where it has none."""
    setting = setting_named(host, str(instance.properties.get("InstanceID") or ""))
    found = elements.written(setting).get("HostResource") if setting else None
    return str(found[0]) if isinstance(found, list) and found else ""


def _found(host: Host, path: Path, present: str, where: str) -> tuple[str, str | None]:
    """Where a volume or drive is, as a URI, and the format of an image. Errors: Refused."""
    volume = volumes_on(host).by_id.get(_device_id(host, path, f"{host.platform}_{VOLUME}"))
    if volume is not None:
        return _place(volume, present), _format(pools_of_volume(volume)[0].name, volume.volume)
    for word, of in DRIVE_CLASSES.items():
        device_id = _device_id(host, path, f"{host.platform}_{word}")
        for drive in drives(host, of):
            if drive.device_id == device_id:
                return as_uri(drive.drive.path), None
    raise Refused("Invalid Parameter", f"{where} is the path of no volume or drive of {host.name}")


def _device_id(host: Host, path: Path, classname: str) -> str:
    """The DeviceID in a path of the class; empty where it is the path of something else."""
    keys = {name.lower(): value for name, value in path.keys}
    device_id = str(keys.pop("deviceid", ""))
    told = {name: str(value).lower() for name, value in keys.items() if name != "systemname"}
    wanted = {"systemcreationclassname": host_class(host).lower(), "creationclassname": classname.lower()}
    fits = path.classname.lower() == classname.lower() and (path.namespace or VIRT).lower() == VIRT
    return device_id if fits and told == wanted and keys.get("systemname") == ids.host_token(host) else ""


def _place(volume: HostVolume, present: str) -> str:
    """As a document names it already, else by its path where it has one, else by the pool."""
    path, name = volume.volume.path, volume.volume.name
    by_pool = [volumes.volume_name(pool.name, name) for pool in pools_of_volume(volume)]
    by_path = [as_uri(path)] if path.startswith("/") else []
    return present if present in by_pool else [*by_path, *by_pool][0]


def _format(pool: str, volume: Volume) -> str | None:
    found = image_of(pool, volume).format
    return found if found in volumes.FORMATS else None
