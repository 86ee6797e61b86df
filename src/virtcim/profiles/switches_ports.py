"""The ports of virtual Ethernet switches, and where switches, their settings and their ports are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Hosts, Vm
from virtcim.mapping import ids
from virtcim.mapping.net import INTERFACE, is_linked
from virtcim.mapping.switch_ports import Adapter
from virtcim.profiles.elements import Device, Setting, devices
from virtcim.profiles.plugs import plugs
from virtcim.profiles.switches import (
    GroupSetting,
    Switch,
    SwitchConfiguration,
    UplinkSetting,
    configurations,
    groups,
    uplinks,
)
from virtcim.profiles.switches_plugs import is_switch_of, switch_for, switches_of


@dataclass(frozen=True, eq=False)
class SwitchPort:
    """The port of an active switch that a network interface of an active system is plugged into."""

    switch: Switch
    adapter: Device

    @property
    def platform(self) -> str:
        return self.switch.platform

    @property
    def id(self) -> str:
        """Its DeviceID."""
        return ids.switch_port_id(ids.device_id(self.adapter.vm, self.adapter.dev))

    @property
    def view(self) -> Adapter:
        """The network interface; not to be written to."""
        return interface_of(self.adapter)


def interface_of(holder: Device | Setting) -> Adapter:
    view = holder.resource.view
    assert isinstance(view, Adapter)
    return view


def port_of(adapter: Device) -> SwitchPort | None:
    """The port that an adapter is plugged into; None while either side is off, or the link is down."""
    if adapter.kind is not INTERFACE or not adapter.vm.active or not is_linked(interface_of(adapter)):
        return None
    switch = switch_for(adapter.vm.host, interface_of(adapter))
    return port_on(switch, adapter) if switch is not None and switch.active else None


def port_on(switch: Switch, adapter: Device) -> SwitchPort:
    """The port of a switch for an adapter; made once, as long as it is the same one."""
    before: SwitchPort | None = vars(adapter).get("_port")
    if before is None or before.switch is not switch:
        before = vars(adapter)["_port"] = SwitchPort(switch, adapter)
    return before


def adapters_of(vm: Vm) -> list[Device]:
    """The network interfaces of the State configuration."""
    return [device for device in devices(vm) if device.kind is INTERFACE]


def ports_of_vm(vm: Vm) -> Iterator[SwitchPort]:
    if vm.active and plugs(vm):
        yield from (port for adapter in adapters_of(vm) if (port := port_of(adapter)))


def ports_of(switch: Switch) -> Iterator[SwitchPort]:
    for vm in switch.host.vms if switch.active else ():
        if vm.active and any(switch_for(vm.host, plug) is switch for plug in plugs(vm)):
            yield from (port for port in ports_of_vm(vm) if port.switch is switch)


def users_of(switch: Switch) -> list[str]:
    """The names of the systems that use a switch, now or by their definitions, linked or not."""
    return [vm.name for vm in switch.host.vms if is_switch_of(switch, vm)]


# Where they all are


def all_switches(world: Hosts) -> Iterator[Switch]:
    for host in world.reachable():
        yield from switches_of(host)


def all_configurations(world: Hosts) -> Iterator[SwitchConfiguration]:
    for switch in all_switches(world):
        yield from configurations(switch)


def all_groups(world: Hosts) -> Iterator[GroupSetting]:
    for configuration in all_configurations(world):
        yield from groups(configuration)


def all_uplinks(world: Hosts) -> Iterator[UplinkSetting]:
    for configuration in all_configurations(world):
        yield from uplinks(configuration)


def all_ports(world: Hosts) -> Iterator[SwitchPort]:
    for vm in world.vms():
        yield from ports_of_vm(vm)


def all_adapters(world: Hosts) -> Iterator[Device]:
    for vm in world.vms():
        yield from adapters_of(vm)


# By key


def switch_by_token(world: Hosts, token: str) -> list[Switch]:
    return [one for one in all_switches(world) if ids.switch_token(one) == token]


def find_switch(world: Hosts, keys: Keys) -> list[Switch]:
    """By Name, or by the InstanceID of its capabilities."""
    return switch_by_token(world, str(keys.get("Name") or keys.get("InstanceID")))


def find_configuration(world: Hosts, keys: Keys) -> list[SwitchConfiguration]:
    """By InstanceID."""
    parsed = ids.parse_switch_configuration_id(str(keys["InstanceID"]))
    if parsed is None:
        return []
    found = (one for switch in switch_by_token(world, parsed.token) for one in configurations(switch))
    return [one for one in found if one.defined == parsed.defined and one.platform == parsed.platform]


def find_port(world: Hosts, keys: Keys) -> list[SwitchPort]:
    """By DeviceID, or by the Name of its endpoints."""
    return ports_named(world, str(keys.get("DeviceID") or keys.get("Name")))


def ports_named(world: Hosts, name: str) -> list[SwitchPort]:
    parsed = ids.parse_device_id(ids.parse_switch_port_id(name) or "")
    return [port for vm in world.vm_by_key(parsed[0]) for port in ports_of_vm(vm)] if parsed else []


def find_adapter(world: Hosts, keys: Keys) -> list[Device]:
    """By the Name of its endpoint, which is its DeviceID."""
    parsed = ids.parse_device_id(str(keys["Name"]))
    return [device for vm in world.vm_by_key(parsed[0]) for device in adapters_of(vm)] if parsed else []
