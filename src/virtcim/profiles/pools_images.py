"""Which storage pool holds an image: what the document of a domain does not say of a disk given by its path."""

from __future__ import annotations

from collections.abc import Mapping

from virtcim.host.inventory import Host
from virtcim.mapping.disk import DISK, image_pool
from virtcim.mapping.resources import Resource

Images = Mapping[str, str]


def images_of(host: Host) -> Images:
    """Path of each volume -> name of its storage pool; the same object as long as nothing in it changes."""
    pools = host.pools
    known: tuple[object, Images] | None = vars(host).get("_images")
    if known is not None and known[0] is pools:
        return known[1]
    found: Images = {volume.path: pool.name for pool in pools for volume in pool.volumes}
    if known is not None and known[1] == found:
        found = known[1]
    vars(host)["_images"] = (pools, found)
    return found


def pool_of(resource: Resource, images: Images) -> str | None:
    """The PoolID of a disk whose image is a volume; None where the document says all there is to say."""
    view = resource.view
    return image_pool(view, images) if resource.kind is DISK and isinstance(view, DISK.view) else None
