"""Virtual Ethernet switches as objects: libvirt's networks, and the bridges of the host, with their settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtcim.host.inventory import Host, Network, Vm
from virtcim.mapping import ids
from virtcim.mapping.net import is_linked
from virtcim.mapping.switch import Document, Group
from virtcim.mapping.switch_devices import forward_devices
from virtcim.mapping.switch_ports import Adapter
from virtcim.profiles import host_ports
from virtcim.profiles.elements import kept

OVS = "openvswitch"
BRIDGES = "bridge"  # what the name of a bridge's switch begins with, so that no network has it


@dataclass(frozen=True, eq=False)
class Switch:
    """A virtual network, or with `network` None a bridge of the host that belongs to none."""

    host: Host
    name: str
    uuid: str
    network: Network | None
    state_document: Document
    defined_document: Document | None

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def naming(self) -> str:
        return self.host.naming

    @property
    def active(self) -> bool:
        return self.network is None or self.network.active

    @property
    def autostart(self) -> bool:
        return self.network is not None and self.network.autostart


@dataclass(frozen=True, eq=False)
class SwitchConfiguration:
    """A switch's configuration: what it is running with (State), or its persistent definition (Defined)."""

    switch: Switch
    defined: bool

    @property
    def platform(self) -> str:
        return self.switch.platform

    @property
    def id(self) -> str:
        return ids.switch_configuration_id(self.switch, self.defined)

    @property
    def document(self) -> Document:
        """The network's document; not to be written to."""
        defined = self.switch.defined_document
        return defined if self.defined and defined is not None else self.switch.state_document


@dataclass(frozen=True, eq=False)
class GroupSetting:
    """Settings for a group of ports."""

    configuration: SwitchConfiguration
    view: Group

    @property
    def platform(self) -> str:
        return self.configuration.platform

    @property
    def id(self) -> str:
        one = self.configuration
        return ids.switch_setting_id(one.switch, "group", self.view.name or "", one.defined)


@dataclass(frozen=True, eq=False)
class UplinkSetting:
    """An interface of the host that belongs to the switch."""

    configuration: SwitchConfiguration
    interface: str

    @property
    def platform(self) -> str:
        return self.configuration.platform

    @property
    def id(self) -> str:
        one = self.configuration
        return ids.switch_setting_id(one.switch, "uplink", self.interface, one.defined)


# From the host to its switches


def switch_of(network: Network) -> Switch:
    """The switch that a virtual network is; made once a Network."""

    def make() -> Switch:
        state = Document.parse(network.xml)
        defined = state if network.defined_xml == network.xml else None
        if network.defined_xml is not None and defined is None:
            defined = Document.parse(network.defined_xml)
        return Switch(network.host, network.name, network.uuid, network, state, defined)

    return kept(network, "_switch", make)


def switches_of(host: Host) -> Iterator[Switch]:
    """The switches of a host; what they were before it went out of reach is not told."""
    if not host.readable:
        return
    for network in host.networks:
        yield switch_of(network)
    yield from _bridges(host).values()


@dataclass(frozen=True)
class _Known:
    """What follows from a host's networks and systems, at a version of what is known of it."""

    version: int
    by_bridge: Mapping[str, Switch]
    bridges: Mapping[str, Switch]
    taps: frozenset[str]


def _known(host: Host) -> _Known:
    version = host.version  # read first: what changes meanwhile makes another version
    found: _Known | None = vars(host).get("_switches")
    if found is None or found.version != version:
        by_bridge = {
            str(one.state_document.bridge): one
            for one in (switch_of(network) for network in host.networks)
            if one.state_document.bridge
        }
        before = found.bridges if found else {}
        foreign = {name: before.get(name) or _bridge(host, name, ovs) for name, ovs in _used(host, by_bridge).items()}
        found = vars(host)["_switches"] = _Known(version, by_bridge | foreign, foreign, _taps(host))
    return found


def _bridges(host: Host) -> Mapping[str, Switch]:
    return _known(host).bridges


def taps(host: Host) -> frozenset[str]:
    """What the interfaces of running systems are called on the host."""
    return _known(host).taps


def _taps(host: Host) -> frozenset[str]:
    active = (plug for vm in host.vms if vm.active for plug in plugs(vm))
    return frozenset(plug.target for plug in active if plug.target)


def bridges_of(host: Host) -> Iterable[Switch]:
    """The bridges that systems use and no network has."""
    return _bridges(host).values()


def _used(host: Host, known: Mapping[str, Switch]) -> dict[str, bool]:
    """The bridges that no network has, each with whether it is one of Open vSwitch: those that systems use."""
    found = dict.fromkeys([name for name in host_ports.bridges(host) if name not in known], False)
    for plug in (plug for vm in host.vms for plug in plugs(vm)):
        if plug.network is None and plug.bridge and plug.bridge not in known:
            found[plug.bridge] = found.get(plug.bridge, False) or plug.ovs
    return found


@dataclass(frozen=True)
class Plug:
    """Where an interface is to be plugged in."""

    network: str | None
    bridge: str | None
    group: str | None
    ovs: bool
    linked: bool
    target: str | None


def plugs(vm: Vm) -> tuple[Plug, ...]:
    """Those of the State configuration: little enough to be kept as long as the Vm."""
    return kept(vm, "_plugs", lambda: tuple(plug_of(view) for view in vm.state_document.interfaces))


def plug_of(view: Adapter) -> Plug:
    return Plug(view.network, view.bridge, view.portgroup, view.port_type == OVS, is_linked(view), view.target)


def _bridge(host: Host, name: str, ovs: bool) -> Switch:
    """A bridge as the network that would stand for it."""
    document = Document.new()
    document.name, document.forward_mode, document.bridge = name, "bridge", name
    document.port_type = OVS if ovs else None
    return Switch(host, f"{BRIDGES}/{name}", f"{host.uuid}/{name}", None, document, None)


def switch_for(host: Host, view: Adapter | Plug) -> Switch | None:
    """The switch that an interface is to be plugged into; None when it is none that we know."""
    if view.network is not None:
        network = host.network_named(view.network)
        return switch_of(network) if network else None
    return _known(host).by_bridge.get(view.bridge) if view.bridge else None


def leads_to(plug: Plug, switch: Switch) -> bool:
    """Whether an interface is, with its link up, to be plugged into a switch, as it is or as it once was."""
    if not plug.linked:
        return False
    if plug.network is not None:
        return switch.network is not None and switch.network.name == plug.network
    return plug.bridge is not None and plug.bridge == switch.state_document.bridge


# Configurations and settings of a switch


def configurations(switch: Switch) -> tuple[SwitchConfiguration, ...]:
    """State, and Defined unless the network is transient or a bridge of the host."""
    sets = (False,) if switch.defined_document is None else (False, True)
    return kept(switch, "_configurations", lambda: tuple(SwitchConfiguration(switch, one) for one in sets))


def state_configuration(switch: Switch) -> SwitchConfiguration:
    return configurations(switch)[0]


def groups(configuration: SwitchConfiguration) -> tuple[GroupSetting, ...]:
    views = configuration.document.portgroups
    return kept(configuration, "_groups", lambda: tuple(GroupSetting(configuration, one) for one in views))


def uplinks(configuration: SwitchConfiguration) -> tuple[UplinkSetting, ...]:
    names = forward_devices(configuration.document)
    return kept(configuration, "_uplinks", lambda: tuple(UplinkSetting(configuration, one) for one in names))


def is_switch_of(switch: Switch, vm: Vm) -> bool:
    """Whether a system has an interface that is to be plugged into a switch, now or by its definition."""
    return any(switch_for(vm.host, plug) is switch for plug in _all_plugs(vm))


def _all_plugs(vm: Vm) -> Iterator[Plug]:
    yield from plugs(vm)
    if vm.defined_document is not None and vm.defined_xml != vm.state_xml:
        yield from map(plug_of, vm.defined_document.interfaces)
