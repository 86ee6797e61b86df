"""The switches of a host that follow from where network interfaces are plugged in.

Besides virtual networks there are the bridges of the host, and what interfaces share that name a device of the host
themselves: macvtap stacked on one of its interfaces, or the virtual functions of one that has such (SR-IOV).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtcim.host.inventory import Host, Vm
from virtcim.mapping.net_source import HOSTDEV, Stack
from virtcim.mapping.switch import Document
from virtcim.mapping.switch_devices import forward_devices, forward_mode, set_forward_devices
from virtcim.mapping.switch_ports import Adapter
from virtcim.profiles import host_ports
from virtcim.profiles.plugs import OVS, Plug, Socket, Sums, all_plugs, plug_of, plugged
from virtcim.profiles.switches import Switch, switch_of

# What the names of such switches begin with: no network has a slash in its name.
BRIDGES, MACVTAP, SRIOV = "bridge", "macvtap", "sriov"


# The switches of a host


def switches_of(host: Host) -> Iterator[Switch]:
    """The switches of a host; what they were before it went out of reach is not told."""
    if not host.readable:
        return
    for network in host.networks:
        yield switch_of(network)
    yield from own_switches(host)


def own_switches(host: Host) -> Iterable[Switch]:
    """Those that no network is."""
    return _known(host).own.values()


def is_tap(host: Host, name: str) -> bool:
    """Whether an interface of a running system is called so on the host."""
    _known(host)
    return name in plugged(host).taps


def connections_to(switch: Switch) -> int:
    """How many interfaces of active systems are plugged in."""
    known = _known(switch.host)
    found = known.sums.connected.items() if switch.active else ()
    return sum(count for socket, count in found if _switch_at(switch.host, known, socket) is switch)


@dataclass(frozen=True)
class _Known:
    """What follows from a host's networks and systems, at a version of what is known of it."""

    version: int
    by_bridge: Mapping[str, Switch]
    by_stack: Mapping[Stack, Switch]
    own: Mapping[str, Switch]  # by name
    sums: Sums


def _known(host: Host) -> _Known:
    version = host.version  # read first: what changes meanwhile makes another version
    found: _Known | None = vars(host).get("_switches")
    if found is None or found.version != version:
        before, sums = found.own if found else {}, plugged(host).sums(host.domains)
        of_networks = [switch_of(network) for network in host.networks]
        by_bridge = {str(one.state_document.bridge): one for one in of_networks if one.state_document.bridge}
        bridges = {name: _bridge(host, name, ovs, before) for name, ovs in _used(host, by_bridge, sums).items()}
        by_stack = _by_stack(host, of_networks, before, sums)
        own = [one for one in (*bridges.values(), *by_stack.values()) if one.network is None]
        named = {one.name: one for one in own}
        found = vars(host)["_switches"] = _Known(version, by_bridge | bridges, by_stack, named, sums)
    return found


def _used(host: Host, known: Mapping[str, Switch], sums: Sums) -> dict[str, bool]:
    """The bridges that no network has, of the host or of systems, each with whether it is one of Open vSwitch."""
    found = {name: name in host.netside.ovs_bridges for name in host_ports.bridges(host)}
    for name, ovs in sums.bridges.items():
        found[name] = found.get(name, False) or ovs
    return {name: ovs for name, ovs in found.items() if name not in known}


def _by_stack(
    host: Host, of_networks: Iterable[Switch], before: Mapping[str, Switch], sums: Sums
) -> dict[Stack, Switch]:
    """Of a running interface libvirt tells the virtual function alone, not the network that has given it."""
    owners = {name: one for one in of_networks for name in _functions_of(one)}
    return {one: _owner(host, one, owners) or _stacked(host, one, before) for one in sums.stacks}


def _owner(host: Host, stack: Stack, owners: Mapping[str, Switch]) -> Switch | None:
    """The network that a virtual function is from."""
    if stack.mode != HOSTDEV:
        return None
    return owners.get(stack.device) or owners.get(_shared(host, stack))


def _functions_of(switch: Switch) -> list[str]:
    """The virtual functions that a network gives, or the one interface that it gives those of."""
    document = switch.state_document
    return forward_devices(document) if forward_mode(document) == HOSTDEV else []


def _shared(host: Host, stack: Stack) -> str:
    """The device that a switch is in: for a virtual function the interface that it is one of, where that is told."""
    if stack.mode != HOSTDEV:
        return stack.device
    return host_ports.functions(host).get(stack.device, stack.device)


def _bridge(host: Host, name: str, ovs: bool, before: Mapping[str, Switch]) -> Switch:
    """A bridge as the network that would stand for it."""
    known = before.get(f"{BRIDGES}/{name}")
    if known is not None and (known.state_document.port_type == OVS) == ovs:
        return known
    document = Document.new()
    document.name, document.forward_mode, document.bridge = name, "bridge", name
    document.port_type = OVS if ovs else None
    return Switch(host, f"{BRIDGES}/{name}", f"{host.uuid}/{name}", None, document, None)


def stack_switch(host: Host, stack: Stack) -> Switch:
    """The switch that interfaces on a device of the host share, in use or not."""
    known = _known(host)
    return known.by_stack.get(stack) or _stacked(host, stack, known.own)


def _stacked(host: Host, stack: Stack, before: Mapping[str, Switch]) -> Switch:
    """What a device of the host is to those on it, as the network that would stand for it."""
    device = _shared(host, stack)
    name = f"{SRIOV}/{device}" if stack.mode == HOSTDEV else f"{MACVTAP}/{device}/{stack.mode}"
    if name in before:
        return before[name]
    document = Document.new()
    document.name, document.forward_mode = f"{device}/{stack.mode}", stack.mode
    set_forward_devices(document, [device])
    return Switch(host, name, f"{host.uuid}/{name}", None, document, None)


# From an interface to its switch


def switch_for(host: Host, view: Adapter | Plug) -> Switch | None:
    """The switch that an interface is to be plugged into; None when it is none that we know."""
    return _switch_at(host, _known(host), view if isinstance(view, Plug) else plug_of(view))


def _switch_at(host: Host, known: _Known, plug: Plug | Socket) -> Switch | None:
    if plug.network is not None:
        network = host.network_named(plug.network)
        return switch_of(network) if network else None
    if plug.bridge:
        return known.by_bridge.get(plug.bridge)
    return known.by_stack.get(plug.stack) if plug.stack else None


def leads_to(plug: Plug, switch: Switch) -> bool:
    """Whether an interface is, with its link up, to be plugged into a network's switch, as it is or as it once was."""
    if not plug.linked:
        return False
    if plug.network is not None:
        return switch.network is not None and switch.network.name == plug.network
    if plug.stack is not None:
        functions = _functions_of(switch)
        return plug.stack.device in functions or _shared(switch.host, plug.stack) in functions
    return plug.bridge is not None and plug.bridge == switch.state_document.bridge


def is_switch_of(switch: Switch, vm: Vm) -> bool:
    """Whether a system has an interface that is to be plugged into a switch, now or by its definition."""
    return any(switch_for(vm.host, plug) is switch for plug in all_plugs(vm))
