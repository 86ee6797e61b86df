"""Storage pools and volumes as libvirt describes them; sizes in bytes."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from virtcim.model.codecs import UUID, Integer
from virtcim.model.fields import Field, Many, Size, View, text
from virtcim.model.tree import Element


class Image(NamedTuple):
    """A volume as what a disk is on: its size in bytes, whether all of that is set aside, and the image below it.

    `key` is libvirt's; None of a directory, which is no image.
    """

    pool: str
    volume: str
    capacity: int
    full: bool
    key: str | None
    format: str | None = None
    backing: str | None = None
    backing_format: str | None = None
    path: str = ""


def volume_key(pool: str, volume: str) -> str:
    """How a volume is named where it has no path."""
    return f"volume:{quote(pool)}/{quote(volume)}"


class Bytes(Size):
    """An element with a size and a `unit` attribute, as a number of bytes; written in bytes."""

    unit = "bytes"

    def write_element(self, element: Element, text: str) -> None:
        Field.write_element(self, element, text)
        element.set("unit", self.unit)


def size_bytes(path: str) -> Bytes:
    return Bytes(path, Integer())


class SourceDevice(View):
    tag = "device"
    path = text("@path")


class SourceServer(View):
    tag = "host"
    name = text("@name")
    port = text("@port")


class StoragePool(View):
    tag = "pool"
    type = text("@type")
    name = text("name")
    uuid = Field("uuid", UUID)
    capacity = size_bytes("capacity")
    allocation = size_bytes("allocation")
    available = size_bytes("available")
    hosts = Many(SourceServer, inside="source")
    devices = Many(SourceDevice, inside="source")
    source_directory = text("source/dir@path")
    source_name = text("source/name")
    source_format = text("source/format@type")
    initiator = text("source/initiator/iqn@name")
    adapter_type = text("source/adapter@type")
    adapter = text("source/adapter@name")
    wwnn = text("source/adapter@wwnn")
    wwpn = text("source/adapter@wwpn")
    path = text("target/path")
    mode = text("target/permissions/mode")


class Volume(View):
    tag = "volume"
    type = text("@type")
    name = text("name")
    key = text("key")
    capacity = size_bytes("capacity")
    allocation = size_bytes("allocation")
    physical = size_bytes("physical")
    path = text("target/path")
    format = text("target/format@type")
    backing_path = text("backingStore/path")
    backing_format = text("backingStore/format@type")
