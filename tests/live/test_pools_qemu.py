"""Pools of processors and memory on a real host: partitions seen in control groups, huge pages seen in the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pywbem
from tests import runs
from tests.beyond import beyond
from tests.live.cim import (
    BAD_STATE,
    DISABLED,
    ENABLED,
    INVALID,
    NAMES,
    OK,
    Cim,
    Look,
    boot_disk,
    cim_server,
    memory,
    rasd,
)
from tests.live.conftest import Guest
from tests.live.processes import pid_of, thread_of

from virtcim.host import partitions

UNSUPPORTED, FAILED, BAD_PARAMETER, IN_USE, TOO_LITTLE = 1, 4, 5, 6, 8
PARTITION = f"virtcim-{runs.WORD}"
POOL = f"ProcessorPool/partition:/machine/{PARTITION}"
HUGE, SIZE = "MemoryPool/hugepages:2048", 2048  # KiB
KIB = "byte * 2^10"
GROUPS = Path("/sys/fs/cgroup")
PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


def service(cim: Cim) -> pywbem.CIMInstanceName:
    (found,) = cim.connection.EnumerateInstanceNames("KVM_ResourcePoolConfigurationService")
    return found


def pools(cim: Cim) -> dict[str, pywbem.CIMInstance]:
    return {one["PoolID"]: one for one in cim.connection.EnumerateInstances("CIM_ResourcePool")}


def create(cim: Cim, name: str | None, parent: str, setting: pywbem.CIMInstance) -> tuple[int, str]:
    """CreateChildResourcePool; the PoolID of what was made."""
    code, out = cim.call(
        "CreateChildResourcePool",
        service(cim),
        ElementName=name,
        Settings=[setting],
        ParentPool=[pools(cim)[parent].path],
    )
    return code, str(out["Pool"]["InstanceID"]) if out.get("Pool") else ""


def delete(cim: Cim, pool: str) -> int:
    return cim.call("DeleteResourcePool", service(cim), Pool=pools(cim)[pool].path)[0]


@contextmanager
def guest(cim: Cim, qemu: libvirt.virConnect, image: Guest, name: str, *settings: Any) -> Iterator[Any]:
    """A system that is off, and a look at it."""
    system = cim.define(f"{NAMES}{name}", *settings, boot_disk(image))
    try:
        yield system, Look(qemu, f"{NAMES}{name}")
    finally:
        cim.call("DestroySystem", AffectedSystem=system)


@pytest.fixture
def partition(cim: Cim) -> Iterator[str]:
    if not partitions.possible():
        beyond("control groups that are ours and not systemd's")
    wanted = rasd("Proc", ResourceType=3, Limit=150, Weight=512)
    assert create(cim, PARTITION, "ProcessorPool/0", wanted) == (OK, POOL)
    yield POOL
    assert delete(cim, POOL) == OK


def groups_of(pid: int) -> dict[str, str]:
    """The control group of a process by the names of the controllers."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    return {name: path for _, names, path in lines for name in names.split(",")}


def test_a_partition_is_made_and_removed(cim: Cim, partition: str) -> None:
    """What CIM shows of it is what the kernel has."""
    directory = GROUPS / "cpu" / "machine" / f"{PARTITION}.partition"
    numbers = [int((directory / name).read_text()) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares")]
    assert numbers == [150_000, 100_000, 512]
    pool = pools(cim)[partition]
    assert (pool["Capacity"], pool["Primordial"], pool["CurrentlyConsumedResource"]) == (150, False, 0)
    (parent,) = cim.connection.Associators(
        pool.path, "CIM_ElementAllocatedFromPool", ResultClass="CIM_ResourcePool", Role="Dependent"
    )
    assert parent["PoolID"] == "ProcessorPool/0"


def test_a_system_runs_in_its_partition(cim: Cim, partition: str, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """Its process is in the group; the pool counts it, is in use and cannot go; a running system cannot move."""
    wanted = rasd("Proc", VirtualQuantity=2, PoolID=partition)
    with guest(cim, qemu, guest_image, "grouped", memory(16), wanted) as (system, look):
        assert look.find("resource/partition/text()", live=False) == [f"/machine/{PARTITION}"]
        assert cim.setting(f"{look.name}/defined/proc")["PoolID"] == partition
        cim.request(system, ENABLED)
        assert f"/machine/{PARTITION}.partition/" in groups_of(pid_of(look.name))["cpu"]
        shown = pools(cim)
        assert (shown[partition]["CurrentlyConsumedResource"], delete(cim, partition)) == (2, IN_USE)
        names = cim.connection.AssociatorNames(shown[partition].path, "CIM_ElementAllocatedFromPool")
        assert {one["DeviceID"] for one in names if "DeviceID" in one} == {f"{look.name}/0", f"{look.name}/1"}
        moved = rasd("Proc", InstanceID=f"{look.name}/proc", PoolID="ProcessorPool/0")
        before = look.xml(), look.xml(live=False)
        assert (cim.modify(moved), look.xml(), look.xml(live=False)) == (BAD_STATE, *before)
        moved["InstanceID"] = f"{look.name}/defined/proc"
        assert cim.modify(moved) == OK
        assert look.find("resource/partition/text()", live=False) == []
        assert cim.setting(f"{look.name}/proc")["PoolID"] == partition


def test_partitions_that_cannot_be_made(cim: Cim, partition: str) -> None:
    """The name is taken, more is asked than there is, the name or a number cannot be: nothing is made."""
    before = set(pools(cim))
    most = pools(cim)["ProcessorPool/0"]["Capacity"]
    refused = [
        (PARTITION, "ProcessorPool/0", {}, FAILED),
        ("a.b", "ProcessorPool/0", {}, BAD_PARAMETER),
        ("virtcim-more", "ProcessorPool/0", {"Limit": most + 1}, TOO_LITTLE),
        ("virtcim-more", partition, {"Limit": 151}, TOO_LITTLE),
        ("virtcim-more", "ProcessorPool/0", {"Weight": 1}, BAD_PARAMETER),
        ("virtcim-more", "ProcessorPool/0", {"Limit": 1, "AllocationUnits": "byte"}, BAD_PARAMETER),
        ("virtcim-more", "ProcessorPool/cell:0", {}, UNSUPPORTED),
    ]
    for name, parent, properties, code in refused:
        assert create(cim, name, parent, rasd("Proc", ResourceType=3, **properties))[0] == code, (name, properties)
    assert set(pools(cim)) == before


def test_partitions_in_partitions(cim: Cim, partition: str, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """What is taken from the inner one is taken from the outer one too, which stays as long as the inner one."""
    code, inner = create(cim, "inner", partition, rasd("Proc", ResourceType=3))
    assert (code, inner) == (OK, f"{partition}/inner")
    wanted = rasd("Proc", VirtualQuantity=1, PoolID=inner)
    with guest(cim, qemu, guest_image, "inner", memory(16), wanted) as (system, look):
        cim.request(system, ENABLED)
        assert f"/{PARTITION}.partition/inner.partition/" in groups_of(pid_of(look.name))["memory"]
        shown = pools(cim)
        assert [shown[name]["CurrentlyConsumedResource"] for name in (inner, partition)] == [1, 1]
        assert delete(cim, partition) == IN_USE
    assert delete(cim, inner) == OK


def test_a_partition_that_is_not_there(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    with guest(cim, qemu, guest_image, "nowhere", memory(16)) as (_, look):
        before = look.xml(live=False)
        for pool in ("ProcessorPool/partition:/machine/nowhere", "MemoryPool/0", "ProcessorPool/cell:9"):
            assert cim.modify(rasd("Proc", InstanceID=f"{look.name}/defined/proc", PoolID=pool)) == INVALID, pool
        assert look.xml(live=False) == before


# Huge pages


@pytest.fixture
def pages(cim: Cim) -> Iterator[int]:
    """32 MiB of huge pages, and how many the host had before."""
    mounted = "hugetlbfs" in Path("/proc/mounts").read_text()
    if not mounted or not os.access(PAGES, os.W_OK) or HUGE in pools(cim):
        beyond("huge pages that are ours")
    assert create(cim, None, "MemoryPool/0", huge(32 * 1024)) == (OK, HUGE)
    yield 16
    assert delete(cim, HUGE) == OK
    assert PAGES.read_text().strip() == "0"
    assert HUGE not in pools(cim)


def huge(kib: int, **properties: Any) -> pywbem.CIMInstance:
    units = {"AllocationUnits": KIB, "ResourceSubType": "virtcim:hugepages-2048"} | properties
    return rasd("Mem", ResourceType=4, Reservation=kib, **units)


def test_huge_pages_are_set_apart_and_resized(cim: Cim, pages: int) -> None:
    assert PAGES.read_text().strip() == str(pages)
    pool = pools(cim)[HUGE]
    assert (pool["Capacity"], pool["Reserved"], pool["ResourceSubType"]) == (pages * SIZE, 0, "hugepages-2048")
    assert create(cim, None, "MemoryPool/0", huge(8, AllocationUnits="byte * 2^20")) == (OK, HUGE)
    assert (PAGES.read_text().strip(), pools(cim)[HUGE]["Capacity"]) == ("4", 4 * SIZE)
    refused = [
        (huge(SIZE + 1), BAD_PARAMETER),
        (huge(SIZE, ResourceSubType="hugepages-3"), BAD_PARAMETER),
        (huge(SIZE, AllocationUnits="percent"), BAD_PARAMETER),
        (huge(SIZE, VirtualQuantity=2 * SIZE), BAD_PARAMETER),
        (huge(0), BAD_PARAMETER),
        (huge(2**40), TOO_LITTLE),
    ]
    for setting, code in refused:
        assert create(cim, None, "MemoryPool/0", setting)[0] == code, setting.tomof()
        assert PAGES.read_text().strip() == "4"


def test_a_system_takes_huge_pages(cim: Cim, pages: int, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """The kernel sees them taken, the pool too; it cannot go while they are."""
    asked = rasd("Mem", VirtualQuantity=16 * 1024, AllocationUnits=KIB, PoolID=HUGE)
    with guest(cim, qemu, guest_image, "huge", asked) as (system, look):
        assert look.find("memoryBacking/hugepages/page/@size", live=False) == [str(SIZE)]
        cim.request(system, ENABLED)
        assert int((PAGES.parent / "free_hugepages").read_text()) <= pages - 8
        pool = pools(cim)[HUGE]
        assert (pool["Reserved"], pool["CurrentlyConsumedResource"]) == (16 * 1024, 16 * 1024)
        assert delete(cim, HUGE) == IN_USE
        assert PAGES.read_text().strip() == str(pages)
        assert create(cim, None, "MemoryPool/0", huge(SIZE))[0] == IN_USE
        cim.request(system, DISABLED)
        assert cim.modify(rasd("Mem", InstanceID=f"{look.name}/defined/mem", PoolID="MemoryPool/0")) == OK
        assert look.find("memoryBacking", live=False) == []


def test_more_than_the_pool_has(cim: Cim, pages: int, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """The system is not activated, and the pool has given nothing."""
    asked = rasd("Mem", VirtualQuantity=64 * 1024, AllocationUnits=KIB, PoolID=HUGE)
    with guest(cim, qemu, guest_image, "hungry", asked) as (system, look):
        code, _ = cim.call("RequestStateChange", system, RequestedState=pywbem.Uint16(ENABLED))
        assert (code, pools(cim)[HUGE]["Reserved"], look.state) == (FAILED, 0, libvirt.VIR_DOMAIN_SHUTOFF)


# NUMA cells


def test_a_system_on_one_cell(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """Processors and memory come from the pools of the cell; QEMU's threads may run on its processors alone."""
    capabilities = pools(cim)
    cell, cpus = capabilities["MemoryPool/cell:0"], capabilities["ProcessorPool/cell:0"]
    members = cim.connection.AssociatorNames(cpus.path, "CIM_ConcreteComponent", ResultClass="CIM_Processor")
    assert cpus["Capacity"] == 100 * len(members)
    asked = rasd("Mem", VirtualQuantity=16 * 1024, AllocationUnits=KIB, PoolID=cell["PoolID"])
    wanted = rasd("Proc", VirtualQuantity=1, PoolID=cpus["PoolID"])
    with guest(cim, qemu, guest_image, "cell", asked, wanted) as (system, look):
        assert look.find("numatune/memory[@mode='strict']/@nodeset", live=False) == ["0"]
        cim.request(system, ENABLED)
        shown = pools(cim)
        assert shown["MemoryPool/cell:0"]["Reserved"] == cell["Reserved"] + 16 * 1024
        assert shown["ProcessorPool/cell:0"]["CurrentlyConsumedResource"] == cpus["CurrentlyConsumedResource"] + 1
        setting = cim.setting(f"{look.name}/mem")
        assert (setting["PoolID"], setting["MappingBehavior"], len(setting["HostResource"])) == (cell["PoolID"], 5, 1)
        numbers = {int(one["DeviceID"].rpartition("/")[2]) for one in members}
        assert look.domain.vcpuPinInfo()[0] == tuple(number in numbers for number in range(os.cpu_count() or 1))


def test_where_processors_are(cim: Cim) -> None:
    """Sockets, cores and threads as the kernel tells them."""
    for one in cim.connection.EnumerateInstances("KVM_HostProcessor"):
        kernel = Path(f"/sys/devices/system/cpu/cpu{one['DeviceID'].rpartition('/')[2]}/topology")
        for name, file in (("Socket", "physical_package_id"), ("Core", "core_id")):
            assert one[name] == int((kernel / file).read_text())
        assert len(one["Siblings"]) == bin(int((kernel / "thread_siblings").read_text().replace(",", ""), 16)).count(
            "1"
        )
        assert one["Cell"] is not None


def test_a_processor_is_bound_to_one_of_the_host(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """By HostResource: CIM, libvirt and the kernel say the same of the thread that is the processor."""
    found = cim.connection.EnumerateInstanceNames("KVM_HostProcessor")
    last = max(found, key=lambda one: int(one["DeviceID"].rpartition("/")[2]))
    number = last["DeviceID"].rpartition("/")[2]
    asked = rasd("Proc", VirtualQuantity=1, HostResource=[last.to_wbem_uri(format="canonical")])
    with guest(cim, qemu, guest_image, "pinned", memory(16), asked) as (system, look):
        cim.request(system, ENABLED)
        assert cim.setting(f"{look.name}/proc")["MappingBehavior"] == 5
        (device,) = cim.connection.AssociatorNames(system, "CIM_SystemDevice", ResultClass="CIM_Processor")
        below = cim.connection.AssociatorNames(device, "CIM_HostedDependency", Role="Dependent")
        assert [one["DeviceID"] for one in below] == [last["DeviceID"]]
        assert [place for place, may in enumerate(look.domain.vcpuPinInfo()[0]) if may] == [int(number)]
        status = thread_of(pid_of(look.name), "CPU 0/") / "status"
        assert f"Cpus_allowed_list:\t{number}\n" in status.read_text()
