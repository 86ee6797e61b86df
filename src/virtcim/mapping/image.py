"""What the volume that a disk is on adds to the disk's document: its pool, sizes, and what it lies on (DSP1047)."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from virtcim.mapping.disk import BLOCK_SIZE, DISK, LUN, block_size, pool_of
from virtcim.mapping.ids import pool_id
from virtcim.mapping.kind import Resource
from virtcim.mapping.location import as_uri, location_of
from virtcim.mapping.table import Properties
from virtcim.model.devices import Disk
from virtcim.model.domain import Domain
from virtcim.model.storage import Image

KIB = 1024
Images = Mapping[str, Image]  # by where a document says that a volume is


def disk_of(resource: Resource) -> Disk | None:
    """The disk that a resource is; None for drives with a medium and all else."""
    return resource.view if resource.kind in (DISK, LUN) and isinstance(resource.view, Disk) else None


def volume_of(resource: Resource, images: Images) -> Image | None:
    """The volume that a drive has as its image or medium; None when it is none that is known."""
    view = resource.view
    return images.get(location_of(view) or "") if isinstance(view, Disk) else None


def image_of(resource: Resource, images: Images) -> Image | None:
    """The volume that a disk is on; None when it is none that is known."""
    return volume_of(resource, images) if disk_of(resource) else None


def image_pool(resource: Resource, images: Images) -> str:
    """The PoolID of a disk (not of a LUN)."""
    disk, image = disk_of(resource), image_of(resource, images)
    if disk is None:
        return resource.kind.pool
    return pool_id("Disk", image.pool) if image and not disk.pool else pool_of(disk)


def setting_properties(resource: Resource, images: Images, document: Domain) -> Properties:
    """What a setting has besides its document. VirtualQuantity is in the guest's blocks, the others in the host's."""
    disk, image = disk_of(resource), image_of(resource, images)
    if disk is None:
        return {}
    owned = {"AutomaticDeallocation": location_of(disk) in (document.own_metadata.owned_images or [])}
    if image is None:
        return owned
    on_host = ceil(image.capacity / BLOCK_SIZE)
    properties = owned | {
        "VirtualQuantity": ceil(image.capacity / block_size(disk)),
        "Reservation": on_host if image.full else 0,
        "Limit": on_host,
        "VolumeName": image.volume,
        "BackingImage": as_uri(image.backing) if image.backing else None,
        "BackingFormat": image.backing_format,
    }
    return {name: value for name, value in properties.items() if value is not None}


def device_properties(resource: Resource, images: Images) -> Properties:
    """What the virtual disk has besides, or the drive where a whole one is handed over (size in KiB)."""
    disk, image = disk_of(resource), image_of(resource, images)
    if disk is None or image is None:
        return {}
    if resource.kind is LUN:
        return {"DefaultBlockSize": block_size(disk), "MaxMediaSize": image.capacity // KIB}
    blocks = ceil(image.capacity / block_size(disk))
    return {"NumberOfBlocks": blocks, "ConsumableBlocks": blocks, "ThinlyProvisioned": not image.full}
