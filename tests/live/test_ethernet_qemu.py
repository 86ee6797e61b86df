"""Switches and connections on a real libvirtd: guests that reach each other, are cut off and joined again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import libvirt
import pytest
from tests.beyond import beyond
from tests.live import open_vswitch
from tests.live.conftest import Guest, guest_xml, wait_until
from tests.live.network_pair import GUESTS, Pair, full, known_addresses, traffic
from tests.profiles.client import system_path
from tests.profiles.switching import Switching, switching_client
from tests.profiles.test_symmetry import LIVE_ONLY, pairs
from tests.profiles.test_symmetry import name as shown

from virtcim.broker.schema import Schema

OK, FAILED, INVALID, IN_USE = 0, 2, 4, 6
FIRST, SECOND = "virtcim-test-net-first", "virtcim-test-net-second"
# Without a spanning tree, which would let each new port wait for some seconds
HEADS: dict[str, dict[str, Any]] = {
    FIRST: {
        "ForwardMode": "isolated",
        "STPEnabled": False,
        "IPAddresses": ["192.168.238.1/24"],
        "DHCPRanges": ["192.168.238.10-192.168.238.19"],
        "DHCPHosts": [f"{GUESTS['net-a']},192.168.238.5,first-guest"],
    },
    SECOND: {"ForwardMode": "nat", "STPEnabled": False, "IPAddresses": ["192.168.239.1/24"]},
}


@pytest.fixture
def switching(kvm_schema: Schema, libvirtd: str, qemu: libvirt.virConnect) -> Iterator[Switching]:
    """Without anything of these tests before and after."""
    clean(qemu)
    with switching_client(kvm_schema, libvirtd, shutdown_timeout=3.0) as found:
        yield found
    clean(qemu)


def clean(qemu: libvirt.virConnect) -> None:
    for domain in qemu.listAllDomains():
        if domain.name().startswith("virtcim-test-net-"):
            with suppress(libvirt.libvirtError):
                domain.destroy()
            with suppress(libvirt.libvirtError):
                domain.undefine()
    for network in qemu.listAllNetworks():
        if network.name().startswith("virtcim-test-net-"):
            with suppress(libvirt.libvirtError):
                network.destroy()
            with suppress(libvirt.libvirtError):
                network.undefine()


@pytest.fixture
def pair(switching: Switching, qemu: libvirt.virConnect, guest_image: Guest) -> Iterator[Pair]:
    found = Pair(switching, qemu, guest_image)
    yield found
    found.close()


def start_switch(switching: Switching, name: str, **head: Any) -> None:
    switching.made(name, **head)
    assert switching.request(name, 2) == OK


def test_two_guests_on_a_switch(switching: Switching, pair: Pair) -> None:
    """DHCP of a real dnsmasq, traffic, a link taken down and up, a move to another switch and back."""
    for name, head in HEADS.items():
        start_switch(switching, name, **head)
    pair.start(Connection=[FIRST])
    assert pair.connections(FIRST) == 2
    wait_until(lambda: all(pair.address(name) for name in GUESTS), 60)
    with switching.host.link.borrow() as connection:
        leases = connection.networkLookupByName(FIRST).DHCPLeases()
    leased = {str(one["mac"]): str(one["ipaddr"]) for one in leases}
    assert leased[GUESTS["net-a"]] == "192.168.238.5" == pair.address("net-a")
    assert leased[GUESTS["net-b"]] == pair.address("net-b")
    target = pair.address("net-b")
    before = traffic(pair, "net-a")
    assert pair.reaches("net-a", target, packets=3)
    wait_until(lambda: traffic(pair, "net-a")["PacketsTransmitted"] >= before["PacketsTransmitted"] + 3, 10)
    assert known_addresses(pair, "net-a") == ["192.168.238.5"]
    everything = switching.client.broker.instances.catalog.associations
    for association in [one for one in everything if one.b.classname == "Virt_IPProtocolEndpoint"]:
        assert shown(association) in LIVE_ONLY
        assert pairs(switching.client, association, True) == pairs(switching.client, association, False) != set()

    (wire,) = switching.wires(full("net-b"), defined=False)
    assert switching.remove(wire).value == OK
    assert pair.connections(FIRST) == 1
    assert not pair.reaches("net-a", target)
    parent = wire.properties["Parent"]
    again = switching.add_to(full("net-b"), switching.wire(Parent=parent, Connection=[FIRST]), defined=False)
    assert again.value == OK, again.reason
    assert pair.reaches_soon("net-a", target)

    pair.change("net-b", HostResource=[f'/root/virt:KVM_VirtualEthernetSwitch.Name="switch/{SECOND}"'])
    assert (pair.connections(FIRST), pair.connections(SECOND)) == (1, 1)
    assert pair.wire("net-b", defined=True).properties["Connection"] == [SECOND]
    assert not pair.reaches("net-a", target)
    pair.change("net-b", PoolID=f"EthernetConnectionPool/{FIRST}")
    assert pair.reaches_soon("net-a", target)

    ports = switching.client.instances("KVM_NetworkPort")
    (cable,) = [one for one in ports if one.path.key("SystemName") == full("net-b")]
    assert switching.client.invoke(cable.path, "RequestStateChange", RequestedState="3").value == OK
    assert not pair.reaches("net-a", target)
    assert switching.client.get(cable.path).properties["EnabledState"] == 3
    assert switching.client.invoke(cable.path, "RequestStateChange", RequestedState="2").value == OK
    assert pair.reaches_soon("net-a", target)

    assert switching.request(FIRST, 3) == IN_USE
    assert switching.destroy(FIRST).value == FAILED
    assert switching.destroy(SECOND).value == OK


@pytest.fixture
def ovs_bridge(scratch_dir: File) -> Iterator[str]:
    """A bridge of Open vSwitch in user space."""
    name = "vctestovs0"
    with open_vswitch.running(scratch_dir):
        open_vswitch.vsctl("--may-exist", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
        yield name
        open_vswitch.vsctl("--if-exists", "del-br", name)


def test_two_guests_in_vlans(ovs_bridge: str, switching: Switching, pair: Pair) -> None:
    """Cut by a change of VLAN and joined again, all by the profile's own calls, on running guests."""
    head = {"VirtualSystemType": "Virt:openvswitch", "BridgeName": ovs_bridge, "VLANConnection": ["42", "47"]}
    start_switch(switching, FIRST, **head)
    pair.start(Connection=[FIRST], PortVID=42)
    for name, address in (("net-a", "192.168.238.1"), ("net-b", "192.168.238.2")):
        pair.set_address(name, address)
    assert pair.reaches_soon("net-a", "192.168.238.2")
    assert tags(pair) == {"net-a": "42", "net-b": "42"}

    pair.change("net-b", PortVID=47)
    assert tags(pair) == {"net-a": "42", "net-b": "47"}
    assert vlan_shown(pair, "net-b") == 47
    assert not pair.reaches("net-a", "192.168.238.2")
    pair.change("net-b", PortVID=42)
    assert pair.reaches_soon("net-a", "192.168.238.2")

    given = switching.wire(InstanceID=pair.wire("net-b").properties["InstanceID"], PortVID=99)
    assert switching.change(given).value == INVALID
    assert tags(pair)["net-b"] == "42"


def test_a_running_guest_changes_its_group_of_ports(
    ovs_bridge: str, switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    """Open vSwitch has the VLAN of the group that the connection is in, and of another one at once."""
    head = {"VirtualSystemType": "Virt:openvswitch", "BridgeName": ovs_bridge}
    groups = [switching.group(name, PortVID=vlan) for name, vlan in (("sales", 42), ("lab", 47))]
    switching.made(FIRST, *groups, **head)
    assert switching.request(FIRST, 2) == OK
    qemu.defineXML(guest_xml("net-a", guest_image, linux=False, memory_mib=16))
    wait_until(lambda: switching.host.vm_named(full("net-a")) is not None, 5)
    wire = switching.wire(Parent="new", Connection=[FIRST], PortGroup="sales")
    answer = switching.add_to(full("net-a"), switching.adapter(InstanceID="new"), wire)
    assert answer.value == OK, answer.reason
    domain = qemu.lookupByName(full("net-a"))
    domain.create()
    vm = switching.host.refresh(domain.UUIDString())
    assert vm is not None
    (tap,) = (view.target for view in vm.state_document.interfaces)
    for group, vlan in (("sales", 42), ("lab", 47), ("sales", 42)):
        (state,) = switching.wires(full("net-a"), defined=False)
        if state.properties["PortGroup"] != group:
            changed = switching.wire(InstanceID=state.properties["InstanceID"], PortGroup=group)
            answer = switching.change(changed)
            assert answer.value == OK, answer.reason
        assert open_vswitch.vsctl("get", "port", str(tap), "tag") == str(vlan)
        (port,) = switching.client.across(state.path, "CIM_SettingsDefineState")
        assert switching.client.get(port.path).properties["PVID"] == vlan
    assert switching.remove_ports(switching.ports(FIRST)["sales"].path).value == FAILED  # it is in use


def tags(pair: Pair) -> dict[str, str]:
    """The VLAN of each guest's port as Open vSwitch itself has it."""
    found = {}
    for name in GUESTS:
        port = next(view.target for view in pair.switching.client.vm(full(name)).state_document.interfaces)
        found[name] = open_vswitch.vsctl("get", "port", str(port), "tag")
    return found


def vlan_shown(pair: Pair, name: str) -> object:
    """AccessVLAN of the port's VLAN endpoint."""
    (port,) = pair.switching.client.across(pair.wire(name).path, "CIM_SettingsDefineState")
    (endpoint,) = pair.switching.client.across(port.path, "CIM_PortImplementsEndpoint", "CIM_VLANEndpoint")
    (setting,) = pair.switching.client.across(endpoint.path, "CIM_ElementSettingData")
    return setting.properties["AccessVLAN"]


def test_a_switch_lives_and_dies_in_libvirt(switching: Switching, qemu: libvirt.virConnect) -> None:
    """Defined, autostarted, started, changed while it is active, stopped and destroyed: libvirt agrees each time."""
    switching.made(FIRST, **HEADS[FIRST], AutomaticStartupAction=4)
    network = qemu.networkLookupByName(FIRST)
    assert (network.isActive(), network.autostart()) == (0, 1)
    assert switching.request(FIRST, 2) == OK
    assert network.isActive() == 1
    answer = switching.modify(FIRST, defined=False, DHCPHosts=[f"{GUESTS['net-b']},192.168.238.6"])
    assert answer.value == OK, answer.reason
    for flags in (0, libvirt.VIR_NETWORK_XML_INACTIVE):
        assert "192.168.238.6" in network.XMLDesc(flags)
        assert "192.168.238.5" not in network.XMLDesc(flags)
    assert switching.request(FIRST, 3) == OK
    assert network.isActive() == 0
    assert switching.destroy(FIRST).value == OK
    assert FIRST not in [one.name() for one in qemu.listAllNetworks()]


@pytest.fixture
def idle_bridge() -> Iterator[tuple[str, str]]:
    """A bridge of the host that nobody uses, and the one interface in it."""
    bridge, inside, outside = "vctestbr0", "vctestin0", "vctestout0"
    for arguments in (f"add {bridge} type bridge", f"add {inside} type veth peer name {outside}"):
        done = subprocess.run(["ip", "link", *arguments.split()], check=False, capture_output=True, text=True)
        if done.returncode:
            beyond(f"bridges or pairs of interfaces: {done.stderr}")
    subprocess.run(["ip", "link", "set", inside, "master", bridge], check=True)
    yield bridge, inside
    for name in (inside, bridge):
        subprocess.run(["ip", "link", "del", name], check=True)


def test_a_bridge_that_nobody_uses_is_a_switch(idle_bridge: tuple[str, str], switching: Switching) -> None:
    bridge, inside = idle_bridge
    switching.host.reconcile()
    path = switching.switch_path(f"bridge/{bridge}")
    (uplink,) = switching.client.across(path, "CIM_SystemDevice", "CIM_EthernetPort")
    (lan,) = switching.client.across(uplink.path, "CIM_PortImplementsEndpoint")
    (other,) = switching.client.across(lan.path, "CIM_ActiveConnection")
    (port,) = switching.client.across(other.path, "CIM_PortImplementsEndpoint")
    assert port.path.key("DeviceID") == f"host/net/{inside}"


def test_a_bridge_of_open_vswitch_that_nobody_uses_is_a_switch(
    ovs_bridge: str, idle_bridge: tuple[str, str], switching: Switching
) -> None:
    """It comes and goes with the database of Open vSwitch, and can be connected to."""
    _, inside = idle_bridge
    subprocess.run(["ip", "link", "set", inside, "nomaster"], check=True)
    open_vswitch.vsctl("add-port", ovs_bridge, inside)
    switching.host.reconcile()
    path = switching.switch_path(f"bridge/{ovs_bridge}")
    (head,) = switching.client.across(path, "CIM_SettingsDefineState")
    assert head.properties["VirtualSystemType"] == "Virt:openvswitch"
    (uplink,) = switching.client.across(path, "CIM_SystemDevice", "CIM_EthernetPort")
    assert uplink.properties["Name"] == inside
    wire = switching.wire(Parent="new", PoolID=f"EthernetConnectionPool/bridge/{ovs_bridge}", PortVID=42)
    answer = switching.define_system(full("net-idle"), switching.adapter(InstanceID="new"), wire)
    assert answer.value == OK, answer.reason
    assert "type='openvswitch'" in str(switching.client.vm(full("net-idle")).defined_xml)
    gone = switching.client.invoke(
        switching.systems, "DestroySystem", AffectedSystem=system_path(full("net-idle"), switching.platform)
    )
    assert gone.value == OK, gone.reason
    open_vswitch.vsctl("del-br", ovs_bridge)
    switching.host.reconcile()
    assert path not in switching.paths("Virt_VirtualEthernetSwitch")


def test_what_cannot_start_is_told(switching: Switching) -> None:
    """Two networks cannot have one subnet; the reason is libvirt's."""
    start_switch(switching, FIRST, **HEADS[FIRST])
    switching.made(SECOND, IPAddresses=["192.168.238.77/24"])
    answer = switching.client.invoke(switching.switch_path(SECOND), "RequestStateChange", RequestedState="2")
    assert answer.value == 4
    assert "already in use" in answer.reason
    assert switching.switch(SECOND).properties["EnabledState"] == 3


def test_a_vlan_on_a_bridge_is_refused_though_libvirt_takes_it(
    switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    switching.made(FIRST, **HEADS[FIRST])
    qemu.defineXML(guest_xml("net-a", guest_image))
    wait_until(lambda: switching.host.vm_named(full("net-a")) is not None, 5)
    wire = switching.wire(Parent="new", Connection=[FIRST], PortVID=42)
    answer = switching.add_to(full("net-a"), switching.adapter(InstanceID="new"), wire)
    assert (answer.value, "PortVID" in answer.reason) == (INVALID, True)
    assert "<interface" not in qemu.lookupByName(full("net-a")).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
