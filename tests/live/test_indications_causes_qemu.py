"""Indications of what no event announces, and of devices that are plugged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, wait_until
from tests.live.test_change_correctness import GUEST, SILENT
from tests.profiles.client import system_path
from tests.profiles.eventful import Eventful, eventful_running
from tests.profiles.management import Manager, embedded

from virtcim.broker.schema import Schema

NAME = f"{PREFIX}causes"
QUIESCE, ENABLED = 9, 2
MODIFIED = "KVM_ComputerSystemModifiedIndication"
BRIDGE = "vcim-causes0"
NOT_SHOWN = {"memory tuning"}  # the model has nothing that shows it
DISK = "<disk type='file' device='disk'><source file='{path}'/><target dev='vdb' bus='virtio'/></disk>"


@pytest.fixture
def client(kvm_schema: Schema, libvirtd: str, tmp_path: Path) -> Iterator[Eventful]:
    with eventful_running(kvm_schema, libvirtd, tmp_path) as client:
        yield client


def about(client: Eventful, name: str) -> list[Any]:
    """The indications whose instance is of a system."""
    return [one for one in client.listener.indications if name in one["SourceInstanceModelPath"]]


def test_changes_that_no_event_announces(client: Eventful, qemu: libvirt.virConnect, clean_domains: None) -> None:
    """Each is told when everything is read again, and once."""
    del clean_domains
    domains = {state: qemu.defineXML(GUEST.format(name=f"{NAME}-{state}")) for state in ("off", "on")}
    domains["on"].createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    host = client.world.hosts[0]
    host.reconcile()
    client.subscribe("SELECT * FROM CIM_InstIndication")
    for change in sorted(SILENT.keys() - NOT_SHOWN):
        _, state, call = SILENT[change]
        before = len(about(client, NAME))
        call(domains[state])
        host.reconcile()

        def told(before: int = before) -> bool:
            return len(about(client, NAME)) > before

        told.__name__ = f"to be told of {change}"
        wait_until(told, 10)
        client.settle(0.1)
    client.settle()
    count = len(about(client, NAME))
    host.reconcile()
    client.settle()
    assert len(about(client, NAME)) == count


def test_a_guest_is_plugged_and_paused(
    client: Eventful, qemu: libvirt.virConnect, clean_domains: None, scratch_dir: Path
) -> None:
    """What belongs to a disk or an interface comes into being, once each, by libvirt's tools and by CIM."""
    del clean_domains
    image = scratch_dir / "more.img"
    image.write_bytes(bytes(2**20))
    image.chmod(0o666)
    boot = boot_sectors.write(scratch_dir / "boot.img", boot_sectors.HALT)
    domain = qemu.createXML(boot_sectors.domain_xml(NAME, boot, more="<features><acpi/></features>"))
    client.settle()
    client.subscribe("SELECT * FROM CIM_InstCreation")
    domain.attachDeviceFlags(DISK.format(path=image), libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def told() -> list[str]:
        return sorted(one["SourceInstance"].classname for one in about(client, f"{NAME}/vdb"))

    wait_until(lambda: len(told()) == 2, 10)
    client.settle()
    assert told() == ["KVM_DiskResourceAllocationSettingData", "KVM_LogicalDisk"]
    interface = ["KVM_LANEndpoint", "KVM_NetResourceAllocationSettingData", "KVM_NetworkPort"]
    assert plugged_by_cim(client) == interface
    client.subscribe("SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem")
    for state in (QUIESCE, ENABLED):
        before = len(client.listener.bodies)
        answer = client.invoke(system_path(NAME, "KVM"), "RequestStateChange", RequestedState=str(state))
        assert answer.value == 0
        client.settle()
        modified = client.listener.indications[before:]  # that the request is kept is a change of its own
        (changed,) = [one for one in modified if "EnabledState" in one["ChangedPropertyNames"]]
        assert (changed.classname, changed["SourceInstance"]["EnabledState"]) == (MODIFIED, state)


def plugged_by_cim(client: Eventful) -> list[str]:
    """What is told to be created when AddResourceSettings plugs a network interface into the running guest."""
    before = len(client.listener.bodies)
    systems = {str(one.properties["InstanceID"]): one.path for one in client.instances("KVM_VirtualSystemSettingData")}
    where = next(path for key, path in systems.items() if key.endswith(NAME))
    interface = embedded(
        "KVM_NetResourceAllocationSettingData", ResourceType=10, ResourceSubType="virtio", NetworkType="user"
    )
    added = Manager(client).call("AddResourceSettings", AffectedConfiguration=where, ResourceSettings=[interface])
    assert added.value == 0, added.reason
    client.settle()
    return sorted(one["SourceInstance"].classname for one in client.listener.indications[before:])


def classes(told: list[Any]) -> list[tuple[str, str]]:
    """What became of which class."""
    return sorted((one.classname.removeprefix("CIM_Inst"), one["SourceInstance"].classname) for one in told)


def told_after(client: Eventful, change: Callable[[], object]) -> list[tuple[str, str]]:
    """What is told of a change when everything has been read again; and nothing more after that."""
    before = len(client.listener.bodies)
    change()
    client.world.hosts[0].reconcile()
    client.listener.wait_for(before + 1)
    client.settle(0.2)
    client.world.hosts[0].reconcile()
    client.quiet(0.2)
    return classes(client.listener.indications[before:])


FILTER_XML = (
    "<filter name='{name}' chain='root'><rule action='drop' direction='in' priority='{priority}'><tcp/></rule></filter>"
)


def test_network_filters_come_change_and_go(client: Eventful, qemu: libvirt.virConnect) -> None:
    """libvirt announces none of it."""
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_FilterList")
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_FilterEntryBase")
    entry, both = "KVM_IPHeadersFilter", ["KVM_FilterList", "KVM_IPHeadersFilter"]
    made: list[Any] = []
    try:
        created = told_after(
            client, lambda: made.append(qemu.nwfilterDefineXML(FILTER_XML.format(name=NAME, priority=100)))
        )
        assert created == [("Creation", one) for one in both]
        changed = FILTER_XML.format(name=NAME, priority=200).replace(
            "<rule", f"<uuid>{made[0].UUIDString()}</uuid><rule", 1
        )
        assert told_after(client, lambda: qemu.nwfilterDefineXML(changed)) == [("Modification", entry)]
    finally:
        gone = told_after(client, made[0].undefine)
    assert gone == [("Deletion", one) for one in both]


def test_bridges_without_a_network_come_and_go(client: Eventful) -> None:
    if os.geteuid() != 0:
        pytest.skip("making a bridge needs root")
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA Virt_VirtualEthernetSwitch")
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_VirtualEthernetSwitchSettingData")
    both = ["KVM_VirtualEthernetSwitch", "KVM_VirtualEthernetSwitchSettingData"]

    def link(*command: str) -> None:
        subprocess.run(["ip", "link", *command], check=True, timeout=10)

    try:
        created = told_after(client, lambda: link("add", BRIDGE, "type", "bridge"))
    finally:
        gone = told_after(client, lambda: link("delete", BRIDGE))
    assert created == [("Creation", one) for one in both]
    assert gone == [("Deletion", one) for one in both]
