"""The VLAN settings of an interface: access to one VLAN, or a trunk of several (DSP1050)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.table import BadProperty, Row
from virtcim.model.adapter import Interface, VlanTag
from virtcim.model.network import Network, PortGroup

Tagged = Interface | PortGroup | Network
ACCESS, TRUNK = 2, 5  # DesiredVLANEndpointMode
ALLOWED = ("AllowedToReceiveVLANs", "AllowedToTransmitVLANs")


def mode_of(view: Tagged) -> int | None:
    if view.trunk or len(view.vlan_tags) > 1:
        return TRUNK
    return ACCESS if view.vlan_tags else None


def set_mode(view: Interface, mode: int | None) -> None:
    if mode not in (None, ACCESS, TRUNK):
        raise BadProperty("DesiredVLANEndpointMode", f"{mode} is not one of {ACCESS} (Access), {TRUNK} (Trunk)")
    port = port_vlan(view)
    if mode is None:
        _set_tags(view, [], None)
    elif mode == ACCESS:
        _set_tags(view, [port] if port else [], None)
    view.trunk = True if mode == TRUNK else None


def port_vlan(view: Interface) -> int | None:
    """The VLAN of frames without a tag: the only one of an access port, the native one of a trunk."""
    if mode_of(view) == ACCESS:
        return view.vlan_tags[0].id
    return next((tag.id for tag in view.vlan_tags if tag.native), None)


def set_port_vlan(view: Interface, vlan: int | None) -> None:
    if view.trunk:
        _set_tags(view, [*allowed(view), *([vlan] if vlan and vlan not in allowed(view) else [])], vlan)
    else:
        _set_tags(view, [vlan] if vlan else [], None)


def allowed(view: Interface) -> list[int]:
    """The VLANs of a trunk."""
    return [tag.id for tag in view.vlan_tags if tag.id is not None] if mode_of(view) == TRUNK else []


def set_allowed(view: Interface, vlans: list[int] | None) -> None:
    if vlans and not view.trunk:
        raise BadProperty("AllowedToReceiveVLANs", f"needs DesiredVLANEndpointMode {TRUNK} (Trunk)")
    port = port_vlan(view)
    _set_tags(view, vlans or [], port if port in (vlans or []) else None)


def _set_tags(view: Interface, vlans: list[int | None] | list[int], native: int | None) -> None:
    kept = next((tag.native for tag in view.vlan_tags if tag.native), None) or "untagged"
    trunk = view.trunk
    for tag in view.vlan_tags:
        tag.remove()
    for vlan in vlans:
        tag = VlanTag.new()
        tag.id, tag.native = vlan, kept if vlan == native else None
        view.add(tag, inside="vlan")
    if not vlans and not trunk:
        view.vlans = None


VLAN: tuple[Row[Any], ...] = (
    Row("DesiredVLANEndpointMode", mode_of, set_mode),
    *(Row(name, allowed, set_allowed) for name in ALLOWED),
    *(Row(name, port_vlan, set_port_vlan) for name in ("PortVID", "DefaultPortVID")),
)


def check_vlan(view: Interface) -> None:
    """Refuse VLAN settings that libvirt would take and not be able to start."""
    trunk, tags = view.trunk, view.vlan_tags
    if trunk and not tags:
        raise BadProperty("AllowedToReceiveVLANs", "is missing for a trunk")
    if tags and view.type in ("bridge", "user") and view.port_type != "openvswitch":
        raise BadProperty("PortVID", f"cannot be set: type {view.type} has no VLANs without Open vSwitch")
    if tags and view.type == "direct" and view.network is None and view.mode != "passthrough":
        raise BadProperty("PortVID", f"cannot be set: of macvtap only mode passthrough has VLANs, not {view.mode}")
    if view.type == "hostdev" and mode_of(view) == TRUNK:
        raise BadProperty("DesiredVLANEndpointMode", f"cannot be {TRUNK} (Trunk): a virtual function has one VLAN")
