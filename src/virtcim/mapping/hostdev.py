"""Devices of the host passed through to a virtual system (DSP1059)."""

from __future__ import annotations

import re
from typing import Any

from virtcim.mapping.kind import (
    ADDRESS,
    DEDICATED,
    IO_DEVICE,
    PASSED_THROUGH,
    Kind,
    check_address,
    check_boot,
    common,
    counted,
    hexadecimal,
)
from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.model.domain import Domain
from virtcim.model.nodedev import mediated_uuid
from virtcim.model.peripherals import Hostdev

__all__ = ["HOST_DEVICES", "POOL", "Hostdev", "place_given", "place_of"]

# A host address inside any text: pci:0000:65:00.0, the node device name pci_0000_65_00_0, a reference that holds one.
PCI = re.compile(r"(?:^|pci[:_])([0-9a-f]{4})[:_]([0-9a-f]{2})[:_]([0-9a-f]{2})[._]([0-7])(?![0-9a-f])", re.IGNORECASE)
USB_PLACE = re.compile(r"(?:^|usb:)(\d{1,3}):(\d{1,3})(?!\d)")
USB_PRODUCT = re.compile(r"(?:^|usb:)(?:0x)?([0-9a-f]{4}):(?:0x)?([0-9a-f]{4})(?![0-9a-f])", re.IGNORECASE)

POOL = "HostDevicePool/0"
TYPES = ("pci", "usb", "mdev")  # that a client can ask for
AS_PCI = "vfio-pci"  # how a guest sees a mediated device


def place_of(view: Hostdev) -> str | None:
    """Where on the host the device is: a PCI address, or bus:device for USB; None when it is found by product."""
    if view.type == "pci" and view.bus is not None:
        return f"{view.domain or 0:04x}:{view.bus:02x}:{view.slot or 0:02x}.{view.function or 0:x}"
    if view.type == "usb" and view.bus is not None:
        return f"{view.bus:03}:{view.usb_device or 0:03}"
    return view.mdev or view.adapter or view.wwpn or view.block or view.char


def set_place(view: Hostdev, text: str | None, name: str = "SourceAddress") -> None:
    pci, usb, product = (pattern.search(text or "") for pattern in (PCI, USB_PLACE, USB_PRODUCT))
    mediated = mediated_uuid(text if text and "mdev" in text else f"mdev:{text}")
    if view.type == "mdev" and (text is None or mediated):
        view.mdev = mediated if text else None
    elif text is None:
        view.domain = view.bus = view.slot = view.function = view.usb_device = None
    elif view.type == "pci" and pci:
        for attribute, digits in zip(("domain", "bus", "slot", "function"), pci.groups(), strict=True):
            _set(view, attribute, f"0x{digits}")
    elif view.type == "usb" and usb:
        view.bus, view.usb_device = int(usb[1]), int(usb[2])
    elif view.type == "usb" and product:
        view.vendor, view.product = f"0x{product[1]}", f"0x{product[2]}"
    else:
        raise BadProperty(name, f"{text!r} names no {view.type} device of the host")


def _set(view: Hostdev, attribute: str, digits: str) -> None:
    Hostdev.domain.place.make(view.element).set(attribute, digits)


def host_resources(view: Hostdev) -> list[str]:
    place = place_of(view)
    if place is None and view.vendor:
        place = f"{view.vendor.removeprefix('0x')}:{(view.product or '').removeprefix('0x')}"
    return [f"{view.type}:{place}"] if place else []


def set_host_resources(view: Hostdev, values: list[str] | None) -> None:
    if not values or len(values) > 1:
        raise BadProperty("HostResource", "names exactly one device of the host")
    set_place(view, values[0], "HostResource")


def place_given(given: Properties) -> str | None:
    """The place of the device that a client asks for; None for one by its product, or none at all."""
    view = Hostdev.new()
    view.type = type_given(given)
    named = given.get("SourceAddress") or next(iter(given.get("HostResource") or ()), None)
    set_place(view, str(named) if named else None, "HostResource")
    return place_of(view)


HOSTDEV: tuple[Row[Any], ...] = (
    *common(POOL, IO_DEVICE),
    *counted(PASSED_THROUGH, DEDICATED),
    Row("ResourceSubType", Hostdev.type),
    Row("DeviceType", Hostdev.type),
    Row("Managed", Hostdev.managed),
    Row("HostResource", host_resources, set_host_resources, exact=False),
    Row("SourceAddress", place_of, set_place, exact=False),
    Row("VendorID", Hostdev.vendor),
    Row("ProductID", Hostdev.product),
    Row("BootOrder", Hostdev.boot_order),
    *ADDRESS,
)


def begin(view: Hostdev, given: Properties, _domain: Domain) -> None:
    view.mode, view.type = "subsystem", type_given(given)
    if view.type == "pci":
        view.managed = True
    if view.type == "mdev":
        view.model = AS_PCI


def word_given(given: Properties) -> str:
    """The type of a device that a client asks for, from its properties or from what HostResource names."""
    named = given.get("DeviceType") or given.get("ResourceSubType")
    text = str(given.get("SourceAddress") or next(iter(given.get("HostResource") or ()), ""))
    if not named and mediated_uuid(text):
        return "mdev"
    return str(named or ("pci" if PCI.search(text) else "usb" if given.get("VendorID") or text else "pci"))


def type_given(given: Properties) -> str:
    found = word_given(given)
    if found not in TYPES:
        raise BadProperty("DeviceType", f"{found!r} is not one of {', '.join(TYPES)}")
    return found


def finish(view: Hostdev, domain: Domain) -> None:
    if view.type in TYPES and not host_resources(view):
        raise BadProperty("HostResource", "is missing: it names the device of the host")
    check_address(view)
    check_boot(view, domain)


def key(view: Hostdev, index: int) -> str:
    return f"hostdev:{next(iter(host_resources(view)), index)}"


def pci_device(view: Hostdev, _index: int) -> Properties:
    """The numbers under which the guest sees the device, once libvirt has chosen them."""
    address = view.address
    shown = (("BusNumber", "bus"), ("DeviceNumber", "slot"), ("FunctionNumber", "function"))
    return {name: hexadecimal(address.get(attribute)) for name, attribute in shown}


def usb_device(view: Hostdev, _index: int) -> Properties:
    shown = (("VendorID", view.vendor), ("ProductID", view.product))
    return {name: hexadecimal(text) for name, text in shown}


def hostdev(name: str, label: str, types: tuple[str, ...], device_class: str | None, device: Any) -> Kind[Hostdev]:
    return Kind(
        name=name,
        label=label,
        view=Hostdev,
        setting_class="Virt_HostDeviceResourceAllocationSettingData",
        resource_type=IO_DEVICE,
        rows=HOSTDEV,
        key=key,
        device_class=device_class,
        device=device,
        matches=lambda view: view.type in types if types else view.type not in TYPES,
        selects=lambda given: word_given(given) in types,
        begin=begin,
        finish=finish,
        pool=POOL,
        attachable=bool(types),
        detachable=bool(types),
    )


HOST_DEVICES = (
    hostdev("pci", "PCI device", ("pci", "mdev"), "Virt_PCIDevice", pci_device),
    hostdev("usbdev", "USB device", ("usb",), "Virt_USBDevice", usb_device),
    hostdev("hostdev", "Host device", (), None, lambda _view, _index: {}),
)
