"""A module of memory that grows and shrinks while its guest runs (virtio-mem), over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import libvirt
import pytest
import pywbem
from tests.live.cim import ENABLED, FAILED, INVALID, NAMES, OK, Cim, Look, boot_disk, cim_server, linux, rasd
from tests.live.conftest import Guest, wait_until

MIB = 1024  # KiB
NAME = f"{NAMES}elastic"
REQUESTED, SIZE = "devices/memory/target/requested/text()", "devices/memory/target/size/text()"


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


def module(mib: int, limit: int) -> object:
    return rasd("Mem", ResourceSubType="virtio-mem", VirtualQuantity=mib, Limit=limit, AllocationUnits="byte * 2^20")


def test_a_guest_that_takes_it_up(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest, scratch_dir: Path) -> None:
    """A Linux takes what it is asked to, gives it back, all of it even, and its setting tells without being asked."""
    look, setting = Look(qemu, f"{NAME}-linux", scratch_dir / "serial"), f"{NAME}-linux/virtiomem0"
    room = rasd("Mem", VirtualQuantity=256, AllocationUnits="byte * 2^20", MaxMemory=1024 * MIB, MaxSlots=2)
    console = rasd("Serial", SourceType=4, SourcePath=str(look.serial))
    head = linux(guest_image)
    head["CommandLine"] += " memhp_default_state=online_movable"
    system = cim.define(look.name, room, module(64, 128), console, Machine="q35", **head)
    try:
        cim.request(system, ENABLED)
        assert (
            cim.modify(rasd("Mem", InstanceID=setting, VirtualQuantity=0)) == OK
        )  # before there is anybody to take it
        assert [look.find(REQUESTED, live) for live in (True, False)] == [["0"], ["0"]]
        assert cim.modify(rasd("Mem", InstanceID=setting, VirtualQuantity=64 * MIB)) == OK
        shown = cim.setting(setting)
        assert (shown["VirtualQuantity"], shown["RequestedQuantity"]) == (0, 64 * MIB)
        assert cim.modify(shown) == OK  # as it was read, it changes nothing
        assert look.find(REQUESTED) == [str(64 * MIB)]
        look.wait_for_boot()
        for mib in (64, 128, 0):
            assert cim.modify(rasd("Mem", InstanceID=setting, VirtualQuantity=mib * MIB)) == OK
            wait_until(partial(has, cim, setting, mib * MIB), 15)
            (device,) = (one for one in memories(cim, system) if one["DeviceID"] == setting)
            assert device["NumberOfBlocks"] * device["BlockSize"] == mib * 2**20
    finally:
        cim.call("DestroySystem", AffectedSystem=system)


def has(cim: Cim, setting: str, kib: int) -> bool:
    return bool(cim.setting(setting)["VirtualQuantity"] == kib)


def memories(cim: Cim, system: pywbem.CIMInstanceName) -> list[pywbem.CIMInstance]:
    return list(cim.connection.Associators(system, "CIM_SystemDevice", ResultClass="CIM_Memory"))


def test_a_module_that_is_resized(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """Defined; asked for more while it runs, which the definition follows; never more than its limit or in part."""
    room = rasd("Mem", VirtualQuantity=64, AllocationUnits="byte * 2^20", MaxMemory=1024 * MIB, MaxSlots=2)
    system = cim.define(NAME, room, module(64, 128), boot_disk(guest_image), Machine="q35")
    look, setting = Look(qemu, NAME), f"{NAME}/virtiomem0"
    try:
        assert (look.find(SIZE, live=False), look.find(REQUESTED, live=False)) == ([str(128 * MIB)], [str(64 * MIB)])
        defined = cim.setting(f"{NAME}/defined/virtiomem0")
        assert (defined["VirtualQuantity"], defined["Limit"]) == (64 * MIB, 128 * MIB)
        assert cim.setting(f"{NAME}/defined/mem")["VirtualQuantity"] == 64 * MIB
        cim.request(system, ENABLED)
        assert cim.setting(setting)["VirtualQuantity"] == 0  # no system is there that would take it up
        assert cim.setting(f"{NAME}/mem")["VirtualQuantity"] == 64 * MIB
        for live in (True, False):
            assert look.find(REQUESTED, live) == [str(64 * MIB)]
        assert cim.modify(rasd("Mem", InstanceID=setting, VirtualQuantity=96 * MIB)) == OK
        assert [look.find(REQUESTED, live) for live in (True, False)] == [[str(96 * MIB)]] * 2
        for refused in ({"VirtualQuantity": 130 * MIB}, {"VirtualQuantity": MIB}):
            assert cim.modify(rasd("Mem", InstanceID=setting, **refused)) == INVALID, refused
        assert cim.modify(rasd("Mem", InstanceID=setting, Limit=256 * MIB)) not in (OK, 4096)
        assert [look.find(REQUESTED, live) for live in (True, False)] == [[str(96 * MIB)]] * 2
        assert look.find(SIZE) == [str(128 * MIB)]
        assert cim.add(NAME, module(3, 3))[0] in (FAILED, INVALID)
    finally:
        cim.call("DestroySystem", AffectedSystem=system)
