"""DSP1097: switches defined, changed and destroyed, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.profiles.client import out
from tests.profiles.switching import SETTINGS, Switching

OK, UNSUPPORTED, FAILED, INVALID, BAD_STATE = 0, 1, 2, 4, 5
NAT = {
    "ForwardMode": "nat",
    "IPAddresses": ["192.168.240.1/24"],
    "DHCPRanges": ["192.168.240.10-192.168.240.99"],
    "DHCPHosts": ["52:54:00:aa:00:01,192.168.240.5,one"],
}
OVS = {"VirtualSystemType": "Virt:openvswitch", "BridgeName": "ovsbr9"}


KINDS: dict[str, dict[str, Any]] = {
    "isolated": {"ForwardMode": "isolated", "IPAddresses": ["192.168.241.1/24"]},
    "isolated without address": {},
    "nat": NAT,
    "route": {"ForwardMode": "route", "ForwardDevices": ["eth0"], "IPAddresses": ["192.168.242.1/24"]},
    "open": {"ForwardMode": "open", "IPAddresses": ["192.168.243.1/24", "fd00:9::1/64"]},
    "bridge": {"ForwardMode": "bridge", "BridgeName": "br7"},
    "openvswitch": {**OVS, "VLANConnection": ["42", "47"]},
    "macvtap": {"VirtualSystemType": "Virt:macvtap", "ForwardDevices": ["eth0", "eth1"]},
    "vepa": {"ForwardMode": "vepa", "ForwardDevices": ["eth0"], "EVBMode": 3},
    "private": {"ForwardMode": "private", "ForwardDevices": ["eth0"], "EVBMode": 1, "OtherEVBMode": "private"},
    "passthrough": {"ForwardMode": "passthrough", "ForwardDevices": ["eth0"], "EVBMode": 4},
    "NAT of IPv6": {**NAT, "IPAddresses": ["192.168.240.1/24", "fd00:a::1/64"], "NATIPv6": True},
    "isolated ports": {"ForwardMode": "nat", "IPAddresses": ["192.168.246.1/24"], "PortsIsolated": True},
    "bandwidth": {"InboundBandwidthLimit": 8000000, "OutboundBandwidthLimit": 16000000},
    "SR-IOV by an interface": {"VirtualSystemType": "Virt:sriov", "ForwardDevices": ["eth0"], "EVBMode": 4},
    "SR-IOV by functions": {"ForwardMode": "hostdev", "ForwardDevices": ["0000:04:10.1", "0000:04:10.3"]},
    "details": {"DomainName": "x.example", "MTU": 1400, "STPEnabled": False, "AutomaticStartupAction": 4, **NAT},
}


@pytest.mark.parametrize("head", KINDS.values(), ids=KINDS)
def test_what_is_asked_for_is_there(switching: Switching, head: dict[str, Any]) -> None:
    path = switching.made("made", **head)
    assert switching.client.get(path).properties["EnabledState"] == 3
    shown = switching.head("made")
    assert {name: shown.get(name) for name in head} == head
    (pool,) = shown["AssociatedResourcePool"]
    assert "EthernetConnectionPool/made" in pool
    assert "EthernetConnectionPool/made" in [
        one.properties["PoolID"] for one in switching.client.instances("Virt_EthernetConnectionPool")
    ]
    assert switching.network("made").name == "made"


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "S-VLAN component": ({"EVBMode": 5}, INVALID, "EVBMode"),
    "VLANs on a bridge": ({"VLANConnection": ["42"]}, INVALID, "VLANConnection"),
    "a VLAN that is none": ({**OVS, "VLANConnection": ["4095"]}, INVALID, "VLANConnection"),
    "a VLAN twice": ({**OVS, "VLANConnection": ["42", "42"]}, INVALID, "VLANConnection"),
    "unknown type": ({"VirtualSystemType": "DMTF:KVM"}, INVALID, "VirtualSystemType"),
    "unknown mode": ({"ForwardMode": "magic"}, INVALID, "ForwardMode"),
    "Open vSwitch without bridge": ({"VirtualSystemType": "Virt:openvswitch"}, INVALID, "BridgeName"),
    "Open vSwitch with NAT": ({**OVS, "ForwardMode": "nat"}, INVALID, "ForwardMode"),
    "macvtap without device": ({"VirtualSystemType": "Virt:macvtap"}, INVALID, "ForwardDevices"),
    "two devices of NAT": ({"ForwardMode": "nat", "ForwardDevices": ["a", "b"]}, INVALID, "ForwardDevices"),
    "a device twice": ({"ForwardMode": "vepa", "ForwardDevices": ["a", "a"]}, INVALID, "ForwardDevices"),
    "a device of an isolated one": ({"ForwardDevices": ["a"]}, INVALID, "ForwardDevices"),
    "SR-IOV by both": ({"ForwardMode": "hostdev", "ForwardDevices": ["e", "0000:04:10.1"]}, INVALID, "ForwardDevices"),
    "SR-IOV by two": ({"ForwardMode": "hostdev", "ForwardDevices": ["eth0", "eth1"]}, INVALID, "ForwardDevices"),
    "IPv6 behind NAT where there is none": ({"ForwardMode": "route", "NATIPv6": True}, INVALID, "NATIPv6"),
    "isolated ports of Open vSwitch": ({**OVS, "PortsIsolated": True}, INVALID, "PortsIsolated"),
    "a bridge with slash": ({"ForwardMode": "bridge", "BridgeName": "a/b"}, INVALID, "BridgeName"),
    "address without prefix": ({"IPAddresses": ["192.0.2.1"]}, INVALID, "IPAddresses"),
    "address of a bridge": (
        {"ForwardMode": "bridge", "BridgeName": "b", "IPAddresses": ["192.0.2.1/24"]},
        INVALID,
        "IPAddresses",
    ),
    "range elsewhere": ({**NAT, "DHCPRanges": ["10.0.0.1-10.0.0.9"]}, INVALID, "DHCPRanges"),
    "range downwards": ({**NAT, "DHCPRanges": ["192.168.240.9-192.168.240.2"]}, INVALID, "DHCPRanges"),
    "range of one": ({**NAT, "DHCPRanges": ["192.168.240.9"]}, INVALID, "DHCPRanges"),
    "range out of the subnet": ({**NAT, "DHCPRanges": ["192.168.240.9-192.168.241.2"]}, INVALID, "DHCPRanges"),
    "host without address": ({**NAT, "DHCPHosts": ["52:54:00:aa:00:01"]}, INVALID, "DHCPHosts"),
    "host elsewhere": ({**NAT, "DHCPHosts": ["52:54:00:aa:00:01,10.0.0.1"]}, INVALID, "DHCPHosts"),
    "a pool of choice": ({"AssociatedResourcePool": ["x"]}, INVALID, "AssociatedResourcePool"),
    "no UUID": ({"UUID": "x"}, INVALID, "UUID"),
    "a slash in the name": ({"VirtualSystemIdentifier": "a/b"}, INVALID, "VirtualSystemIdentifier"),
    "two names": ({"VirtualSystemIdentifier": "other"}, INVALID, "VirtualSystemIdentifier"),
    "autostart of another kind": ({"AutomaticStartupAction": 3}, INVALID, "AutomaticStartupAction"),
    "what libvirt has no place for": ({"MaxNumMACAddress": 5}, INVALID, "MaxNumMACAddress"),
}


@pytest.mark.parametrize(("head", "code", "named"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(switching: Switching, head: dict[str, Any], code: int, named: str) -> None:
    before = {one.name for one in switching.host.networks}
    answer = switching.define("refused", **head)
    assert (answer.value, named in answer.reason) == (code, True), answer.reason
    assert {one.name for one in switching.host.networks} == before


def test_a_name_in_use(switching: Switching) -> None:
    assert switching.define("production").value == FAILED
    uuid = switching.switch("production").properties["UUID"]
    assert switching.define("other", UUID=uuid).value == FAILED


def test_each_service_refuses_the_others_settings(switching: Switching) -> None:
    computer = switching.given("VirtualSystemSettingData", ElementName="x")
    assert switching.client.invoke(switching.service, "DefineSystem", SystemSettings=computer).value == INVALID
    switch = switching.given(SETTINGS, ElementName="x")
    assert switching.client.invoke(switching.systems, "DefineSystem", SystemSettings=switch).value == INVALID
    guest = switching.client.system("web1").path
    assert switching.client.invoke(switching.service, "DestroySystem", AffectedSystem=guest).value == INVALID
    path = switching.switch_path("backbone")
    assert switching.client.invoke(switching.systems, "DestroySystem", AffectedSystem=path).value == INVALID


def test_a_copy_of_a_switch(switching: Switching) -> None:
    settings = switching.given(SETTINGS, ElementName="copy")
    answer = switching.client.invoke(
        switching.service,
        "DefineSystem",
        SystemSettings=settings,
        ReferenceConfiguration=switching.head_path("production"),
    )
    assert answer.value == OK, answer.reason
    assert set(switching.ports("copy")) == {"web", "database", "trunk"}
    assert switching.head("copy")["UUID"] != switching.head("production")["UUID"]


# Groups and uplinks


def test_groups_from_the_start(switching: Switching) -> None:
    trunk = switching.group("all", DesiredVLANEndpointMode=5, AllowedToReceiveVLANs=[42, 47], PortVID=42)
    switching.made("made", switching.group("red", PortVID=42, Limit=8_000_000, DefaultGroup=True), trunk, **OVS)
    found = switching.ports("made")
    assert (found["red"].properties["PortVID"], found["red"].properties["Limit"]) == (42, 8_000_000)
    assert found["all"].properties["AllowedToReceiveVLANs"] == [42, 47]
    assert switching.head("made")["VLANConnection"] == ["42", "47"]


@pytest.mark.parametrize("active", [False, True], ids=["off", "active"])
def test_groups_come_change_and_go(switching: Switching, active: bool) -> None:
    switching.made("made", **OVS)
    if active:
        assert switching.request("made", 2) == OK
    answer = switching.add("made", switching.group("red", PortVID=42), defined=False)
    assert answer.value == OK, answer.reason
    assert out(answer, "ResultingResourceSettings") == [switching.ports("made", defined=False)["red"].path]
    red = switching.ports("made", defined=False)["red"]
    changed = switching.given("SwitchPortAllocationSettingData", InstanceID=red.properties["InstanceID"], PortVID=47)
    assert switching.modify_ports(changed).value == OK
    assert switching.head("made")["VLANConnection"] == ["47"]
    assert switching.remove_ports(switching.ports("made", defined=False)["red"].path).value == OK
    assert switching.ports("made") == {}


BAD_GROUPS: dict[str, tuple[dict[str, Any], str]] = {
    "name in use": ({"PortGroup": "web"}, "PortGroup"),
    "no name": ({}, "PortGroup"),
    "second default": ({"PortGroup": "n", "DefaultGroup": True}, "DefaultGroup"),
    "trunk of nothing": ({"PortGroup": "n", "DesiredVLANEndpointMode": 5}, "AllowedToReceiveVLANs"),
    "tunnel": ({"PortGroup": "n", "DesiredVLANEndpointMode": 6}, "DesiredVLANEndpointMode"),
    "priorities": ({"PortGroup": "n", "DefaultPriority": 3}, "DefaultPriority"),
    "an adapter": ({"PortGroup": "n", "ResourceType": 10}, "ResourceType"),
    "an uplink beside a bridge": ({"HostResource": ["file:///sys/class/net/eth0"]}, "ForwardDevices"),
}


@pytest.mark.parametrize(("properties", "named"), BAD_GROUPS.values(), ids=BAD_GROUPS)
def test_groups_that_cannot_be(switching: Switching, properties: dict[str, Any], named: str) -> None:
    before = switching.network("production").xml
    port = switching.given("SwitchPortAllocationSettingData", **{"ResourceType": 30, **properties})
    answer = switching.add("production", port)
    assert (answer.value, named in answer.reason) == (INVALID, True), answer.reason
    assert switching.network("production").xml == before


def test_a_vlan_of_a_group_on_a_bridge_is_refused(switching: Switching) -> None:
    assert switching.add("development", switching.group("red", PortVID=42)).value == INVALID
    assert switching.network("development").portgroups == ()


def test_all_or_nothing(switching: Switching) -> None:
    answer = switching.add("production", switching.group("one"), switching.group("web"))
    assert answer.value == INVALID
    assert set(switching.ports("production")) == {"web", "database", "trunk"}


def test_a_group_in_use_stays(switching: Switching) -> None:
    answer = switching.remove_ports(switching.ports("production")["database"].path)
    assert (answer.value, "in use" in answer.reason) == (FAILED, True)
    assert "database" in switching.ports("production")


def test_uplinks(switching: Switching) -> None:
    switching.made("made", VirtualSystemType="Virt:macvtap", ForwardDevices=["eth0"])
    second = switching.given(
        "SwitchPortAllocationSettingData", ResourceType=30, HostResource=["file:///sys/class/net/eth1"]
    )
    assert switching.add("made", second).value == OK
    assert switching.head("made")["ForwardDevices"] == ["eth0", "eth1"]
    assert switching.add("made", second).value == INVALID
    found = switching.ports("made")
    assert switching.remove_ports(found["eth0"].path).value == OK
    assert switching.remove_ports(found["eth1"].path).value == INVALID  # nothing would be left to be on
    assert switching.head("made")["ForwardDevices"] == ["eth1"]


# Changes of the head


CHANGES: dict[str, tuple[dict[str, Any], int]] = {
    "domain": ({"DomainName": "y.example"}, OK),
    "addresses": ({"IPAddresses": ["192.168.245.1/24"], "DHCPRanges": [], "DHCPHosts": []}, OK),
    "dhcp": ({"DHCPRanges": ["192.168.240.50-192.168.240.60"]}, OK),
    "hosts": ({"DHCPHosts": ["52:54:00:aa:00:02,192.168.240.6"]}, OK),
    "mode": ({"ForwardMode": "route"}, OK),
    "autostart": ({"AutomaticStartupAction": 4}, OK),
    "name": ({"VirtualSystemIdentifier": "other"}, INVALID),
    "vlans": ({"VLANConnection": ["42"]}, INVALID),
    "addresses that leave DHCP without": ({"DHCPRanges": ["10.0.0.1-10.0.0.2"]}, INVALID),
    "pool": ({"AssociatedResourcePool": ["x"]}, INVALID),
}


@pytest.mark.parametrize(("head", "code"), CHANGES.values(), ids=CHANGES)
def test_changes(switching: Switching, head: dict[str, Any], code: int) -> None:
    switching.made("made", **NAT)
    before = switching.head("made")
    answer = switching.modify("made", **head)
    assert answer.value == code, answer.reason
    after = switching.head("made")
    wanted = {**before, **(head if code == OK else {})}
    assert after == {name: value for name, value in wanted.items() if value != []}


def test_changes_of_an_active_switch(switching: Switching) -> None:
    switching.made("made", **NAT)
    switching.request("made", 2)
    assert switching.modify("made", defined=False, DHCPRanges=["192.168.240.50-192.168.240.60"]).value == OK
    assert switching.head("made", defined=False)["DHCPRanges"] == ["192.168.240.50-192.168.240.60"]
    answer = switching.modify("made", defined=False, DomainName="y.example")
    assert (answer.value, "active" in answer.reason) == (BAD_STATE, True)
    assert "DomainName" not in switching.head("made", defined=False)


def test_a_vlan_comes_and_goes(switching: Switching) -> None:
    switching.made("made", **OVS, VLANConnection=["42"])
    assert switching.modify("made", VLANConnection=["42", "47"]).value == OK
    assert set(switching.ports("made")) == {"vlan42", "vlan47"}
    assert switching.modify("made", VLANConnection=["47"]).value == OK
    assert set(switching.ports("made")) == {"vlan47"}
    assert switching.modify("production", VLANConnection=["10"]).value == INVALID  # a group of its own uses 20


@pytest.mark.parametrize("instance_id", [None, "", "Test:web1", "Test:switch/nothing/defined"])
def test_settings_of_no_switch(switching: Switching, instance_id: str | None) -> None:
    settings = switching.given(SETTINGS, InstanceID=instance_id, DomainName="x")
    answer = switching.client.invoke(switching.service, "ModifySystemSettings", SystemSettings=settings)
    assert (answer.value, "InstanceID" in answer.reason) == (INVALID, True)


# Destroying


@pytest.mark.parametrize("active", [False, True], ids=["off", "active"])
def test_destroying(switching: Switching, active: bool) -> None:
    switching.made("made")
    if active:
        switching.request("made", 2)
    assert switching.destroy("made").value == OK
    assert switching.host.network_named("made") is None
    assert "made" not in [one.properties["ElementName"] for one in switching.client.instances("CIM_ResourcePool")]
    assert switching.destroy("made").value == INVALID


@pytest.mark.parametrize("name", ["production", "backbone"])
def test_a_switch_in_use_stays(switching: Switching, name: str) -> None:
    """Also when only the definition of a system that is off uses it."""
    answer = switching.destroy(name)
    assert (answer.value, "in use" in answer.reason) == (FAILED, True)
    assert switching.switch(name).properties["EnabledState"] == 2
