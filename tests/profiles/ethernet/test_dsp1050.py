"""DSP1050: adapters, their endpoints and their connections to switches; each asked for apart, or both in one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.profiles.switching import Switching, key

OK, INVALID = 0, 4


# What is there


def test_each_adapter_has_an_endpoint_with_its_address(node: Switching) -> None:
    adapters = node.client.instances("Virt_NetworkPort")
    for adapter in adapters:
        (lan,) = node.client.across(adapter.path, "CIM_DeviceSAPImplementation", "CIM_LANEndpoint")
        assert lan.properties["MACAddress"] == adapter.properties["PermanentAddress"]
        assert lan.properties["SystemName"] == adapter.properties["SystemName"]
        (system,) = node.client.across(lan.path, "CIM_HostedAccessPoint")
        assert system.properties["Name"] == adapter.properties["SystemName"]


def test_each_connection_is_in_the_configuration_of_its_adapter(node: Switching) -> None:
    everything = node.client.instances("Virt_EthernetConnectionAllocationSettingData")
    found = [one for one in everything if "Parent" in one.properties]
    assert found
    assert all(key(one).startswith("virtcim:sample/") for one in everything if one not in found)
    for one in found:
        (head,) = node.client.across(one.path, "CIM_VirtualSystemSettingDataComponent")
        settings = node.client.across(head.path, "CIM_VirtualSystemSettingDataComponent")
        parents = [other for other in settings if key(other) == one.properties["Parent"]]
        assert [other.properties["ResourceType"] for other in parents] == [10]
        assert one.properties["ResourceType"] == 33


def test_a_connection_leads_to_its_switch(node: Switching) -> None:
    (wire,) = [one for one in node.wires("db1") if one.properties["Connection"] == ["production"]]
    assert str(wire.properties["HostResource"]).endswith('Name="switch/production"\']')
    (pool,) = node.client.across(wire.path, "CIM_ResourceAllocationFromPool")
    assert pool.properties["PoolID"] == wire.properties["PoolID"] == "EthernetConnectionPool/production"
    (switch,) = node.client.across(pool.path, "CIM_ConcreteComponent")
    assert switch.path.key("Name") == "switch/production"


def test_the_port_is_what_the_state_of_the_connection_makes(node: Switching) -> None:
    (wire,) = [one for one in node.wires("db1", defined=False) if one.properties["Connection"] == ["production"]]
    (port,) = node.client.across(wire.path, "CIM_SettingsDefineState")
    assert port.path.key("SystemName") == "switch/production"
    (defined,) = node.client.across(wire.path, "CIM_ElementSettingData")
    assert node.client.across(defined.path, "CIM_SettingsDefineState") == []


def test_pools(node: Switching) -> None:
    pools = node.client.instances("Virt_EthernetConnectionPool")
    (root,) = [one for one in pools if one.properties["Primordial"]]
    children = node.client.across(root.path, "CIM_ElementAllocatedFromPool", "CIM_ResourcePool")
    assert len(children) == len(pools) - 1
    assert root.properties["Reserved"] == sum(int(str(one.properties["Reserved"])) for one in children)
    for pool in pools:
        (host,) = node.client.across(pool.path, "CIM_HostedResourcePool")
        assert host.cls.name == "Test_HostSystem"


def test_what_can_be_asked_of_a_pool_of_connections(node: Switching) -> None:
    """One connection at a time, to a switch that is named, whether the system runs or not."""
    (pool,) = [
        one for one in node.client.instances("Virt_EthernetConnectionPool") if key(one).endswith("Pool/production")
    ]
    (found,) = node.client.across(pool.path, "CIM_ElementCapabilities", "CIM_AllocationCapabilities")
    assert found.properties["ResourceType"] == pool.properties["ResourceType"] == 33
    assert found.properties["ResourceSubType"] == pool.properties["ResourceSubType"]
    assert {2, 3} <= set(found.properties["SupportedAddStates"])  # type: ignore[arg-type]
    samples = node.client.across(found.path, "CIM_SettingsDefineCapabilities")
    assert [key(one).rpartition("/")[2] for one in samples] == ["Default", "Minimum", "Maximum"]
    assert all(one.properties["VirtualQuantity"] == 1 for one in samples)
    assert [node.client.get(one.path).path for one in samples] == [one.path for one in samples]


# Asked for with the system


def test_adapter_and_connection_in_one_request(switching: Switching) -> None:
    adapter = switching.adapter(InstanceID="new:1", ResourceSubType="virtio", Address="52:54:00:aa:bb:01")
    wire = switching.wire(Parent="new:1", PoolID="EthernetConnectionPool/production", PortVID=20, Limit=8_000_000)
    answer = switching.define_system("made", adapter, wire)
    assert answer.value == OK, answer.reason
    (one,), (plugged,) = switching.adapters("made"), switching.wires("made")
    assert plugged.properties["Parent"] == key(one) == "made/defined/52:54:00:aa:bb:01"
    assert (plugged.properties["PortVID"], plugged.properties["Limit"]) == (20, 8_000_000)
    assert one.properties["NetworkName"] == "production"


WAYS: dict[str, dict[str, Any]] = {
    "pool": {"PoolID": "EthernetConnectionPool/development"},
    "name": {"Connection": ["development"]},
    "UUID": {"Connection": ["5d1f4a3c-8e27-4b66-a0c5-2f9b7d640202"]},
    "path": {"HostResource": ['/root/virt:Test_VirtualEthernetSwitch.Name="switch/development"']},
    "path with host": {
        "HostResource": ['//vm/root/virt:Test_VirtualEthernetSwitch.CreationClassName="x",Name="switch/development"']
    },
    "all of them": {"PoolID": "EthernetConnectionPool/development", "Connection": ["development"]},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_ways_to_name_a_switch(switching: Switching, way: dict[str, Any]) -> None:
    answer = switching.define_system("made", switching.adapter(InstanceID="a"), switching.wire(Parent="a", **way))
    assert answer.value == OK, answer.reason
    assert switching.wires("made")[0].properties["Connection"] == ["development"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no parent": ({"Connection": ["development"], "Parent": None}, "Parent"),
    "another parent": ({"Connection": ["development"], "Parent": "b"}, "Parent"),
    "no switch": ({}, "HostResource"),
    "unknown switch": ({"Connection": ["nowhere"]}, "Connection"),
    "two switches": ({"Connection": ["development", "backbone"]}, "Connection"),
    "contradiction": ({"Connection": ["development"], "PoolID": "EthernetConnectionPool/backbone"}, "PoolID"),
    "VLAN on a bridge": ({"Connection": ["development"], "PortVID": 42}, "PortVID"),
    "trunk on a bridge": (
        {"Connection": ["development"], "DesiredVLANEndpointMode": 5, "AllowedToReceiveVLANs": [42]},
        "PortVID",
    ),
    "VLAN out of reach": ({"Connection": ["production"], "PortVID": 99}, "PortVID"),
    "dynamic mode": ({"Connection": ["production"], "DesiredVLANEndpointMode": 3}, "DesiredVLANEndpointMode"),
    "priorities": ({"Connection": ["production"], "DefaultPriority": 3}, "DefaultPriority"),
    "manager": ({"Connection": ["production"], "ManagerID": 256}, "ManagerID"),
    "version": ({"Connection": ["production"], "VSITypeIDVersion": 0, "VSITypeID": 16777216}, "VSITypeID"),
}


@pytest.mark.parametrize(("properties", "named"), BAD.values(), ids=BAD)
def test_connections_that_cannot_be(switching: Switching, properties: dict[str, Any], named: str) -> None:
    wire = switching.wire(**{"Parent": "a", **properties})
    answer = switching.define_system("made", switching.adapter(InstanceID="a"), wire)
    assert (answer.value, named in answer.reason) == (INVALID, True), answer.reason
    assert switching.host.vm_named("made") is None


def test_two_connections_of_one_adapter(switching: Switching) -> None:
    wires = [switching.wire(Parent="a", Connection=[name]) for name in ("development", "backbone")]
    assert switching.define_system("made", switching.adapter(InstanceID="a"), *wires).value == INVALID


def test_a_vlan_of_an_adapter_on_a_bridge_is_refused(switching: Switching) -> None:
    """The same in libvirt-cim's way, where the adapter says it all (DSP1050-R16)."""
    adapter = switching.adapter(PoolID="NetworkPool/development", PortVID=42)
    answer = switching.define_system("made", adapter)
    assert (answer.value, "PortVID" in answer.reason) == (INVALID, True)
