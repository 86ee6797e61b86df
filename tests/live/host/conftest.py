"""Fixtures of the host layer's own libvirtd, which its tests may kill, with the tiny guests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
from tests.live.conftest import Guest
from tests.live.host.private_libvirtd import CAN_RUN, PrivateLibvirtd, private_libvirtd

from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.settings import HostSettings

PREFIX = "virtcim-test-host-"
SETTINGS = HostSettings(reconcile_interval=3600, keepalive_interval=1, keepalive_count=2, open_timeout=5)
MAC = "52:54:00:76:63:01"
NIC = f"<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirtd]:
    if not CAN_RUN:
        pytest.skip("needs root and libvirtd, to start one of the test's own")
    with private_libvirtd() as daemon:
        yield daemon


@pytest.fixture(scope="module")
def images(daemon: PrivateLibvirtd, guest_image: Guest) -> Path:
    """A directory of this daemon's with the guests' files: libvirt changes the owner of what a guest uses."""
    directory = daemon.path / "lib/images"
    for file in (guest_image.kernel, guest_image.initrd, guest_image.boot_disk):
        shutil.copy(file, directory)
    return Path("/var/lib/libvirt/images")


@pytest.fixture
def hosts(daemon: PrivateLibvirtd) -> Iterator[Hosts]:
    hosts = Hosts([daemon.uri], SETTINGS)
    hosts.start()
    try:
        assert hosts.wait(30), hosts.hosts[0].reason
        yield hosts
    finally:
        hosts.stop()


@pytest.fixture
def libvirtd(daemon: PrivateLibvirtd) -> Iterator[libvirt.virConnect]:
    """libvirt itself, beside the host layer: to check, and to do what others do."""
    connection = libvirt.open(daemon.uri)
    yield connection
    daemon.release()
    daemon.wait()
    again = libvirt.open(daemon.uri)
    for domain in again.listAllDomains():
        if domain.isActive():
            domain.destroy()
    for domain in again.listAllDomains():
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
    again.close()


@pytest.fixture
def host(hosts: Hosts, libvirtd: libvirt.virConnect) -> Host:
    del libvirtd  # cleans up before the host layer stops
    return hosts.hosts[0]


def linux_xml(name: str, images: Path) -> str:
    """A Linux that obeys ACPI and hot-plug; what it says is in the file NAME.log beside its kernel."""
    return (
        f"<domain type='qemu'><name>{PREFIX}{name}</name><memory unit='MiB'>128</memory><vcpu current='1'>2</vcpu>"
        f"<os><type arch='x86_64' machine='pc'>hvm</type><kernel>{images}/vmlinuz</kernel><initrd>{images}/initrd.gz"
        "</initrd><cmdline>console=ttyS0 quiet panic=1</cmdline></os><features><acpi/></features>"
        f"<devices><serial type='file'><source path='{images}/{name}.log' append='on'/></serial>"
        "<memballoon model='virtio'/></devices></domain>"
    )


def boot_disk_xml(name: str, images: Path, devices: str = "") -> str:
    """A guest without an operating system: up at once, obeys the power button, ignores hot-plug."""
    return (
        f"<domain type='qemu'><name>{PREFIX}{name}</name><memory unit='MiB'>16</memory>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
        f"<devices><disk type='file' device='disk'><source file='{images}/boot.img'/><target dev='vda' bus='virtio'/>"
        f"<readonly/><shareable/></disk>{devices}</devices></domain>"
    )


def boots(daemon: PrivateLibvirtd, name: str) -> int:
    """How often the guest has said that it is ready."""
    return (daemon.path / f"lib/images/{name}.log").read_bytes().count(b"GUEST-READY")


def here(vm: Vm | None) -> Vm:
    assert vm is not None
    return vm
