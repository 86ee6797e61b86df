"""Connections of network interfaces to virtual Ethernet switches, and the pools they are taken from, as objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping import ids, switch_ports
from virtcim.mapping.net import INTERFACE, is_linked
from virtcim.mapping.switch import MACVTAP, OPENVSWITCH, system_type
from virtcim.mapping.switch_devices import forward_mode
from virtcim.profiles import elements, lookup, switches_paths
from virtcim.profiles.elements import Configuration, Setting, kept
from virtcim.profiles.of_host import kept_of
from virtcim.profiles.switches import Switch
from virtcim.profiles.switches_plugs import connections_to, is_switch_of, switch_for, switches_of
from virtcim.profiles.switches_ports import SwitchPort, interface_of, port_of, ports_of

UNBOUNDED = None


@dataclass(frozen=True, eq=False)
class Connection:
    """The connection of a network interface, in a configuration of its system, to a switch."""

    setting: Setting
    switch: Switch

    @property
    def configuration(self) -> Configuration:
        return self.setting.configuration

    @property
    def vm(self) -> Vm:
        return self.setting.vm

    @property
    def platform(self) -> str:
        return self.setting.platform

    @property
    def id(self) -> str:
        return ids.connection_id(self.vm, self.setting.dev, self.configuration.defined)


@dataclass(frozen=True, eq=False)
class ConnectionPool:
    """The connections that a switch has to offer; without one, the primordial pool of them all."""

    host: Host
    switch: Switch | None

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def pool_id(self) -> str:
        return switches_paths.pool_id(self.switch)

    @property
    def id(self) -> str:
        return switches_paths.pool_instance_id(self.host, self.switch)


# Connections


def connection_of(setting: Setting) -> Connection | None:
    """None for what is no network interface, has its link down, or is plugged into no switch that we know."""
    if setting.kind is not INTERFACE:
        return None
    view = interface_of(setting)
    switch = switch_for(setting.vm.host, view) if is_linked(view) else None
    return None if switch is None else connection_to(setting, switch)


def connection_to(setting: Setting, switch: Switch) -> Connection:
    """The connection of an interface to a switch; made once, as long as it is the same one."""
    known: Connection | None = vars(setting).get("_connection")
    if known is None or known.switch is not switch:
        known = vars(setting)["_connection"] = Connection(setting, switch)
    return known


def connections_in(configuration: Configuration) -> list[Connection]:
    found = map(connection_of, elements.settings(configuration))
    return [one for one in found if one is not None]


def connections_of(vm: Vm) -> Iterator[Connection]:
    for configuration in elements.configurations(vm):
        yield from connections_in(configuration)


def twin(connection: Connection) -> Connection | None:
    """The connection of the same interface in the other configuration."""
    other = elements.twin(connection.setting)
    return connection_of(other) if other else None


def port_behind(connection: Connection) -> list[SwitchPort]:
    """The port that a State connection makes while its system is active."""
    ports = (port_of(device) for device in elements.devices_of(connection.setting))
    return [port for port in ports if port]


def connection_behind(port: SwitchPort) -> list[Connection]:
    found = connection_of(elements.setting_of(port.adapter))
    return [found] if found else []


def properties(connection: Connection) -> Properties:
    """A whole RASD."""
    setting, switch = connection.setting, connection.switch
    view = interface_of(setting)
    return {
        "InstanceID": connection.id,
        "ElementName": f"Connection of {setting.dev} to {switch.state_document.name}",
        "PoolID": switches_paths.pool_id(switch),
        "ResourceSubType": sub_type(switch),
        "Parent": setting.id,
        "HostResource": [switches_paths.switch_uri(switch)],
        "Connection": [str(switch.state_document.name)],
        "ChangeableType": 2,
        **switch_ports.connection_properties(view),
    }


def sub_type(switch: Switch) -> str:
    """ResourceSubType of a pool and of what comes from it: where the frames of the switch go."""
    document = switch.state_document
    kind, mode = system_type(document), forward_mode(document)
    return {OPENVSWITCH: OPENVSWITCH, MACVTAP: f"{MACVTAP}-{mode}"}.get(kind, f"Virt:{mode}")


# Pools


def pool_of_switch(switch: Switch) -> ConnectionPool:
    return kept(switch, "_connection_pool", lambda: ConnectionPool(switch.host, switch))


def primordial_pool(host: Host) -> ConnectionPool:
    return kept_of(host, "_connection_pool", lambda: ConnectionPool(host, None))


def children_of(pool: ConnectionPool) -> list[ConnectionPool]:
    if pool.switch is not None or not pool.host.readable:
        return []
    return [pool_of_switch(switch) for switch in switches_of(pool.host) if has_pool(switch)]


def has_pool(switch: Switch) -> bool:
    """A network of the name that marks primordial pools has none of its own."""
    return switch.name != ids.PRIMORDIAL


def parents_of(pool: ConnectionPool) -> list[ConnectionPool]:
    return [primordial_pool(pool.host)] if pool.switch else []


def pools_of(host: Host) -> list[ConnectionPool]:
    return [primordial_pool(host), *children_of(primordial_pool(host))] if host.readable else []


def connections_from(pool: ConnectionPool) -> Iterator[Connection]:
    """The connections of both sets that a pool has given."""
    for vm in pool.host.vms if pool.switch else ():
        if pool.switch and is_switch_of(pool.switch, vm):
            yield from (one for one in connections_of(vm) if one.switch is pool.switch)


def ports_from(pool: ConnectionPool) -> Iterator[SwitchPort]:
    return ports_of(pool.switch) if pool.switch else iter(())


def reserved(pool: ConnectionPool) -> int:
    """How many connections are in use, from a primordial pool those of all below it."""
    if pool.switch is not None:
        return connections_to(pool.switch)
    return sum(connections_to(one.switch) for one in children_of(pool) if one.switch)


def capacity(pool: ConnectionPool) -> int | None:
    """How many there can be; None where nothing bounds it."""
    functions: Any = pool.switch.state_document.virtual_functions if pool.switch else ()
    return len(functions) or UNBOUNDED


# Where they all are


def all_connections(world: Hosts) -> Iterator[Connection]:
    for vm in world.vms():
        yield from connections_of(vm)


def all_pools(world: Hosts) -> Iterator[ConnectionPool]:
    for host in world.reachable():
        yield from pools_of(host)


def find_connection(world: Hosts, keys: Keys) -> list[Connection]:
    """By InstanceID."""
    behind = ids.parse_connection_id(str(keys["InstanceID"]))
    if behind is None:
        return []
    found = map(connection_of, lookup.find_setting(world, {"InstanceID": behind}))
    return [one for one in found if one]
