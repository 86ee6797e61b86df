"""Input devices of a virtual system (DSP1059)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.kind import ADDRESS, IO_DEVICE, PASSED_THROUGH, Kind, check_address, common, counted
from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.model.domain import Domain
from virtcim.model.peripherals import Input

BUSES = {"ps2": "PS2", "usb": "USB", "xen": "Xen", "virtio": "Virtio"}
WORDS = {"mouse": "Mouse", "tablet": "Tablet", "keyboard": "Keyboard"}
TYPES = (*WORDS, "evdev", "passthrough")
DEFAULT_BUSES = {"mouse": "ps2", "keyboard": "ps2", "tablet": "usb"}
PLUGGED_BUSES = ("usb", "virtio")
MOUSE, UNKNOWN_POINTER = 3, 2  # CIM_PointingDevice.PointingType


def caption(view: Input) -> str:
    bus, word = BUSES.get(view.bus or "", "Unknown bus"), WORDS.get(view.type or "", "Unknown device type")
    return f"{bus} {word}"


INPUT: tuple[Row[Any], ...] = (
    *common("InputPool/0", IO_DEVICE),
    *counted(),
    Row("Caption", caption, exact=False),
    Row("ResourceSubType", Input.type),
    Row("BusType", Input.bus),
    Row("Model", Input.model),
    *ADDRESS,
)


def begin(view: Input, given: Properties, domain: Domain) -> None:
    word = given.get("ResourceSubType") or "mouse"
    if word not in TYPES:
        raise BadProperty("ResourceSubType", f"{word!r} is not one of {', '.join(TYPES)}")
    view.type = word
    view.bus = "xen" if domain.os_type in ("xen", "linux") else DEFAULT_BUSES.get(word)


def keyboard(given: Properties) -> bool:
    return given.get("ResourceSubType") == "keyboard"


def names_host_device(given: Properties) -> bool:
    """Devices passed through have the ResourceType of input devices."""
    return bool(given.get("HostResource")) or given.get("ConsumerVisibility") == PASSED_THROUGH


def pointing_device(view: Input, _index: int) -> Properties:
    return {"PointingType": MOUSE if view.type in ("mouse", "tablet") else UNKNOWN_POINTER, "Caption": caption(view)}


def input_kind(name: str, label: str, device_class: str, device: Any) -> Kind[Input]:
    keys = name == "keyboard"
    return Kind(
        name=name,
        label=label,
        view=Input,
        setting_class="Virt_InputResourceAllocationSettingData",
        resource_type=IO_DEVICE,
        rows=INPUT,
        key=lambda view, _index: f"{view.type}:{view.bus}" if view.bus else f"{view.type}",
        device_class=device_class,
        device=device,
        matches=lambda view: (view.type == "keyboard") == keys,
        selects=lambda given: keyboard(given) == keys and not names_host_device(given),
        begin=begin,
        finish=lambda view, _domain: check_address(view),
        pool="InputPool/0",
        attachable=True,
        detachable=True,
        bound=lambda view: None if view.bus in PLUGGED_BUSES else f"bus {view.bus} takes no device while it runs",
    )


POINTING_DEVICE = input_kind("input", "Pointing device", "Virt_PointingDevice", pointing_device)
KEYBOARD = input_kind("keyboard", "Keyboard", "Virt_Keyboard", lambda view, _index: {"Caption": caption(view)})


def default_input(domain: Domain) -> Properties:
    """The input device DefineSystem adds when none is asked for."""
    bus = "xen" if domain.os_type in ("xen", "linux") else "ps2"
    return {"ResourceType": IO_DEVICE, "ResourceSubType": "mouse", "BusType": bus}
