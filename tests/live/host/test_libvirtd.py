"""The host layer and its libvirtd: killed, frozen, kept busy, full of guests."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest
from tests.live.conftest import wait_until
from tests.live.host.conftest import NIC, PREFIX, SETTINGS, boot_disk_xml, here
from tests.live.host.private_libvirtd import PrivateLibvirtd

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.states import DomainState


def test_libvirtd_killed_and_back(hosts: Hosts, host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    vm = here(domains.start(domains.define(host, boot_disk_xml("survivor", images))))
    other = domains.define(host, boot_disk_xml("other", images))
    daemon.hold()
    daemon.signal(signal.SIGKILL)
    wait_until(lambda: not host.reachable, 20)
    for ask in (hosts.vms, lambda: hosts.vm_by_key(vm.name), lambda: domains.pause(vm), lambda: host.refresh(vm.uuid)):
        with pytest.raises(HostError, match=r"^libvirt at .* is not reachable: .*(closed|connect)") as error:
            ask()
        assert error.value.kind is Kind.UNREACHABLE
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
        with pytest.raises(HostError, match=r"is not reachable: .*keep-?alive") as error:
            domains.start(vm)
        assert error.value.kind is Kind.UNREACHABLE
        wait_until(lambda: not host.reachable, 30)
    finally:
        daemon.signal(signal.SIGCONT)
    assert hosts.wait(30)
    now = here(host.refresh(vm.uuid))
    assert now.active or here(domains.start(now)).active


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
        slow = [pool.submit(detach, vm) for vm in vms]
        time.sleep(0.5)
        for _ in range(20):
            host.refresh(vms[0].uuid)
        host.reconcile()
        assert not any(one.done() for one in slow)
        assert {one.result() for one in slow} == {Kind.TIMEOUT}


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


def test_a_thousand_guests_are_read_whole(host: Host, libvirtd: libvirt.virConnect) -> None:
    for number in range(1000):
        libvirtd.defineXML(usual_xml(f"crowd{number}"))
    host.reconcile()
    assert len(host.vms) == 1000
    kept = {vm.uuid: vm for vm in host.vms}
    host.reconcile()
    assert all(kept[vm.uuid] is vm for vm in host.vms)


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
        wait_until(lambda: not host.reachable, 20)
        assert hosts.wait(20)
        assert here(host.vm_named("test")).state is DomainState.RUNNING
    finally:
        hosts.stop()
