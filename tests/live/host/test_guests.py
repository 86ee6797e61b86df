"""The host layer on real guests: the life of one, hot-plug, what others do to it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import libvirt
import pytest
from tests.live.conftest import wait_until
from tests.live.host.conftest import MAC, NIC, PREFIX, boot_disk_xml, boots, here, linux_xml
from tests.live.host.private_libvirtd import PrivateLibvirtd
from tests.told import symbol_of

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Vm
from virtcim.host.states import DomainState


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
    seen(domains.destroy(vm), DomainState.SHUTOFF)
    assert domains.undefine(vm) is None
    assert vm.uuid not in {domain.UUIDString() for domain in libvirtd.listAllDomains()}


def test_the_balloon_and_the_power_button(
    host: Host, daemon: PrivateLibvirtd, libvirtd: libvirt.virConnect, images: Path
) -> None:
    vm = domains.define(host, linux_xml("balloon", images))
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    domains.start(vm)
    wait_until(lambda: boots(daemon, "balloon") == 1, 60)
    balloon = domains.set_memory(vm, 100 * 1024, live=True, config=False)
    wait_until(lambda: domain.memoryStats()["actual"] == 100 * 1024, 10)
    wait_until(lambda: here(host.vm(vm.uuid)).state_document.current_memory == 100 * 1024, 5)
    assert here(balloon).active
    off = here(domains.shutdown(vm, timeout=60))
    assert (off.state, off.reason) == (DomainState.SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN)
    assert domain.state() == [off.state, off.reason]
    assert off.since is not None


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


def test_hot_plug_that_fails_changes_nothing(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    disk = f"<disk type='file'><source file='{images}/missing.img'/><target dev='vdb' bus='virtio'/></disk>"
    vm = here(domains.start(domains.define(host, boot_disk_xml("fails", images))))
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    before = domain.XMLDesc(), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    with pytest.raises(HostError, match=r"missing\.img"):
        domains.attach(vm, disk, live=True, config=True)
    with pytest.raises(HostError, match="no such disk device") as error:
        domains.detach(vm, disk, live=True, config=True)
    assert error.value.kind is Kind.NOT_FOUND
    assert (domain.XMLDesc(), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == before


def test_scheduling_of_the_definition(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = domains.define(host, boot_disk_xml("shares", images))
    after = here(domains.set_scheduler(vm, {"cpu_shares": 512}, live=False, config=True))
    assert "<shares>512</shares>" in after.state_xml
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    assert "<shares>512</shares>" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    with pytest.raises(HostError, match="no_such_parameter"):
        domains.set_scheduler(vm, {"no_such_parameter": 1}, live=False, config=True)
    assert host.refresh(vm.uuid) is after


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
    assert time.monotonic() - begun < 60
    assert MAC in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def test_a_shutdown_that_is_ignored_times_out(host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    """A Linux that has hardly begun to boot does not listen to the power button."""
    vm = domains.define(host, linux_xml("deaf", images))
    domains.start(vm)
    with pytest.raises(HostError, match=r"shutting down domain .*deaf: not done within 0\.3 s") as error:
        domains.shutdown(vm, timeout=0.3)
    assert (error.value.kind, symbol_of(error.value.message)) == (Kind.TIMEOUT, "VS_SHUTDOWN_TIMEOUT")
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
    wait_until(state_is(DomainState.SHUTOFF), 20)
    for command, state in (("start", 1), ("suspend", 3), ("resume", 1), ("destroy", 5)):
        virsh(command, name)
        wait_until(state_is(DomainState(state)), 20)
    virsh("desc", name, "--config", "--title", "Seen")
    wait_until(lambda: here(host.vm_named(name)).state_document.title == "Seen", 20)
    virsh("managedsave-remove", name)
    virsh("undefine", name)
    wait_until(lambda: host.vm_named(name) is None, 20)


def test_every_change_by_others_shows_by_its_event(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = domains.define(host, boot_disk_xml("quick", images))
    domains.start(vm)
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    for turn in range(40):
        wanted = DomainState.RUNNING if turn % 2 else DomainState.PAUSED
        _ = domain.resume() if turn % 2 else domain.suspend()
        wait_until(lambda wanted=wanted: here(host.vm(vm.uuid)).state is wanted, 20)  # type: ignore[misc]
