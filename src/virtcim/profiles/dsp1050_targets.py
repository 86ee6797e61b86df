"""Which switch a setting means: by PoolID, HostResource, Connection, or the names that libvirt-cim's clients give."""

from __future__ import annotations

import re

from virtcim.broker.call import Properties
from virtcim.broker.provider import Refused, path_in
from virtcim.host.inventory import Host
from virtcim.mapping import ids
from virtcim.mapping.net_source import HOSTDEV, Stack, function_in
from virtcim.mapping.switch_devices import forward_devices, forward_mode
from virtcim.profiles import host_ports, switches_paths
from virtcim.profiles.elements import Setting, configurations, settings
from virtcim.profiles.switches import Switch
from virtcim.profiles.switches_paths import HOST_INTERFACE
from virtcim.profiles.switches_plugs import stack_switch, switches_of

DEFAULT_MODE = "bridge"  # of macvtap: guests on it reach each other
SWITCH_NAME = re.compile(r'_VirtualEthernetSwitch\..*\bName="((?:[^"\\]|\\.)*)"')


def of_connection(host: Host, properties: Properties, where: str) -> Switch | None:
    """The switch that a connection is to lead to; None when it does not say. Errors: Refused.

    An interface of the host stands for macvtap on it, in NetworkMode or else as a bridge; a virtual function for those
    of its interface.
    """
    mode = str(properties.get("NetworkMode") or DEFAULT_MODE)
    named = [(name, _named(host, name, properties[name], mode)) for name in LOOKUPS if properties.get(name)]
    for name, found in named:
        if found is None:
            reason = f"{properties[name]!r} names no virtual Ethernet switch of {host.name}"
            raise Refused("Invalid Parameter", f"{where}.{name} {reason}")
        if found is not named[0][1]:
            raise Refused("Invalid Parameter", f"{where}.{name} contradicts {named[0][0]}")
    return named[0][1] if named else None


def _named(host: Host, name: str, value: object, mode: str) -> Switch | None:
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    means = LOOKUPS[name]
    found = next((one for one in switches_of(host) if means(one, str(value))), None) if value else None
    if found is None and name == "HostResource":
        stack = _stack(host, str(value), mode)
        return stack_switch(host, stack) if stack else None
    return found


def _stack(host: Host, text: str, mode: str) -> Stack | None:
    """What a reference to a device of the host means: one of its interfaces, or a virtual function."""
    function = function_in(text)
    if function:
        return Stack(HOSTDEV, function)
    path = path_in(text)
    name = ids.parse_interface_id(str(path.key("DeviceID"))) if path else text.removeprefix(HOST_INTERFACE)
    return Stack(mode, name) if name and host_ports.port_named(host, name) else None


def _is_pool(switch: Switch, text: str) -> bool:
    return text == switches_paths.pool_id(switch)


def _is_path(switch: Switch, text: str) -> bool:
    """With or without namespace and host."""
    found = SWITCH_NAME.search(text)
    return bool(found and re.sub(r"\\(.)", r"\1", found[1]) == ids.switch_token(switch))


def _is_word(switch: Switch, text: str) -> bool:
    return text in (switch.state_document.name, switch.uuid)


LOOKUPS = {"HostResource": _is_path, "PoolID": _is_pool, "Connection": _is_word}


def of_adapter(host: Host, properties: Properties) -> Switch | None:
    """The switch that the setting of an interface names in its own words; None when it is none that we know."""
    pool = ids.parse_pool_id(str(properties.get("PoolID") or ""))
    connection = properties.get("Connection")
    wanted = [properties.get("NetworkName"), pool[1] if pool else None]
    wanted += connection if isinstance(connection, list) else []
    for one in switches_of(host):
        if one.state_document.name in wanted:
            return one
    return None


def place(switch: Switch, present: Switch | None, properties: Properties, where: str) -> Properties:
    """Where an interface is to be plugged in; nothing when it is there already. Errors: Refused."""
    document = switch.state_document
    function = function_in(str(properties.get("HostResource")))
    if present is not None and ids.switch_token(present) == ids.switch_token(switch) and not function:
        return {}
    if switch.network is not None:
        return {"NetworkType": "network", "NetworkName": document.name}
    if document.bridge:
        ovs = {"VSIType": "openvswitch"} if document.port_type else {}
        return {"NetworkType": "bridge", "NetworkName": document.bridge, **ovs}
    if forward_mode(document) != HOSTDEV:
        (device,) = forward_devices(document)
        return {"NetworkType": "direct", "SourceDevice": device, "NetworkMode": forward_mode(document)}
    if not function:
        raise Refused("Invalid Parameter", f"{where}.HostResource names no virtual function, as pci:0000:04:10.1")
    return {"NetworkType": HOSTDEV, "SourceDevice": function}


def setting_named(host: Host, instance_id: str | None) -> Setting | None:
    """The setting of an InstanceID on a host."""
    parsed = ids.parse_setting_id(instance_id or "")
    if parsed is None:
        return None
    vm = host.vm(parsed.token) if host.naming == "uuid" else host.vm_named(parsed.token)
    for configuration in configurations(vm) if vm else ():
        for setting in settings(configuration) if configuration.defined == parsed.defined else ():
            if setting.dev.lower() == parsed.dev.lower():
                return setting
    return None
