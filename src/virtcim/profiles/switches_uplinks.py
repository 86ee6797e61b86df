"""The ports by which switches are linked to the outside: interfaces of the host that belong to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import ids
from virtcim.mapping.net import INTERFACE
from virtcim.mapping.switch_devices import OWN_BRIDGE, forward_mode
from virtcim.mapping.switch_devices import uplinks as uplink_names
from virtcim.profiles import host_ports, switches_ports
from virtcim.profiles.elements import Device
from virtcim.profiles.host_ports import HostPort
from virtcim.profiles.plugs import names_devices
from virtcim.profiles.switches import Switch, UplinkSetting, state_configuration, uplinks
from virtcim.profiles.switches_plugs import is_tap, switches_of
from virtcim.profiles.switches_ports import all_switches, interface_of


@dataclass(frozen=True, eq=False)
class UplinkPort:
    """The port of an active switch that an interface of the host is."""

    switch: Switch
    interface: str

    @property
    def platform(self) -> str:
        return self.switch.platform

    @property
    def id(self) -> str:
        """Its DeviceID."""
        return ids.uplink_port_id(self.interface)


def interfaces_of(switch: Switch) -> list[str]:
    """The interfaces of the host that belong to a switch; what a NAT or routed one is bound to does not."""
    document = switch.state_document
    if forward_mode(document) not in OWN_BRIDGE and document.bridge is None:
        return uplink_names(document)
    members = host_ports.members(switch.host, document.bridge)
    return [name for name in members if not is_tap(switch.host, name)]


def ports_of(switch: Switch) -> list[UplinkPort]:
    known: dict[str, UplinkPort] = vars(switch).setdefault("_uplink_ports", {})
    names = interfaces_of(switch) if switch.active else []
    return [known.setdefault(name, UplinkPort(switch, name)) for name in names]


def all_ports(world: Hosts) -> Iterator[UplinkPort]:
    for switch in all_switches(world):
        yield from ports_of(switch)


def find_port(world: Hosts, keys: Keys) -> Iterator[UplinkPort]:
    """By DeviceID, or by the Name of its endpoint, and by SystemName."""
    wanted = keys.get("DeviceID") or keys.get("Name")
    switches = (one for one in all_switches(world) if ids.switch_token(one) == keys["SystemName"])
    return (port for switch in switches for port in ports_of(switch) if port.id == wanted)


def host_port_of(port: UplinkPort) -> list[HostPort]:
    """The interface of the host behind an uplink; none where libvirt does not tell of it."""
    found = host_ports.port_named(port.switch.host, port.interface)
    return [found] if found else []


def uplinks_on(port: HostPort) -> list[UplinkPort]:
    """The uplinks that an interface of the host is: of one bridge, or of several stacks of macvtap."""
    found = (one for switch in _switches(port.host) for one in ports_of(switch))
    return [one for one in found if one.interface == port.interface]


def _switches(host: Host) -> Iterator[Switch]:
    return switches_of(host)


def setting_of(port: UplinkPort) -> list[UplinkSetting]:
    """The State setting of an uplink; one that libvirt did not make has none."""
    return [one for one in uplinks(state_configuration(port.switch)) if one.interface == port.interface]


def port_of(setting: UplinkSetting) -> list[UplinkPort]:
    if setting.configuration.defined:
        return []
    return [one for one in ports_of(setting.configuration.switch) if one.interface == setting.interface]


# Adapters that have an interface of the host to themselves


def port_below(adapter: Device) -> list[HostPort]:
    """The interface of the host that macvtap passes through to an adapter."""
    view = interface_of(adapter) if adapter.kind is INTERFACE and adapter.vm.active else None
    if view is None or (view.type, view.mode) != ("direct", "passthrough") or not view.source_device:
        return []
    found = host_ports.port_named(adapter.vm.host, view.source_device)
    return [found] if found else []


def adapters_of(port: HostPort) -> Iterator[Device]:
    for vm in port.host.vms if port.host.readable else ():
        if vm.active and names_devices(vm):
            yield from (one for one in switches_ports.adapters_of(vm) if port in port_below(one))
