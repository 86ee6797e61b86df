"""DSP1050: interfaces that name a device of the host themselves, macvtap or virtual functions, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
from lxml import etree
from tests.profiles.client import system_path
from tests.profiles.management import instance
from tests.profiles.switching import Switching, switching_client

from virtcim.broker.call import Item, Path
from virtcim.broker.provider import model_path, path_in
from virtcim.broker.schema import Schema
from virtcim.host import domains

OK, INVALID = 0, 4
# An adapter of the host with two virtual functions, which the embedded node has not.
FUNCTIONS = """
<device>
  <name>pci_0000_04_00_0</name><parent>computer</parent>
  <capability type='pci'>
    <domain>0</domain><bus>4</bus><slot>0</slot><function>0</function>
    <product id='0x10fb'>82599ES</product><vendor id='0x8086'>Intel Corporation</vendor>
    <capability type='virt_functions' maxCount='7'>
      <address domain='0x0000' bus='0x04' slot='0x10' function='0x0'/>
      <address domain='0x0000' bus='0x04' slot='0x10' function='0x2'/>
    </capability>
  </capability>
</device>
<device>
  <name>net_ens4_00_16_3e_00_00_04</name><parent>pci_0000_04_00_0</parent>
  <capability type='net'><interface>ens4</interface><link speed='25000' state='up'/></capability>
</device>
<device>
  <name>pci_0000_04_10_2</name><parent>computer</parent>
  <capability type='pci'>
    <domain>0</domain><bus>4</bus><slot>16</slot><function>2</function>
    <product id='0x10ed'>82599 Virtual Function</product><vendor id='0x8086'>Intel Corporation</vendor>
    <capability type='phys_function'><address domain='0x0000' bus='0x04' slot='0x00' function='0x0'/></capability>
    <iommuGroup number='30'><address domain='0x0000' bus='0x04' slot='0x10' function='0x2'/></iommuGroup>
  </capability>
</device>
<interface type='ethernet' name='ens4'><start mode='onboot'/><mac address='00:16:3e:00:00:04'/></interface>
"""


@pytest.fixture(scope="module")
def uri(node_uri: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded node with an adapter that has virtual functions."""
    tree = etree.parse(File(node_uri.partition("://")[2]))
    for element in etree.fromstring(f"<all>{FUNCTIONS}</all>"):
        tree.getroot().append(element)
    path = tmp_path_factory.mktemp("node") / "functions.xml"
    path.write_bytes(etree.tostring(tree))
    return f"test://{path}"


@pytest.fixture
def switching(repository: Schema, uri: str) -> Iterator[Switching]:
    with switching_client(repository, uri) as found:
        yield found


def switches(switching: Switching) -> dict[str, Item]:
    """Those that no network is, by the end of their Name."""
    found = switching.client.instances("Virt_VirtualEthernetSwitch")
    named = {str(one.properties["Name"]).removeprefix("switch/"): one for one in found}
    return {name: one for name, one in named.items() if "/" in name}


def in_order(path: Path) -> Path:
    return replace(path, keys=tuple(sorted(path.keys)))


def leads(wire: Item) -> list[Path | None]:
    """What HostResource of a connection names."""
    texts: Any = wire.properties["HostResource"]
    return [path_in(text) for text in texts]


def plugged(switching: Switching, name: str = "made", defined: bool = True, **wire: Any) -> Item:
    """A connection of a new system, which can be asked for."""
    answer = switching.define_system(name, switching.adapter(InstanceID="a"), switching.wire(Parent="a", **wire))
    assert answer.value == OK, answer.reason
    (found,) = switching.wires(name, defined)
    return found


def host_port(switching: Switching, interface: str) -> str:
    ports = switching.client.instances("Virt_HostEthernetPort")
    return model_path(next(one.path for one in ports if one.properties["Name"] == interface))


def test_macvtap_on_an_interface_is_a_switch(switching: Switching) -> None:
    """As the embedded node has one: with a pool, a port for the guest and one to the interface of the host."""
    found = switches(switching)["macvtap/eth1/bridge"]
    (wire,) = [one for one in switching.client.instances("Virt_EthernetConnectionAllocationSettingData")
               if one.properties.get("PoolID") == "EthernetConnectionPool/macvtap/eth1/bridge"
               and "/defined/" not in str(one.properties["InstanceID"]) and "Parent" in one.properties]  # fmt: skip
    shown = wire.properties
    assert (shown["NetworkMode"], shown["ResourceSubType"]) == ("bridge", "Virt:macvtap-bridge")
    assert leads(wire) == [in_order(found.path)]
    (pool,) = switching.client.across(wire.path, "CIM_ResourceAllocationFromPool")
    (head,) = switching.client.across(found.path, "CIM_SettingsDefineState")
    assert head.properties["AssociatedResourcePool"] == [f"/{model_path(pool.path)}"]
    assert (head.properties["VirtualSystemType"], head.properties["EVBMode"]) == ("Virt:macvtap", 2)
    ports = switching.client.across(found.path, "CIM_SystemDevice", "CIM_EthernetPort")
    assert sorted(int(str(one.properties["UsageRestriction"])) for one in ports) == [2, 3]
    for port in ports:
        (lan,) = switching.client.across(port.path, "CIM_PortImplementsEndpoint", "CIM_LANEndpoint")
        (other,) = switching.client.across(lan.path, "CIM_ActiveConnection", "CIM_LANEndpoint")
        assert other.properties["SystemName"] in ("mail1", switching.host.name)


WAYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "interface of the host": ({"HostResource": ["{port}"]}, "macvtap/ens4/bridge", "Virt:macvtap-bridge"),
    "with a mode": ({"HostResource": ["{port}"], "NetworkMode": "vepa"}, "macvtap/ens4/vepa", "Virt:macvtap-vepa"),
    "as a file": ({"HostResource": ["file:///sys/class/net/ens4"], "NetworkMode": "private"}, "macvtap/ens4/private",
                  "Virt:macvtap-private"),
    "function": ({"HostResource": ["pci:0000:04:10.0"]}, "sriov/ens4", "Virt:hostdev"),
    "function by path": ({"HostResource": ['root/virt:Test_HostPCIDevice.DeviceID="host/pci_0000_04_10_2"']},
                         "sriov/ens4", "Virt:hostdev"),
    "function of nobody": ({"HostResource": ["pci:0000:05:10.1"]}, "sriov/0000:05:10.1", "Virt:hostdev"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "name", "sub_type"), WAYS.values(), ids=WAYS)
def test_devices_of_the_host_to_connect_to(
    switching: Switching, asked: dict[str, Any], name: str, sub_type: str
) -> None:
    port = host_port(switching, "ens4")
    asked = {**asked, "HostResource": [text.replace("{port}", port) for text in asked["HostResource"]]}
    wire = plugged(switching, **asked)
    shown = wire.properties
    assert (shown["PoolID"], shown["ResourceSubType"]) == (f"EthernetConnectionPool/{name}", sub_type)
    assert leads(wire) == [in_order(switches(switching)[name].path)]
    (pool,) = switching.client.across(wire.path, "CIM_ResourceAllocationFromPool")
    assert (pool.properties["Primordial"], pool.properties["Reserved"]) == (False, 0)
    assert switching.change(instance(wire)).value == OK
    assert switching.wires("made")[0].properties == shown
    assert switching.client.invoke(system_path("made"), "RequestStateChange", RequestedState="2").value == OK
    (state,) = switching.wires("made", defined=False)
    (far,) = switching.client.across(state.path, "CIM_SettingsDefineState")
    assert far.path.key("SystemName") == f"switch/{name}"
    assert switching.client.get(pool.path).properties["Reserved"] == 1


def test_a_function_is_an_adapter_that_is_passed_through(switching: Switching) -> None:
    wire = plugged(switching, HostResource=["pci:0000:04:10.2"], PortVID=42)
    (adapter,) = switching.adapters("made")
    shown = adapter.properties
    assert (shown["NetworkType"], shown["SourceDevice"], shown["HostResource"]) == (
        "hostdev", "0000:04:10.2", ["pci:0000:04:10.2"],
    )  # fmt: skip
    assert (shown["ConsumerVisibility"], shown["MappingBehavior"], wire.properties["PortVID"]) == (2, 3, 42)
    assert "managed='yes'" in str(switching.client.vm("made").defined_xml)


def test_macvtap_that_has_an_interface_to_itself_depends_on_it(switching: Switching) -> None:
    plugged(switching, HostResource=[host_port(switching, "ens4")], NetworkMode="passthrough")
    domains.start(switching.client.vm("made"))
    (adapter,) = [one for one in switching.client.instances("Virt_NetworkPort") if one.path.key("SystemName") == "made"]
    (port,) = switching.client.across(adapter.path, "CIM_HostedDependency", "CIM_EthernetPort")
    assert (port.properties["Name"], port.properties["Speed"]) == ("ens4", 25_000_000_000)


def test_the_network_that_gave_a_function_is_its_switch(switching: Switching) -> None:
    """Of a running interface libvirt tells the function alone."""
    switching.made("given", VirtualSystemType="Virt:sriov", ForwardDevices=["ens4"])
    wire = plugged(switching, HostResource=["pci:0000:04:10.0"])
    assert wire.properties["PoolID"] == "EthernetConnectionPool/given"
    assert "sriov/ens4" not in switches(switching)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no such interface": ({"HostResource": ["file:///sys/class/net/eth9"]}, "HostResource"),
    "VLAN where there is none": ({"HostResource": ["{port}"], "PortVID": 42}, "PortVID"),
    "no such mode": ({"HostResource": ["{port}"], "NetworkMode": "shared"}, "NetworkMode"),
    "another pool": ({"HostResource": ["{port}"], "PoolID": "EthernetConnectionPool/production"}, "PoolID"),
    "bandwidth of a function": ({"HostResource": ["pci:0000:04:10.0"], "Limit": 8_000_000}, "Limit"),
    "trunk of a function": (
        {"HostResource": ["pci:0000:04:10.0"], "DesiredVLANEndpointMode": 5, "AllowedToReceiveVLANs": [42]},
        "DesiredVLANEndpointMode",
    ),
}


@pytest.mark.parametrize(("asked", "named"), BAD.values(), ids=BAD)
def test_what_cannot_be(switching: Switching, asked: dict[str, Any], named: str) -> None:
    port = host_port(switching, "ens4")
    asked = {**asked, "HostResource": [text.replace("{port}", port) for text in asked["HostResource"]]}
    wire = switching.wire(Parent="a", **asked)
    answer = switching.define_system("made", switching.adapter(InstanceID="a"), wire)
    assert (answer.value, named in answer.reason) == (INVALID, True), answer.reason
    assert switching.host.vm_named("made") is None


def test_a_function_has_no_link_to_cut(switching: Switching) -> None:
    answer = switching.remove(plugged(switching, HostResource=["pci:0000:04:10.0"]))
    assert (answer.value, "AutomaticAllocation" in answer.reason) == (INVALID, True)
    assert len(switching.wires("made")) == 1


def test_moving_between_networks_and_devices(switching: Switching) -> None:
    """Nothing of the one is left in the other."""
    wire = plugged(switching, Connection=["production"], PortVID=20)
    key = wire.properties["InstanceID"]
    moved = [{"HostResource": [host_port(switching, "ens4")]}, {"HostResource": ["pci:0000:04:10.2"]},
             {"Connection": ["development"]}]  # fmt: skip
    pools = []
    for asked in moved:
        answer = switching.change(switching.wire(InstanceID=key, **asked))
        assert answer.value == OK, answer.reason
        pools.append(str(switching.wires("made")[0].properties["PoolID"]).partition("/")[2])
    assert pools == ["macvtap/ens4/bridge", "sriov/ens4", "development"]
    document = str(switching.client.vm("made").defined_xml)
    assert [word for word in ("<vlan", "ens4", "managed=", "mode='bridge'") if word in document] == []
