"""The interfaces of the host that a virtual network leads to, in each of libvirt's ways to name them."""

from __future__ import annotations

import re

from virtcim.mapping.table import BadProperty
from virtcim.model.network import ForwardInterface, Network, VirtualFunction

ISOLATED, BRIDGE, HOSTDEV = "isolated", "bridge", "hostdev"
OWN_BRIDGE = (ISOLATED, "nat", "route", "open")  # libvirt makes the bridge itself
INTERFACE_NAME = re.compile(r"[^/\s:]{1,15}")  # what the kernel takes
PCI = re.compile(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{2}):([0-9A-Fa-f]{2})\.([0-7])")


def forward_mode(network: Network) -> str:
    return (network.forward_mode or "nat") if network.element.find("forward") is not None else ISOLATED


def forward_devices(network: Network) -> list[str]:
    """The interfaces of the host that frames leave by; virtual functions that are given one by one as 0000:04:10.1."""
    if forward_mode(network) == HOSTDEV:
        found = [network.physical_function] if network.physical_function else []
        return found or [_pci(one) for one in network.virtual_functions]
    pool = [one.device for one in network.forward_interfaces if one.device]
    return pool or ([network.forward_device] if network.forward_device else [])


def uplinks(network: Network) -> list[str]:
    """Those of them that are interfaces which frames of the switch pass through."""
    return [name for name in forward_devices(network) if not PCI.fullmatch(name)]


def _pci(one: VirtualFunction) -> str:
    return f"{one.domain or 0:04x}:{one.bus or 0:02x}:{one.slot or 0:02x}.{one.function or 0}"


def set_forward_devices(network: Network, names: list[str] | None) -> None:
    """Raises BadProperty."""
    mode = forward_mode(network)
    if mode == HOSTDEV:
        _set_functions(network, names or [])
        return
    wanted = [interface_name("ForwardDevices", name) for name in _each_once(names or [])]
    if wanted and (mode == ISOLATED or (mode in OWN_BRIDGE and len(wanted) > 1)):
        most = "none" if mode == ISOLATED else "one at most"
        raise BadProperty("ForwardDevices", f"{wanted} cannot be: ForwardMode {mode} has {most}")
    for one in network.forward_interfaces:
        one.remove()
    network.forward_device = wanted[0] if wanted and mode in OWN_BRIDGE else None
    for name in wanted if mode not in OWN_BRIDGE else []:
        one = ForwardInterface.new()
        one.device = name
        network.add(one, inside="forward")


def _set_functions(network: Network, names: list[str]) -> None:
    """One interface gives all its virtual functions; else each function is given by its PCI address."""
    wanted = _each_once(names)
    functions = [found for found in map(PCI.fullmatch, wanted) if found]
    if (functions and len(functions) < len(wanted)) or (not functions and len(wanted) > 1):
        reason = "are one interface with all its virtual functions, or PCI addresses of functions as 0000:04:10.1"
        raise BadProperty("ForwardDevices", f"{wanted} cannot be: those of an SR-IOV switch {reason}")
    for old in network.virtual_functions:
        old.remove()
    network.managed = True
    network.physical_function = None if functions or not wanted else interface_name("ForwardDevices", wanted[0])
    for found in functions:
        one = VirtualFunction.new()
        one.type = "pci"
        one.domain, one.bus, one.slot, one.function = (int(part, 16) for part in found.groups())
        network.add(one, inside="forward")


def _each_once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise BadProperty("ForwardDevices", f"{names} names an interface twice")
    return names


def interface_name(prop: str, name: str) -> str:
    """The name, if the kernel takes it. Raises BadProperty."""
    if not INTERFACE_NAME.fullmatch(name):
        raise BadProperty(prop, f"{name!r} is no name of a network interface: 1 to 15 characters without / : or blanks")
    return name
