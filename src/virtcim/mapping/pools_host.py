"""What a host has to give: its processors, memory and devices, and which of them a virtual device sits on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from virtcim.mapping.affinity import cpus_of
from virtcim.mapping.hostdev import place_of
from virtcim.mapping.kind import hexadecimal
from virtcim.mapping.net_source import function_of
from virtcim.mapping.table import Properties
from virtcim.model.adapter import Interface
from virtcim.model.capabilities import Capabilities, Cell, Cpu
from virtcim.model.domain import Domain
from virtcim.model.nodedev import NodeDevice, Passable
from virtcim.model.peripherals import Hostdev

BLOCK = 1024  # CIM_Memory.BlockSize
READ_WRITE, CPU_ENABLED, OTHER_FAMILY = 3, 1, 1
STRICT = "strict"


@dataclass(frozen=True)
class Assignable:
    """A device that can be passed through: `word` is pci, usb or mdev, `place` as in settings of systems.

    `group` is that of the IOMMU; a USB device has none.
    """

    word: str
    place: str
    group: int | None
    properties: Properties


def processors(capabilities: Capabilities, count: int) -> tuple[int, ...]:
    """The numbers of the host's processors; 0, 1, ... where libvirt tells only how many there are."""
    known = [cpu.id for cell in capabilities.cells for cpu in cell.cpus if cpu.id is not None]
    return tuple(sorted(known)) or tuple(range(count))


def cells(capabilities: Capabilities, memory: int) -> tuple[tuple[int, int], ...]:
    """(number, KiB) of the NUMA cells; all memory is in one where libvirt tells none."""
    known = [(cell.id, cell.memory or 0) for cell in capabilities.cells if cell.id is not None]
    return tuple(known) or ((0, memory),)


def places(capabilities: Capabilities) -> Mapping[int, Properties]:
    """Where each processor is, by its number, as far as libvirt tells; its siblings are threads of the same core."""
    return {cpu.id: _place(cell, cpu) for cell in capabilities.cells for cpu in cell.cpus if cpu.id is not None}


def _place(cell: Cell, cpu: Cpu) -> Properties:
    return {
        "Cell": cell.id,
        "Socket": cpu.socket,
        "Die": cpu.die,
        "Core": cpu.core,
        "Siblings": sorted(cpus_of(cpu.siblings)) or None,
    }


def processor_properties(number: int, model: str, mhz: int) -> Properties:
    return {
        "Role": "CPU",
        "Family": OTHER_FAMILY,
        "OtherFamilyDescription": model or "unknown",
        "CPUStatus": CPU_ENABLED,
        "MaxClockSpeed": mhz or None,
        "CurrentClockSpeed": mhz or None,
        "NumberOfEnabledCores": 1,
        "UniqueID": str(number),
    }


def memory_properties(kib: int) -> Properties:
    return {
        "BlockSize": BLOCK,
        "NumberOfBlocks": kib,
        "ConsumableBlocks": kib,
        "Volatile": True,
        "Access": READ_WRITE,
        "Primordial": True,
    }


def assignable(xml: str) -> Assignable | None:
    """A device of the host as one to be passed through; None for what cannot be."""
    device = NodeDevice.parse(xml)
    found = device.passable
    return Assignable(found.word, found.place, found.group, DESCRIBING[found.word](device, found)) if found else None


def _pci(device: NodeDevice, found: Passable) -> Properties:
    return {
        "ElementName": device.product or device.name,
        "BusNumber": device.bus or 0,
        "DeviceNumber": device.slot or 0,
        "FunctionNumber": device.function or 0,
        "VendorID": hexadecimal(device.vendor_id),
        "PCIDeviceID": hexadecimal(device.product_id),
        "IOMMUGroup": found.group,
    }


def _mediated(device: NodeDevice, found: Passable) -> Properties:
    return {
        "ElementName": f"{device.mediated_type} {found.place}",
        "MediatedType": device.mediated_type,
        "IOMMUGroup": found.group,
        "UUID": found.place,
    }


def _usb(device: NodeDevice, _found: Passable) -> Properties:
    return {
        "ElementName": device.product or device.name,
        "Manufacturer": device.vendor,
        "Product": device.product,
        "VendorID": hexadecimal(device.vendor_id),
        "ProductID": hexadecimal(device.product_id),
    }


DESCRIBING = {"pci": _pci, "mdev": _mediated, "usb": _usb}


def place_taken(view: object) -> str | None:
    """The place on the host of what a virtual device is; None for one that is no device of the host."""
    if isinstance(view, Interface):
        return function_of(view)
    return place_of(view) if isinstance(view, Hostdev) else None


def is_on(view: object, device: Assignable) -> bool:
    """Whether a virtual device is that device of the host."""
    word = view.type if isinstance(view, Hostdev) else "pci"
    return word == device.word and place_taken(view) == device.place


def taken(document: Domain, devices: Mapping[str, Passable]) -> Iterator[tuple[str, Passable | None]]:
    """The places of what a domain has passed through, and what it is where the host knows it; `devices`: by place."""
    for view in document.devices:
        place = place_taken(view)
        if place is not None:
            yield place, devices.get(place)


def pinned(domain: Domain) -> Iterator[tuple[int, int]]:
    """(virtual processor, processor of the host) for those that run on one processor alone."""
    own = {pin.vcpu: pin.cpuset for pin in domain.vcpu_pins}
    for number in range(domain.vcpu or 1):
        allowed = cpus_of(own.get(number) or domain.cpuset)
        if len(allowed) == 1:
            yield number, next(iter(allowed))


def bound_cell(domain: Domain) -> int | None:
    """The NUMA cell that all memory of the domain has to come from; None when there is none or more than one."""
    allowed = cpus_of(domain.numa_nodes) if domain.numa_mode == STRICT else ()
    return next(iter(allowed)) if len(allowed) == 1 else None
