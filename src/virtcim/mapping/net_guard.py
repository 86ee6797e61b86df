"""What keeps a network interface from harm, or from doing it: its network filter, and whom it may talk to (DSP1050)."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from virtcim.mapping.table import BadProperty, Row
from virtcim.model.adapter import FilterParameter, Interface
from virtcim.model.network import Network, PortGroup

Isolating = Interface | PortGroup | Network
ANTI_SPOOFING = ("no-mac-spoofing", "clean-traffic", "clean-traffic-gateway", "no-spoofing")


def filters_macs(view: Interface) -> bool:
    return view.filter in ANTI_SPOOFING


def set_mac_filter(view: Interface, wanted: bool | None) -> None:
    view.filter = ANTI_SPOOFING[0] if wanted else None if filters_macs(view) else view.filter


def is_promiscuous(view: Interface) -> bool:
    return bool(view.trusts_guest_filters)


def set_promiscuous(view: Interface, wanted: bool | None) -> None:
    view.trusts_guest_filters = wanted or None


def parameter_names(view: Interface) -> list[str]:
    return [one.name or "" for one in view.filter_parameters]


def parameter_values(view: Interface) -> list[str]:
    return [one.value or "" for one in view.filter_parameters]


def set_parameter_names(view: Interface, names: list[str] | None) -> None:
    pairs = zip_longest(names or [], parameter_values(view)[: len(names or [])], fillvalue="")
    _set_parameters(view, list(pairs))


def set_parameter_values(view: Interface, values: list[str] | None) -> None:
    names = parameter_names(view)
    if len(names) != len(values or []):
        raise BadProperty("FilterParameterValues", "needs as many entries as FilterParameterNames")
    _set_parameters(view, list(zip(names, values or [], strict=True)))


def _set_parameters(view: Interface, pairs: list[tuple[str, str]]) -> None:
    if pairs and view.filter is None:
        raise BadProperty("FilterParameterNames", "needs FilterRef: the variables are those of a filter")
    for old in view.filter_parameters:
        old.remove()
    for name, value in pairs:
        new = FilterParameter.new()
        new.name, new.value = name, value
        view.add(new, inside="filterref")


def is_isolated(view: Isolating) -> bool:
    return bool(view.isolated)


def set_isolated(view: Isolating, wanted: bool | None) -> None:
    view.isolated = wanted or None


GUARD: tuple[Row[Any], ...] = (
    Row("FilterRef", Interface.filter),
    Row("FilterParameterNames", parameter_names, set_parameter_names),
    Row("FilterParameterValues", parameter_values, set_parameter_values),
    Row("SourceMACFilteringEnabled", filters_macs, set_mac_filter),
    Row("Promiscuous", is_promiscuous, set_promiscuous),
    Row("PortIsolated", is_isolated, set_isolated),
)


def check_filter(view: Interface) -> None:
    """Refuse a filter whose variables libvirt would silently leave out. Raises BadProperty."""
    if not all(one.name and one.value for one in view.filter_parameters):
        raise BadProperty("FilterParameterValues", "needs as many entries as FilterParameterNames")


def check_port(view: Interface) -> None:
    """Refuse what libvirt would take and not be able to start. Raises BadProperty."""
    if not view.isolated:
        return
    if view.port_type == "openvswitch":
        raise BadProperty("PortIsolated", "cannot be: Open vSwitch has no isolated ports")
    if view.type not in ("network", "bridge"):
        raise BadProperty("PortIsolated", f"cannot be: an interface of type {view.type} is at no bridge")
