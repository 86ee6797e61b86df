"""DSP1050 Ethernet Port Resource Virtualization: adapters of virtual systems, and their connections to switches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile, Refused, Returned
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import ids
from virtcim.mapping.net import INTERFACE, is_linked
from virtcim.mapping.switch_ports import CONNECTION as CONNECTION_TYPE
from virtcim.mapping.units import COUNT
from virtcim.profiles import dsp1050_connections as connections
from virtcim.profiles import (
    dsp1050_figures,
    dsp1050_offers,
    dsp1050_requests,
    elements,
    lookup,
    switches_ports,
    switches_uplinks,
)
from virtcim.profiles.dsp1050_connections import Connection, ConnectionPool
from virtcim.profiles.dsp1097_model import ETHERNET_CSMACD, endpoint, itself
from virtcim.profiles.elements import Configuration, Device, present
from virtcim.profiles.pools import NetworkPool
from virtcim.profiles.switches import Switch
from virtcim.profiles.switches_ports import SwitchPort, interface_of, port_of
from virtcim.profiles.transitions import check_timeout

profile = Profile("dsp1050")
profile.central("CIM_ResourcePool", NetworkPool)
profile.central("CIM_ResourcePool", ConnectionPool)
profile.source(Connection, connections.all_connections, follows=lookup.version)
profile.source(ConnectionPool, connections.all_pools, follows=lookup.version)

ADAPTER, LAN, PORT = "Virt_NetworkPort", "Virt_LANEndpoint", "Virt_SwitchEthernetPort"
HOST_PORT = "Virt_HostEthernetPort"
CONNECTION, POOL = "Virt_EthernetConnectionAllocationSettingData", "Virt_EthernetConnectionPool"
FINE, STOPPED, HEALTHY = 2, 10, 5  # OperationalStatus, HealthState
ENABLED, DISABLED = 2, 3  # EnabledState, RequestedState
LINK = {ENABLED: "up", DISABLED: "down"}


# The endpoint of an adapter (clause 7.6)


@profile.instance(
    LAN,
    of=Device,
    when=lambda device: device.kind is INTERFACE,
    find=switches_ports.find_adapter,
    among=switches_ports.all_adapters,
)
def adapter_endpoint(device: Device) -> Properties:
    vm, view = device.vm, interface_of(device)
    up = vm.active and is_linked(view)
    owner: Properties = {"SystemCreationClassName": elements.system_class(vm), "SystemName": ids.system_token(vm)}
    properties: Properties = {
        **endpoint(owner, ids.device_id(vm, device.dev)),
        **({} if up else {"EnabledState": DISABLED, "OperationalStatus": [STOPPED]}),
        "ProtocolIFType": ETHERNET_CSMACD,
        "MACAddress": ids.bare_mac(view.mac) if view.mac else None,
    }
    return present(properties)


@profile.method(ADAPTER, "RequestStateChange")
def request_state_change(device: Device, RequestedState: int | None, TimeoutPeriod: str | None) -> Returned:
    """Enabled (2) plugs the cable in and disabled (3) pulls it; what it leads to stays chosen."""
    if RequestedState is None:
        raise Refused("Invalid Parameter", "RequestedState is missing")
    if RequestedState not in (ENABLED, DISABLED):
        raise Refused("Not Supported", f"RequestedState {RequestedState} is not supported by a network interface")
    check_timeout(TimeoutPeriod)
    if not device.vm.active:
        raise Refused("Invalid State Transition", f"{device.vm.name} is not active, and {device.dev} with it")
    if is_linked(interface_of(device)) == (RequestedState == ENABLED):
        raise Refused("Invalid State Transition", f"the link of {device.dev} is {LINK[RequestedState]} already")
    dsp1050_requests.set_link(elements.setting_of(device), RequestedState == ENABLED)
    return Returned()


# Its connection (clause 7.3)


@profile.instance(CONNECTION, of=Connection, find=connections.find_connection)
def connection(connection: Connection) -> Properties:
    return present(connections.properties(connection))


# The pools that connections come from (clause 7.1)


def in_use(pool: ConnectionPool) -> Properties:
    """How many are in use, which changes with the systems."""
    used = connections.reserved(pool)
    return {"Reserved": used, "CurrentlyConsumedResource": used}


@profile.instance(POOL, of=ConnectionPool, gauges=in_use, measured=lookup.version)
def connection_pool(pool: ConnectionPool) -> Properties:
    switch = pool.switch
    active = switch is None or switch.active
    properties: Properties = {
        "InstanceID": pool.id,
        "PoolID": pool.pool_id,
        "ElementName": switch.state_document.name if switch else f"Ethernet connections of {pool.host.name}",
        "Caption": f"Connections to {switch.state_document.name}" if switch else "Ethernet connections",
        "Primordial": switch is None,
        "ResourceType": CONNECTION_TYPE,
        "ResourceSubType": connections.sub_type(switch) if switch else None,
        "AllocationUnits": COUNT,
        "Capacity": connections.capacity(pool),
        "ConsumedResourceUnits": COUNT,
        "OperationalStatus": [FINE if active else STOPPED],
        "HealthState": HEALTHY,
    }
    return present(properties)


# What holds them together (clause 10)


def configuration_of(connection: Connection) -> list[Configuration]:
    return [connection.configuration]


def to_twin(defined: bool) -> Callable[[Connection], list[Connection]]:
    """From the connections of the other configuration to those of this one."""

    def across(connection: Connection) -> list[Connection]:
        other = connections.twin(connection)
        return [] if other is None or other.configuration.defined is not defined else [other]

    return across


def port_plugged(device: Device) -> list[SwitchPort]:
    port = port_of(device)
    return [port] if port else []


def pool_of_connection(connection: Connection) -> list[ConnectionPool]:
    return pools_of_switch(connection.switch)


def pool_of_port(port: SwitchPort) -> list[ConnectionPool]:
    return pools_of_switch(port.switch)


def pools_of_switch(switch: Switch) -> list[ConnectionPool]:
    return [connections.pool_of_switch(switch)] if connections.has_pool(switch) else []


def switch_of_pool(pool: ConnectionPool) -> list[Switch]:
    return [pool.switch] if pool.switch else []


def host_of(pool: ConnectionPool) -> list[Host]:
    return [pool.host]


def vm_of(device: Device) -> list[Vm]:
    return [device.vm]


def adapters(vm: Vm) -> Iterator[Device]:
    return iter(switches_ports.adapters_of(vm))


profile.associate(
    "Virt_PortImplementsEndpoint",
    End("Antecedent", ADAPTER, across=itself),
    End("Dependent", LAN, across=itself, of=Device),
)
profile.associate(
    "Virt_HostedAccessPoint",
    End("Antecedent", "Virt_ComputerSystem", across=adapters),
    End("Dependent", LAN, across=vm_of, of=Device),
)
profile.associate(
    "Virt_ActiveConnection",
    End("Antecedent", LAN, across=port_plugged, of=Device),
    End("Dependent", LAN, across=lambda port: [port.adapter], of=SwitchPort),
)
profile.associate(
    "Virt_DeviceHostedDependency",
    End("Antecedent", HOST_PORT, across=switches_uplinks.adapters_of),
    End("Dependent", ADAPTER, across=switches_uplinks.port_below),
)
profile.associate(
    "Virt_VirtualSystemSettingDataComponent",
    End("GroupComponent", "Virt_VirtualSystemSettingData", across=connections.connections_in, of=Configuration),
    End("PartComponent", CONNECTION, across=configuration_of, of=Connection),
)
profile.associate(
    "Virt_ElementSettingData",
    End("ManagedElement", CONNECTION, across=to_twin(defined=True), of=Connection),
    End("SettingData", CONNECTION, across=to_twin(defined=False), of=Connection),
    properties=lambda _state, _defined: {"IsDefault": 1, "IsNext": 1},
)
profile.associate(
    "Virt_SettingsDefineState",
    End("ManagedElement", PORT, across=connections.connection_behind, of=SwitchPort),
    End("SettingData", CONNECTION, across=connections.port_behind, of=Connection),
)
profile.associate(
    "Virt_HostedResourcePool",
    End("GroupComponent", "Virt_HostSystem", across=connections.pools_of),
    End("PartComponent", POOL, across=host_of),
)
profile.associate(
    "Virt_ElementAllocatedFromPool",
    End("Antecedent", POOL, across=connections.children_of),
    End("Dependent", POOL, across=connections.parents_of),
)
profile.associate(
    "Virt_ElementAllocatedFromPool",
    End("Antecedent", POOL, across=connections.ports_from),
    End("Dependent", PORT, across=pool_of_port, of=SwitchPort),
)
profile.associate(
    "Virt_ResourceAllocationFromPool",
    End("Antecedent", POOL, across=connections.connections_from),
    End("Dependent", CONNECTION, across=pool_of_connection, of=Connection),
)
profile.associate(
    "Virt_ConcreteComponent",
    End("GroupComponent", POOL, across=switch_of_pool),
    End("PartComponent", "Virt_VirtualEthernetSwitch", across=pools_of_switch),
)
dsp1050_figures.declare(profile)
dsp1050_offers.declare(profile)
