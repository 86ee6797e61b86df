"""Interfaces of the host as CIM_EthernetPort: what switches are linked to the outside by (DSP1050, DSP1097)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from virtcim.mapping.ids import bare_mac
from virtcim.mapping.table import Properties
from virtcim.model.interface import HostInterface
from virtcim.model.nodedev import NodeDevice

SRIOV, NET = "virt_functions", "<capability type='net'>"
LOOPBACK = "lo"
BRIDGE = "bridge"
MEGABIT = 1_000_000  # libvirt's unit of the speed of a link
ENABLED, DISABLED = 2, 3  # EnabledState
FINE, STOPPED = 2, 10  # OperationalStatus
ETHERNET_LINK, UNKNOWN_PORT, BACK_END = 2, 0, 3  # LinkTechnology, PortType, UsageRestriction
WORKING = ("up", "unknown")  # states of a link; devices that have no carrier say the latter


class Interface(NamedTuple):
    """What libvirt tells of an interface as a device: its parent by libvirt's name, and its speed in Mbit/s."""

    name: str
    parent: str
    speed: int | None


def parse(xml: str) -> HostInterface:
    return HostInterface.parse(xml)


def is_bridge(view: HostInterface) -> bool:
    return view.type == BRIDGE


def ports_in(view: HostInterface) -> Iterator[HostInterface]:
    """The interfaces that frames can leave the host by: the interface itself, or the members of a bridge."""
    if is_bridge(view):
        yield from view.bridged
    elif view.name != LOOPBACK:
        yield view
        yield from view.bonded


def members(view: HostInterface) -> list[str]:
    """The names of the interfaces in a bridge."""
    return [str(one.name) for one in view.bridged]


def functions_of(xml: str) -> list[str]:
    """The addresses of the virtual functions of a device of the host; none where it has no such."""
    return [one.text for one in NodeDevice.parse(xml).virtual_functions] if SRIOV in xml else []


def interface_of(xml: str) -> Interface | None:
    """A device of the host as an interface; None where it is none."""
    if NET not in xml:
        return None
    device = NodeDevice.parse(xml)
    return Interface(device.interface, device.parent or "", device.link_speed) if device.interface else None


def ports(xml: str, active: bool, speeds: Mapping[str, int | None]) -> list[Properties]:
    """The Ethernet ports that an interface is or holds, but for their keys.

    `active` is what libvirt says where it tells no link; `speeds`, in Mbit/s, what it tells of interfaces as devices.
    """
    return [_properties(view, active, speeds.get(str(view.name))) for view in ports_in(parse(xml))]


def _properties(view: HostInterface, active: bool, device_speed: int | None) -> Properties:
    speed = view.speed or device_speed
    up = active if view.link is None else view.link in WORKING
    mac = bare_mac(view.mac) if view.mac else None
    return {
        "Name": view.name,
        "ElementName": view.name,
        "Description": f"Network interface {view.name} of the host",
        "EnabledState": ENABLED if up else DISABLED,
        "OperationalStatus": [FINE if up else STOPPED],
        "PermanentAddress": mac,
        "NetworkAddresses": [mac] if mac else None,
        "LinkTechnology": ETHERNET_LINK,
        "PortType": UNKNOWN_PORT,
        "UsageRestriction": BACK_END,
        "Speed": speed * MEGABIT if speed else None,
        "ActiveMaximumTransmissionUnit": view.mtu,
    }
