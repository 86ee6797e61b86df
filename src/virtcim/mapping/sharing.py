"""Which disks can be on one image at the same time (DSP1047)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from virtcim.mapping.disk import READABLE
from virtcim.mapping.image import Images
from virtcim.mapping.kind import Kind
from virtcim.mapping.location import EMPTY, as_location, location_of
from virtcim.mapping.table import Properties
from virtcim.model.devices import Disk
from virtcim.model.domain import Domain
from virtcim.model.storage import volume_key


class Use(NamedTuple):
    """How a disk uses an image."""

    location: str
    readonly: bool
    shareable: bool

    def bears(self, other: Use) -> bool:
        """Whether both can use one image: nobody writes, or all say that they know of each other."""
        return (self.readonly and other.readonly) or (self.shareable and other.shareable)


def one_name(location: str, images: Images) -> str:
    """A location, or the key of the volume that it is: volumes are named in two ways."""
    image = images.get(location)
    return volume_key(image.pool, image.volume) if image else location


def uses(document: Domain, images: Images) -> Iterator[Use]:
    """The images that the disks and drives of a domain are on."""
    for disk in document.disks:
        location = location_of(disk)
        if location is not None:
            yield Use(one_name(location, images), bool(disk.readonly), bool(disk.shareable))


def use_asked(kind: Kind[Disk], given: Properties) -> Use | None:
    """The image that a setting asks for, by the name that it has there."""
    named = next((text for text in [*(given.get("HostResource") or []), given.get("Address")] if text), None)
    location = as_location(str(named)) if named else None
    if location is None or location in EMPTY:
        return None
    readonly = kind.name == "cdrom" or bool(given.get("readonly")) or given.get("Access") == READABLE
    return Use(location, readonly, bool(given.get("shareable")))
