"""Switches and the world outside: interfaces of the host, the ports of switches that they are, bridges nobody uses."""

from __future__ import annotations

from typing import Any

from tests.profiles.switching import Switching

from virtcim.broker.call import Item, Path

OK, INVALID = 0, 5
BACK_END = 3  # UsageRestriction
IDLE = (
    "<interface type='bridge' name='br-idle'><start mode='onboot'/>"
    "<bridge><interface type='ethernet' name='eth7'/></bridge></interface>"
)
MACVTAP = {"VirtualSystemType": "Virt:macvtap", "ForwardMode": "vepa"}


def host_ports(switching: Switching) -> dict[str, Item]:
    found = switching.client.instances("Virt_HostEthernetPort")
    return {str(one.properties["Name"]): one for one in found}


def ports(switching: Switching, path: Path) -> dict[str, Item]:
    """The uplinks of a switch."""
    found = switching.client.across(path, "CIM_SystemDevice", "CIM_EthernetPort")
    return {str(one.properties["Name"]): one for one in found if one.properties["UsageRestriction"] == BACK_END}


def other_end(switching: Switching, port: Item) -> Item:
    """The port at the other end of a port's connection."""
    (own,) = switching.client.across(port.path, "CIM_PortImplementsEndpoint", "CIM_LANEndpoint")
    (lan,) = switching.client.across(own.path, "CIM_ActiveConnection", "CIM_LANEndpoint")
    (found,) = switching.client.across(lan.path, "CIM_PortImplementsEndpoint", "CIM_EthernetPort")
    return found


def test_the_interfaces_of_the_host_are_its_ports(node: Switching) -> None:
    found = host_ports(node)
    assert set(found) == {"eth0", "eth1", "eth2"}
    (host,) = node.paths("Virt_HostSystem")
    devices = node.client.across(host, "CIM_SystemDevice", "Virt_HostEthernetPort")
    assert {one.path for one in devices} == {one.path for one in found.values()}
    eth1 = node.client.get(found["eth1"].path).properties
    assert (eth1["PermanentAddress"], eth1["ActiveMaximumTransmissionUnit"]) == ("00163E000002", 9000)


def test_what_is_in_a_bridge_is_its_uplink(node: Switching) -> None:
    found = ports(node, node.switch_path("bridge/br0"))
    assert set(found) == {"eth2"}
    assert other_end(node, found["eth2"]).path == host_ports(node)["eth2"].path
    assert node.client.get(found["eth2"].path).properties == found["eth2"].properties


def test_a_bridge_that_nobody_uses_is_a_switch_as_soon_as_libvirt_tells_of_it(switching: Switching) -> None:
    def named(name: str) -> list[Item]:
        found = switching.client.instances("Virt_VirtualEthernetSwitch")
        return [one for one in found if one.properties["ElementName"] == name]

    assert named("br-idle") == []
    with switching.host.link.borrow() as connection:
        connection.interfaceDefineXML(IDLE)
    switching.host.reconcile()
    (switch,) = named("br-idle")
    assert switch.properties["OtherIdentifyingInfo"] == ["br-idle"]
    assert set(ports(switching, switch.path)) == {"eth7"}
    answer = switching.client.invoke(switching.service, "DestroySystem", AffectedSystem=switch.path)
    assert answer.value != OK


def test_uplinks_come_and_go_with_the_switch(switching: Switching) -> None:
    eth0 = host_ports(switching)["eth0"]
    uri = "/root/virt:Test_HostEthernetPort." + ",".join(f'{name}="{value}"' for name, value in eth0.path.keys)
    uplink = switching.given("SwitchPortAllocationSettingData", ResourceType=30, HostResource=[uri])
    path = switching.made("upward", uplink, **MACVTAP)
    assert switching.network("upward").forward_interfaces[0].device == "eth0"
    assert ports(switching, path) == {}
    assert switching.request("upward", 2) == OK
    found = ports(switching, path)
    assert other_end(switching, found["eth0"]).path == eth0.path
    (setting,) = switching.client.across(found["eth0"].path, "CIM_SettingsDefineState")
    shown: Any = setting.properties["HostResource"]
    assert [text.rpartition("DeviceID=")[2] for text in shown] == ['"host/net/eth0"']
    (dependency,) = switching.client.links(found["eth0"].path, "CIM_HostedDependency")
    assert dependency.properties["Antecedent"] == eth0.path
    assert switching.request("upward", 3) == OK
    assert ports(switching, path) == {}


def test_what_a_routed_switch_is_bound_to_is_no_port_of_it(switching: Switching) -> None:
    path = switching.made("routed", ForwardMode="route", IPAddresses=["192.0.2.129/26"], ForwardDevices=["eth0"])
    assert switching.request("routed", 2) == OK
    assert ports(switching, path) == {}
