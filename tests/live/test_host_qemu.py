"""The host layer on real guests: the life of one, hot-plug, what others do, and a libvirtd that dies or freezes.

All of it on a libvirtd of the tests' own, which they may kill.
"""

from __future__ import annotations

import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest
from tests.live.conftest import Guest
from tests.live.private_libvirtd import CAN_RUN, PrivateLibvirtd, private_libvirtd

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.settings import HostSettings
from virtcim.host.states import DomainState

pytestmark = pytest.mark.skipif(not CAN_RUN, reason="needs root and libvirtd, to start one of the test's own")

PREFIX = "virtcim-test-host-"
SETTINGS = HostSettings(reconcile_interval=3600, keepalive_interval=1, keepalive_count=2, open_timeout=5)
MAC = "52:54:00:76:63:01"
NIC = f"<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirtd]:
    with private_libvirtd(Path("/var/tmp/virtcim-test-host")) as daemon:
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


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.002)


def boots(daemon: PrivateLibvirtd, name: str) -> int:
    """How often the guest has said that it is ready."""
    return (daemon.path / f"lib/images/{name}.log").read_bytes().count(b"GUEST-READY")


def here(vm: Vm | None) -> Vm:
    assert vm is not None
    return vm


def test_the_life_of_a_guest(host: Host, daemon: PrivateLibvirtd, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = domains.define(host, linux_xml("life", images))
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    assert (vm.state, vm.platform, vm.persistent, domain.isActive()) == (DomainState.SHUTOFF, "KVM", True, 0)

    def seen(after: Vm | None, state: DomainState) -> Vm:
        """What the verb answered is what the inventory holds and what libvirt says."""
        assert after is host.vm(vm.uuid)
        assert here(after).state is state
        assert domain.state()[0] == state
        return here(after)

    running = seen(domains.start(vm), DomainState.RUNNING)
    assert running.state_xml != running.defined_xml
    wait_until(lambda: boots(daemon, "life") == 1, 60)
    seen(domains.pause(vm), DomainState.PAUSED)
    seen(domains.resume(vm), DomainState.RUNNING)
    saved = seen(domains.save(vm), DomainState.SHUTOFF)
    assert (saved.managed_save, domain.hasManagedSaveImage()) == (True, 1)
    assert saved.state_document.name == vm.name
    restored = seen(domains.start(vm), DomainState.RUNNING)
    assert not restored.managed_save
    seen(domains.reboot(vm, timeout=60), DomainState.RUNNING)
    wait_until(lambda: boots(daemon, "life") == 2, 60)
    seen(domains.reset(vm), DomainState.RUNNING)
    wait_until(lambda: boots(daemon, "life") == 3, 60)
    balloon = domains.set_memory(vm, 100 * 1024, live=True, config=False)
    wait_until(lambda: domain.memoryStats()["actual"] == 100 * 1024, 10)
    wait_until(lambda: here(host.vm(vm.uuid)).state_document.current_memory == 100 * 1024, 5)
    assert here(balloon).active
    off = seen(domains.shutdown(vm, timeout=60), DomainState.SHUTOFF)
    assert off.reason == libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN
    assert off.since is not None
    seen(domains.start(vm), DomainState.RUNNING)
    seen(domains.destroy(vm), DomainState.SHUTOFF)
    assert domains.undefine(vm) is None
    assert vm.uuid not in {domain.UUIDString() for domain in libvirtd.listAllDomains()}


def test_hot_plug(host: Host, daemon: PrivateLibvirtd, libvirtd: libvirt.virConnect, images: Path) -> None:
    disk_file = daemon.path / "lib/images/plug.img"
    disk_file.write_bytes(bytes(1 << 20))
    disk = f"<disk type='file'><source file='{images}/plug.img'/><target dev='vdb' bus='virtio'/></disk>"
    vm = domains.define(host, linux_xml("plug", images))
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    domains.start(vm)
    wait_until(lambda: boots(daemon, "plug") == 1, 60)
    inactive = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)

    with_disk = here(domains.attach(vm, disk, live=True, config=False))
    assert [disk.target for disk in with_disk.state_document.disks] == ["vdb"]
    assert "vdb" in domain.XMLDesc()
    both = here(domains.attach(vm, NIC, live=True, config=True))
    assert both.defined_document is not None
    assert [nic.mac for nic in both.state_document.interfaces] == [MAC]
    assert [nic.mac for nic in both.defined_document.interfaces] == [MAC]

    without_disk = here(domains.detach(vm, disk, live=True, config=False))
    assert not without_disk.state_document.disks
    assert "vdb" not in domain.XMLDesc()
    bare = here(domains.detach(vm, NIC, live=True, config=True))
    assert bare.defined_document is not None
    assert not [*bare.state_document.interfaces, *bare.defined_document.interfaces]
    assert domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == inactive
    with pytest.raises(HostError, match="no such disk device") as error:
        domains.detach(vm, disk, live=True, config=False)
    assert error.value.kind is Kind.NOT_FOUND
    with pytest.raises(HostError):
        domains.attach(vm, disk.replace("plug.img", "missing.img"), live=True, config=True)
    assert domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == inactive


def test_a_guest_that_does_not_release_a_device_keeps_it(
    host: Host, libvirtd: libvirt.virConnect, images: Path
) -> None:
    vm = domains.define(host, boot_disk_xml("stubborn", images, NIC))
    domains.start(vm)
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    with pytest.raises(HostError, match=r"to release the device net0: not done within 1 s") as error:
        domains.detach(vm, NIC, live=True, config=True, timeout=1)
    assert error.value.kind is Kind.TIMEOUT
    assert MAC in domain.XMLDesc()
    assert MAC in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    begun = time.monotonic()
    with pytest.raises(HostError):
        domains.detach(vm, NIC, live=True, config=True, timeout=60, cancelled=lambda: True)
    assert time.monotonic() - begun < 15
    assert MAC in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def test_slow_calls_keep_no_reader_waiting(host: Host, images: Path) -> None:
    """Six detaches of five seconds each; libvirtd serves five requests of a connection at a time."""
    vms = [domains.define(host, boot_disk_xml(f"slow{number}", images, NIC)) for number in range(6)]
    for vm in vms:
        domains.start(vm)

    def detach(vm: Vm) -> Kind:
        with pytest.raises(HostError) as error:
            domains.detach(vm, NIC, live=True, config=False, timeout=0.1)
        return error.value.kind

    with ThreadPoolExecutor(6) as pool:
        begun = time.monotonic()
        slow = [pool.submit(detach, vm) for vm in vms]
        time.sleep(0.5)
        for _ in range(20):
            host.refresh(vms[0].uuid)
        host.reconcile()
        assert not any(one.done() for one in slow)
        assert time.monotonic() - begun < 4
        assert {one.result() for one in slow} == {Kind.TIMEOUT}


def test_a_shutdown_that_is_ignored_times_out(host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    """A Linux that has hardly begun to boot does not listen to the power button."""
    vm = domains.define(host, linux_xml("deaf", images))
    domains.start(vm)
    with pytest.raises(HostError, match=r"shutting down domain .*deaf: not done within 0\.3 s") as error:
        domains.shutdown(vm, timeout=0.3)
    assert error.value.kind is Kind.TIMEOUT
    assert here(host.vm(vm.uuid)).active
    assert boots(daemon, "deaf") == 0


def test_what_virsh_does_shows_by_itself(host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    xml = daemon.path / "lib/images/virsh.xml"
    xml.write_text(boot_disk_xml("virsh", images))
    name = f"{PREFIX}virsh"

    def virsh(*arguments: str) -> None:
        subprocess.run(["virsh", "-q", "-c", daemon.uri, *arguments], check=True, capture_output=True)

    def state_is(state: DomainState) -> Callable[[], bool]:
        return lambda: (vm := host.vm_named(name)) is not None and vm.state is state

    virsh("define", str(xml))
    wait_until(state_is(DomainState.SHUTOFF), 1)
    for command, state in (("start", 1), ("suspend", 3), ("resume", 1), ("destroy", 5)):
        virsh(command, name)
        wait_until(state_is(DomainState(state)), 1)
    virsh("desc", name, "--config", "--title", "Seen")
    wait_until(lambda: here(host.vm_named(name)).state_document.title == "Seen", 1)
    virsh("managedsave-remove", name)
    virsh("undefine", name)
    wait_until(lambda: host.vm_named(name) is None, 1)


def test_a_change_by_others_shows_within_50_ms(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = domains.define(host, boot_disk_xml("quick", images))
    domains.start(vm)
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    delays = []
    for turn in range(40):
        wanted = DomainState.RUNNING if turn % 2 else DomainState.PAUSED
        begun = time.perf_counter()
        _ = domain.resume() if turn % 2 else domain.suspend()
        wait_until(lambda wanted=wanted: here(host.vm(vm.uuid)).state is wanted, 5)  # type: ignore[misc]
        delays.append(time.perf_counter() - begun)
    assert statistics.median(delays) < 0.05


def test_libvirtd_killed_and_back(hosts: Hosts, host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    vm = here(domains.start(domains.define(host, boot_disk_xml("survivor", images))))
    other = domains.define(host, boot_disk_xml("other", images))
    daemon.hold()
    daemon.signal(signal.SIGKILL)
    wait_until(lambda: not host.reachable, 1)
    begun = time.monotonic()
    for ask in (hosts.vms, lambda: hosts.vm_by_key(vm.name), lambda: domains.pause(vm), lambda: host.refresh(vm.uuid)):
        with pytest.raises(HostError, match=r"^libvirt at .* is not reachable: .*(closed|connect)") as error:
            ask()
        assert error.value.kind is Kind.UNREACHABLE
    assert time.monotonic() - begun < 1
    daemon.release()
    assert hosts.wait(20)
    assert host.reason == ""
    assert here(host.vm(vm.uuid)).state is DomainState.RUNNING
    assert host.vm(other.uuid) is other
    assert here(domains.pause(vm)).state is DomainState.PAUSED
    behind = libvirt.open(daemon.uri)
    behind.lookupByUUIDString(vm.uuid).resume()
    wait_until(lambda: here(host.vm(vm.uuid)).state is DomainState.RUNNING, 1)
    behind.close()
    assert here(domains.destroy(here(host.vm(vm.uuid)))).state is DomainState.SHUTOFF


def test_libvirtd_killed_amid_calls(hosts: Hosts, host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    """Every caller gets one clear error, whatever it was doing, and can go on when libvirt is back."""
    vms = [domains.define(host, boot_disk_xml(f"amid{number}", images)) for number in range(4)]

    def work(vm: Vm) -> Kind:
        try:
            while True:
                domains.start(vm)
                domains.destroy(vm)
        except HostError as error:
            return error.kind

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, vm) for vm in vms]
        time.sleep(1.0)
        daemon.signal(signal.SIGKILL)
        assert {one.result(20) for one in working} == {Kind.UNREACHABLE}
    assert hosts.wait(20)
    for vm in vms:
        now = here(host.refresh(vm.uuid))
        assert here(domains.destroy(now) if now.active else domains.start(now)).active is not now.active


def test_a_frozen_libvirtd_is_given_up_and_found_again(
    hosts: Hosts, host: Host, daemon: PrivateLibvirtd, images: Path
) -> None:
    vm = domains.define(host, boot_disk_xml("frozen", images))
    daemon.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(HostError, match=r"is not reachable: .*keep-alive") as error:
            domains.start(vm)
        assert error.value.kind is Kind.UNREACHABLE
        wait_until(lambda: not host.reachable, 10)
        assert time.monotonic() - begun < 10
    finally:
        daemon.signal(signal.SIGCONT)
    assert hosts.wait(30)
    now = here(host.refresh(vm.uuid))
    assert now.active or here(domains.start(now)).active


def test_many_guests_at_once(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    def life(number: int) -> None:
        vm = domains.define(host, boot_disk_xml(f"many{number}", images))
        for verb, state in (
            (domains.start, DomainState.RUNNING),
            (domains.pause, DomainState.PAUSED),
            (domains.resume, DomainState.RUNNING),
            (domains.destroy, DomainState.SHUTOFF),
        ):
            assert here(verb(vm)).state is state
        assert domains.undefine(vm) is None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(life, range(8)))
    assert host.vms == ()
    assert libvirtd.listAllDomains() == []


def test_a_thousand_guests_load_as_fast_as_libvirt_lists_them(
    host: Host, libvirtd: libvirt.virConnect, images: Path
) -> None:
    for number in range(1000):
        libvirtd.defineXML(usual_xml(f"crowd{number}"))
    host.reconcile()
    assert len(host.vms) == 1000
    loads, lists = [], []
    for _ in range(7):  # in turns: the machine has other work too
        loads.append(seconds(host.reconcile))
        with host.link.reading() as connection:
            lists.append(seconds(lambda connection=connection: read_plainly(connection)))  # type: ignore[misc]
    assert min(loads) <= 1.5 * min(lists)  # 1.2 on a machine with nothing else to do


def usual_xml(name: str) -> str:
    """A guest as people have them, 4 kB: libvirt adds the controllers and addresses."""
    disks = "".join(
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
        f"<source file='/var/lib/libvirt/images/{name}-{target}.qcow2'/><target dev='{target}' bus='virtio'/></disk>"
        for target in ("vda", "vdb")
    )
    nic = "<interface type='network'><source network='default'/><model type='virtio'/></interface>"
    return (
        f"<domain type='qemu'><name>{PREFIX}{name}</name><memory unit='GiB'>4</memory><vcpu>4</vcpu>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>"
        f"<devices>{disks}{nic * 2}<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        "<graphics type='vnc'/><video><model type='virtio'/></video></devices></domain>"
    )


def read_plainly(connection: libvirt.virConnect) -> None:
    for domain in connection.listAllDomains():
        domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def test_the_test_driver_behind_a_daemon(daemon: PrivateLibvirtd) -> None:
    """A remote `test:` node is one node however often it is opened, so verbs have connections of their own."""
    hosts = Hosts([daemon.test_uri], SETTINGS)
    hosts.start()
    try:
        assert hosts.wait(10)
        host = hosts.hosts[0]
        vm = here(host.vm_named("test"))
        assert (vm.platform, vm.state) == ("Test", DomainState.RUNNING)
        assert here(domains.pause(vm)).state is DomainState.PAUSED
        daemon.signal(signal.SIGKILL)
        wait_until(lambda: not host.reachable, 1)
        assert hosts.wait(20)
        assert here(host.vm_named("test")).state is DomainState.RUNNING
    finally:
        hosts.stop()
