"""Volumes asked for through the settings of disks: what a request means, as the document of a new volume (DSP1047)."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import chain, count
from math import ceil
from typing import Any

from virtcim.mapping.disk import BLOCK_SIZE, DISK, LUN, requested_bytes
from virtcim.mapping.location import as_location, as_uri, set_location
from virtcim.mapping.pools import READY_MADE
from virtcim.mapping.resources import SUBTYPE_PREFIX
from virtcim.mapping.table import BadProperty, Incompatible, Properties
from virtcim.model.devices import Disk
from virtcim.model.storage import Image, Volume, volume_key

FILES = ("dir", "fs", "netfs", "gluster")  # types of pools whose volumes are files, in any format
WHOLE = ("logical", "disk", "zfs")  # types whose volumes are set aside wholly
RAW, QCOW2 = "raw", "qcow2"
FORMATS = (RAW, QCOW2)
ENDINGS = {RAW: ".img", QCOW2: ".qcow2"}
ON_IMAGES = (DISK, LUN)
NAME_LENGTH = 240  # bytes
UNFIT = re.compile(r"[\x00-\x1f/]")


Below = tuple[str, Image]  # the path of an image that others lie on, and what it is


@dataclass(frozen=True)
class Room:
    """Where a volume is to be: the type of the pool, and what is left of it in bytes."""

    pool: str
    type: str
    available: int


@dataclass(frozen=True)
class Request:
    """A volume to be made; sizes in bytes. `below` is the image it is laid over, with the path of that."""

    room: Room
    name: str
    format: str
    capacity: int
    reserved: int
    below: Below | None

    @property
    def full(self) -> bool:
        """Whether all of it is set aside from the start."""
        return self.reserved >= self.capacity

    @property
    def xml(self) -> str:
        volume = Volume.new()
        volume.name, volume.capacity, volume.allocation = self.name, self.capacity, self.reserved
        if self.room.type in FILES:
            volume.format = self.format
        if self.below:
            volume.backing_path, volume.backing_format = self.below[0], self.below[1].format
        return volume.xml


def is_request(given: Properties) -> bool:
    """Whether a disk is asked for that has no image yet, but a size or an image to lie on."""
    placed = any(given.get("HostResource") or []) or given.get("Address")
    return not placed and (given.get("VirtualQuantity") is not None or bool(given.get("BackingImage")))


def request(given: Properties, room: Room, name: str, below: Below | None) -> Request:
    """What a setting asks for. Raises BadProperty; what cannot be for lack of room is not looked at."""
    if room.type in READY_MADE:
        raise BadProperty("PoolID", f"is of a pool of type {room.type}, whose volumes are there already: name one")
    word = _format(given, room, below)
    capacity = _capacity(given, below)
    return Request(room, _checked_name(name), word, capacity, _reserved(given, room, word, capacity), below)


def _format(given: Properties, room: Room, below: object) -> str:
    words = {SUBTYPE_PREFIX.sub("", str(given[name])) for name in ("ResourceSubType", "DriverType") if given.get(name)}
    if len(words) > 1:
        raise Incompatible("DriverType", f"{given['DriverType']!r} contradicts ResourceSubType")
    word = next(iter(words), QCOW2 if below and room.type in FILES else RAW)
    possible = FORMATS if room.type in FILES else FORMATS[:1]
    if word not in possible:
        raise BadProperty("ResourceSubType", f"{word!r} is not one of {', '.join(possible)}")
    if below and word == RAW:
        raise BadProperty("BackingImage", f"cannot be used: a volume in format {word} lies on no other")
    return word


def _capacity(given: Properties, below: Below | None) -> int:
    least = below[1].capacity if below else 1
    capacity = requested_bytes(given)
    if capacity is None:
        return least
    if capacity < least:
        reason = f"{capacity} bytes are less than BackingImage has" if below else "is 0"
        raise BadProperty("VirtualQuantity", reason)
    # A disk of a part of a block is not to be had.
    return ceil(capacity / BLOCK_SIZE) * BLOCK_SIZE


def _reserved(given: Properties, room: Room, word: str, capacity: int) -> int:
    limit = given.get("Limit")
    if limit is not None and host_bytes(given, limit) != capacity:
        raise BadProperty("Limit", f"{limit} is not the size of the disk: libvirt knows no other")
    wanted = given.get("Reservation")
    if wanted is None:
        return capacity if room.type in WHOLE else 0
    reserved = host_bytes(given, wanted)
    if reserved > capacity:
        raise BadProperty("Reservation", f"{wanted} is more than the size of the disk")
    if reserved != capacity and room.type in WHOLE:
        raise BadProperty("Reservation", f"{wanted} is not the size of the disk, of which all is set aside here")
    if reserved not in (0, capacity) and word == QCOW2:
        raise BadProperty("Reservation", f"{wanted} is neither 0 nor the size of the disk, as {word} has it")
    return reserved


def host_bytes(given: Properties, amount: Any) -> int:
    """Bytes of a Reservation or Limit: in AllocationUnits, blocks of the host when nothing else is said."""
    block = given.get("HostResourceBlockSize") or BLOCK_SIZE
    units = {"VirtualQuantityUnits": given.get("AllocationUnits"), "VirtualResourceBlockSize": block}
    return requested_bytes({"VirtualQuantity": amount, **units}) or 0


def _checked_name(name: str) -> str:
    if UNFIT.search(name) or name in (".", "..") or not name.strip():
        raise BadProperty("VolumeName", f"{name!r} is no name of a volume")
    if len(name.encode()) > NAME_LENGTH:
        raise BadProperty("VolumeName", f"is longer than {NAME_LENGTH} bytes")
    return name


def made_name(system: str, given: Properties, taken: Container[str]) -> str:
    """A name that is free, after the system and, where it is told, the disk."""
    word = SUBTYPE_PREFIX.sub("", str(given.get("ResourceSubType") or given.get("DriverType") or ""))
    ending = ENDINGS.get(word or (QCOW2 if given.get("BackingImage") else RAW), "")
    stem = "-".join(filter(None, (UNFIT.sub("-", system)[:64].strip(". ") or "disk", given.get("VirtualDevice"))))
    names = chain([f"{stem}{ending}"], (f"{stem}-{number}{ending}" for number in count(2)))
    return next(name for name in names if name not in taken)


def volume_name(pool: str, volume: str) -> str:
    """The one name of a volume, which may have a path as well."""
    return volume_key(pool, volume)


def image_location(text: str) -> str:
    """Where a BackingImage is: a path, or `volume:<pool>/<volume>`."""
    return as_location(text)


def placed(given: Properties, made: Request, path: str) -> Properties:
    """The setting of a disk on the volume that was made for it."""
    rest = {name: value for name, value in given.items() if name not in ("ResourceSubType", "DriverType")}
    where = as_uri(path) if path.startswith("/") else volume_key(made.room.pool, made.name)
    return {**rest, "HostResource": [where], "DriverType": made.format}


def put_on(disk: Disk, properties: Properties) -> None:
    """Put a disk on the image that `placed` names."""
    (where,) = properties["HostResource"]
    set_location(disk, as_location(where))
    disk.format = properties["DriverType"]
