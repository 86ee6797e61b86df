"""Settings of ports: of a group of them in a virtual network, and of the connection of one interface (DSP1050)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.bandwidth import BANDWIDTH, bandwidth
from virtcim.mapping.net import correlation, set_correlation
from virtcim.mapping.net_guard import filters_macs, is_isolated, is_promiscuous, set_isolated
from virtcim.mapping.switch import has_vlans, system_type, vlans
from virtcim.mapping.table import BadProperty, Properties, Row, Table, fixed, to_cim, to_xml
from virtcim.mapping.units import BITS_PER_SECOND, COUNT
from virtcim.mapping.vlan import VLAN, Tagged, mode_of
from virtcim.model.adapter import Interface
from virtcim.model.network import Network, PortGroup

Adapter = Interface  # for the layer above, which knows no model
SWITCH_PORT, CONNECTION = 30, 33  # ResourceType
VIRTUALIZED, PASSED_THROUGH = 3, 2  # ConsumerVisibility
HARD_AFFINITY = 5  # MappingBehavior
GROUP_TYPE, UPLINK_TYPE = "Virt:portgroup", "Virt:uplink"  # ResourceSubType

COMMON: tuple[Row[Any], ...] = (
    fixed("VirtualQuantity", 1),
    fixed("VirtualQuantityUnits", COUNT),
    fixed("AllocationUnits", BITS_PER_SECOND),
)


# What tells the switch beyond the wire, or Open vSwitch, which port this is; groups have it as interfaces do.
VSI: tuple[Row[Any], ...] = (
    Row("VSIType", PortGroup.port_type),
    Row("ManagerID", PortGroup.manager_id),
    Row("VSITypeID", PortGroup.type_id),
    Row("VSITypeIDVersion", PortGroup.type_id_version),
    Row("PortCorrelationID", correlation, set_correlation),
    Row("ProfileID", PortGroup.profile_id),
)


def set_group_name(group: PortGroup, name: str | None) -> None:
    if not name or name.isspace() or "/" in name:
        raise BadProperty("PortGroup", f"{name!r} is not a name: it is empty or has a slash")
    group.name = name


GROUP: Table[PortGroup] = Table((
    fixed("ResourceType", SWITCH_PORT),
    fixed("ResourceSubType", GROUP_TYPE),
    fixed("ConsumerVisibility", VIRTUALIZED),
    *COMMON,
    Row("PortGroup", PortGroup.name, set_group_name),
    *VSI,
    Row("PortIsolated", is_isolated, set_isolated),
    Row("DefaultGroup", lambda group: bool(group.default), lambda group, on: setattr(group, "default", on or None)),
    *VLAN,
    bandwidth("Limit", PortGroup.out_average),
    bandwidth("TransmitBandwidthPeak", PortGroup.out_peak),
    bandwidth("ReceiveBandwidthLimit", PortGroup.in_average),
    bandwidth("ReceiveBandwidthPeak", PortGroup.in_peak),
))  # fmt: skip

# What a connection shows of the interface that it belongs to; a client writes these through the interface's own rows.
CONNECTION_ROWS: tuple[Row[Interface], ...] = (
    fixed("ResourceType", CONNECTION),
    fixed("ConsumerVisibility", VIRTUALIZED),
    fixed("MappingBehavior", HARD_AFFINITY),
    fixed("AutomaticAllocation", True),
    fixed("AutomaticDeallocation", True),
    *COMMON,
    Row("PortGroup", Interface.portgroup),
    Row("NetworkMode", Interface.mode),
    *VLAN,
    Row("SourceMACFilteringEnabled", filters_macs),
    Row("Promiscuous", is_promiscuous),
    Row("PortIsolated", is_isolated),
    Row("ManagerID", Interface.manager_id),
    Row("VSITypeID", Interface.type_id),
    Row("VSITypeIDVersion", Interface.type_id_version),
    Row("PortCorrelationID", correlation),
    *BANDWIDTH,
)
CONNECTION_PROPERTIES = frozenset(row.name for row in CONNECTION_ROWS if row not in COMMON)


def group_properties(group: PortGroup) -> Properties:
    return to_cim(GROUP, group)


def change_group(group: PortGroup, properties: Properties, network: Network, new: bool = False) -> None:
    """Write settings of a group: absent stays, None clears. Raises BadProperty: drop the document then."""
    to_xml(GROUP, properties, group, new)
    if group.name is None:
        raise BadProperty("PortGroup", "is missing: it names the group")
    others = [one for one in network.portgroups if one.element is not group.element]
    if any(one.name == group.name for one in others):
        raise BadProperty("PortGroup", f"{group.name!r}: the switch has a group of that name already")
    if group.default and any(one.default for one in others):
        raise BadProperty("DefaultGroup", "is another group of the switch already")
    if group.trunk and not group.vlan_tags:
        raise BadProperty("AllowedToReceiveVLANs", "is missing for a trunk")
    if group.vlan_tags:
        check_switch_vlans(network)


def check_switch_vlans(network: Network) -> None:
    """Refuse VLANs on a switch that has none, which libvirt takes while nothing is running. Raises BadProperty."""
    if not has_vlans(network):
        raise BadProperty("PortVID", f"cannot be set: a switch of type {system_type(network)} has no VLANs")


def check_vlans(wanted: list[int], network: Network) -> None:
    """Refuse VLANs that the switch does not reach. Raises BadProperty."""
    if wanted:
        check_switch_vlans(network)
        reached = vlans(network)
        beyond = sorted(set(wanted) - set(reached)) if reached else []
        if beyond:
            raise BadProperty("PortVID", f"cannot be {beyond}: the switch reaches VLANConnection {reached}")


def connection_properties(view: Interface) -> Properties:
    return to_cim(CONNECTION_ROWS, view)


def tagged(view: Interface, network: Network) -> Tagged:
    """What sets the VLANs of a port: its interface, else the group it is in, else the network."""
    if view.vlan_tags:
        return view
    chosen = view.portgroup
    for group in network.portgroups:
        if (group.name == chosen if chosen else group.default) and group.vlan_tags:
            return group
    return network


def inherit_vlans(view: Interface, network: Network) -> None:
    """Give an interface the VLANs of its group or network as its own.

    Of no others does libvirt 9 tell Open vSwitch when an interface changes.
    """
    source = tagged(view, network)
    if source is not view:
        view.trunk = source.trunk
        for tag in source.vlan_tags:
            view.add(tag.copy(), inside="vlan")


def port_mode(view: Interface, network: Network) -> int | None:
    """The VLAN mode that a port is in; None when its frames are in no VLAN."""
    return mode_of(tagged(view, network))


def port_vlans(view: Interface, network: Network) -> list[int]:
    """The VLANs of a port."""
    return [tag.id for tag in tagged(view, network).vlan_tags if tag.id]


def native_vlan(view: Interface, network: Network) -> int | None:
    """The VLAN that untagged frames of a port are in; None when there is none."""
    source = tagged(view, network)
    tags = source.vlan_tags
    if tags and not source.trunk and len(tags) == 1:
        return tags[0].id
    return next((tag.id for tag in tags if tag.native), None)
