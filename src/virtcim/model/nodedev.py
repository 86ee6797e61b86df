"""Devices of a host as libvirt describes them."""

from __future__ import annotations

import re
from typing import NamedTuple

from virtcim.model.fields import View, integer, text

BRIDGES = "0x06"  # PCI class
ROOT_HUBS = "0x1d6b"  # vendor of what the kernel itself is on USB
MEDIATED = re.compile(r"mdev[:_]([0-9a-f]{8})((?:[-_][0-9a-f]{4}){3})[-_]([0-9a-f]{12})", re.IGNORECASE)


class Passable(NamedTuple):
    """A device that can be passed through: libvirt's name, pci, usb or mdev, its place in domains, its IOMMU group."""

    name: str
    word: str
    place: str
    group: int | None


def pci_place(*numbers: int | None) -> str:
    """The text of a PCI address from domain, bus, slot and function."""
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*(number or 0 for number in numbers))


class PciAddress(View):
    """Where on the PCI buses of the host a function is."""

    tag = "address"
    domain = integer("@domain")
    bus = integer("@bus")
    slot = integer("@slot")
    function = integer("@function")

    @property
    def text(self) -> str:
        return pci_place(self.domain, self.bus, self.slot, self.function)


class NodeDevice(View):
    """A node device; what it is follows from the type of its first capability."""

    tag = "device"
    name = text("name")
    parent = text("parent")
    type = text("capability@type")
    pci_class = text("capability/class")
    domain = integer("capability/domain")
    bus = integer("capability/bus")
    slot = integer("capability/slot")
    function = integer("capability/function")
    usb_device = integer("capability/device")
    product = text("capability/product")
    product_id = text("capability/product@id")
    vendor = text("capability/vendor")
    vendor_id = text("capability/vendor@id")
    iommu_group = integer("capability/iommuGroup@number")
    numa_node = integer("capability/numa@node")
    mediated_type = text("capability/type@id")
    uuid = text("capability/uuid")
    block = text("capability/block")
    drive_type = text("capability/drive_type")
    model = text("capability/model")
    size = integer("capability/size")
    logical_block_size = integer("capability/logical_block_size")
    removable = text("capability/capability@type")
    media_size = integer("capability/capability/media_size")
    interface = text("capability/interface")
    link_speed = integer("capability/link@speed")

    @property
    def address(self) -> str:
        """Of a PCI device."""
        return pci_place(self.domain, self.bus, self.slot, self.function)

    @property
    def passable(self) -> Passable | None:
        """As one to be passed through; None for bridges, hubs and what no IOMMU can hand out."""
        place = PLACES[self.type or ""](self) if self.type in PLACES else None
        group = None if self.type == "usb_device" else self.iommu_group
        return Passable(self.name or "", (self.type or "").partition("_")[0], place, group) if place else None

    @property
    def virtual_functions(self) -> list[PciAddress]:
        """The functions that a PCI device with SR-IOV has besides its own."""
        found = self.element.findall("capability/capability[@type='virt_functions']/address")
        return [PciAddress(one) for one in found]


def mediated_uuid(text: str) -> str | None:
    """The UUID of a mediated device inside any text: mdev:<uuid>, a node device's name, a reference that holds one."""
    found = MEDIATED.search(text)
    return "-".join((found[1], *found[2].replace("_", "-").strip("-").split("-"), found[3])).lower() if found else None


def _pci_place(device: NodeDevice) -> str | None:
    bridge = (device.pci_class or "").startswith(BRIDGES)
    return None if bridge or device.iommu_group is None else device.address


def _usb_place(device: NodeDevice) -> str | None:
    hub = device.vendor_id == ROOT_HUBS or device.bus is None
    return None if hub else f"{device.bus:03}:{device.usb_device or 0:03}"


def _mediated_place(device: NodeDevice) -> str | None:
    """Its UUID is in the document since libvirt 7.3, in the name before."""
    return device.uuid or mediated_uuid(device.name or "")


PLACES = {"pci": _pci_place, "usb_device": _usb_place, "mdev": _mediated_place}
