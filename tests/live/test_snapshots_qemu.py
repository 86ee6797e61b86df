"""Snapshots of QEMU guests over the wire: what was on their disks comes back, and nothing of others is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live.cim import BAD_STATE, DISABLED, ENABLED, FAILED, NAMES, OK, QUIESCE, Cim, cim_server, memory, rasd, vssd
from tests.live.conftest import wait_until
from tests.live.images import DIRECTORY, MIB, own_pool, storage, volume_names
from tests.live.storage_kinds import run

from virtcim.broker.provider import Progress
from virtcim.host import snapshot_overlays
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import snapshots_external as external
from virtcim.profiles.snapshots import snapshots_of
from virtcim.profiles.snapshots_resumption import APPLY, intent_of, resume

FULL, DISK, IN_USE = 2, 3, 6
OLD, NEW = 11, 22  # what a disk is filled with before and after a snapshot


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with own_pool(libvirtd), cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


class Guest:
    """A guest with one disk, and what a client of the snapshot service does to it."""

    def __init__(self, cim: Cim, name: str, form: str) -> None:
        self.cim, self.name = cim, f"{NAMES}{name}"
        self.volume = f"{name}.{form}"
        disk = storage(8, VolumeName=self.volume, ResourceSubType=form, AutomaticDeallocation=True)
        self.path = cim.define(self.name, memory(16), disk)
        (self.service,) = cim.connection.EnumerateInstanceNames("KVM_VirtualSystemSnapshotService")

    def image(self) -> tuple[str, Path]:
        """Format and place of what the disk is on."""
        setting = self.cim.setting(f"{self.name}/vda")
        return setting["DriverType"], Path(setting["Address"])

    def write(self, pattern: int) -> None:
        form, path = self.image()
        run("qemu-io", "-f", form, "-c", f"write -q -P {pattern} 0 65536", path)

    def holds(self, pattern: int) -> bool:
        form, path = self.image()
        command = ["qemu-io", "-r", "-U", "-f", form, "-c", f"read -P {pattern} 0 65536", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "read 65536/65536" in done.stdout, done.stderr
        return "verification failed" not in done.stdout

    def take(self, kind: int = FULL, **settings: Any) -> pywbem.CIMInstanceName:
        given = pywbem.CIMInstance("KVM_VirtualSystemSettingData", settings) if settings else None
        answer = self.cim.call("CreateSnapshot", self.service, AffectedSystem=self.path,
                               SnapshotType=pywbem.Uint16(kind), SnapshotSettings=given)  # fmt: skip
        self.cim.done(answer)
        (newest,) = self.cim.connection.AssociatorNames(self.path, "CIM_MostCurrentSnapshotInBranch")
        return newest

    def code(self, kind: int) -> int:
        """What CreateSnapshot answers."""
        arguments = {"AffectedSystem": self.path, "SnapshotType": pywbem.Uint16(kind)}
        return self.cim.call("CreateSnapshot", self.service, **arguments)[0]

    def apply(self, snapshot: pywbem.CIMInstanceName) -> None:
        self.cim.done(self.cim.call("ApplySnapshot", self.service, Snapshot=snapshot))

    def destroy(self, snapshot: pywbem.CIMInstanceName) -> tuple[int, dict[str, Any]]:
        return self.cim.call("DestroySnapshot", self.service, AffectedSnapshot=snapshot)

    def enabled(self) -> list[int]:
        (found,) = self.cim.connection.Associators(
            self.path, "CIM_ElementCapabilities", ResultClass="CIM_VirtualSystemSnapshotCapabilities"
        )
        return list(found["SnapshotTypesEnabled"])

    def end(self) -> None:
        self.cim.done(self.cim.call("DestroySystem", AffectedSystem=self.path))


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_disks_of_a_system_that_is_off(cim: Cim, qemu_module: libvirt.virConnect, form: str) -> None:
    """Kept inside a qcow2 image, beside a raw one; either comes back, twice, and is gone with the system."""
    guest = Guest(cim, f"off-{form}", form)
    before = volume_names(qemu_module)
    assert guest.enabled() == [FULL, DISK]
    guest.write(OLD)
    snapshot = guest.take(FULL, ElementName="before")
    for _ in range(2):
        guest.write(NEW)
        guest.apply(snapshot)
        assert guest.holds(OLD)
        assert cim.connection.AssociatorNames(guest.path, "CIM_LastAppliedSnapshot") == [snapshot]
    assert cim.enabled_state(guest.path) == DISABLED
    guest.write(NEW)
    cim.done(guest.destroy(snapshot))
    assert guest.holds(NEW)
    assert (guest.image()[1].name, volume_names(qemu_module)) == (guest.volume, before)
    guest.take(DISK)
    guest.end()
    assert volume_names(qemu_module) == before - {guest.volume}


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_memory_of_a_running_guest(cim: Cim, qemu_module: libvirt.virConnect, form: str) -> None:
    """It is paused again as it was then, on the disk of then; the file of its memory goes with the snapshot."""
    guest = Guest(cim, f"on-{form}", form)
    before = volume_names(qemu_module)
    guest.write(OLD)
    cim.request(guest.path, ENABLED)
    assert guest.enabled() == [FULL, DISK, 32768, 32769]
    cim.request(guest.path, QUIESCE)
    snapshot = guest.take(FULL, ElementName="paused")
    cim.request(guest.path, DISABLED)
    guest.write(NEW)
    guest.apply(snapshot)
    assert cim.enabled_state(guest.path) == QUIESCE
    assert guest.holds(OLD)
    cim.request(guest.path, ENABLED)
    guest.apply(snapshot)
    assert cim.enabled_state(guest.path) == QUIESCE, "also from running"
    cim.done(guest.destroy(snapshot))
    assert volume_names(qemu_module) == before
    guest.end()


def test_disks_of_a_running_guest_are_applied_when_it_is_off(cim: Cim) -> None:
    guest = Guest(cim, "disks", "qcow2")
    guest.write(OLD)
    cim.request(guest.path, ENABLED)
    snapshot = guest.take(DISK)
    assert cim.connection.GetInstance(snapshot)["SnapshotType"] == DISK
    answer = cim.call("ApplySnapshot", guest.service, Snapshot=snapshot)
    assert answer[0] == BAD_STATE
    cim.request(guest.path, DISABLED)
    guest.write(NEW)
    guest.apply(snapshot)
    assert guest.holds(OLD)
    guest.end()


def test_snapshots_do_not_harm_each_other(cim: Cim) -> None:
    """One inside an overlay holds the one beside the image; another branch holds its stem."""
    guest = Guest(cim, "branches", "qcow2")
    cim.request(guest.path, ENABLED)
    beside = guest.take(DISK, ElementName="beside")
    cim.request(guest.path, DISABLED)
    above = guest.take(FULL, ElementName="above")
    assert guest.destroy(beside)[0] == BAD_STATE
    guest.write(NEW)
    guest.apply(beside)
    assert not guest.holds(NEW)
    assert guest.destroy(beside)[0] == BAD_STATE, "above is in an overlay of its own branch"
    guest.apply(above)
    assert not guest.holds(NEW)
    guest.apply(beside)
    cim.done(guest.destroy(above))
    cim.done(guest.destroy(beside))
    guest.take(FULL, ElementName="inside")
    cim.request(guest.path, ENABLED)
    assert (guest.enabled(), guest.code(DISK)) == ([FULL, 32768, 32769], BAD_STATE)
    guest.end()


def test_what_a_snapshot_keeps_is_not_committed_to(cim: Cim) -> None:
    guest = Guest(cim, "kept", "raw")
    guest.take(FULL)
    cim.request(guest.path, ENABLED)
    disk = cim.setting(f"{guest.name}/vda").path
    assert cim.call("CommitImage", Image=disk)[0] == BAD_STATE
    assert cim.call("PullImage", Image=disk)[0] == BAD_STATE
    guest.end()


def test_a_copy_of_a_snapshot_is_not_started_on_what_that_keeps(cim: Cim) -> None:
    guest = Guest(cim, "copied", "raw")
    snapshot = guest.take(FULL)
    name = vssd(VirtualSystemIdentifier=f"{NAMES}copy")
    code, made = cim.call("DefineSystem", SystemSettings=name, ReferenceConfiguration=snapshot)
    assert code == OK
    copy = made["ResultingSystem"]
    assert cim.call("RequestStateChange", copy, RequestedState=pywbem.Uint16(ENABLED))[0] == IN_USE
    cim.done(cim.call("DestroySystem", AffectedSystem=copy))
    cim.done(guest.destroy(snapshot))
    guest.end()


def test_what_stopped_half_way_is_brought_to_its_end(cim: Cim, libvirtd: str) -> None:
    """The server died when the system was on the image that the snapshot keeps, before its overlay was made."""
    guest = Guest(cim, "stopped", "raw")
    guest.write(OLD)
    guest.take(FULL)
    guest.write(NEW)
    world = Hosts([libvirtd], HostSettings())
    world.start()
    try:
        assert world.wait(30)
        vm = world.vm_by_key(guest.name)[0]
        (snapshot,) = snapshots_of(vm)
        intent = intent_of(vm, APPLY, snapshot.name, external.plan(snapshot))
        snapshot_overlays.define_as_then(vm, snapshot.name)
        assert cim.call("RequestStateChange", guest.path, RequestedState=pywbem.Uint16(ENABLED))[0] == IN_USE
        assert resume(world, intent.facts).run(Progress()).value == OK
    finally:
        world.stop()
    wait_until(lambda: guest.image()[0] == "qcow2", 10)
    assert guest.holds(OLD)
    assert len(cim.connection.AssociatorNames(guest.path, "CIM_LastAppliedSnapshot")) == 1
    guest.end()


def test_a_disk_that_has_gone_comes_back(cim: Cim, qemu_module: libvirt.virConnect) -> None:
    """Its volume stays for the snapshot, though it was to go with the disk; nor does it grow."""
    guest = Guest(cim, "changed", "qcow2")
    guest.write(OLD)
    snapshot = guest.take(FULL)
    disk = f"{guest.name}/defined/vda"
    size = cim.setting(disk)["Limit"]
    assert cim.modify(rasd("Disk", InstanceID=disk, VirtualQuantity=16 * MIB, VirtualQuantityUnits="byte")) == FAILED
    assert cim.remove(guest.name, f"{guest.name}/vda")[0] == OK
    assert guest.volume in volume_names(qemu_module)
    guest.apply(snapshot)
    assert (guest.holds(OLD), cim.setting(disk)["Limit"]) == (True, size)
    guest.end()
    assert guest.volume not in volume_names(qemu_module)


def test_no_disk_no_snapshot(cim: Cim) -> None:
    guest = Guest(cim, "bare", "qcow2")
    assert cim.remove(guest.name, f"{guest.name}/vda")[0] == OK
    assert guest.enabled() == []
    assert [guest.code(kind) for kind in (FULL, DISK, 77)] == [BAD_STATE, BAD_STATE, 6]
    guest.end()


def test_an_image_that_is_gone(cim: Cim) -> None:
    """Nothing is taken or applied, and the system is as it was; a snapshot in it is gone with it."""
    guest = Guest(cim, "gone", "qcow2")
    snapshot, lost = guest.take(FULL), guest.take(FULL)
    place = guest.image()[1]
    place.rename(place.with_suffix(".away"))
    assert guest.code(FULL) == cim.call("ApplySnapshot", guest.service, Snapshot=snapshot)[0] == 2
    assert guest.destroy(lost)[0] == OK
    place.with_suffix(".away").rename(place)
    guest.apply(snapshot)
    guest.end()
    assert not (DIRECTORY / guest.volume).exists()
