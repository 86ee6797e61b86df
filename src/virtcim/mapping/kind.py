"""A kind of resource: which element of the domain it is, which classes show it, and its rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any, Generic, TypeVar

from virtcim.mapping.table import BadProperty, Properties, Row, Table, fixed
from virtcim.mapping.units import COUNT
from virtcim.model.device import Device
from virtcim.model.domain import Domain
from virtcim.model.fields import View

V = TypeVar("V", bound=View)
D = TypeVar("D", bound=Device)

# CIM_ResourcePool.ResourceType
OTHER, PROCESSOR, MEMORY, IDE, SCSI, ETHERNET, IO_DEVICE = 1, 3, 4, 5, 6, 10, 13
FLOPPY, CD, DVD, DISK_DRIVE, STORAGE_EXTENT = 14, 15, 16, 17, 19
SERIAL, PARALLEL, USB, GRAPHICS, LOGICAL_DISK, STORAGE_VOLUME = 21, 22, 23, 24, 31, 32

PASSED_THROUGH, VIRTUALIZED = 2, 3  # ConsumerVisibility
DEDICATED = 3  # MappingBehavior
PERSISTENT = 2  # ChangeableType


@dataclass(frozen=True, eq=False)
class Kind(Generic[V]):
    """`key(view, index)` names a device inside its domain; index counts the devices of the kind.

    `selects` tells whether properties given by a client mean this kind rather than another of the same class.
    `pattern` is what each new element of a domain begins with, to be copied. `prepare` turns what clients may write in
    several ways into what the rows know. `begin` and `finish` fill in defaults before and after the rows of a new
    element; `finish` also follows a change. They refuse with BadProperty.
    `pool` is the PoolID of the primordial pool of the kind; `accepts` are further ResourceTypes that clients may give,
    `old_other_type` an OtherResourceType. `attachable` and `detachable`: QEMU can plug devices of the kind into a
    running guest and take them out, but for those that `bound` gives a reason for.
    """

    name: str
    label: str
    view: type[V]
    setting_class: str
    resource_type: int
    rows: tuple[Row[V], ...]
    key: Callable[[V, int], str]
    device_class: str | None
    device: Callable[[V, int], Properties]
    other_type: str | None = None
    old_other_type: str | None = None
    accepts: frozenset[int] = frozenset()
    matches: Callable[[V], bool] = lambda _: True
    selects: Callable[[Properties], bool] = lambda _: True
    pattern: Callable[[Domain], V] | None = None
    prepare: Callable[[Properties, V, Domain], Properties] = lambda given, _view, _domain: given
    begin: Callable[[V, Properties, Domain], None] = lambda _view, _given, _domain: None
    finish: Callable[[V, Domain], None] = lambda _view, _domain: None
    count: Callable[[V], int] = lambda _: 1
    pool: str = ""
    single: bool = False
    attachable: bool = False
    detachable: bool = False
    bound: Callable[[V], str | None] = lambda _: None

    @cached_property
    def table(self) -> Table[V]:
        return Table(self.rows)

    def new(self, document: Domain) -> V:
        """An element that is not in the document yet."""
        return self.view.new() if self.pattern is None else self.pattern(document).copy()

    def takes(self, resource_type: int | None, other_type: str | None) -> bool:
        """Whether a client may name the kind by these."""
        if resource_type not in {None, self.resource_type, *self.accepts}:
            return False
        return resource_type != OTHER or other_type in (None, self.other_type, self.old_other_type)


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource of one document: its kind, its view and the part of its ids after the virtual system's."""

    kind: Kind[Any]
    view: View
    dev: str

    @property
    def devices(self) -> range:
        """The indexes of the devices it makes: several for processors."""
        return range(self.kind.count(self.view))


def common(pool: str, resource_type: int, other_type: str | None = None) -> tuple[Row[Any], ...]:
    """The rows that the allocation of any device has (DSP1041 clause 10)."""
    return (
        fixed("ResourceType", resource_type),
        fixed("OtherResourceType", other_type),
        fixed("PoolID", pool),
        fixed("AutomaticAllocation", True),
        fixed("AutomaticDeallocation", True),
    )


def counted(visibility: int = VIRTUALIZED, mapping: int | None = None) -> tuple[Row[Any], ...]:
    """The rows of a device of which there is one for each setting (DSP1059)."""
    return (
        fixed("ConsumerVisibility", visibility),
        fixed("MappingBehavior", mapping),
        fixed("VirtualQuantity", 1),
        fixed("VirtualQuantityUnits", COUNT),
        fixed("AllocationUnits", COUNT),
        fixed("Reservation", 1),
        fixed("Limit", 1),
    )


def address_names(view: Device) -> list[str]:
    return list(view.address)


def address_values(view: Device) -> list[str]:
    return list(view.address.values())


def set_address_names(view: Device, names: list[str] | None) -> None:
    pairs = zip_longest(names or [], address_values(view)[: len(names or [])], fillvalue="")
    view.address = dict(pairs)


def set_address_values(view: Device, values: list[str] | None) -> None:
    if len(view.address) != len(values or []):
        raise BadProperty("AddressValues", "needs as many entries as AddressProperties")
    view.address = dict(zip(view.address, values or [], strict=True))


CONTROLLER_KEY = re.compile(r"controller:([a-z-]+):(\d+)")
HEXADECIMAL = re.compile(r"(0x)?[0-9a-fA-F]{1,8}")
DRIVE_BUSES = ("ide", "sata", "scsi", "fdc")


def hexadecimal(text: str | None) -> int | None:
    """A number of an address; None when it is none, which libvirt will say if the client gave it."""
    return int(text, 16) if text and HEXADECIMAL.fullmatch(text) else None


def parent_of(view: Device) -> str | None:
    """The device key of the controller in the address: controller:<type>:<index>."""
    address = view.address
    kind = address.get("type")
    if kind == "drive":
        bus = getattr(view, "bus", None) or "scsi"
        return f"controller:{bus}:{address.get('controller', '0')}" if bus in DRIVE_BUSES else None
    if kind in ("virtio-serial", "ccid"):
        return f"controller:{kind}:{address.get('controller', '0')}"
    if kind == "usb":
        return f"controller:usb:{address.get('bus', '0')}"
    bus = hexadecimal(address.get("bus"))
    return f"controller:pci:{bus}" if kind == "pci" and bus is not None else None


def set_parent(view: Device, parent: str | None) -> None:
    """Put a device on the controller whose key `parent` (any reference to its setting) ends in."""
    if parent is None:
        view.address = {}
        return
    found = CONTROLLER_KEY.search(parent)
    if found is None:
        raise BadProperty("Parent", f"{parent!r} does not refer to the setting of a controller")
    kind, index = found.groups()
    if kind in DRIVE_BUSES:
        old = view.address if view.address_type == "drive" else {}
        view.address = {"type": "drive", "controller": index, "bus": "0", "target": "0", "unit": "0"} | {
            name: value for name, value in old.items() if name in ("bus", "target", "unit")
        }
    elif kind == "usb":
        view.address = {"type": "usb", "bus": index, "port": view.address.get("port", "1")}
    elif kind in ("virtio-serial", "ccid"):
        view.address = {"type": kind, "controller": index, "bus": "0"}
    else:
        view.address = {"type": "pci", "domain": "0x0000", "bus": f"0x{int(index):02x}", "slot": "0x00"}


def unit_of(view: Device) -> str | None:
    """Where on its controller a device sits: unit of a drive (or bus:target:unit), port, or slot.function."""
    address = view.address
    kind = address.get("type")
    if kind == "drive":
        unit, place = address.get("unit", "0"), (address.get("bus", "0"), address.get("target", "0"))
        return unit if place == ("0", "0") else ":".join((*place, unit))
    if kind == "pci":
        return f"{hexadecimal(address.get('slot')) or 0}.{hexadecimal(address.get('function')) or 0}"
    return {"usb": address.get("port"), "virtio-serial": address.get("port"), "dimm": address.get("slot")}.get(
        kind or ""
    )


def set_unit(view: Device, text: str | None) -> None:
    parts = (text or "0").split(":")
    if view.address_type not in (None, "drive") or len(parts) not in (1, 3) or not all(map(str.isdigit, parts)):
        raise BadProperty("AddressOnParent", f"{text!r} is not the unit, or bus:target:unit, of a drive")
    bus, target, unit = parts if len(parts) == 3 else ("0", "0", parts[0])
    controller = view.address.get("controller", "0")
    view.address = {"type": "drive", "controller": controller, "bus": bus, "target": target, "unit": unit}


def same_parent(text: str) -> str:
    """A reference to a controller's setting, cut down to the controller's key."""
    found = CONTROLLER_KEY.search(text)
    return found.group(0) if found else text


ADDRESS: tuple[Row[Any], ...] = (
    Row("AddressProperties", address_names, set_address_names),
    Row("AddressValues", address_values, set_address_values),
    Row("Parent", parent_of, set_parent),
    Row("AddressOnParent", unit_of, set_unit),
)


def check_address(view: Device) -> None:
    if "" in view.address.values():
        raise BadProperty("AddressValues", "needs as many entries as AddressProperties")


def check_parts(view: Device, domain: Domain) -> None:
    """The checks of what most new devices have not, an address and an order among those that the system starts from."""
    parts = view.parts
    if "address" in parts:
        check_address(view)
    if "boot" in parts:
        check_boot(view, domain)


def check_boot(view: Device, domain: Domain) -> None:
    """An order of single devices takes the place of one of kinds of devices, BootDevices: libvirt has one of them."""
    if view.boot_order is not None and domain.boot_devices:
        domain.boot_devices = None


def required(properties: Properties, name: str, why: str) -> Any:
    """A property that must be given. Raises BadProperty."""
    value = properties.get(name)
    if value in (None, ""):
        raise BadProperty(name, f"is missing: {why}")
    return value


def no_device(_view: View, _index: int) -> Properties:
    return {}
