"""Requests for connections (ResourceType 33) as what they mean for the interfaces that they belong to (DSP1050).

libvirt has one element for both, so a connection is asked for, changed and removed through its interface's setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused, Returned, Work
from virtcim.host.inventory import Host
from virtcim.mapping import ids, switch_ports
from virtcim.mapping.kind import ETHERNET
from virtcim.mapping.net import NO_VLAN
from virtcim.mapping.switch import has_vlans
from virtcim.mapping.switch_devices import ISOLATED, forward_mode
from virtcim.mapping.switch_ports import CONNECTION
from virtcim.profiles import alteration, dsp1050_targets, elements
from virtcim.profiles.alteration import Last
from virtcim.profiles.dsp1050_connections import Connection, connection_of
from virtcim.profiles.elements import Configuration, Setting
from virtcim.profiles.requests import given, refusing
from virtcim.profiles.switches import Switch
from virtcim.profiles.switches_plugs import switches_of
from virtcim.profiles.switches_ports import interface_of

CONNECTION_CLASS = "EthernetConnectionAllocationSettingData"
ADAPTER_CLASSES = ("NetResourceAllocationSettingData", "EthernetPortAllocationSettingData")
ADAPTER_CLASS = "Virt_NetResourceAllocationSettingData"
# What a connection has of its own; all else that is given is written into the interface.
OWN = {
    "InstanceID", "ElementName", "Caption", "Description", "ChangeableType", "ResourceType", "OtherResourceType",
    "ResourceSubType", "PoolID", "Parent", "HostResource", "Connection", "VirtualQuantity", "VirtualQuantityUnits",
    "ConsumerVisibility", "MappingBehavior", "AutomaticDeallocation",
}  # fmt: skip
WHERE_TO = ("NetworkType", "NetworkName", "PoolID", "Connection", "SourceDevice", "HostResource")
VLAN_PROPERTIES = ("PortVID", "DefaultPortVID", "AllowedToReceiveVLANs", "AllowedToTransmitVLANs")
SETTINGS = "ResourceSettings"

Both = Setting | Connection


def is_connection(instance: Instance) -> bool:
    """Whether an embedded setting asks for a connection."""
    return instance.classname.endswith(CONNECTION_CLASS) or instance.properties.get("ResourceType") == CONNECTION


def is_adapter(instance: Instance) -> bool:
    """Whether an embedded setting asks for a network interface."""
    if is_connection(instance):
        return False
    return instance.classname.endswith(ADAPTER_CLASSES) or instance.properties.get("ResourceType") == ETHERNET


# New interfaces with their connections


def joined(host: Host, instances: Sequence[Instance]) -> list[Instance]:
    """The settings with each connection put into the interface that its Parent names. Errors: Refused."""
    parents = {number: _parent(instances, number) for number, one in enumerate(instances) if is_connection(one)}
    found = list(instances)
    for number, parent in parents.items():
        if parent is None:
            reason = "names no network interface among ResourceSettings"
            raise Refused("Invalid Parameter", f"{SETTINGS}[{number}].Parent {reason}")
        where = f"{SETTINGS}[{number}]"
        wired = interface_properties(instances[number], where, _switch_asked(host, instances[number], where))
        found[parent] = replace(found[parent], properties={**_bare(found[parent]), **wired})
    if len(set(parents.values())) < len(parents):
        raise Refused("Invalid Parameter", f"{SETTINGS}: two connections have the same Parent")
    kept = [(number, one) for number, one in enumerate(found) if number not in parents]
    return [_checked(host, one, f"{SETTINGS}[{number}]") for number, one in kept]


def _parent(instances: Sequence[Instance], number: int) -> int | None:
    """The number of the interface that a connection belongs to: the InstanceID may be made up for the request."""
    parent = instances[number].properties.get("Parent")
    for other, one in enumerate(instances):
        if parent and is_adapter(one) and one.properties.get("InstanceID") == parent:
            return other
    return None


def _bare(instance: Instance) -> Properties:
    """An interface without what its connection is about to say."""
    return {name: value for name, value in instance.properties.items() if name not in WHERE_TO}


def _checked(host: Host, instance: Instance, where: str) -> Instance:
    """An interface without a wire gets one whose link is down; VLANs are refused where the switch has none."""
    if not is_adapter(instance):
        return instance
    properties = _on_some_network(host, given(instance))
    if not any(properties.get(name) for name in WHERE_TO) or properties.get("PoolID") == ids.pool_id("Network"):
        return replace(instance, properties={**properties, **_unplugged(host, properties)})
    _check_vlans(properties, partial(dsp1050_targets.of_adapter, host, properties), where)
    return instance if properties == instance.properties else replace(instance, properties=properties)


def _on_some_network(host: Host, properties: Properties) -> Properties:
    """Who wants a network and says not which one gets the first that is active, as from libvirt-cim."""
    told = [name for name in WHERE_TO if properties.get(name) and name != "PoolID"]
    if told != ["NetworkType"] or properties["NetworkType"] != "network":
        return properties
    if properties.get("PoolID") not in (None, ids.pool_id("Network")):
        return properties
    first = next((one.name for one in host.networks if one.active and one.name != ids.PRIMORDIAL), None)
    return properties | {"NetworkName": first} if first else properties


def _unplugged(host: Host, properties: Properties) -> Properties:
    """Nothing where the client says where to after all, or there is no network to be kept apart from."""
    if any(properties.get(name) for name in WHERE_TO if name != "PoolID"):
        return {}
    found = [one for one in switches_of(host) if one.network]
    apart = [one for one in found if forward_mode(one.state_document) == ISOLATED]
    for one in apart or found:
        return {"NetworkType": "network", "NetworkName": one.state_document.name, "AutomaticAllocation": False}
    return {}


def _check_vlans(properties: Properties, find: Callable[[], Switch | None], where: str) -> None:
    """Refuse VLANs that the switch has not; it takes a look at all systems to find it."""
    wanted: list[int] = []
    for value in (properties.get(name) for name in VLAN_PROPERTIES):
        given_value: Any = value
        wanted += given_value if isinstance(given_value, list) else [given_value] if given_value else []
    switch = find() if wanted else None
    if switch is not None:
        with refusing(where):
            switch_ports.check_vlans(wanted, switch.state_document)


def _switch_asked(host: Host, instance: Instance, where: str, present: Switch | None = None) -> Switch:
    """The switch that a connection is to lead to. Errors: Refused."""
    switch = dsp1050_targets.of_connection(host, given(instance), where) or present
    if switch is None:
        reason = "HostResource is missing: it, PoolID or Connection says which switch"
        raise Refused("Invalid Parameter", f"{where}.{reason}")
    return switch


def interface_properties(instance: Instance, where: str, switch: Switch, present: Switch | None = None) -> Properties:
    """What a connection to a switch says, as properties of the setting of its interface. Errors: Refused."""
    properties = given(instance)
    _check_vlans(properties, lambda: switch, where)
    asked = {name: value for name, value in instance.properties.items() if name not in OWN}
    return {"AutomaticAllocation": True, **dsp1050_targets.place(switch, present, properties, where), **asked}


# The methods of the management service


def add(configuration: Configuration, instances: Sequence[Instance]) -> list[Both]:
    """As alteration.add; a connection whose Parent is there already plugs that interface in."""
    here = {one.id: one for one in elements.settings(configuration)}
    plugged = [one for one in instances if is_connection(one) and one.properties.get("Parent") in here]
    if not plugged:
        return _in_order(instances, alteration.add(configuration, joined(configuration.vm.host, instances)))
    if len(plugged) < len(instances):
        reason = "what is new, and connections of what is there, need a call each"
        raise Refused("Invalid Parameter", f"{SETTINGS}: {reason}")
    changed = []
    for number, one in enumerate(instances):
        adapter = here[str(one.properties["Parent"])]
        if connection_of(adapter) is not None:
            raise Refused("Invalid Parameter", f"{SETTINGS}[{number}].Parent: {adapter.id} is connected already")
        changed.append(_as_adapter(adapter, one, f"{SETTINGS}[{number}]", None))
    return [_connection(one) for one in alteration.modify(configuration.vm.host, changed)]


def _in_order(instances: Sequence[Instance], added: Sequence[Setting]) -> list[Both]:
    """What was added, one for each that was asked for."""
    kept = [number for number, one in enumerate(instances) if not is_connection(one)]
    by_number = dict(zip(kept, added, strict=True))
    parents = {number: _parent(instances, number) for number, one in enumerate(instances) if is_connection(one)}
    return [
        by_number[number] if number in by_number else _connection(by_number[parents[number] or 0])
        for number in range(len(instances))
    ]


def _connection(setting: Setting) -> Connection:
    found = connection_of(setting)
    if found is None:
        raise Refused("Failed", f"{SETTINGS}: libvirt accepted the connection of {setting.id} but does not show it")
    return found


def _as_adapter(adapter: Setting, instance: Instance, where: str, present: Switch | None) -> Instance:
    """The change of an interface that a connection asks for."""
    switch = _switch_asked(adapter.vm.host, instance, where, present)
    properties = interface_properties(instance, where, switch, present)
    return Instance(ADAPTER_CLASS, {"InstanceID": adapter.id, **_out_of_vlans(adapter, switch, where), **properties})


def _out_of_vlans(adapter: Setting, switch: Switch, where: str) -> Properties:
    """An interface that moves to a switch without VLANs leaves its own."""
    view = interface_of(adapter)
    if not view.vlan_tags or has_vlans(switch.state_document):
        return {}
    if view.trunk:
        reason = f"{switch.name} has no VLANs, and {adapter.id} is a trunk"
        raise Refused("Invalid Parameter", f"{where}.HostResource: {reason}")
    return {"PortVID": NO_VLAN}


def modify(host: Host, instances: Sequence[Instance], last: Last) -> list[Both]:
    """As alteration.modify."""
    asked, connected = [], set()
    for number, one in enumerate(instances):
        where = f"{SETTINGS}[{number}]"
        if is_connection(one):
            found = _present(host, one, where)
            one = _as_adapter(found.setting, one, where, found.switch)
            connected.add(number)
        elif is_adapter(one):
            _check_vlans(given(one), partial(_switch_of_adapter, host, one), where)
        asked.append(one)
    changed = alteration.modify(host, asked, last)
    return [(connection_of(one) or one) if number in connected else one for number, one in enumerate(changed)]


def _present(host: Host, instance: Instance, where: str) -> Connection:
    """The connection that InstanceID names."""
    instance_id = instance.properties.get("InstanceID")
    setting = dsp1050_targets.setting_named(host, ids.parse_connection_id(str(instance_id)))
    found = connection_of(setting) if setting else None
    if found is None:
        reason = f"InstanceID {instance_id!r} does not exist on {host.name}" if instance_id else "InstanceID is missing"
        raise Refused("Invalid Parameter", f"{where}.{reason}")
    return found


def _switch_of_adapter(host: Host, instance: Instance) -> Switch | None:
    named = dsp1050_targets.of_adapter(host, given(instance))
    setting = dsp1050_targets.setting_named(host, str(instance.properties.get("InstanceID")))
    if named is not None or setting is None:
        return named
    found = connection_of(setting)
    return found.switch if found else None


def remove(targets: Sequence[Both], last: Last) -> Returned | Work:
    """As alteration.remove; a connection that goes without its interface leaves that with its link down."""
    adapters = [one for one in targets if isinstance(one, Setting)]
    going = {one.id for one in adapters}
    wires = [one for one in targets if isinstance(one, Connection) and one.setting.id not in going]
    for host in dict.fromkeys(one.vm.host for one in wires):
        cut = [Instance(ADAPTER_CLASS, _pulled(one.setting)) for one in wires if one.vm.host is host]
        alteration.modify(host, cut)
    return alteration.remove(adapters, last) if adapters else Returned()


def _pulled(adapter: Setting) -> Properties:
    return {"InstanceID": adapter.id, "AutomaticAllocation": False}


def set_link(adapter: Setting, up: bool) -> None:
    """Plug the cable of an interface in, or pull it. Errors: Refused, HostError."""
    change = Instance(ADAPTER_CLASS, {"InstanceID": adapter.id, "AutomaticAllocation": up})
    try:
        alteration.modify(adapter.vm.host, [change])
    except Refused as refusal:  # the words of the management service are not those of RequestStateChange
        raise Refused("Failed", refusal.reason) from refusal
