"""Controllers of a virtual system (DSP1059)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.kind import (
    ADDRESS,
    IDE,
    OTHER,
    SCSI,
    USB,
    Kind,
    check_address,
    common,
    counted,
    parent_of,
    unit_of,
)
from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.model.codecs import Integer
from virtcim.model.device import Device
from virtcim.model.domain import Domain
from virtcim.model.fields import Field, View
from virtcim.model.peripherals import Controller

LEGACY_TYPE = 32771  # libvirt-cim's ResourceType of controllers
# CIM_Controller.ProtocolSupported; 1 is Other
PROTOCOLS = {
    "ide": 37, "fdc": 7, "scsi": 9, "sata": 48, "pci": 5, "usb": 16, "isa": 4, "ccid": 1,
    "virtio-serial": 1, "xenbus": 1,
}  # fmt: skip
TYPES = tuple(PROTOCOLS)
OWN_KIND = {"ide": IDE, "scsi": SCSI, "usb": USB}
DEVICE_CLASSES = {IDE: "Virt_IDEController", SCSI: "Virt_SCSIController", USB: "Virt_USBController"}
ROOM = {"ide": 4, "fdc": 2, "sata": 6}  # devices that fit on a controller
# CIM_USBController: USBVersion in BCD and InterfaceType by model
USB_MODELS = {"uhci": (0x0110, 2), "ohci": (0x0110, 3), "ehci": (0x0200, 1), "xhci": (0x0300, 1)}


def number(name: str, field: Field[int]) -> Row[Any]:
    """A number that libvirt-cim's schema has as text."""
    return Row(name, field, out=str, back=lambda text: Integer().read(text, name))


ROWS: tuple[Row[Any], ...] = (
    *counted(),
    Row("ResourceSubType", Controller.type),
    Row("Index", Controller.index),
    Row("Model", Controller.model),
    number("Ports", Controller.ports),
    number("Vectors", Controller.vectors),
    number("Queues", Controller.queues),
    *ADDRESS,
)


def begin(view: Controller, given: Properties, _domain: Domain) -> None:
    word = given.get("ResourceSubType")
    if word not in TYPES:
        raise BadProperty("ResourceSubType", f"{word!r} is not one of {', '.join(TYPES)}")
    view.type = word


def finish(view: Controller, domain: Domain) -> None:
    others = {
        other.index or 0
        for other in domain.controllers
        if other.type == view.type and other.element is not view.element and not companion(view, other)
    }
    if view.index is None:
        view.index = next(number for number in range(len(others) + 1) if number not in others)
    if view.index in others:
        raise BadProperty("Index", f"{view.index} is used by another {view.type} controller of the virtual system")
    check_address(view)


def companion(one: Controller, other: Controller) -> bool:
    """USB 2 takes several functions of one device, all with one index, for its slower companions."""
    models = (one.model or "", other.model or "")
    return one.type == "usb" and one.model != other.model and all(model.startswith("ich9-") for model in models)


def device(view: Controller, _index: int) -> Properties:
    return {
        "ProtocolSupported": PROTOCOLS.get(view.type or "", 1),
        "ProtocolDescription": view.model or view.type,
        "MaxNumberControlled": view.ports or ROOM.get(view.type or ""),
    }


def place_of(view: View) -> tuple[str, str | None] | None:
    """The key of the controller that a device is on, and where on it; None for a device that is on none."""
    parent = parent_of(view) if isinstance(view, Device) else None
    return (parent, unit_of(view)) if parent and isinstance(view, Device) else None


def usb_device(view: Controller, index: int) -> Properties:
    version = next((value for word, value in USB_MODELS.items() if word in (view.model or "")), None)
    shown = {"USBVersion": version[0], "InterfaceType": version[1]} if version else {}
    return {**device(view, index), **shown}


def controller(name: str, label: str, resource_type: int, pool: str) -> Kind[Controller]:
    words = (name,) if name in OWN_KIND else tuple(word for word in TYPES if word not in OWN_KIND)
    return Kind(
        name=name,
        label=label,
        view=Controller,
        setting_class="Virt_ControllerResourceAllocationSettingData",
        resource_type=resource_type,
        other_type="controller" if resource_type == OTHER else None,
        accepts=frozenset({OTHER, LEGACY_TYPE}),
        old_other_type="controller",
        rows=(*common(pool, resource_type, "controller" if resource_type == OTHER else None), *ROWS),
        key=lambda view, index: f"controller:{view.type}:{view.index if view.index is not None else index}",
        device_class=DEVICE_CLASSES.get(resource_type, "Virt_Controller"),
        device=usb_device if resource_type == USB else device,
        matches=lambda view: view.type in words if name in OWN_KIND else view.type not in OWN_KIND,
        selects=lambda given: given.get("ResourceSubType") in words,
        begin=begin,
        finish=finish,
        pool=pool,
        attachable=resource_type == SCSI,
        detachable=resource_type == SCSI,
    )


CONTROLLERS = (
    controller("ide", "IDE controller", IDE, "ControllerPool/ide"),
    controller("scsi", "SCSI controller", SCSI, "ControllerPool/scsi"),
    controller("usb", "USB controller", USB, "ControllerPool/usb"),
    controller("controller", "Controller", OTHER, "ControllerPool/0"),
)
