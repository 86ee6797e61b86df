"""Alerts of real causes: guests that panic, whose disks fail or fill up, whose watchdog expires."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, DefineDomain, wait_until
from tests.live.consoles import Console
from tests.live.storage_kinds import loop_device
from tests.profiles.eventful import Eventful, eventful_running

from virtcim.broker.schema import Schema

NAME = f"{PREFIX}alerts"
DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' error_policy='stop'/><source file='{path}'/>"
    "<target dev='vdb' bus='virtio'/><boot order='2'/></disk>"
)
BLOCK = (
    "<disk type='block' device='disk'><driver name='qemu' type='{form}' cache='none' error_policy='stop'/>"
    "<source dev='{path}'/><target dev='vdb' bus='virtio'/><boot order='2'/></disk>"
)
EXT4_IOC_SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2
MIB = 2**20
Start = Callable[..., libvirt.virDomain]


@pytest.fixture
def client(kvm_schema: Schema, libvirtd: str, tmp_path: Path) -> Iterator[Eventful]:
    with eventful_running(kvm_schema, libvirtd, tmp_path) as client:
        client.subscribe("SELECT * FROM CIM_AlertIndication WHERE OwningEntity = 'virtcim'")
        yield client


@pytest.fixture
def start(qemu: libvirt.virConnect, clean_domains: None, scratch_dir: Path) -> Start:
    """start(code, devices=, more=) -> the guest, running."""
    del clean_domains

    def start(code: bytes, **given: Any) -> libvirt.virDomain:
        boot = boot_sectors.write(scratch_dir / "boot.img", code)
        return qemu.createXML(boot_sectors.domain_xml(NAME, boot, **given))

    return start


def told(client: Eventful, message_id: str) -> Any:
    """The only alert about the guest."""
    client.heard(1)
    client.settle()
    alert, *others = (one for one in client.listener.indications if one["SystemName"] == NAME)
    assert others == [], [one["Message"] for one in (alert, *others)]
    assert alert["MessageID"] == message_id, alert["Message"]
    assert alert["AlertingManagedElement"].startswith("root/virt:KVM_ComputerSystem.")
    return alert


@pytest.mark.parametrize("action", ["destroy", "preserve"])
def test_a_guest_panics(client: Eventful, start: Start, action: str) -> None:
    """libvirt announces the panic, and where it destroys the guest the end of it as well: that is one crash."""
    start(boot_sectors.panic(), devices="<panic model='isa'/>", more=f"<on_crash>{action}</on_crash>")
    assert told(client, "VIRTCIM0201")["PerceivedSeverity"] == 6


def test_a_watchdog_expires(client: Eventful, start: Start) -> None:
    start(boot_sectors.watchdog(), devices="<watchdog model='ib700' action='pause'/>")
    assert "paused" in told(client, "VIRTCIM0204")["Message"]


def qcow2(path: Path) -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "64M"], check=True)
    if path.is_file():
        path.chmod(0o666)
    return path


def test_no_space_is_left(client: Eventful, start: Start, scratch_dir: Path) -> None:
    """A thin image on a device that is smaller than what the guest writes."""
    with loop_device(scratch_dir, 2 * MIB) as device:
        qcow2(Path(device))
        domain = start(boot_sectors.writing(), devices=BLOCK.format(form="qcow2", path=device))
        alert = told(client, "VIRTCIM0208")
        assert (alert["ProbableCause"], alert["AlertType"]) == (50, 5)
        assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
        domain.destroy()


@contextmanager
def mounted(device: str, path: Path) -> Iterator[Path]:
    """A file system on a block device, as large as that."""
    path.mkdir()
    subprocess.run(["mkfs.ext4", "-q", device], check=True)
    subprocess.run(["mount", device, str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def shut_down(file_system: Path) -> None:
    """From now on everything that is done to the file system ends with an I/O error."""
    directory = os.open(file_system, os.O_RDONLY)
    fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
    os.close(directory)


def test_a_disk_fails(client: Eventful, start: Start, scratch_dir: Path) -> None:
    """What it is stored on breaks while the guest writes."""
    with (
        loop_device(scratch_dir) as device,
        mounted(device, scratch_dir / "storage") as storage,
        loop_device(storage, 32 * MIB) as far,
    ):
        domain = start(boot_sectors.writing(), devices=BLOCK.format(form="raw", path=far))

        def writes() -> bool:
            return int(domain.blockStats("vdb")[2]) > 0

        wait_until(writes, 20)
        shut_down(storage)
        alert = told(client, "VIRTCIM0203")
        assert (alert["ProbableCause"], alert["PerceivedSeverity"]) == (24, 5)
        domain.destroy()


def test_a_threshold_is_crossed(client: Eventful, start: Start, scratch_dir: Path) -> None:
    domain = start(boot_sectors.writing(), devices=DISK.format(path=qcow2(scratch_dir / "thin.qcow2")))
    domain.suspend()
    domain.setBlockThreshold("vdb", 8 * 2**20)  # type: ignore[attr-defined]
    domain.resume()
    alert = told(client, "VIRTCIM0209")
    assert (alert["ProbableCause"], alert["PerceivedSeverity"]) == (52, 3)
    assert "8388608" in alert["MessageArguments"]


POOL = (
    "<pool type='fs'><name>{name}</name><source><device path='{device}'/><format type='ext4'/></source>"
    "<target><path>{path}</path></target></pool>"
)
VOLUME = "<volume><name>{name}</name><capacity>{size}</capacity><allocation>{size}</allocation></volume>"
RESIZED = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA Virt_HostStorageVolume"


def test_a_pool_fills_up(client: Eventful, qemu: libvirt.virConnect, scratch_dir: Path) -> None:
    """A file system of its own, filled by volumes: told once, and told again when there is space."""
    with loop_device(scratch_dir, 64 * MIB) as device:
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", device], check=True)
        (scratch_dir / "storage").mkdir()
        xml = POOL.format(name=f"{PREFIX}full", device=device, path=scratch_dir / "storage")
        pool = qemu.storagePoolCreateXML(xml)
        try:
            client.subscribe(RESIZED)
            small = pool.createXML(VOLUME.format(name="small.img", size=MIB))
            client.world.hosts[0].reconcile()
            small.resize(2 * MIB)
            client.world.hosts[0].reconcile()
            assert sizes(client) == [(MIB, 2 * MIB)]
            large = pool.createXML(VOLUME.format(name="large.img", size=pool.info()[3] - 2 * MIB))
            client.world.hosts[0].reconcile()
            large.delete()
            client.world.hosts[0].reconcile()
            client.settle()
        finally:
            pool.destroy()
    alerts = [one for one in client.listener.indications if "MessageID" in one]
    assert [one["MessageID"] for one in alerts] == ["VIRTCIM0210", "VIRTCIM0212"]
    assert all(f"DiskPool/{PREFIX}full" in one["AlertingManagedElement"] for one in alerts)


def sizes(client: Eventful) -> list[tuple[int, int]]:
    """Of volumes that have been modified: before, and after."""
    client.heard(1)
    client.settle()
    told = [one for one in client.listener.indications if "PreviousInstance" in one]
    pairs = [(one["PreviousInstance"], one["SourceInstance"]) for one in told]
    return [(a["NumberOfBlocks"] * a["BlockSize"], b["NumberOfBlocks"] * b["BlockSize"]) for a, b in pairs]


AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"


def test_an_agent_comes_and_goes(client: Eventful, define_domain: DefineDomain) -> None:
    """Whatever opens the port in the guest is the agent to QEMU; none is gone from a guest that has just begun."""
    domain = define_domain("alerts", devices=AGENT)
    domain.create()
    console = Console(domain)
    try:
        console.wait_for("GUEST-READY", 60)
        console.run("exec 3<>/dev/vport0p1")
        client.heard(1)
        console.run("exec 3>&-")
        there, gone = client.heard(2)
    finally:
        console.close()
    assert [one["MessageID"] for one in (there, gone)] == ["VIRTCIM0206", "VIRTCIM0207"]
    assert {one["SystemName"] for one in (there, gone)} == {NAME}
    client.quiet()
