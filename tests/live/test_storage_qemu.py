"""Disks of QEMU guests over the wire: made by allocation, grown, copied and merged while a guest uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libvirt
import pytest
import pywbem
from tests.live.cim import (
    ENABLED,
    FAILED,
    INVALID,
    NAMES,
    OK,
    Cim,
    Look,
    boot_disk,
    cim_server,
    linux,
    memory,
    rasd,
)
from tests.live.conftest import Guest, wait_until
from tests.live.consoles import Console
from tests.live.images import BLOCKS, DIRECTORY, MIB, POOL, disk_of, image, own_pool, storage, volume_names
from tests.live.storage_kinds import loop_device, run

from virtcim.broker.provider import Progress
from virtcim.host.errors import HostError
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import dsp1047_images
from virtcim.profiles.elements import settings, state_of

IN_USE = 6


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with own_pool(libvirtd), cim_server(tmp_path_factory.mktemp("state"), libvirtd, detach_timeout=20) as cim:
        yield cim


@pytest.fixture(scope="module")
def look(cim: Cim, guest_image: Guest, qemu_module: libvirt.virConnect) -> Iterator[Look]:
    """A Linux that runs, with a qcow2 disk of 32 MiB made for it that goes with it."""
    name = f"{NAMES}linux"
    disk = storage(32, ResourceSubType="qcow2", VirtualDevice="vda", AutomaticDeallocation=True)
    boot = linux(guest_image)
    boot["CommandLine"] += " no_timer_check"  # an emulated guest on a machine with much to do may miss its timer
    system = cim.define(name, memory(128), rasd("Serial", SourceType=2), disk, **boot)
    look = Look(qemu_module, name)
    cim.request(system, ENABLED)
    yield look
    cim.call("DestroySystem", AffectedSystem=system)
    assert volume_names(qemu_module) == set()


@pytest.fixture(scope="module")
def console(look: Look) -> Iterator[Console]:
    console = Console(look.domain)
    console.wait_for("GUEST-READY", 60)
    yield console
    console.close()


def digest(console: Console) -> str:
    """Of the first blocks of the disk as the guest reads them."""
    said = console.run("head -c 262144 /dev/vda | md5sum")[1]
    (found,) = re.findall(r"\b[0-9a-f]{32}\b", said)
    return str(found)


def test_a_disk_that_the_guest_writes_and_finds_grown(cim: Cim, look: Look, console: Console) -> None:
    """R17: made by allocation, written, grown while it runs; the guest, the disk and both settings say so."""
    assert console.run("dd if=/dev/urandom of=/dev/vda bs=64k count=4 conv=fsync")[0] == 0
    assert "\n65536" in console.run("cat /sys/block/vda/size")[1]
    before = digest(console)
    assert disk_of(cim, look.name, "vda")["ThinlyProvisioned"] is True
    change = rasd("Disk", InstanceID=f"{look.name}/vda", VirtualQuantity=64 * BLOCKS)
    assert cim.modify(change) == OK
    assert "\n131072" in console.run("cat /sys/block/vda/size")[1]
    assert before in console.run("head -c 262144 /dev/vda | md5sum")[1]
    assert console.run("dd if=/dev/zero of=/dev/vda bs=1M seek=63 count=1 conv=fsync")[0] == 0
    assert disk_of(cim, look.name, "vda")["NumberOfBlocks"] == 64 * BLOCKS
    for defined in ("", "defined/"):
        assert cim.setting(f"{look.name}/{defined}vda")["VirtualQuantity"] == 64 * BLOCKS
    smaller = rasd("Disk", InstanceID=f"{look.name}/vda", VirtualQuantity=32 * BLOCKS)
    assert cim.modify(smaller) == INVALID


def test_a_running_disk_sent_back_as_it_was_read(cim: Cim, look: Look) -> None:
    """Its image is named by the volume of the host; nothing is changed, and nothing is asked of QEMU."""
    read, before = cim.setting(f"{look.name}/vda"), look.domain.XMLDesc(0)
    (uri,) = read["HostResource"]
    assert cim.connection.GetInstance(pywbem.CIMInstanceName.from_wbem_uri(uri))["Name"] == read["Address"]
    assert cim.modify(read) == OK
    assert look.domain.XMLDesc(0) == before


def test_a_disk_plugged_in_by_allocation(cim: Cim, look: Look, console: Console) -> None:
    """The volume goes when the disk is unplugged."""
    base = cim.setting(f"{look.name}/vda")["HostResource"][0]
    asked = storage(64, VirtualDevice="vdb", ResourceSubType="qcow2", AutomaticDeallocation=True)
    asked["VolumeName"] = "plugged"
    code, new = cim.add(look.name, asked)
    assert (code, new) == (OK, [f"{look.name}/vdb"])
    assert "plugged" in volume_names(look.connection)
    assert base != cim.setting(new[0])["HostResource"][0]
    assert "\n131072" in console.run("sleep 1; cat /sys/block/vdb/size")[1]
    cim.done(cim.remove(look.name, *new))
    assert "plugged" not in volume_names(look.connection)


def test_thick_volumes(cim: Cim, look: Look) -> None:
    """All of them is set aside, in either format."""
    for word in ("raw", "qcow2"):
        asked = storage(16, Reservation=16 * BLOCKS, ResourceSubType=word, VolumeName=f"thick-{word}",
                        AutomaticDeallocation=True)  # fmt: skip
        code, new = cim.add(look.name, asked)
        assert code == OK
        assert cim.setting(new[0])["Reservation"] == 16 * BLOCKS
        assert disk_of(cim, look.name, new[0].rpartition("/")[2])["ThinlyProvisioned"] is False
        cim.done(cim.remove(look.name, *new))


def test_what_fails_leaves_no_volume(cim: Cim, look: Look) -> None:
    """R13, and what is refused only by QEMU."""
    before = volume_names(look.connection), look.xml(), look.xml(live=False)
    room = look.connection.storagePoolLookupByName(POOL).info()[3]
    assert cim.add(look.name, storage(room // MIB + 1, Reservation=(room // MIB + 1) * BLOCKS)) == (FAILED, [])
    assert cim.add(look.name, storage(1), storage(1, BusType="ide"))[0] == FAILED
    assert (volume_names(look.connection), look.xml(), look.xml(live=False)) == before


def test_a_disk_moves_while_it_runs(cim: Cim, look: Look, console: Console) -> None:
    """Copied to another volume with all that the guest wrote; the old one, which was the disk's own, is gone."""
    before = digest(console)
    old = cim.setting(f"{look.name}/vda")["VolumeName"]
    asked = rasd("Disk", VolumeName="moved.qcow2")
    cim.done(image(cim, "CopyImage", f"{look.name}/vda", Settings=asked, Pivot=True))
    for defined in ("", "defined/"):
        setting = cim.setting(f"{look.name}/{defined}vda")
        assert (setting["VolumeName"], setting["AutomaticDeallocation"]) == ("moved.qcow2", True)
    assert old not in volume_names(look.connection)
    assert before in console.run("echo 3 > /proc/sys/vm/drop_caches; head -c 262144 /dev/vda | md5sum")[1]


def test_limits_of_a_running_disk(cim: Cim, look: Look) -> None:
    """Taken by QEMU at once, and kept in the definition."""
    change = rasd("Disk", InstanceID=f"{look.name}/vda", TotalIOPerSecond=500, WriteBytesPerSecond=MIB,
                  WriteBytesPerSecondBurst=4 * MIB)  # fmt: skip
    assert cim.modify(change) == OK
    told = look.domain.blockIoTune("vda")
    assert (told["total_iops_sec"], told["write_bytes_sec"]) == (500, MIB)
    for defined in ("", "defined/"):
        setting = cim.setting(f"{look.name}/{defined}vda")
        assert (setting["TotalIOPerSecond"], setting["WriteBytesPerSecond"]) == (500, MIB)
        assert setting["WriteBytesPerSecondBurst"] == 4 * MIB


def test_a_copy_that_is_ended(cim: Cim, look: Look, libvirtd: str) -> None:
    """No volume is left, the disk is where it was, and libvirt has no block job."""
    before = volume_names(look.connection), cim.setting(f"{look.name}/vda")
    world = Hosts([libvirtd], HostSettings())
    world.start()
    assert world.wait(30)
    (vm,) = (one for one in world.vms() if one.name == look.name)
    (disk,) = (one for one in settings(state_of(vm)) if one.dev == "vda")
    for pivot in (False, True):
        work = dsp1047_images.copy(vm.host, disk, None, pivot)
        assert work.cancel is not None
        work.cancel()
        with pytest.raises(HostError, match="was ended"):
            work.run(Progress())
    world.stop()
    assert (volume_names(look.connection), cim.setting(f"{look.name}/vda")) == before
    assert not look.domain.blockJobInfo("vda")


def test_a_copy_of_a_running_disk(cim: Cim, look: Look) -> None:
    before = cim.setting(f"{look.name}/vda")
    asked = rasd("Disk", VolumeName="copy.img", ResourceSubType="raw")
    code, out = image(cim, "CopyImage", f"{look.name}/vda", Settings=asked)
    assert code == OK
    assert out["Copy"]["InstanceID"] == f"{DIRECTORY}/copy.img"
    assert (DIRECTORY / "copy.img").stat().st_size == before["VirtualQuantity"] * 512
    assert cim.setting(f"{look.name}/vda") == before
    look.connection.storagePoolLookupByName(POOL).storageVolLookupByName("copy.img").delete()


def test_one_volume_for_one_active_system(cim: Cim, look: Look, guest_image: Guest) -> None:
    """R18: neither started with it nor given it."""
    where = cim.setting(f"{look.name}/vda")["HostResource"]
    system = cim.define(f"{NAMES}second", memory(16), rasd("Disk", HostResource=where, DriverType="qcow2"))
    code, _ = cim.call("RequestStateChange", system, RequestedState=pywbem.Uint16(ENABLED))
    assert code == IN_USE
    cim.call("DestroySystem", AffectedSystem=system)
    other = cim.define(f"{NAMES}third", memory(16), boot_disk(guest_image))
    cim.request(other, ENABLED)
    assert cim.add(f"{NAMES}third", rasd("Disk", HostResource=where, DriverType="qcow2")) == (FAILED, [])
    cim.call("DestroySystem", AffectedSystem=other)


@pytest.fixture
def little() -> Iterator[str]:
    """A block device with room for a mebibyte."""
    with loop_device(DIRECTORY, MIB) as device:
        run("qemu-img", "create", "-q", "-f", "qcow2", device, "64M")
        yield device
    (DIRECTORY / "device.img").unlink()


def test_a_disk_that_finds_no_space(cim: Cim, look: Look, console: Console, little: str) -> None:
    """The disk is in error for as long as its system is paused for it; the other disk is not."""
    (new,) = cim.add(look.name, rasd("Disk", HostResource=[f"file://{little}"], DriverType="qcow2"))[1]
    name = new.rpartition("/")[2]
    console.type(f"sleep 1; dd if=/dev/zero of=/dev/{name} bs=64k count=64 conv=fsync")
    wait_until(lambda: disk_of(cim, look.name, name)["OperationalStatus"] == [6], 30)
    found = disk_of(cim, look.name, name)
    assert (found["StatusDescriptions"], found["HealthState"]) == (["no space is left on the host"], 20)
    assert disk_of(cim, look.name, "vda")["HealthState"] == 5
