"""Interfaces of the host as CIM_EthernetPort: what switches are linked to the outside by (DSP1050, DSP1097)."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.mapping.ids import bare_mac
from virtcim.mapping.table import Properties
from virtcim.model.interface import HostInterface

LOOPBACK = "lo"
BRIDGE = "bridge"
MEGABIT = 1_000_000  # libvirt's unit of the speed of a link
ENABLED, DISABLED = 2, 3  # EnabledState
FINE, STOPPED = 2, 10  # OperationalStatus
ETHERNET_LINK, UNKNOWN_PORT, BACK_END = 2, 0, 3  # LinkTechnology, PortType, UsageRestriction
WORKING = ("up", "unknown")  # states of a link; devices that have no carrier say the latter


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


def properties(view: HostInterface, active: bool) -> Properties:
    """An Ethernet port of the host but for its keys; `active` is what libvirt says where it tells no link."""
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
        "Speed": view.speed * MEGABIT if view.speed else None,
        "ActiveMaximumTransmissionUnit": view.mtu,
    }
