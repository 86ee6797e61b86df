"""What clients do with resources from end to end, on running guests of QEMU, through pywbem alone.

libvirt, QEMU's monitor and the guest itself are asked what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import libvirt_qemu
import pytest
import pywbem
from pywbem import CIMInstance, CIMInstanceName
from tests import runs
from tests.live.cim import BAD_STATE, ENABLED, EXCEPTION, FAILED, NAMES, OK, Cim, Look, cim_server, linux, rasd
from tests.live.conftest import Guest, wait_until
from tests.live.consoles import Console
from tests.live.measuring import ask_guest, told_by_guest

MIB = 1024  # KiB
NAME = f"{NAMES}uses"
POOL = f"{NAMES}images"
PLUGGED = 128 * MIB


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


@pytest.fixture(scope="module")
def look(cim: Cim, libvirtd: str, guest_image: Guest) -> Iterator[Look]:
    """A Linux with room for processors and memory, defined by a client."""
    connection = libvirt.open(libvirtd)
    processors = rasd("Proc", VirtualQuantity=1, MaxVirtualQuantity=2)
    room = rasd("Mem", VirtualQuantity=256, AllocationUnits="byte * 2^20", MaxMemory=1024 * MIB, MaxSlots=4)
    console = rasd("Serial", SourceType=2)
    system = cim.define(NAME, processors, room, console, rasd("Controller", ResourceSubType="scsi", Index=0),
                        Machine="pc", EnableACPI=True, **linux(guest_image))  # fmt: skip
    cim.request(system, ENABLED)
    yield Look(connection, NAME)
    cim.call("DestroySystem", AffectedSystem=system)
    connection.close()


@pytest.fixture(scope="module")
def console(look: Look) -> Iterator[Console]:
    console = Console(look.domain)
    console.wait_for("GUEST-READY", 90)
    yield console
    console.close()


def monitor(look: Look, command: str) -> Any:
    """What QEMU itself answers."""
    return json.loads(libvirt_qemu.qemuMonitorCommand(look.domain, json.dumps({"execute": command}), 0))["return"]


def across(cim: Cim, start: CIMInstanceName, link: str, to: str, role: str = "", result_role: str = "") -> list[Any]:
    return list(
        cim.connection.Associators(start, link, ResultClass=to, Role=role or None, ResultRole=result_role or None)
    )


def system_of(cim: Cim) -> CIMInstanceName:
    (found,) = (one for one in cim.connection.EnumerateInstanceNames("KVM_ComputerSystem") if one["Name"] == NAME)
    return found


def setting_of(cim: Cim, resource_type: int) -> CIMInstance:
    """The State setting of a system, reached as a client reaches it."""
    (state,) = across(cim, system_of(cim), "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData")
    found = across(
        cim, state.path, "CIM_VirtualSystemSettingDataComponent", "CIM_ResourceAllocationSettingData", "GroupComponent"
    )
    return next(one for one in found if one["ResourceType"] == resource_type)


def most(cim: Cim, setting: CIMInstance) -> int:
    """The maximum of what a setting can be changed to."""
    (capabilities,) = across(cim, setting.path, "CIM_ElementCapabilities", "CIM_AllocationCapabilities")
    links = cim.connection.References(capabilities.path, "CIM_SettingsDefineCapabilities", Role="GroupComponent")
    (path,) = [link["PartComponent"] for link in links if (link["ValueRole"], link["ValueRange"]) == (3, 2)]
    return int(cim.connection.GetInstance(path)["VirtualQuantity"])


def pool(cim: Cim, name: str) -> CIMInstance:
    (found,) = (one for one in cim.connection.EnumerateInstances("CIM_ResourcePool") if one["PoolID"] == name)
    return found


# Processors and memory (use case 6)


def test_a_processor_is_plugged_in(cim: Cim, look: Look, console: Console) -> None:
    """Within the maximum; libvirt, QEMU and the guest's kernel see it, the definition and the pool follow."""
    setting, before = setting_of(cim, 3), pool(cim, "ProcessorPool/0")["CurrentlyConsumedResource"]
    assert (setting["VirtualQuantity"], most(cim, setting)) == (1, 2)
    assert len(monitor(look, "query-cpus-fast")) == 1
    wanted = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"]})
    wanted["VirtualQuantity"] = pywbem.Uint64(3)
    assert cim.modify(wanted) == BAD_STATE
    assert look.domain.info()[3] == 1
    wanted["VirtualQuantity"] = pywbem.Uint64(2)
    assert cim.modify(wanted) == OK
    assert (look.domain.info()[3], len(monitor(look, "query-cpus-fast"))) == (2, 2)
    wait_until(lambda: "processor\t: 1" in said(console, "echo 1 >/sys/devices/system/cpu/cpu1/online; "
                                                         "cat /proc/cpuinfo"), 20)  # fmt: skip
    devices = across(cim, system_of(cim), "CIM_SystemDevice", "CIM_Processor")
    assert {one["DeviceID"] for one in devices} == {f"{NAME}/0", f"{NAME}/1"}
    assert pool(cim, "ProcessorPool/0")["CurrentlyConsumedResource"] == before + 1


def said(console: Console, command: str) -> str:
    return console.run(command)[1]


def test_memory_by_balloon(cim: Cim, look: Look, console: Console) -> None:
    """Below its limit; State says what the guest really has, by libvirt's event, and Defined what was asked."""
    setting = setting_of(cim, 4)
    assert most(cim, setting) == setting["Limit"] == 256 * MIB
    total = memory_of(console)
    wanted = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"]})
    wanted["VirtualQuantity"] = pywbem.Uint64(224 * MIB)
    assert cim.modify(wanted) == OK
    assert cim.setting(f"{NAME}/defined/mem")["VirtualQuantity"] == 224 * MIB
    wait_until(lambda: monitor(look, "query-balloon")["actual"] == 224 * 2**20, 30)
    wait_until(lambda: bool(setting_of(cim, 4)["VirtualQuantity"] == 224 * MIB), 5)
    assert total - memory_of(console) > 24 * MIB
    wanted["VirtualQuantity"] = pywbem.Uint64(257 * MIB)
    assert cim.modify(wanted) == BAD_STATE
    wanted["VirtualQuantity"] = pywbem.Uint64(256 * MIB)
    assert cim.modify(wanted) == OK
    wait_until(lambda: bool(setting_of(cim, 4)["VirtualQuantity"] == 256 * MIB), 30)
    assert ask_guest(cim, system_of(cim)) == OK  # whose balloon tells what its kernel counts
    wait_until(lambda: told_by_guest(cim, system_of(cim)) == [str(memory_of(console))], 20)


def memory_of(console: Console) -> int:
    """KiB that the guest's kernel counts."""
    return int(said(console, "cat /proc/meminfo").partition("MemTotal:")[2].split()[0])


def test_a_module_of_memory_is_plugged_in(cim: Cim, look: Look, console: Console) -> None:
    """Beyond its limit; QEMU has a module, the system a second memory, and the pool has given as much."""
    before, reserved = bytes_of(cim), pool(cim, "MemoryPool/0")["Reserved"]
    module = rasd("Mem", ResourceType=4, ResourceSubType="virtcim:dimm", VirtualQuantity=PLUGGED,
                  VirtualQuantityUnits="byte * 2^10", AllocationUnits="byte * 2^10")  # fmt: skip
    code, new = cim.add(NAME, module)
    assert (code, new) == (OK, [f"{NAME}/dimm0"])
    (device,) = monitor(look, "query-memory-devices")
    assert (device["type"], device["data"]["size"]) == ("dimm", PLUGGED * 1024)
    assert bytes_of(cim) == before + PLUGGED * 1024
    assert sum(int(one["VirtualQuantity"]) for one in cim.settings(NAME) if one["ResourceType"] == 4) * 1024 == before \
        + PLUGGED * 1024  # fmt: skip
    assert pool(cim, "MemoryPool/0")["Reserved"] == reserved + PLUGGED
    assert "memory32" in said(console, "ls /sys/devices/system/memory")  # the first block above the 256 MiB of 8
    module["VirtualQuantity"] = pywbem.Uint64(1025 * MIB)
    assert cim.add(NAME, module) == (FAILED, [])
    assert bytes_of(cim) == before + PLUGGED * 1024


def test_a_guest_keeps_a_module_that_it_uses(cim: Cim, look: Look, console: Console) -> None:
    """Its kernel has put there what cannot move, and says no at once: so does the method, and nothing has gone."""
    block = "/sys/devices/system/memory/memory32"
    said(console, f"grep -q offline {block}/state && echo online_kernel >{block}/state; "
                  "for i in 1 2 3 4 5 6 7 8 9; do mkdir -p /tmp/$i/a/b/c; ls / >/dev/null; done")  # fmt: skip
    before = look.find("devices/memory/target/size/text()"), look.xml(live=False), bytes_of(cim)
    end = cim.ended(cim.remove(NAME, f"{NAME}/dimm0"))
    if isinstance(end, CIMInstance):  # the machine is slow: the answer did not wait for the guest
        assert (end["JobState"], "guest" in end["ErrorDescription"]) == (EXCEPTION, True)
    else:
        assert end == FAILED
    assert (look.find("devices/memory/target/size/text()"), look.xml(live=False), bytes_of(cim)) == before
    assert "online" in said(console, f"cat {block}/state")


def bytes_of(cim: Cim) -> int:
    devices = across(cim, system_of(cim), "CIM_SystemDevice", "CIM_Memory")
    return sum(int(one["BlockSize"]) * int(one["NumberOfBlocks"]) for one in devices)


def test_the_limit_of_a_running_system_stays(cim: Cim, look: Look) -> None:
    setting = setting_of(cim, 4)
    wanted = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"], "Limit": pywbem.Uint64(512 * MIB)})
    before = look.xml(live=False)
    assert (cim.modify(wanted), look.xml(live=False)) == (BAD_STATE, before)


# An image that is there is added to a running system (use case 5)


@pytest.fixture(scope="module")
def images(look: Look) -> Iterator[Path]:
    """A storage pool with a volume."""
    directory = runs.directory() / POOL
    xml = f"<pool type='dir'><name>{POOL}</name><target><path>{directory}</path></target></pool>"
    made = look.connection.storagePoolDefineXML(xml)
    made.build()
    made.create()
    made.createXML("<volume><name>data.img</name><capacity unit='MiB'>8</capacity></volume>")
    yield directory
    made.destroy()
    made.undefine()
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


def test_an_image_is_added_and_removed(cim: Cim, look: Look, console: Console, images: Path) -> None:
    """The guest sees the disk; it comes from the pool of the image; once removed it is gone from everywhere."""
    wait_until(lambda: bool([one for one in pool_ids(cim) if one == f"DiskPool/{POOL}"]), 10)
    source = pool(cim, f"DiskPool/{POOL}")
    (capabilities,) = across(cim, source.path, "CIM_ElementCapabilities", "CIM_AllocationCapabilities")
    assert ENABLED in capabilities["SupportedAddStates"]
    assert capabilities["RequestTypesSupported"] in (2, 4)
    asked = rasd("Disk", ResourceType=31, PoolID=source["PoolID"], HostResource=[(images / "data.img").as_uri()])
    code, (new,) = cim.add(NAME, asked)
    assert code == OK
    setting = cim.setting(new)
    assert setting["PoolID"] == source["PoolID"]
    (disk,) = across(cim, setting.path, "CIM_SettingsDefineState", "CIM_LogicalDisk", "SettingData", "ManagedElement")
    (holder,) = across(cim, disk.path, "CIM_ElementAllocatedFromPool", "CIM_ResourcePool", "Dependent", "Antecedent")
    assert holder["PoolID"] == source["PoolID"]
    wait_until(lambda: "vda" in said(console, "ls /sys/block"), 10)
    assert f"\n{8 * 2**20 // 512}\r" in said(console, "cat /sys/block/vda/size")
    cim.done(cim.remove(NAME, new))
    wait_until(lambda: "vda" not in said(console, "ls /sys/block"), 10)
    assert [look.find("devices/disk[target/@bus='virtio']", live) for live in (True, False)] == [[], []]
    assert disk.path["DeviceID"] not in cim.devices(system_of(cim))
    assert (images / "data.img").exists()


def pool_ids(cim: Cim) -> set[str]:
    return {one["PoolID"] for one in cim.connection.EnumerateInstances("CIM_ResourcePool")}


# A new switch with a new interface on it (use case 8)


def test_a_switch_is_made_used_and_torn_down(cim: Cim, look: Look) -> None:
    services = cim.connection.EnumerateInstances("CIM_VirtualSystemManagementService")
    (service,) = [one.path for one in services if "Switch" in one["Name"]]
    (claims,) = across(cim, service, "CIM_ElementCapabilities", "CIM_VirtualSystemManagementCapabilities")
    kinds = claims["VirtualSystemTypesSupported"]
    word = next(kind for kind in kinds if kind.endswith("linux-bridge"))
    lab = CIMInstance("KVM_VirtualEthernetSwitchSettingData", {"ElementName": f"{NAMES}lab", "VirtualSystemType": word})
    code, out = cim.call("DefineSystem", service, SystemSettings=lab)
    assert code == OK
    switch = out["ResultingSystem"]
    try:
        assert cim.call("RequestStateChange", switch, RequestedState=pywbem.Uint16(ENABLED))[0] == OK
        source = pool(cim, f"NetworkPool/{NAMES}lab")
        adapter = rasd("Net", ResourceType=10, InstanceID="new:1", ResourceSubType="virtio", NetworkType="network",
                       PoolID=source["PoolID"])  # fmt: skip
        code, new = cim.add(NAME, adapter)
        assert (code, len(new) >= 1) == (OK, True)
        (port,) = across(cim, system_of(cim), "CIM_SystemDevice", "CIM_NetworkPort")
        assert pool(cim, source["PoolID"])["Reserved"] == 1
        assert len(look.find(f"devices/interface/source[@network='{NAMES}lab']")) == 1
        assert cim.call("DestroySystem", service, AffectedSystem=switch)[0] == FAILED
        cim.done(cim.remove(NAME, f"{NAME}/{mac(port)}"))
        assert across(cim, system_of(cim), "CIM_SystemDevice", "CIM_NetworkPort") == []
    finally:
        cim.call("RequestStateChange", switch, RequestedState=pywbem.Uint16(3))
        assert cim.call("DestroySystem", service, AffectedSystem=switch)[0] == OK
    assert f"NetworkPool/{NAMES}lab" not in pool_ids(cim)


def mac(port: CIMInstance) -> str:
    return str(port["DeviceID"]).partition("/")[2]


# What is consumed (use case 10)


def test_pools_account_for_what_systems_have(cim: Cim, look: Look) -> None:
    """The figures of the pools are the sums of those of the systems, and libvirt's own."""
    stats = look.connection.getAllDomainStats(
        libvirt.VIR_DOMAIN_STATS_VCPU | libvirt.VIR_DOMAIN_STATS_BALLOON,
        libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE,
    )
    cpus, memories = pool(cim, "ProcessorPool/0"), pool(cim, "MemoryPool/0")
    assert cpus["CurrentlyConsumedResource"] == sum(values["vcpu.current"] for _, values in stats)
    assert memories["CurrentlyConsumedResource"] == sum(values["balloon.current"] for _, values in stats)
    settings = cim.connection.Associators(memories.path, "CIM_ResourceAllocationFromPool")
    state = [one for one in settings if "/defined/" not in one["InstanceID"] and active(cim, one)]
    assert memories["Reserved"] == sum(int(one["Reservation"]) for one in state)


def active(cim: Cim, setting: CIMInstance) -> bool:
    return any(
        cim.connection.AssociatorNames(setting.path, "CIM_SettingsDefineState", ResultClass="CIM_Memory")
    ) and any(
        one["EnabledState"] == ENABLED for one in across(cim, setting.path, "CIM_SettingsDefineState", "CIM_Memory")
    )
