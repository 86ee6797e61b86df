"""Fixtures for tests on a real libvirtd with real QEMU guests. Every test below this directory is marked `live`."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import libvirt
import pytest
from tests import runs, schemas
from tests.live import leftovers, storing
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.schema import Schema

URI = "qemu:///system"
PREFIX = "virtcim-test-"
TESTBED = Path(__file__).resolve().parents[2] / "scripts" / "testbed"
BUSY = 3  # how much longer all may take beside other tests
HERE = Path(__file__).resolve().parent

# QEMU runs as another user, so its files are kept where everyone may look: not in /root, not in pytest's own directory.
GUEST_DIR = Path(os.environ.get("VIRTCIM_TEST_GUEST_DIR", "/var/tmp/virtcim-guest"))

DefineDomain = Callable[..., libvirt.virDomain]
"""define(name, **guest_xml arguments) -> the domain PREFIX + name, not started; see define_domain."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Files of the tiny guests: a Linux that boots in 6 s under TCG, and a disk without an OS that is up in 0.3 s."""

    kernel: Path
    initrd: Path
    boot_disk: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is below this directory, so that no module can forget to."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("live")


@pytest.fixture(scope="session")
def libvirtd() -> str:
    """URI of a libvirtd that answers; started by the test bed if none does, and then left running."""
    if not answers():
        _start_testbed()
    with closing(libvirt.open(URI)) as connection:
        leftovers.remove_all(connection)
    return URI


@pytest.fixture
def testbed(libvirtd: str) -> Iterator[Callable[[str], None]]:
    """testbed("kill" | "stop" | "start" | "freeze" | "thaw") does it to libvirtd; all is normal after the test."""
    del libvirtd
    if not Path("/run/libvirt-testbed.pid").exists():
        pytest.skip("libvirtd belongs to this machine, not to the test bed: it is not ours to kill")
    yield lambda action: _script("testbed-libvirtd.sh", action)
    _script("testbed-libvirtd.sh", "mend")


@pytest.fixture
def qemu(libvirtd: str) -> Iterator[libvirt.virConnect]:
    """A connection to libvirtd of the test's own, to prepare and to look behind the server's back."""
    connection = libvirt.open(libvirtd)
    yield connection
    with suppress(libvirt.libvirtError):  # its daemon may have been killed meanwhile
        connection.close()


@pytest.fixture(scope="session")
def guest_image() -> Guest:
    """The tiny guests, built once a machine from Debian packages (10 s)."""
    guest = Guest(GUEST_DIR / "vmlinuz", GUEST_DIR / "initrd.gz", GUEST_DIR / "boot.img")
    if not all(path.exists() for path in (guest.kernel, guest.initrd, guest.boot_disk)):
        if not shutil.which("apt-get"):
            pytest.skip("the test guest is made of Debian packages, and there is no apt-get")
        _script("guest-image.sh", str(GUEST_DIR))
    return guest


@pytest.fixture
def scratch_dir() -> Iterator[Path]:
    """An empty directory whose files QEMU can open; gone after the test."""
    path = runs.place("scratch")
    yield path
    shutil.rmtree(path, ignore_errors=True)  # a process that ends takes files of its own away meanwhile


@pytest.fixture
def clean_domains(libvirtd: str) -> Iterator[None]:
    """Remove every domain PREFIX... before and after the test, whatever state it is in."""
    remove_domains(libvirtd)
    yield
    remove_domains(libvirtd)


@pytest.fixture(scope="session")
def kvm_schema() -> Schema:
    return schemas.loaded("KVM")


@pytest.fixture
def stock(kvm_schema: Schema, libvirtd: str, qemu: libvirt.virConnect, clean_domains: None) -> Iterator[Stock]:
    """Without any pool of these tests before and after."""
    storing.clean(qemu)
    with stocked(kvm_schema, libvirtd) as found:
        yield found
    storing.clean(qemu)


@pytest.fixture
def define_domain(qemu: libvirt.virConnect, guest_image: Guest, clean_domains: None) -> DefineDomain:
    """Define a test guest through libvirt itself; see guest_xml for the arguments."""
    del clean_domains
    return lambda name, **arguments: qemu.defineXML(guest_xml(name, guest_image, **arguments))


def guest_xml(name: str, guest: Guest, *, linux: bool = True, memory_mib: int = 128, devices: str = "") -> str:
    """Domain XML of the tiny guest: Linux (6 s to boot, hot-plug, ACPI) or the boot disk (0.3 s, ACPI only)."""
    disk = (
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{guest.boot_disk}'/>"
        "<target dev='vda' bus='virtio'/><readonly/><shareable/></disk>"
    )
    boot = (
        f"<kernel>{guest.kernel}</kernel><initrd>{guest.initrd}</initrd>"
        "<cmdline>console=ttyS0 quiet panic=1 swiotlb=noforce</cmdline>"
    )
    return (
        f"<domain type='qemu'><name>{PREFIX}{name}</name><memory unit='MiB'>{memory_mib}</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64' machine='pc'>hvm</type>{boot if linux else ''}</os><features><acpi/></features>"
        f"<devices>{'' if linux else disk}{devices}<serial type='pty'/><memballoon model='virtio'/></devices></domain>"
    )


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Ask again and again until the condition holds; fail the test after so many seconds of a machine that is idle."""
    deadline = time.monotonic() + BUSY * seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{condition.__name__}() did not come true in {seconds:g} s")
        time.sleep(0.05)


def remove_domains(uri: str) -> None:
    """Destroy and undefine every domain PREFIX... there; over a new connection, as a test may have killed the old."""
    flags = (
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    )
    connection = libvirt.open(uri)
    for domain in connection.listAllDomains():
        if domain.name().startswith(PREFIX):
            persistent = domain.isPersistent()
            # It may end by itself between the look and the call; what counts is that it is gone.
            with suppress(libvirt.libvirtError):
                domain.destroy()
            if persistent:
                domain.undefineFlags(flags)
    connection.close()


def answers() -> bool:
    """Does libvirtd answer?"""
    try:
        libvirt.open(URI).close()
    except libvirt.libvirtError:
        return False
    return True


def _start_testbed() -> None:
    if not shutil.which("libvirtd"):
        pytest.skip("libvirtd is not installed: scripts/install-packages.sh test")
    if os.geteuid() != 0:
        pytest.skip("libvirtd does not run, and only root can start the test bed")
    _script("testbed-up.sh")


def _script(name: str, *arguments: str) -> None:
    """Run a script of the test bed; its output is shown when it fails."""
    done = subprocess.run([TESTBED / name, *arguments], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.fail(f"{name} {' '.join(arguments)}: {done.stdout}{done.stderr}", pytrace=False)


@pytest.fixture(scope="module")
def qemu_module(libvirtd: str) -> Iterator[libvirt.virConnect]:
    connection = libvirt.open(libvirtd)
    yield connection
    connection.close()
