"""What a host stores on: its volumes and drives as CIM shows them, and what a virtual disk sits on (DSP1047)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from virtcim.mapping.disk import OS_DEVICE_NAME, OS_DEVICE_NAMESPACE, READ_WRITE
from virtcim.mapping.location import location_of
from virtcim.mapping.table import Properties
from virtcim.model.devices import Disk
from virtcim.model.nodedev import NodeDevice
from virtcim.model.storage import Volume, volume_key

BLOCK_SIZE = 512
OTHER, NO_STATUS = 1, 2  # NameFormat and NameNamespace; ExtentStatus
RANDOM_ACCESS, WRITES, REMOVABLE = 3, 4, 7  # CIM_MediaAccessDevice.Capabilities
MEDIA_UNIT = 1000  # MaxMediaSize is in kilobytes
RAW = "raw"
BACKED = "<backingStore>"


@dataclass(frozen=True)
class Drive:
    """A drive of the host; `path` is its block device, `kind` libvirt's drive_type: disk, cdrom, floppy, ..."""

    path: str
    kind: str
    size: int
    properties: Properties


def image_of(view: object) -> str | None:
    """Where the image of a disk is, as path, volume key or URI; None for an empty drive and what is no disk."""
    return location_of(view) if isinstance(view, Disk) else None


def places(pool: str, volume: str, path: str) -> tuple[str, str]:
    """The two ways in which a disk can say that its image is a volume."""
    return path, volume_key(pool, volume)


def backing_path(xml: str) -> str | None:
    """The image that a volume is an overlay of."""
    return Volume.parse(xml).backing_path if BACKED in xml else None


def is_raw(xml: str) -> bool:
    """Whether a byte of the volume is that byte of the disk: it has no format, as a block device, or the raw one."""
    return Volume.parse(xml).format in (None, RAW, "none", "unknown")


def blocks(size: int) -> int:
    return ceil(size / BLOCK_SIZE)


def volume_properties(name: str, path: str, capacity: int, allocation: int, xml: str) -> Properties:
    """A volume; sizes in bytes."""
    on_host = path.startswith("/")
    return {
        "ElementName": name,
        "Name": path,
        "NameFormat": OS_DEVICE_NAME if on_host else OTHER,
        "OtherNameFormat": None if on_host else "libvirt",
        "NameNamespace": OS_DEVICE_NAMESPACE if on_host else OTHER,
        "OtherNameNamespace": None if on_host else "libvirt",
        "Format": Volume.parse(xml).format,
        "Access": READ_WRITE,
        "BlockSize": BLOCK_SIZE,
        "NumberOfBlocks": blocks(capacity),
        "ConsumableBlocks": blocks(capacity),
        "ThinlyProvisioned": allocation < capacity,
        "Primordial": False,
        "ExtentStatus": [NO_STATUS],
    }


def drive_of(xml: str) -> Drive | None:
    """A device of the host as a drive; None for any other device."""
    device = NodeDevice.parse(xml)
    if device.type != "storage" or device.block is None:
        return None
    kind, size = device.drive_type or "disk", device.size or device.media_size or 0
    capabilities = [RANDOM_ACCESS]
    capabilities += [REMOVABLE] if device.removable else []
    capabilities += [WRITES] if kind != "cdrom" else []
    properties: Properties = {
        "ElementName": device.model or device.name,
        "Name": device.block,
        "Capabilities": capabilities,
        "MaxMediaSize": size // MEDIA_UNIT or None,
        "DefaultBlockSize": device.logical_block_size,
    }
    return Drive(device.block, kind, size, properties)


def extent_in(xml: str, capacity: int) -> Properties:
    """Where in a volume the disk begins and ends that it is, by block; nothing where a format lies between them."""
    return {"StartingAddress": 0, "EndingAddress": max(0, blocks(capacity) - 1)} if is_raw(xml) else {}
