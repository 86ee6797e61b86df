"""The configuration of a virtual Ethernet switch over the document of a virtual network (DSP1097 clause 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from virtcim.mapping.bandwidth import bandwidth
from virtcim.mapping.net_guard import is_isolated, set_isolated
from virtcim.mapping.switch_addresses import ADDRESSES
from virtcim.mapping.switch_devices import (
    BRIDGE,
    HOSTDEV,
    ISOLATED,
    OWN_BRIDGE,
    forward_devices,
    forward_mode,
    interface_name,
    set_forward_devices,
)
from virtcim.mapping.table import BadProperty, Properties, Row, Table, UnknownType, to_cim, to_xml
from virtcim.mapping.vssd import ALWAYS_START, NO_AUTOSTART, TURN_OFF
from virtcim.model.network import Network, PortGroup
from virtcim.model.tree import is_empty, remove

Document = Network  # these two for the layer above, which knows no model
Group = PortGroup
OPENVSWITCH, LINUX_BRIDGE, MACVTAP, SRIOV = "Virt:openvswitch", "Virt:linux-bridge", "Virt:macvtap", "Virt:sriov"
SYSTEM_TYPES = (LINUX_BRIDGE, OPENVSWITCH, MACVTAP, SRIOV)
STACKED = ("vepa", "private", "passthrough")
FORWARD_MODES = (*OWN_BRIDGE, BRIDGE, *STACKED, HOSTDEV)
VEB, VEPA, DIRECT, OTHER_MODE = 2, 3, 4, 1  # EVBMode
EVB_MODES = {"vepa": VEPA, "passthrough": DIRECT, HOSTDEV: DIRECT, "private": OTHER_MODE}
VLANS = range(1, 4095)
NAME = re.compile(r"[^/\n\x00]+")
VLAN_GROUP = "vlan"  # a group of ports that was made for a VLAN is named vlan<number>


def system_type(network: Network) -> str:
    """VirtualSystemType: what switches."""
    mode = forward_mode(network)
    if mode == HOSTDEV:
        return SRIOV
    if network.port_type == "openvswitch":
        return OPENVSWITCH
    stacked = mode in STACKED or (mode == BRIDGE and network.bridge is None)
    return MACVTAP if stacked else LINUX_BRIDGE


def set_name(network: Network, name: str | None) -> None:
    if not name or NAME.fullmatch(name) is None or name.isspace():
        raise BadProperty(
            "VirtualSystemIdentifier", f"{name!r} is not a name: it is empty or has a slash or line break"
        )
    network.name = name


def set_system_type(network: Network, word: str | None) -> None:
    """The type asked for; a mode that goes with it is chosen where none has been said."""
    if word not in SYSTEM_TYPES:
        raise UnknownType("VirtualSystemType", f"{word!r} is not one of {', '.join(SYSTEM_TYPES)}")
    network.port_type = "openvswitch" if word == OPENVSWITCH else None
    if word == OPENVSWITCH or word != system_type(network):
        network.forward_mode = {OPENVSWITCH: BRIDGE, MACVTAP: BRIDGE, SRIOV: HOSTDEV}.get(word)
    if word == MACVTAP:
        network.bridge = None


def set_forward_mode(network: Network, mode: str | None) -> None:
    if mode not in FORWARD_MODES:
        raise BadProperty("ForwardMode", f"{mode!r} is not one of {', '.join(FORWARD_MODES)}")
    network.forward_mode = None if mode == ISOLATED else mode
    left = network.element.find("forward")
    if mode == ISOLATED and left is not None:
        remove(left)
    if mode not in (*OWN_BRIDGE, BRIDGE):
        network.bridge = None


def set_bridge(network: Network, name: str | None) -> None:
    network.bridge = None if name is None else interface_name("BridgeName", name)


def evb_mode(network: Network) -> int:
    return EVB_MODES.get(forward_mode(network), VEB)


def other_evb_mode(network: Network) -> str | None:
    return forward_mode(network) if evb_mode(network) == OTHER_MODE else None


# VLANs


def has_vlans(network: Network) -> bool:
    """Whether its ports can be put into VLANs; those of passthrough if they are virtual functions."""
    return system_type(network) in (OPENVSWITCH, SRIOV) or forward_mode(network) == "passthrough"


def vlans(network: Network) -> list[int]:
    """The VLANs that the network and its groups of ports name, in order."""
    tags = [*network.vlan_tags, *(tag for group in network.portgroups for tag in group.vlan_tags)]
    return sorted({tag.id for tag in tags if tag.id})


def vlan_connection(network: Network) -> list[str]:
    return [str(vlan) for vlan in vlans(network)]


def set_vlan_connection(network: Network, texts: list[str] | None) -> None:
    """Make a group of ports for each VLAN that has none; take those away that were made so."""
    wanted = [_vlan(text) for text in texts or []]
    if len(set(wanted)) < len(wanted):
        raise BadProperty("VLANConnection", f"{texts} names a VLAN twice")
    if wanted and not has_vlans(network):
        raise BadProperty("VLANConnection", f"{texts} cannot be: a switch of type {system_type(network)} has no VLANs")
    for vlan in set(vlans(network)) - set(wanted):
        group = next((one for one in network.portgroups if one.name == f"{VLAN_GROUP}{vlan}"), None)
        if group is None:
            raise BadProperty("VLANConnection", f"has no {vlan}, which a group of ports of another name uses")
        group.remove()
    for vlan in wanted:
        if vlan not in vlans(network):
            add_vlan_group(network, vlan)


def _vlan(text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) not in VLANS:
        raise BadProperty("VLANConnection", f"{text!r} is not a VLAN: a number from 1 to 4094")
    return int(text)


def add_vlan_group(network: Network, vlan: int) -> None:
    group = PortGroup.new()
    group.name = f"{VLAN_GROUP}{vlan}"
    group.vlans = [vlan]
    network.add(group)


SWITCH: Table[Network] = Table((
    Row("VirtualSystemIdentifier", Network.name, set_name),
    Row("ElementName", Network.name),
    Row("UUID", Network.uuid, exact=False),
    Row("ConfigurationID", Network.uuid, lambda _network, _text: None, exact=False),
    Row("VirtualSystemType", system_type, set_system_type),
    Row("ForwardMode", forward_mode, set_forward_mode),
    Row("BridgeName", Network.bridge, set_bridge),
    Row("ForwardDevices", forward_devices, set_forward_devices),
    Row("EVBMode", evb_mode),
    Row("OtherEVBMode", other_evb_mode),
    *ADDRESSES,
    Row("NATIPv6", lambda network: bool(network.nat_v6), lambda network, on: setattr(network, "nat_v6", on or None)),
    Row("PortsIsolated", is_isolated, set_isolated),
    bandwidth("InboundBandwidthLimit", Network.in_average),
    bandwidth("OutboundBandwidthLimit", Network.out_average),
    Row("DomainName", Network.domain),
    Row("MTU", Network.mtu),
    Row("STPEnabled", Network.stp),
    Row("ForwardDelay", Network.delay),
    Row("MACAddress", Network.mac, exact=False),
    Row("VLANConnection", vlan_connection, set_vlan_connection, exact=False),
    Row("AutomaticShutdownAction", lambda _: TURN_OFF),
    *(Row(name, None) for name in ("AutomaticStartupAction", "AssociatedResourcePool")),
))  # fmt: skip


def head(network: Network, autostart: bool) -> Properties:
    """What a document says of a switch, and whether it starts with its host."""
    return {
        "Caption": "Virtual Ethernet Switch",
        "AutomaticStartupAction": ALWAYS_START if autostart else NO_AUTOSTART,
        **to_cim(SWITCH, network),
    }


def change(network: Network, properties: Properties, new: bool = False) -> None:
    """Write a configuration into a document: absent stays, None clears. Raises BadProperty: drop the document then.

    A new one is still to be checked, once it has its ports.
    """
    to_xml(SWITCH, properties, network, new)
    if not new:
        check(network)


def check(network: Network) -> None:
    """Refuse what libvirt would take and not be able to start, or refuse less clearly. Raises BadProperty."""
    for broken, prop, reason in CHECKS:
        if broken(network):
            raise BadProperty(prop, reason)


def _needs_bridge(network: Network) -> bool:
    return system_type(network) == OPENVSWITCH and network.bridge is None


def _needs_device(network: Network) -> bool:
    return system_type(network) in (MACVTAP, SRIOV) and not forward_devices(network)


def _wrong_mode(network: Network) -> bool:
    return network.port_type == "openvswitch" and forward_mode(network) != BRIDGE


def _has_both(network: Network) -> bool:
    return forward_mode(network) == BRIDGE and network.bridge is not None and bool(forward_devices(network))


def _addressed_elsewhere(network: Network) -> bool:
    return forward_mode(network) not in OWN_BRIDGE and bool(network.addresses)


def _translates_nothing(network: Network) -> bool:
    return bool(network.nat_v6) and forward_mode(network) != "nat"


def _isolates_elsewhere(network: Network) -> bool:
    return bool(network.isolated) and system_type(network) != LINUX_BRIDGE


def _tagged(network: Network) -> bool:
    return bool(vlans(network)) and not has_vlans(network)


Broken = Callable[[Network], Any]
CHECKS: tuple[tuple[Broken, str, str], ...] = (
    (_wrong_mode, "ForwardMode", f"of a switch of type {OPENVSWITCH} can only be {BRIDGE}"),
    (_needs_bridge, "BridgeName", f"is missing: it says which bridge of Open vSwitch a {OPENVSWITCH} switch is"),
    (_needs_device, "ForwardDevices", "is missing: it says which interface of the host the switch is on"),
    (_has_both, "ForwardDevices", "cannot be given beside BridgeName: the bridge has its interfaces already"),
    (_addressed_elsewhere, "IPAddresses", f"can only be given with ForwardMode {', '.join(OWN_BRIDGE)}"),
    (_translates_nothing, "NATIPv6", "can only be with ForwardMode nat"),
    (_isolates_elsewhere, "PortsIsolated", f"can only be on a switch of type {LINUX_BRIDGE}"),
    (_tagged, "VLANConnection", "cannot be: the switch has no VLANs"),
)


# The parts that an active network can change


Parts = dict[tuple[int, str], str]  # (index of the address a part of DHCP is in, what names the part) -> its XML


def changing_parts(network: Network, tag: str) -> Parts:
    """All parts of a tag: host or range of DHCP, interface of the forward element, portgroup."""
    if tag == "portgroup":
        return {(-1, str(group.name)): group.xml for group in network.portgroups}
    if tag == "interface":
        return {(-1, str(one.device)): one.xml for one in network.forward_interfaces}
    found: Parts = {}
    for number, address in enumerate(network.addresses):
        for one in address.hosts if tag == "host" else address.ranges:
            found[number, one.xml.strip()] = one.xml
    return found


def without_parts(network: Network) -> str:
    """The rest of the document, to see whether anything else has changed."""
    rest = network.copy()
    for address in rest.addresses:
        for part in (*address.hosts, *address.ranges):
            part.remove()
        empty = address.element.find("dhcp")
        if empty is not None and is_empty(empty):
            remove(empty)
    for one in (*rest.portgroups, *rest.forward_interfaces):
        one.remove()
    return re.sub(r"\s+", " ", rest.xml).replace("> <", "><").replace(" />", "/>")
