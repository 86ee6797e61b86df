"""The life of real guests over the wire, from DefineSystem to DestroySystem, each step checked through libvirt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live.cim import (
    DISABLED,
    ENABLED,
    NAMES,
    OFFLINE,
    OK,
    QUIESCE,
    REBOOT,
    RESET,
    SHUT_DOWN,
    Cim,
    Look,
    boot_disk,
    cim_server,
    linux,
    memory,
    rasd,
    serial_port,
)
from tests.live.conftest import Guest

RUNNING, PAUSED, OFF = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_SHUTOFF
MAC = "52:54:00:10:42:01"


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd, shutdown_timeout=60) as cim:
        yield cim


class Life:
    """A system, asked through CIM and seen by libvirt; what both say has to agree."""

    def __init__(self, cim: Cim, system: pywbem.CIMInstanceName, look: Look) -> None:
        self.cim, self.system, self.look = cim, system, look

    def become(self, request: int, enabled: int, state: int) -> None:
        self.cim.request(self.system, request)
        assert self.look.state == state
        assert self.cim.enabled_state(self.system) == enabled


def test_linux_guest(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest, scratch_dir: Path) -> None:
    """Kernel and initrd: everything that can be asked of a system."""
    name, serial = f"{NAMES}linux", scratch_dir / "serial"
    processors = rasd("Proc", VirtualQuantity=1)
    system = cim.define(name, processors, memory(128), serial_port(serial), **linux(guest_image))
    look = Look(qemu, name, serial)
    life = Life(cim, system, look)
    assert (look.state, look.domain.isPersistent(), cim.enabled_state(system)) == (OFF, 1, DISABLED)
    assert look.find("os/kernel/text()") == [str(guest_image.kernel)]
    assert look.find("memory/text()") == ["131072"]

    life.become(ENABLED, ENABLED, RUNNING)
    look.wait_for_boot()
    life.become(QUIESCE, QUIESCE, PAUSED)
    life.become(ENABLED, ENABLED, RUNNING)

    disk_and_nic_while_running(life, scratch_dir)

    life.become(OFFLINE, OFFLINE, OFF)
    assert look.domain.hasManagedSaveImage() == 1
    life.become(ENABLED, ENABLED, RUNNING)
    assert (look.domain.hasManagedSaveImage(), look.boots()) == (0, 0)  # a new file, and it has not booted again

    life.become(REBOOT, ENABLED, RUNNING)
    look.wait_for_boot(1)
    life.become(RESET, ENABLED, RUNNING)
    look.wait_for_boot(2)
    life.become(SHUT_DOWN, DISABLED, OFF)
    assert look.domain.state()[1] == libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN
    assert b"GUEST-POWEROFF" in serial.read_bytes()
    destroyed(life)


def disk_and_nic_while_running(life: Life, scratch_dir: Path) -> None:
    """The guest is given both in one call, and relieved of both in one."""
    cim, look, name = life.cim, life.look, life.look.name
    image = scratch_dir / "disk.img"
    image.write_bytes(bytes(2**20))
    before = cim.devices(life.system)
    disk = rasd("Disk", HostResource=[f"file://{image}"], DriverType="raw", BusType="virtio")
    code, new = cim.add(name, disk, rasd("Net", NetworkType="user", Address=MAC, ResourceSubType="virtio"))
    assert (code, new) == (OK, [f"{name}/vda", f"{name}/{MAC}"])
    for live in (True, False):
        assert look.find("devices/disk/target/@dev", live) == ["vda"]
        assert look.find("devices/interface/mac/@address", live) == [MAC]
    assert len(look.find("devices/interface/alias")) == 1  # QEMU has it
    assert cim.devices(life.system) - before == {*new}
    cim.done(cim.remove(name, *new))
    for live in (True, False):
        assert look.find("devices/disk | devices/interface", live) == []
    assert cim.devices(life.system) == before


def destroyed(life: Life) -> None:
    """Nothing mentions the system any more."""
    uuid = life.look.domain.UUIDString()
    assert life.cim.call("DestroySystem", AffectedSystem=life.system) == (OK, {})
    assert not life.look.exists()
    for classname in ("CIM_ComputerSystem", "CIM_SettingData", "CIM_LogicalDevice"):
        found: list[Any] = life.cim.connection.EnumerateInstances(classname)
        assert not [one.path for one in found if life.look.name in str(one.path) or uuid in str(one.properties)]


def test_guest_from_a_disk(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest, scratch_dir: Path) -> None:
    """A boot disk; destroyed while it runs. Its image stays."""
    name, serial = f"{NAMES}disk", scratch_dir / "serial"
    system = cim.define(name, memory(16), boot_disk(guest_image), serial_port(serial))
    look = Look(qemu, name, serial)
    life = Life(cim, system, look)
    life.become(ENABLED, ENABLED, RUNNING)
    look.wait_for_boot()
    life.become(SHUT_DOWN, DISABLED, OFF)
    life.become(ENABLED, ENABLED, RUNNING)
    life.become(OFFLINE, OFFLINE, OFF)
    life.become(ENABLED, ENABLED, RUNNING)
    destroyed(life)
    assert guest_image.boot_disk.exists()


@pytest.mark.parametrize("state", ["off", "running", "paused", "saved"])
def test_destroy(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest, state: str) -> None:
    system = cim.define(f"{NAMES}{state}", memory(16), boot_disk(guest_image))
    for request in {"off": [], "running": [ENABLED], "paused": [ENABLED, QUIESCE], "saved": [ENABLED, OFFLINE]}[state]:
        cim.request(system, request)
    destroyed(Life(cim, system, Look(qemu, f"{NAMES}{state}")))


def test_copy_of_a_running_guest(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """The running document as a pattern, which starts beside it."""
    name = f"{NAMES}pattern"
    nic, vnc = rasd("Net", NetworkType="user"), rasd("Graphics", ResourceSubType="vnc")
    system = cim.define(name, memory(16), boot_disk(guest_image), nic, vnc)
    cim.request(system, ENABLED)
    pattern = cim.setting(f"{name}/vda").path.copy()
    pattern.classname, pattern["InstanceID"] = "KVM_VirtualSystemSettingData", f"KVM:{name}"
    code, out = cim.call("DefineSystem", ReferenceConfiguration=pattern)
    assert code == OK
    copy = out["ResultingSystem"]
    look = Look(qemu, copy["Name"])
    try:
        cim.request(copy, ENABLED)
        assert look.state == RUNNING
        macs = [Look(qemu, one).find("devices/interface/mac/@address") for one in (name, look.name)]
        assert macs[0] != macs[1]
        uuids = {Look(qemu, one).domain.UUIDString() for one in (name, look.name)}
        assert len(uuids) == 2
    finally:
        cim.call("DestroySystem", AffectedSystem=copy)
