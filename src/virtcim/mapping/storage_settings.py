"""Documents of storage pools and volumes from the settings that ask for them (DSP1041 clause 8, DSP1047)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Any

from virtcim.mapping import ids
from virtcim.mapping.allocation_pools import FORMATS, RAW, STORAGE
from virtcim.mapping.location import as_location
from virtcim.mapping.table import BadProperty, Incompatible, Properties
from virtcim.mapping.units import BYTE, UnitError, convert
from virtcim.model.codecs import SIZE_UNITS
from virtcim.model.storage import SourceDevice, SourceServer, StoragePool, Volume

WORDS = {number: word for word, (number, _) in STORAGE.items()}
BAD_NAME = re.compile(r"[\x00-\x1f/]|^\.{1,2}$|^$")


class Making(Enum):
    """What of a pool is made when it is new: nothing, its directory, or what is on its devices if they are empty."""

    NOTHING = 0
    DIRECTORY = 1
    IF_EMPTY = 2
    OVERWRITE = 3


@dataclass(frozen=True)
class Rules:
    """Of a kind of storage pool: what names its source, what of that is needed, and how many devices it is made of."""

    sources: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    devices: range = range(1)
    target: str | None = None
    making: Making = Making.NOTHING
    formats: bool = False  # its devices can be formatted


DEVICES, FORMAT, SERVER = "DevicePaths", "SourceFormat", ("Host", "Port")
RULES: Mapping[str, Rules] = {
    "dir": Rules(making=Making.DIRECTORY),
    "fs": Rules((DEVICES, FORMAT), devices=range(1, 2), making=Making.DIRECTORY, formats=True),
    "netfs": Rules((*SERVER, "SourceDirectory", FORMAT), ("Host", "SourceDirectory"), making=Making.DIRECTORY),
    "disk": Rules((DEVICES, FORMAT), devices=range(1, 2), target="/dev", formats=True),
    "iscsi": Rules((*SERVER, DEVICES, "InitiatorName"), ("Host",), range(1, 2), "/dev/disk/by-path"),
    "logical": Rules((DEVICES, "SourceName"), devices=range(1000), target="/dev/{name}", formats=True),
    "scsi": Rules(("AdapterName", "PortName", "NodeName"), ("AdapterName",), target="/dev/disk/by-path"),
    "mpath": Rules(target="/dev/mapper"),
    "iscsi-direct": Rules((*SERVER, DEVICES, "InitiatorName"), ("Host", "InitiatorName"), range(1, 2), ""),
}
SOURCES = tuple(dict.fromkeys(name for rules in RULES.values() for name in rules.sources))
BUILD = {0: None, 1: Making.IF_EMPTY, 2: Making.OVERWRITE}
DIRECTORIES = ("dir", "fs", "netfs")  # kinds with a directory of their own
UNFORMATTED = ("logical", "disk")  # kinds whose volumes are block devices


def storage_type(given: Properties) -> str:
    """libvirt's word for the kind of storage pool. Raises BadProperty."""
    word = WORDS.get(int(given.get("Type") or 0))
    sub_type = ids.parse_sub_type(str(given.get("ResourceSubType") or ""))
    if given.get("Type") and word is None:
        raise BadProperty("Type", f"{given['Type']} is not one of {', '.join(map(str, WORDS))}")
    if word and sub_type and word != sub_type:
        raise Incompatible("ResourceSubType", f"{sub_type!r} contradicts Type {given['Type']} ({word})")
    if not word and sub_type not in STORAGE:
        raise BadProperty("ResourceSubType", f"{sub_type!r} is not one of {', '.join(STORAGE)}")
    return word or sub_type


def storage_document(name: str, given: Properties) -> StoragePool:
    """The definition of a storage pool. Raises BadProperty."""
    pool = StoragePool.new()
    pool.type, pool.name = storage_type(given), name
    rules = RULES[pool.type]
    _check_sources(pool.type, rules, given)
    _add_source(pool, name, given)
    pool.path = _target(pool.type, rules, name, given)
    return pool


def making(word: str, given: Properties) -> Making:
    """What is to be made on the devices of a new pool, and whatever may be lost by that. Raises BadProperty."""
    asked, rules = int(given.get("Build") or 0), RULES[word]
    if asked not in BUILD:
        raise BadProperty("Build", f"{asked} is not one of {', '.join(map(str, BUILD))}")
    if asked and not rules.formats:
        raise BadProperty("Build", f"{asked} means nothing for a storage pool of type {word}")
    return BUILD[asked] or rules.making


def _check_sources(word: str, rules: Rules, given: Properties) -> None:
    for needed in rules.needed:
        if not given.get(needed):
            raise BadProperty(needed, f"is missing for a storage pool of type {word}")
    for name in SOURCES:
        if given.get(name) and name not in rules.sources:
            raise BadProperty(name, f"means nothing for a storage pool of type {word}")
    if DEVICES in rules.sources and len(given.get(DEVICES) or []) not in rules.devices:
        raise BadProperty(DEVICES, f"needs exactly one entry for a storage pool of type {word}")


def _add_source(pool: StoragePool, name: str, given: Properties) -> None:
    for path in given.get(DEVICES) or []:
        device = SourceDevice.new()
        device.path = path
        pool.add(device, inside="source")
    if given.get("Host"):
        server = SourceServer.new()
        server.name, server.port = given["Host"], str(given["Port"]) if given.get("Port") else None
        pool.add(server, inside="source")
    pool.source_directory, pool.source_format = given.get("SourceDirectory"), given.get(FORMAT)
    pool.initiator = given.get("InitiatorName")
    if pool.type == "logical":
        pool.source_name = given.get("SourceName") or name
    if pool.type == "scsi":
        _add_adapter(pool, given)


def _add_adapter(pool: StoragePool, given: Properties) -> None:
    pool.adapter, pool.wwpn, pool.wwnn = given["AdapterName"], given.get("PortName"), given.get("NodeName")
    pool.adapter_type = "fc_host" if pool.wwpn else "scsi_host"
    if pool.wwpn:
        pool.adapter = None


def _target(word: str, rules: Rules, name: str, given: Properties) -> str | None:
    """The path under which the volumes appear; for directories HostResource says it as well."""
    named = [as_location(text) for text in given.get("HostResource") or [] if text]
    volume_group = given.get("SourceName") or name
    default = None if rules.target is None else rules.target.format(name=volume_group)
    path = given.get("Path") or next(iter(named), None) or default
    if path is None:
        raise BadProperty("Path", f"is missing for a storage pool of type {word}")
    if path and not str(path).startswith("/"):
        raise BadProperty("Path", f"{path!r} is not an absolute path")
    return plain_path(str(path)) if path else None


def plain_path(path: str) -> str:
    """A path without what can be left out of it."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def clash(one: StoragePool, xml: str) -> str | None:
    """What another pool has that cannot be in two of them, in words; None when there is nothing."""
    shared = sorted(set(_claims(one)) & set(_claims(StoragePool.parse(xml))))
    return shared[0] if shared else None


def _claims(pool: StoragePool) -> Iterator[str]:
    """What a pool has for itself."""
    server = next((f"{host.name} " for host in pool.hosts), "")
    yield from (f"device {server}{device.path}" for device in pool.devices)
    if pool.type in DIRECTORIES:
        yield f"directory {plain_path(pool.path or '')}"
    if pool.type == "netfs":
        yield f"export {server}{pool.source_directory}"
    if pool.type == "logical":
        yield f"volume group {pool.source_name}"


def holds(xml: str, path: str) -> bool:
    """Whether a file is in the directory of a pool, of which libvirt lists no volumes while it is not active."""
    pool = StoragePool.parse(xml)
    return pool.type in DIRECTORIES and posixpath.dirname(plain_path(path)) == plain_path(pool.path or "")


def volume_document(given: Properties, storage: str | None = None) -> Volume:
    """The definition of a volume; Capacity, or VirtualQuantity, in AllocationUnits; `storage`: the kind of its pool.

    Raises BadProperty.
    """
    name = str(given.get("VolumeName") or "")
    if BAD_NAME.search(name):
        raise BadProperty("VolumeName", f"{name!r} is no name of a volume")
    number = given.get("FormatType") or RAW
    if number not in FORMATS:
        raise BadProperty("FormatType", f"{number} is not one of {', '.join(map(str, FORMATS))}")
    if storage in UNFORMATTED and number != RAW:
        raise BadProperty("FormatType", f"{number} cannot be used: volumes in a pool of type {storage} are raw devices")
    volume = Volume.new()
    volume.name, volume.format = name, None if storage in UNFORMATTED else FORMATS[number]
    volume.capacity = _bytes("Capacity", given.get("Capacity") or given.get("VirtualQuantity"), given)
    reserved = given.get("AllocationQuantity")
    volume.allocation = _bytes("AllocationQuantity", reserved, given) if reserved is not None else None
    return volume


def space_needed(volume: Volume, storage: str | None) -> int:
    """The bytes of a pool that a new volume takes at once; libvirt sets all aside where it is not told otherwise."""
    whole = volume.capacity or 0
    if storage in UNFORMATTED or (volume.allocation is None and volume.format in (None, FORMATS[RAW])):
        return whole
    return volume.allocation or 0


def _bytes(name: str, amount: Any, given: Properties) -> int:
    if not amount and name == "Capacity":
        raise BadProperty("Capacity", "is missing: it is the size of the volume")
    unit = str(given.get("AllocationUnits") or given.get("VirtualQuantityUnits") or BYTE)
    if unit in SIZE_UNITS:
        return int(amount) * SIZE_UNITS[unit]
    try:
        return ceil(convert(int(amount), unit, BYTE))
    except UnitError as error:
        raise BadProperty("AllocationUnits", f"cannot be used: {error}") from error


def format_of(xml: str) -> int:
    """FormatType of a volume; 0 for formats that have no number."""
    word = Volume.parse(xml).format
    return next((number for number, known in FORMATS.items() if known == word), 0)
