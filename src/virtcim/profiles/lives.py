"""Whose lives are told: which instances come, change and go with each object that libvirt announces."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.provider import Profile
from virtcim.host.inventory import Host, Network, NodeDevice, Pool, Vm
from virtcim.mapping.net import INTERFACE
from virtcim.profiles import consoles, elements, filters, storage_host
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.dsp1050_connections import Connection, connection_to, connections_of, has_pool, pool_of_switch
from virtcim.profiles.plugs import plug_of, plugs
from virtcim.profiles.pools_lookup import pools_on
from virtcim.profiles.storage_volumes import volume_settings
from virtcim.profiles.switches import (
    Switch,
    configurations,
    groups,
    switch_of,
    uplinks,
)
from virtcim.profiles.switches_plugs import leads_to, own_switches
from virtcim.profiles.switches_ports import SwitchPort, adapters_of, interface_of, port_on, ports_of_vm

# What libvirt-cim has indication classes of its own for, below CIM_InstCreation and so on.
OF_OLD = {
    "Virt_ComputerSystem": "ComputerSystem",
    "CIM_ResourceAllocationSettingData": "ResourceAllocationSettingData",
    "Virt_MigrationJob": "ComputerSystemMigrationJob",
}


def declare(profile: Profile) -> None:
    """What depends on two objects is told with the one that changes, the other being as it was told last."""
    for classname, name in OF_OLD.items():
        profile.announces(classname, *(f"Virt_{name}{what}Indication" for what in ("Created", "Modified", "Deleted")))
    profile.comes_with(Vm, of_system)
    profile.comes_with(Network, of_network)
    profile.comes_with(Pool, of_pool)
    profile.comes_with(NodeDevice, of_node_device)
    profile.comes_with(Host, of_host)
    profile.comes_between(Vm, Network, of_both)


def of_system(vm: Vm) -> Iterator[object]:
    """Its configurations, their settings, its devices, ports of consoles, and what is connected without a network."""
    for configuration in elements.configurations(vm):
        yield configuration
        yield from elements.settings(configuration)
    yield from elements.devices(vm)
    yield from consoles.ports_of(vm)
    yield from consoles.addresses_of(vm)
    if _has_interfaces(vm):
        yield from (one for one in connections_of(vm) if one.switch.network is None)
        yield from (one for one in ports_of_vm(vm) if one.switch.network is None)


def _has_interfaces(vm: Vm) -> bool:
    return bool(plugs(vm) or (vm.defined_document and vm.defined_document.interfaces))


def of_network(network: Network) -> Iterator[object]:
    """The switch that a network is, its settings, and the pool of its connections."""
    yield from _of_switch(switch_of(network))


def of_both(vm: Vm, network: Network) -> Iterator[object]:
    """What of a virtual system is to be plugged into a network, and is."""
    if _has_interfaces(vm):
        switch = switch_of(network)
        yield from _connections(vm, switch)
        yield from _ports(vm, switch)


def _of_switch(switch: Switch) -> Iterator[object]:
    yield switch
    if has_pool(switch):
        yield pool_of_switch(switch)
    for configuration in configurations(switch):
        yield configuration
        yield from groups(configuration)
        yield from uplinks(configuration)


def _connections(vm: Vm, switch: Switch) -> Iterator[Connection]:
    for configuration in elements.configurations(vm):
        for setting in elements.settings(configuration):
            if setting.kind is INTERFACE and leads_to(plug_of(interface_of(setting)), switch):
                yield connection_to(setting, switch)


def _ports(vm: Vm, switch: Switch) -> Iterator[SwitchPort]:
    if vm.active and switch.active and any(leads_to(plug, switch) for plug in plugs(vm)):
        found = (one for one in adapters_of(vm) if leads_to(plug_of(interface_of(one)), switch))
        yield from (port_on(switch, adapter) for adapter in found)


def of_pool(pool: Pool) -> Iterator[object]:
    """The volumes of a storage pool, and the settings that make such; what another pool lists as well is that one's."""
    yield from volume_settings(pool)
    known = storage_host.volumes_on(pool.host)
    for volume in storage_host.volumes_in(pool):
        listed = known.pools.get(volume.key)
        if not listed or listed[0].uuid == pool.uuid:
            yield storage_host.host_volume(volume)


def of_node_device(device: NodeDevice) -> Iterator[object]:
    """What a device of the host is as something to pass through, or as a drive."""
    yield from hardware.passed_as(device)
    yield from storage_host.drives_in(device)


def of_host(host: Host) -> Iterator[object]:
    """What a host has that is nobody's own: pools, switches that no network is, network filters."""
    if not host.readable:
        return
    yield from pools_on(host)
    for switch in own_switches(host):
        yield from _of_switch(switch)
    for one in filters.lists_of(host):
        yield one
        yield from filters.entries_of(one)
