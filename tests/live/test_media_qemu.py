"""Media of a running guest's drives, changed by instance path and by path; and what a guest boots from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live.cim import DISABLED, ENABLED, NAMES, OK, Cim, Look, boot_disk, cim_server, memory, rasd, serial_port
from tests.live.conftest import Guest
from tests.live.images import DIRECTORY, MIB, POOL, own_pool, storage

DISCS = ("one.iso", "two.iso", "one.fd", "two.fd")
FLOPPY_SIZE = 1440 * 1024
DRIVES = {"optical": ("hdc", "KVM_DVDDrive", ".iso"), "floppy": ("fda", "KVM_DisketteDrive", ".fd")}


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with own_pool(libvirtd):
        for name in DISCS:
            (DIRECTORY / name).write_bytes(bytes(FLOPPY_SIZE if name.endswith(".fd") else MIB))
        connection = libvirt.open(libvirtd)
        connection.storagePoolLookupByName(POOL).refresh()
        connection.close()
        with cim_server(tmp_path_factory.mktemp("state"), libvirtd, detach_timeout=5) as cim:
            yield cim


@pytest.fixture(scope="module")
def look(cim: Cim, guest_image: Guest, qemu_module: libvirt.virConnect) -> Iterator[Look]:
    """A guest without an operating system that runs, with both drives, which are empty."""
    name, serial = f"{NAMES}media", DIRECTORY / "serial"
    drives = [rasd("Disk", EmulatedType=kind, VirtualDevice=dev) for kind, dev in ((1, "hdc"), (2, "fda"))]
    system = cim.define(name, memory(16), boot_disk(guest_image), *drives, serial_port(serial))
    cim.request(system, ENABLED)
    look = Look(qemu_module, name, serial)
    look.wait_for_boot()
    yield look
    cim.call("DestroySystem", AffectedSystem=system)


def volume(cim: Cim, name: str) -> str:
    found = cim.connection.EnumerateInstances("KVM_HostStorageVolume")
    return str(next(one.path for one in found if one["ElementName"] == name).to_wbem_uri())


@pytest.mark.parametrize("kind", DRIVES)
def test_media_by_their_paths(cim: Cim, look: Look, kind: str) -> None:
    """Put in, changed and taken out while the guest runs; the volume of the host is what the drive sits on."""
    dev, classname, ending = DRIVES[kind]
    asked: list[tuple[dict[str, Any], str | None]] = [
        ({"HostResource": [volume(cim, f"one{ending}")]}, f"one{ending}"),
        ({"Address": str(DIRECTORY / f"two{ending}")}, f"two{ending}"),
        ({"HostResource": ["/dev/null"]}, None),
        ({"HostResource": [f"volume:{POOL}/one{ending}"]}, f"one{ending}"),
    ]
    for properties, wanted in asked:
        assert cim.modify(rasd("Disk", InstanceID=f"{look.name}/{dev}", **properties)) == OK
        setting = cim.setting(f"{look.name}/{dev}")
        assert bool(setting["HostResource"]) == (wanted is not None)
        (drive,) = (one for one in cim.connection.EnumerateInstances(classname) if one["SystemName"] == look.name)
        below = cim.connection.Associators(drive.path, "CIM_HostedDependency", ResultClass="CIM_StorageExtent")
        assert [one["ElementName"] for one in below] == ([wanted] if wanted else [])
        if wanted:
            uri = pywbem.CIMInstanceName.from_wbem_uri(setting["HostResource"][0])
            assert cim.connection.GetInstance(uri)["ElementName"] == wanted
        named = f"devices/disk[target/@dev='{dev}']/source/@*[name()='file' or name()='volume']"
        assert [Path(text).name for text in look.find(named, live=False)] == ([wanted] if wanted else [])


def test_the_guest_boots_in_the_order_asked_for(
    cim: Cim, guest_image: Guest, qemu_module: libvirt.virConnect, scratch_dir: Path
) -> None:
    """From the second disk, as the first holds nothing; not before it is told so."""
    name, serial = f"{NAMES}order", scratch_dir / "serial"
    blank = storage(4, VolumeName="blank.img", VirtualDevice="vda", AutomaticDeallocation=True, BootOrder=1)
    second = boot_disk(guest_image)
    second["VirtualDevice"], second["BootOrder"] = "vdb", pywbem.Uint32(2)
    nic = rasd("Net", NetworkType="user", ResourceSubType="virtio", Address="52:54:00:fe:00:51", BootOrder=3)
    system = cim.define(name, memory(16), blank, second, nic, serial_port(serial))
    look = Look(qemu_module, name, serial)
    assert look.find("devices/*/boot/@order", live=False) == ["1", "2", "3"]
    swapped = [("vda", 2), ("vdb", 1)]
    changed = [rasd("Disk", InstanceID=f"{name}/defined/{dev}", BootOrder=number) for dev, number in swapped]
    assert cim.modify(*changed) == OK
    assert {dev: cim.setting(f"{name}/defined/{dev}")["BootOrder"] for dev, _ in swapped} == dict(swapped)
    cim.request(system, ENABLED)
    look.wait_for_boot()
    cim.request(system, DISABLED)
    cim.call("DestroySystem", AffectedSystem=system)
