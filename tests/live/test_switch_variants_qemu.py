"""Every kind of switch as the real libvirt has it: defined as asked for, changed, and what this kernel cannot start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest
from tests.live.conftest import Guest, guest_xml, wait_until
from tests.profiles.client import system_path
from tests.profiles.switching import Switching, switching_client

from virtcim.broker.schema import Schema

OK, FAILED, INVALID, CANNOT = 0, 2, 4, 5
NAME, GUEST = "virtcim-test-variant", "virtcim-test-wired"
ADDRESS = {"IPAddresses": ["192.168.247.1/24"]}
NAT = {"ForwardMode": "nat", **ADDRESS, "DHCPRanges": ["192.168.247.10-192.168.247.99"]}
OVS = {"VirtualSystemType": "Virt:openvswitch", "BridgeName": "vctestovs1"}
# What is asked for, and what libvirt's own document then has
VARIANTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "isolated": ({"ForwardMode": "isolated", **ADDRESS, "DomainName": "lab.example"}, ["<domain name='lab.example'"]),
    "NAT with DHCP": (NAT, ["<forward mode='nat'", "<range start='192.168.247.10' end='192.168.247.99'/>"]),
    "reserved addresses": (
        {**NAT, "DHCPHosts": ["52:54:00:aa:00:01,192.168.247.5,one"]},
        ["<host mac='52:54:00:aa:00:01' name='one' ip='192.168.247.5'/>"],
    ),
    "IPv6": (
        {**NAT, "IPAddresses": ["192.168.247.1/24", "fd00:f7::1/64"], "NATIPv6": True,
         "DHCPRanges": ["fd00:f7::100-fd00:f7::1ff"], "DHCPHosts": ["fd00:f7::5,six"]},
        ["<nat ipv6='yes'", "address='fd00:f7::1' prefix='64'>", "<host name='six' ip='fd00:f7::5'/>"],
    ),
    "routed": ({"ForwardMode": "route", **ADDRESS}, ["<forward mode='route'"]),
    "open": ({"ForwardMode": "open", **ADDRESS}, ["<forward mode='open'"]),
    "isolated ports": ({**ADDRESS, "PortsIsolated": True}, ["<port isolated='yes'/>"]),
    "a bridge of the host": ({"ForwardMode": "bridge", "BridgeName": "br9"}, ["<bridge name='br9'/>"]),
    "Open vSwitch with VLANs": ({**OVS, "VLANConnection": ["42"]}, ["type='openvswitch'", "<tag id='42'/>"]),
    "macvtap": ({"VirtualSystemType": "Virt:macvtap", "ForwardDevices": ["eth0"]}, ["mode='bridge'", "dev='eth0'"]),
    "VEPA": ({"ForwardMode": "vepa", "ForwardDevices": ["eth0"], "EVBMode": 3}, ["mode='vepa'", "dev='eth0'"]),
    "passthrough": ({"ForwardMode": "passthrough", "ForwardDevices": ["eth0"]}, ["mode='passthrough'"]),
    "SR-IOV": ({"VirtualSystemType": "Virt:sriov", "ForwardDevices": ["eth0"]}, ["mode='hostdev'", "<pf dev='eth0'/>"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def served(kvm_schema: Schema, libvirtd: str) -> Iterator[Switching]:
    with switching_client(kvm_schema, libvirtd) as found:
        yield found


@pytest.fixture
def switching(served: Switching, qemu: libvirt.virConnect) -> Iterator[Switching]:
    """Without anything of these tests before and after."""
    clean(qemu)
    wait_until(lambda: served.host.network_named(NAME) is None and served.host.vm_named(GUEST) is None, 5)
    yield served
    clean(qemu)


def clean(qemu: libvirt.virConnect) -> None:
    for call in (lambda: qemu.lookupByName(GUEST), lambda: qemu.networkLookupByName(NAME)):
        with suppress(libvirt.libvirtError):
            found: Any = call()
            with suppress(libvirt.libvirtError):
                found.destroy()
            found.undefine()


def definition(qemu: libvirt.virConnect) -> str:
    return qemu.networkLookupByName(NAME).XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)


@pytest.mark.parametrize(("head", "has"), VARIANTS.values(), ids=VARIANTS.keys())
def test_a_switch_is_what_was_asked_for(
    switching: Switching, qemu: libvirt.virConnect, head: dict[str, Any], has: list[str]
) -> None:
    switching.made(NAME, **head)
    found = definition(qemu)
    assert [text for text in has if text not in found] == [], found
    shown = switching.head(NAME)
    assert {name: shown.get(name) for name in head} == head
    assert switching.destroy(NAME).value == OK


REFUSED: dict[str, dict[str, Any]] = {
    "a function that is none": {"ForwardMode": "hostdev", "ForwardDevices": ["0000:04:10.1"]},
    "a name that libvirt cannot give a device": {"ForwardMode": "bridge", "BridgeName": "virbr%d"},
}


@pytest.mark.parametrize("head", REFUSED.values(), ids=REFUSED.keys())
def test_what_libvirt_refuses_leaves_nothing(
    switching: Switching, qemu: libvirt.virConnect, head: dict[str, Any]
) -> None:
    answer = switching.define(NAME, **head)
    assert answer.value != OK
    assert answer.reason
    assert NAME not in [one.name() for one in qemu.listAllNetworks()]


def test_groups_register_their_ports(switching: Switching, qemu: libvirt.virConnect) -> None:
    """VN-Link and VEPA parameters of a group, as libvirt keeps them."""
    group = switching.group(
        "hall", VSIType="802.1Qbg", ManagerID=11, VSITypeID=1193047, VSITypeIDVersion=2,
        PortCorrelationID="09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f",
    )  # fmt: skip
    switching.made(NAME, group, ForwardMode="vepa", ForwardDevices=["eth0"])
    assert "managerid='11' typeid='1193047' typeidversion='2'" in definition(qemu)
    assert switching.ports(NAME)["hall"].properties["VSITypeID"] == 1193047
    answer = switching.modify_ports(
        switching.group("hall", InstanceID=f"switch/{NAME}/defined/group/hall", ManagerID=256)
    )
    assert (answer.value, "ManagerID" in answer.reason) == (INVALID, True)


def test_dhcp_and_groups_change_while_the_switch_runs(switching: Switching, qemu: libvirt.virConnect) -> None:
    """By virNetworkUpdate: the network is not started again, and its definition follows."""
    switching.made(NAME, **NAT)
    assert switching.request(NAME, 2) == OK
    network = qemu.networkLookupByName(NAME)
    bridge = network.bridgeName()
    index = Path(f"/sys/class/net/{bridge}/ifindex").read_text()
    hosts = ["52:54:00:aa:00:02,192.168.247.6"]
    answer = switching.modify(NAME, defined=False, DHCPHosts=hosts, DHCPRanges=["192.168.247.50-192.168.247.60"])
    assert answer.value == OK, answer.reason
    assert switching.add(NAME, switching.group("late", Limit=8000000), defined=False).value == OK
    for flags in (0, libvirt.VIR_NETWORK_XML_INACTIVE):
        found = network.XMLDesc(flags)
        assert all(text in found for text in ("192.168.247.6", "192.168.247.50", "name='late'"))
    assert Path(f"/sys/class/net/{bridge}/ifindex").read_text() == index
    answer = switching.modify(NAME, defined=False, ForwardMode="route")
    assert (answer.value, "is active" in answer.reason) == (CANNOT, True)
    assert "mode='nat'" in network.XMLDesc()


def test_bandwidth_is_enforced_or_refused_with_the_reason(
    switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    """In the running guest and its definition; a kernel without the queueing disciplines changes neither."""
    switching.made(NAME, **ADDRESS)
    assert switching.request(NAME, 2) == OK
    wire = f"<interface type='network'><mac address='52:54:00:fe:00:3a'/><source network='{NAME}'/></interface>"
    qemu.defineXML(guest_xml("wired", guest_image, linux=False, memory_mib=16, devices=wire)).create()
    wait_until(lambda: (vm := switching.host.vm_named(GUEST)) is not None and vm.active, 5)
    (state,) = switching.wires(GUEST, defined=False)
    answer = switching.change(switching.wire(InstanceID=state.properties["InstanceID"], ReceiveBandwidthLimit=8000000))
    domain = qemu.lookupByName(GUEST)
    documents = [domain.XMLDesc(flags) for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE)]
    if answer.value == OK:
        assert all("average='1000'" in one for one in documents)
        return
    assert answer.value == FAILED, answer.reason
    assert "tc " in answer.reason or "qdisc" in answer.reason
    assert all("bandwidth" not in one for one in documents)
    (defined,) = switching.wires(GUEST, defined=True)
    given = switching.wire(InstanceID=defined.properties["InstanceID"], ReceiveBandwidthLimit=8000000)
    assert switching.change(given).value == OK
    assert "average='1000'" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def test_isolated_ports_are_isolated_in_the_kernel(
    switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    switching.made(NAME, **ADDRESS)
    assert switching.request(NAME, 2) == OK
    qemu.defineXML(guest_xml("wired", guest_image, linux=False, memory_mib=16))
    wait_until(lambda: switching.host.vm_named(GUEST) is not None, 5)
    adapter = switching.adapter(InstanceID="new", Address="52:54:00:fe:00:3b")
    answer = switching.add_to(
        GUEST, adapter, switching.wire(Parent="new", Connection=[NAME], PortIsolated=True), defined=True
    )
    assert answer.value == OK, answer.reason
    qemu.lookupByName(GUEST).create()
    vm = switching.host.refresh(qemu.lookupByName(GUEST).UUIDString())
    assert vm is not None
    (tap,) = [one.target for one in vm.state_document.interfaces]
    assert Path(f"/sys/class/net/{tap}/brport/isolated").read_text().strip() == "1"
    (state,) = switching.wires(GUEST, defined=False)
    assert state.properties["PortIsolated"] is True


@pytest.fixture
def nic() -> Iterator[str]:
    """An interface of the host that macvtap can be stacked on."""
    name, peer = "vctestnic0", "vctestnic1"
    ip("link", "add", name, "type", "veth", "peer", "name", peer)
    yield name
    ip("link", "del", name)


def ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], check=False, capture_output=True).returncode == 0


def test_macvtap_runs_or_is_refused_with_the_reason(
    nic: str, switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    """A connection to a switch that is stacked on an interface; a kernel without macvtap leaves the guest off."""
    able = ip("link", "add", "link", nic, "name", "vctesttap0", "type", "macvtap") and ip("link", "del", "vctesttap0")
    switching.made(NAME, VirtualSystemType="Virt:macvtap", ForwardMode="private", ForwardDevices=[nic])
    assert switching.request(NAME, 2) == OK
    qemu.defineXML(guest_xml("wired", guest_image, linux=False, memory_mib=16))
    wait_until(lambda: switching.host.vm_named(GUEST) is not None, 5)
    adapter = switching.adapter(InstanceID="new", Address="52:54:00:fe:00:3c")
    answer = switching.add_to(GUEST, adapter, switching.wire(Parent="new", Connection=[NAME]), defined=True)
    assert answer.value == OK, answer.reason
    start = switching.client.invoke(system_path(GUEST, "KVM"), "RequestStateChange", RequestedState="2")
    if able:
        assert start.value == OK, start.reason
        assert "<source network=" in qemu.lookupByName(GUEST).XMLDesc()
        assert len(switching.wires(GUEST, defined=False)) == 1
        return
    assert start.value != OK
    assert "macvtap" in start.reason
    assert not qemu.lookupByName(GUEST).isActive()


def test_an_interface_of_the_host_connected_to_directly(
    nic: str, switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    """Without a network: the guest runs on macvtap where the kernel has it, with a port on either side."""
    switching.host.reconcile()
    qemu.defineXML(guest_xml("wired", guest_image, linux=False, memory_mib=16))
    wait_until(lambda: switching.host.vm_named(GUEST) is not None, 5)
    adapter = switching.adapter(InstanceID="new", Address="52:54:00:fe:00:3d")
    wire = switching.wire(Parent="new", HostResource=[f"file:///sys/class/net/{nic}"], NetworkMode="private")
    answer = switching.add_to(GUEST, adapter, wire, defined=True)
    assert answer.value == OK, answer.reason
    assert f"<source dev='{nic}' mode='private'/>" in qemu.lookupByName(GUEST).XMLDesc()
    (defined,) = switching.wires(GUEST, defined=True)
    assert defined.properties["PoolID"] == f"EthernetConnectionPool/macvtap/{nic}/private"
    start = switching.client.invoke(system_path(GUEST, "KVM"), "RequestStateChange", RequestedState="2")
    if start.value != OK:
        assert "macvtap" in start.reason
        return
    (state,) = switching.wires(GUEST, defined=False)
    (port,) = switching.client.across(state.path, "CIM_SettingsDefineState")
    assert Path(f"/sys/class/net/{port.properties['Name']}").exists()
    switch = switching.switch(f"macvtap/{nic}/private")
    ports = switching.client.across(switch.path, "CIM_SystemDevice", "CIM_EthernetPort")
    assert {one.properties["Name"] for one in ports} == {port.properties["Name"], nic}
    (head,) = switching.client.across(switch.path, "CIM_SettingsDefineState")
    assert (head.properties["EVBMode"], head.properties["OtherEVBMode"]) == (1, "private")
    assert switching.destroy(f"macvtap/{nic}/private").value != OK


def test_a_virtual_function_that_is_not_there(
    switching: Switching, qemu: libvirt.virConnect, guest_image: Guest
) -> None:
    """Defined as asked for; the system stays off with libvirt's reason."""
    qemu.defineXML(guest_xml("wired", guest_image, linux=False, memory_mib=16))
    wait_until(lambda: switching.host.vm_named(GUEST) is not None, 5)
    adapter = switching.adapter(InstanceID="new", Address="52:54:00:fe:00:3e")
    wire = switching.wire(Parent="new", HostResource=["pci:0000:7e:10.1"], PortVID=42)
    answer = switching.add_to(GUEST, adapter, wire, defined=True)
    assert answer.value == OK, answer.reason
    document = qemu.lookupByName(GUEST).XMLDesc()
    assert "<interface type='hostdev' managed='yes'>" in document
    assert "bus='0x7e' slot='0x10' function='0x1'/>" in document
    assert "<tag id='42'/>" in document
    (defined,) = switching.wires(GUEST, defined=True)
    assert defined.properties["PoolID"] == "EthernetConnectionPool/sriov/0000:7e:10.1"
    start = switching.client.invoke(system_path(GUEST, "KVM"), "RequestStateChange", RequestedState="2")
    assert (start.value != OK, bool(start.reason)) == (True, True)
    assert not qemu.lookupByName(GUEST).isActive()
