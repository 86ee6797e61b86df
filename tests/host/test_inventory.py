"""What the inventory holds, and that it follows libvirt, whoever changes it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest
from tests.host.conftest import behind, minimal, named, wait_until

from virtcim.config import embedded_node
from virtcim.host import domains
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.inventory import Host, Hosts, Pool, Vm
from virtcim.host.settings import HostSettings
from virtcim.host.states import DomainState

INITIAL = {
    "archive1": (DomainState.SHUTOFF, False, True, True),
    "db1": (DomainState.RUNNING, True, True, False),
    "desktop1": (DomainState.SHUTOFF, False, True, False),
    "legacy1": (DomainState.CRASHED, True, True, False),
    "mail1": (DomainState.PAUSED, True, True, False),
    "probe1": (DomainState.RUNNING, True, False, False),
}


def test_every_domain_is_there_with_its_state(host: Host) -> None:
    found = {vm.name: (vm.state, vm.active, vm.persistent, vm.managed_save) for vm in host.vms}
    assert {name: found[name] for name in INITIAL} == INITIAL
    assert [vm.name for vm in host.vms] == sorted(found)
    for vm in host.vms:
        assert host.vm(vm.uuid) is vm
        assert host.vm_named(vm.name) is vm
        assert (vm.platform, vm.naming, vm.host) == ("Test", "name", host)


def test_documents_of_a_running_a_stopped_and_a_transient_domain(host: Host) -> None:
    running, stopped, transient = (named(host, name) for name in ("db1", "desktop1", "probe1"))
    assert running.state_document.name == "db1"
    assert running.defined_xml is not None
    assert running.state_xml is not running.defined_xml
    assert stopped.state_xml is stopped.defined_xml
    assert stopped.state_document is stopped.defined_document
    assert transient.defined_xml is None
    assert transient.defined_document is None


def test_pools_volumes_networks_devices_and_facts(host: Host) -> None:
    images = host.pool_named("images")
    assert isinstance(images, Pool)
    assert images.active
    assert images.capacity > 0
    assert "base.qcow2" in {volume.name for volume in images.volumes}
    assert all(volume.pool_uuid == images.uuid and volume.host is host for volume in images.volumes)
    assert set(images.volumes) <= set(host.volumes)
    network = host.network_named("production")
    assert network is not None
    assert "<network" in network.xml
    devices = {device.name: device for device in host.node_devices}
    assert devices["computer"].parent is None
    assert devices["pci_0000_41_00_0"].capabilities == ("pci",)
    assert devices["net_eth0_00_16_3e_00_00_01"].parent in devices
    assert (host.facts.hypervisor, host.facts.library_version) == ("TEST", _library())
    assert host.facts.node.memory > 2**20
    assert host.capabilities.guests
    assert host.domain_capabilities("test", "x86_64") is None


def _library() -> str:
    number = libvirt.getVersion()
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


Change = Callable[[libvirt.virDomain], object]
ANNOUNCED: list[tuple[str, str, Change, Callable[[Vm], bool]]] = [
    ("suspend", "db1", lambda domain: domain.suspend(), lambda vm: vm.state is DomainState.PAUSED),
    ("resume", "mail1", lambda domain: domain.resume(), lambda vm: vm.state is DomainState.RUNNING),
    ("start", "desktop1", lambda domain: domain.create(), lambda vm: vm.active),
    ("destroy", "db1", lambda domain: domain.destroy(), lambda vm: not vm.active),
    ("save", "db1", lambda domain: domain.managedSave(), lambda vm: vm.managed_save),
    ("rename", "desktop1", lambda domain: domain.rename("desk"), lambda vm: vm.name == "desk"),
]


@pytest.mark.parametrize(("name", "change", "seen"), [row[1:] for row in ANNOUNCED], ids=[row[0] for row in ANNOUNCED])
def test_an_announced_change_shows_by_itself(host: Host, name: str, change: Change, seen: Callable[[Vm], bool]) -> None:
    before = named(host, name)
    others = {vm.uuid: vm for vm in host.vms if vm.uuid != before.uuid}
    change(behind(host, name))

    def shows() -> bool:
        now = host.vm(before.uuid)
        return now is not None and now is not before and seen(now)

    wait_until(shows)
    assert {vm.uuid: vm for vm in host.vms if vm.uuid != before.uuid} == others
    assert before.name == name


def test_a_rename_moves_the_name(host: Host) -> None:
    uuid = named(host, "desktop1").uuid
    behind(host, "desktop1").rename("desk")
    wait_until(lambda: host.vm_named("desk") is not None)
    assert host.vm_named("desktop1") is None
    assert named(host, "desk").uuid == uuid


SILENT: list[tuple[str, str, Change, Callable[[Vm], bool]]] = [
    ("autostart", "desktop1", lambda domain: domain.setAutostart(1), lambda vm: vm.autostart),
    ("managed-save-remove", "archive1", lambda domain: domain.managedSaveRemove(), lambda vm: not vm.managed_save),
    (
        "memory-config",
        "db1",
        lambda domain: domain.setMemoryFlags(131072, libvirt.VIR_DOMAIN_AFFECT_CONFIG),
        lambda vm: vm.defined_document is not None and vm.defined_document.current_memory == 131072,
    ),
    ("max-memory", "desktop1", lambda domain: domain.setMaxMemory(2**23), lambda vm: vm.state_document.memory == 2**23),
]


@pytest.mark.parametrize(("name", "change", "seen"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT])
def test_a_silent_change_shows_at_the_next_reconcile(
    host: Host, name: str, change: Change, seen: Callable[[Vm], bool]
) -> None:
    before = {vm.uuid: vm for vm in host.vms}
    networks, pools, devices = host.networks, host.pools, host.node_devices
    uuid = named(host, name).uuid
    change(behind(host, name))
    host.reconcile()
    assert seen(named(host, name))
    assert {vm.uuid for vm in host.vms if before[vm.uuid] is not vm} == {uuid}
    assert (host.networks, host.pools, host.node_devices) == (networks, pools, devices)


def test_a_reconcile_without_a_change_changes_nothing(host: Host) -> None:
    vms, version = host.vms, host.version
    host.reconcile()
    assert host.vms is vms
    assert host.version == version


def test_the_reconciler_runs_by_itself() -> None:
    hosts = Hosts([embedded_node()], HostSettings(reconcile_interval=0.05))
    hosts.start()
    try:
        assert hosts.wait(10)
        behind(hosts.hosts[0], "desktop1").setAutostart(1)
        wait_until(lambda: named(hosts.hosts[0], "desktop1").autostart)
    finally:
        hosts.stop()


def test_a_transient_domain_comes_and_goes(host: Host) -> None:
    with host.link.reading() as connection:
        domain = connection.createXML(minimal("brief"))
    wait_until(lambda: host.vm_named("brief") is not None)
    vm = named(host, "brief")
    assert (vm.persistent, vm.active, vm.defined_xml) == (False, True, None)
    domain.destroy()
    wait_until(lambda: host.vm_named("brief") is None)
    assert host.refresh(vm.uuid) is None


def test_storage_and_networks_follow_their_events(host: Host) -> None:
    seen: list[Topic] = []
    host.on_change(lambda topic, old, new: seen.append(topic))
    with host.link.reading() as connection:
        pool = connection.storagePoolLookupByName("images")
        pool.createXML("<volume><name>new.img</name><capacity unit='MiB'>8</capacity></volume>")
        pool.refresh()
        connection.networkLookupByName("production").destroy()
    wait_until(lambda: Topic.VOLUME in seen and Topic.NETWORK in seen)
    images, network = host.pool_named("images"), host.network_named("production")
    assert images is not None
    assert network is not None
    assert "new.img" in {volume.name for volume in images.volumes}
    assert not network.active
    with host.link.reading() as connection:
        connection.storagePoolLookupByName("images").destroy()
    wait_until(lambda: (pool := host.pool_named("images")) is not None and not pool.active)
    images = host.pool_named("images")
    assert images is not None
    assert images.volumes == ()


def test_an_unchanged_volume_stays_itself_when_its_pool_changes(host: Host) -> None:
    before = host.pool_named("images")
    assert before is not None
    with host.link.reading() as connection:
        connection.storagePoolLookupByName("images").createXML(
            "<volume><name>new.img</name><capacity unit='MiB'>8</capacity></volume>"
        )
    after = host.refresh_pool(before.uuid)
    assert after is not None
    assert after is not before
    assert set(before.volumes) < set(after.volumes)


def test_listeners_hear_every_replacement_once_and_in_order(host: Host) -> None:
    heard: list[tuple[object, object]] = []

    def fails(topic: Topic, old: object, new: object) -> None:
        raise RuntimeError("this listener is broken")

    host.on_change(fails)
    host.on_change(lambda topic, old, new: heard.append((old, new)) if topic is Topic.DOMAIN else None)
    first = named(host, "db1")
    second = domains.pause(first)
    third = domains.destroy(first)
    host.reconcile()
    assert heard == [(first, second), (second, third)]


def test_since_is_the_last_change_of_state_seen(host: Host) -> None:
    vm = named(host, "db1")
    assert vm.since is None
    paused = domains.pause(vm)
    assert paused is not None
    assert paused.since is not None
    assert len(paused.since) == 25
    again = domains.set_autostart(paused, True)
    assert again is not None
    assert again is not paused
    assert again.since == paused.since


def test_events_reach_who_asked(host: Host) -> None:
    heard: list[Event] = []
    host.on_event(lambda at, event: heard.append(event) if at is host else None)
    domain = behind(host, "db1")
    domain.suspend()
    wait_until(lambda: bool(heard))
    expected = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)
    assert heard == [Event(Topic.DOMAIN, EventKind.LIFECYCLE, domain.UUIDString(), "db1", expected)]


def test_domains_that_vanish_while_they_are_read_are_left_out(host: Host) -> None:
    with host.link.reading() as connection, ThreadPoolExecutor(1) as other:
        for number in range(50):
            connection.createXML(minimal(f"brief{number}"))
        handles = [connection.lookupByName(f"brief{number}") for number in range(50)]
        ended = other.submit(lambda: [handle.destroy() for handle in handles])
        for _ in range(20):
            host.reconcile()
        ended.result()
    host.reconcile()
    assert not [vm.name for vm in host.vms if vm.name.startswith("brief")]


def test_every_change_shows_by_its_event(host: Host) -> None:
    domain, uuid = behind(host, "db1"), named(host, "db1").uuid
    for turn in range(40):
        wanted = DomainState.RUNNING if turn % 2 else DomainState.PAUSED
        _ = domain.resume() if turn % 2 else domain.suspend()
        wait_until(lambda wanted=wanted: (vm := host.vm(uuid)) is not None and vm.state is wanted)  # type: ignore[misc]
