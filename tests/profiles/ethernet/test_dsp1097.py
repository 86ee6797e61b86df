"""DSP1097: virtual networks as switches, never mixed up with virtual systems."""

from __future__ import annotations

from typing import Any

import pytest
from tests.profiles.switching import Switching

from virtcim.broker.call import CIMError, Item

OK, UNSUPPORTED, FAILED, INVALID, IN_USE, TRANSITION = 0, 1, 4, 5, 6, 4097  # RequestStateChange
SWITCHES = {"backbone": "isolated", "development": "nat", "production": "bridge"}


def shown(items: list[Item], name: str) -> set[Any]:
    return {one.properties.get(name) for one in items}


def test_every_network_is_a_switch_and_so_is_what_guests_share_without_one(node: Switching) -> None:
    found = node.client.instances("Virt_VirtualEthernetSwitch")
    assert shown(found, "ElementName") == {*SWITCHES, "br0", "eth1/bridge"}
    assert all(one.properties["Dedicated"] == [38] for one in found)


def test_computer_systems_are_hosts_guests_and_switches_each_once(node: Switching) -> None:
    everything = node.client.instances("CIM_ComputerSystem")
    switches = [one for one in everything if one.properties["Dedicated"] == [38]]
    guests = node.client.instances("Virt_ComputerSystem")
    assert len(everything) == len(switches) + len(guests) + len(node.client.instances("Virt_HostSystem"))
    assert not {one.properties["Name"] for one in switches} & {one.properties["Name"] for one in guests}


def test_the_host_carries_systems_and_switches(node: Switching) -> None:
    (host,) = node.paths("Virt_HostSystem")
    found = node.client.across(host, "CIM_HostedDependency", "CIM_ComputerSystem")
    assert len(found) == len(node.host.vms) + len(SWITCHES) + 2


def test_each_service_affects_its_own_kind(node: Switching) -> None:
    of_switches = node.client.across(node.service, "CIM_ServiceAffectsElement", "CIM_ComputerSystem")
    of_systems = node.client.across(node.systems, "CIM_ServiceAffectsElement", "CIM_ComputerSystem")
    assert {one.cls.name for one in of_switches} == {"Test_VirtualEthernetSwitch"}
    assert {one.cls.name for one in of_systems} == {"Test_ComputerSystem"}


@pytest.mark.parametrize(("name", "mode"), SWITCHES.items(), ids=SWITCHES)
def test_configurations(node: Switching, name: str, mode: str) -> None:
    (state,) = node.client.across(node.switch_path(name), "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData")
    (defined,) = node.client.across(state.path, "CIM_ElementSettingData", role="ManagedElement")
    assert state.path == node.head_path(name, defined=False)
    assert defined.path == node.head_path(name)
    assert state.properties["ForwardMode"] == mode
    assert state.properties["VirtualSystemIdentifier"] == name
    assert state.properties["EVBMode"] == 2


def test_a_head_in_full(node: Switching) -> None:
    head = node.head("development")
    assert head["IPAddresses"] == ["192.168.111.1/24"]
    assert head["DHCPRanges"] == ["192.168.111.2-192.168.111.254"]
    assert head["DHCPHosts"] == ["52:54:00:10:00:0b,192.168.111.98,legacy1"]
    assert (head["DomainName"], head["BridgeName"], head["STPEnabled"]) == ("dev.example.com", "virbr1", True)
    assert "VLANConnection" not in head
    assert node.head("production")["VLANConnection"] == ["10", "20"]
    assert node.head("production")["VirtualSystemType"] == "Virt:openvswitch"


def test_the_pool_that_a_head_names_is_there(node: Switching) -> None:
    (text,) = node.head("production")["AssociatedResourcePool"]
    pools = node.client.instances("Virt_EthernetConnectionPool")
    (pool,) = [
        one
        for one in pools
        if f'{one.path.namespace}:{one.cls.name}.InstanceID="' in text[1:] and str(one.properties["InstanceID"]) in text
    ]
    assert pool.properties["ResourceType"] == 33
    assert pool.properties["Reserved"] == len(
        node.client.across(pool.path, "CIM_ElementAllocatedFromPool", "CIM_EthernetPort")
    )


def test_ports_are_those_of_active_systems(node: Switching) -> None:
    found = node.client.across(node.switch_path("production"), "CIM_SystemDevice", "CIM_EthernetPort")
    assert found
    for port in found:
        (lan,) = node.client.across(port.path, "CIM_PortImplementsEndpoint", "CIM_LANEndpoint")
        (other,) = node.client.across(lan.path, "CIM_ActiveConnection")
        (adapter,) = node.client.across(other.path, "CIM_PortImplementsEndpoint", "CIM_EthernetPort")
        (system,) = node.client.across(adapter.path, "CIM_SystemDevice", "CIM_ComputerSystem")
        assert system.properties["EnabledState"] in (2, 9)
        assert other.properties["MACAddress"] == adapter.properties["PermanentAddress"]


def test_vlan_of_a_port_follows_its_group(node: Switching) -> None:
    ports = node.client.across(node.switch_path("production"), "CIM_SystemDevice", "CIM_EthernetPort")
    for port in ports:
        (vlan,) = node.client.across(port.path, "CIM_PortImplementsEndpoint", "CIM_VLANEndpoint")
        (setting,) = node.client.across(vlan.path, "CIM_ElementSettingData")
        assert vlan.properties["OperationalEndpointMode"] == 2
        assert setting.properties["AccessVLAN"] == port.properties["PVID"]
        assert str(port.properties["PVID"]) in node.head("production")["VLANConnection"]


def test_groups_of_ports(node: Switching) -> None:
    found = node.ports("production")
    assert set(found) == {"web", "database", "trunk"}
    assert found["web"].properties["DefaultGroup"] is True
    assert found["database"].properties["PortVID"] == 20
    assert found["trunk"].properties["AllowedToReceiveVLANs"] == [10, 20]


def test_a_bridge_of_the_host_is_not_ours(node: Switching) -> None:
    bridge = node.switch("bridge/br0").properties
    assert bridge["AvailableRequestedStates"] == []
    assert "UUID" not in bridge
    assert node.request("bridge/br0", 3) == UNSUPPORTED
    assert node.destroy("bridge/br0").value == 1
    with pytest.raises(CIMError):
        node.head("bridge/br0")


STATES = {
    "missing": (None, INVALID, True),
    "unknown": (99, INVALID, True),
    "shut down": (4, UNSUPPORTED, True),
    "active already": (2, TRANSITION, True),
    "off": (3, OK, False),
}


@pytest.mark.parametrize(("requested", "code", "active"), STATES.values(), ids=STATES)
def test_states(switching: Switching, requested: int | None, code: int, active: bool) -> None:
    switching.made("idle")
    assert switching.request("idle", 2) == OK
    assert switching.request("idle", requested) == code
    assert switching.switch("idle").properties["EnabledState"] == (2 if active else 3)


def test_a_switch_in_use_stays_up(switching: Switching) -> None:
    assert switching.request("production", 3) == IN_USE
    assert switching.switch("production").properties["EnabledState"] == 2


def test_an_inactive_switch_has_no_ports(switching: Switching) -> None:
    for vm in switching.host.vms:
        if vm.active and "backbone" in vm.state_xml:
            with switching.host.link.borrow() as connection:
                connection.lookupByUUIDString(vm.uuid).destroy()
            switching.host.refresh(vm.uuid)
    assert switching.request("backbone", 3) == OK
    assert switching.client.across(switching.switch_path("backbone"), "CIM_SystemDevice") == []
    assert switching.head("backbone", defined=True)["VirtualSystemIdentifier"] == "backbone"
    assert switching.request("backbone", 3) == TRANSITION
