"""Guests that move between two hosts: as CIM moves them and as virsh does, what is told of it, and what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, Guest, wait_until
from tests.live.two_hosts import ADDRESS, Bed, bed, other
from tests.profiles.client import out
from tests.profiles.eventful import Eventful, eventful_running
from tests.profiles.management import embedded
from tests.profiles.migrating import (
    BAD_STATE,
    FAILED,
    INCOMPATIBLE,
    JOB,
    LIVE,
    OK,
    OTHER_TYPE,
    RESTART,
    RESUME,
    Mover,
    setting,
)
from tests.profiles.processes import Process

from virtcim.broker.call import MethodAnswer, Path
from virtcim.broker.provider import Job, Progress, Refused
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Host, Vm
from virtcim.host.routes import Route
from virtcim.host.settings import MigrationSettings
from virtcim.mapping.migration import Manner
from virtcim.profiles import migration_resumption

TCP, IPC, TLS = 5, 6, 3
MIB = "byte / second * 2^20"
COMPLETED, TERMINATED, EXCEPTION = 7, 8, 10
TO_HOST = "MigrateVirtualSystemToHost"
CREATED, DELETED = "KVM_ComputerSystemCreatedIndication", "KVM_ComputerSystemDeletedIndication"
JOBS = "KVM_ComputerSystemMigrationJob"
LINUX = f"{PREFIX}linux"


def how(**properties: Any) -> Any:
    return setting("KVM", **properties)


@pytest.fixture(scope="module")
def place() -> Iterator[Bed]:
    with bed() as found:
        yield found


@pytest.fixture(scope="module")
def server(kvm_schema: Schema, place: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventful]:
    """One that drives both hosts."""
    migration = MigrationSettings(socket_directory=str(place.shared))
    state = tmp_path_factory.mktemp("state")
    with eventful_running(
        kvm_schema,
        place.uri("a"),
        state,
        more=(place.uri("b"),),
        uuids=True,
        migration=migration,
        shutdown_timeout=20.0,
    ) as found:
        yield found


@pytest.fixture
def ear(server: Eventful) -> Iterator[Callable[[], list[Any]]]:
    """ear() -> what has been told of systems and of jobs since the test began."""
    server.settle(0.2)
    about = ("Virt_ComputerSystem", "CIM_ConcreteJob")
    queries = [f"SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA {one}" for one in about]
    subscriptions = [server.subscribe(query) for query in queries]
    before = len(server.listener.bodies)
    yield lambda: server.listener.indications[before:]
    for path in subscriptions:
        server.delete(path)


@pytest.fixture(scope="module")
def mover(server: Eventful) -> Mover:
    return Mover(server)


@pytest.fixture(scope="module")
def linux(place: Bed, guest_image: Guest) -> Bed:
    """A guest that can be asked how long it has been up; wherever it is."""
    place.define_linux("linux", guest_image)
    place.uptime(LINUX)
    return place


def at(mover: Mover, host: str) -> Host:
    return mover.here if host == "a" else mover.there


def seen(mover: Mover, name: str, host: str = "a") -> Vm:
    """The guest as the server knows it."""
    found = at(mover, host)

    def known() -> bool:
        return found.vm_named(name) is not None

    wait_until(known, 10)
    vm = found.vm_named(name)
    assert vm is not None
    return vm


def finished(mover: Mover, answer: MethodAnswer) -> Job:
    assert answer.value == JOB, answer.reason
    return mover.client.job_of(answer)


def moved(mover: Mover, answer: MethodAnswer) -> Job:
    job = finished(mover, answer)
    assert (job.state, job.error) == (COMPLETED, "")
    return job


def shown(mover: Mover, vm: Vm) -> dict[str, Any]:
    return dict(mover.client.system(vm.uuid, "KVM").properties)


# Guests that know how long they have been up


@pytest.mark.parametrize("kind", [LIVE, RESUME], ids=["live", "resume"])
def test_the_guest_goes_on(mover: Mover, linux: Bed, kind: int) -> None:
    (host,) = linux.where(LINUX)
    boot, before = linux.uptime(LINUX)
    began = time.monotonic()
    vm = seen(mover, LINUX, host)
    given = how(MigrationType=kind, TransportType=TCP)
    if kind == LIVE:
        answer = mover.move(vm)
    else:
        answer = mover.call(TO_HOST, vm, DestinationHost=ADDRESS[other(host)], MigrationSettingData=given)
    moved(mover, answer)
    assert linux.where(LINUX) == {other(host)}
    again, after = linux.uptime(LINUX)
    assert again == boot
    assert before < after <= before + time.monotonic() - began + 1
    domain = linux.domain(other(host), LINUX)
    assert (domain.state()[0], domain.isPersistent()) == (libvirt.VIR_DOMAIN_RUNNING, 1)
    assert at(mover, host).vm(vm.uuid) is None
    assert seen(mover, LINUX, other(host)).active


def test_the_guest_begins_anew(mover: Mover, linux: Bed) -> None:
    (host,) = linux.where(LINUX)
    boot, _ = linux.uptime(LINUX)
    vm = seen(mover, LINUX, host)
    moved(mover, mover.move(vm, MigrationSettingData=how(MigrationType=RESTART)))
    assert linux.where(LINUX) == {other(host)}
    assert linux.uptime(LINUX)[0] != boot


# Guests without an operating system


def test_what_is_told_of_a_move(mover: Mover, server: Eventful, place: Bed, ear: Callable[[], list[Any]]) -> None:
    """It goes before it comes, each told once, and its job from beginning to end."""
    place.define("told", start=True)
    vm = seen(mover, f"{PREFIX}told")
    server.settle(0.2)
    before = len(ear())
    answer = mover.move(vm, MigrationSettingData=how(AllowUnsafe=True))
    path = out(answer, "Job")
    assert isinstance(path, Path)
    assert path.classname == "KVM_MigrationJob"
    moved(mover, answer)
    server.settle()
    told = ear()[before:]
    systems = [one for one in told if one["SourceInstance"].classname == "KVM_ComputerSystem"]
    lives = [one.classname for one in systems if one.classname in (CREATED, DELETED)]
    assert lives == [DELETED, CREATED]
    states = [one["SourceInstance"]["OperatingStatus"] for one in systems]
    assert 10 in states
    assert states[-1] == 16
    jobs = [one for one in told if one["SourceInstance"].classname == "KVM_MigrationJob"]
    assert jobs[0].classname == f"{JOBS}CreatedIndication"
    assert [one["SourceInstance"]["JobState"] for one in jobs if "Deleted" not in one.classname][-1] == COMPLETED
    assert {one.classname for one in jobs} <= {f"{JOBS}{what}Indication" for what in ("Created", "Modified", "Deleted")}


def test_what_is_told_of_a_move_by_libvirts_tools(
    mover: Mover, server: Eventful, place: Bed, ear: Callable[[], list[Any]]
) -> None:
    domain = place.define("virsh", start=True)
    vm = seen(mover, f"{PREFIX}virsh")
    server.settle(0.2)
    before = len(ear())
    flags = (
        libvirt.VIR_MIGRATE_LIVE
        | libvirt.VIR_MIGRATE_PEER2PEER
        | libvirt.VIR_MIGRATE_PERSIST_DEST
        | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
        | libvirt.VIR_MIGRATE_UNSAFE
    )
    domain.migrateToURI3(place.tcp("b"), {}, flags)

    def lives() -> list[str]:
        classes = (one.classname for one in ear()[before:])
        return [one for one in classes if one in (CREATED, DELETED)]

    wait_until(lambda: len(lives()) >= 2, 20)
    server.settle()
    assert lives() == [DELETED, CREATED]
    assert mover.here.vm(vm.uuid) is None
    assert seen(mover, f"{PREFIX}virsh", "b").active


def slow(place: Bed, name: str) -> libvirt.virDomain:
    """A guest whose memory is full of something, so that it takes some 40 seconds at 1 MiB/s."""
    domain = place.define(name, start=True, code=boot_sectors.filled(48), memory_mib=64)
    time.sleep(1.0)
    return domain


def test_a_move_is_ended(mover: Mover, place: Bed) -> None:
    domain = slow(place, "ended")
    run = domain.ID()
    vm = seen(mover, domain.name())
    given = how(Bandwidth=1, BandwidthUnit=MIB, AllowUnsafe=True)
    answer = mover.move(vm, MigrationSettingData=given)
    path = out(answer, "Job")
    assert isinstance(path, Path)

    def half_way() -> bool:
        return int(str(mover.client.get(path).properties["PercentComplete"])) > 0

    wait_until(half_way, 20)
    during = shown(mover, vm)
    assert (during["EnabledState"], during["OperatingStatus"], during["OperationalStatus"]) == (2, 10, [2, 19])
    assert [one.host for one in mover.client.world.vm_by_key(vm.uuid)] == [mover.here]
    for method in ("Check", "Migrate"):
        again = mover.move(vm) if method == "Migrate" else mover.check(vm)
        assert again.value == BAD_STATE
        assert "on its way" in again.reason
    ended = mover.client.invoke(path, "RequestStateChange", RequestedState="4")
    assert ended.value in (OK, JOB)
    assert finished(mover, answer).state == TERMINATED
    assert (domain.state()[0], domain.ID()) == (libvirt.VIR_DOMAIN_RUNNING, run)
    after = shown(mover, vm)
    assert (after["EnabledState"], after["OperatingStatus"]) == (2, 16)
    assert place.where(domain.name()) == {"a"}


def test_a_move_that_libvirt_refuses(mover: Mover, place: Bed) -> None:
    """An image that two hosts may write to: the guest goes on here, and the job says why; moved when it is allowed."""
    domain = place.define("refused", start=True)
    run = domain.ID()
    vm = seen(mover, domain.name())
    job = finished(mover, mover.move(vm))
    assert job.state == EXCEPTION
    assert "Unsafe migration" in job.error
    assert (domain.state()[0], domain.ID()) == (libvirt.VIR_DOMAIN_RUNNING, run)
    assert shown(mover, vm)["OperatingStatus"] == 16
    assert place.where(domain.name()) == {"a"}
    moved(mover, mover.move(seen(mover, domain.name()), MigrationSettingData=how(TransportType=IPC, AllowUnsafe=True)))
    assert place.where(domain.name()) == {"b"}


def test_a_guest_that_cannot_start_there_is_started_here_again(mover: Mover, linux: Bed) -> None:
    """Its disk is another one at the destination, which is not there."""
    (host,) = linux.where(LINUX)
    linux.uptime(LINUX)
    vm = seen(mover, LINUX, host)
    head = embedded("KVM_VirtualSystemSettingData", Kernel="/nowhere/vmlinuz")
    job = finished(mover, mover.move(vm, MigrationSettingData=how(MigrationType=RESTART), NewSystemSettingData=head))
    assert job.state == EXCEPTION
    assert "/nowhere/vmlinuz" in job.error
    assert linux.where(LINUX) == {host}
    assert linux.domain(host, LINUX).state()[0] == libvirt.VIR_DOMAIN_RUNNING


def test_it_becomes_what_the_client_wants(mover: Mover, place: Bed) -> None:
    """While it runs: another name, and another description in its definition."""
    domain = place.define("wanted", start=True)
    domain.setAutostart(1)
    vm = mover.here.refresh(domain.UUIDString())
    assert vm is not None
    head = embedded(
        "KVM_VirtualSystemSettingData", VirtualSystemIdentifier=f"{PREFIX}renamed", Description="moved here"
    )
    moved(mover, mover.move(vm, MigrationSettingData=how(AllowUnsafe=True), NewSystemSettingData=head))
    there = place.domain("b", f"{PREFIX}renamed")
    assert (there.UUIDString(), there.autostart()) == (vm.uuid, 1)
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        assert "<description>moved here</description>" in there.XMLDesc(flags)
        assert f"<name>{PREFIX}renamed</name>" in there.XMLDesc(flags)


@pytest.mark.parametrize("kind", ["paused", "transient"])
def test_it_stays_what_it_is(mover: Mover, place: Bed, kind: str) -> None:
    domain = place.define(kind, start=True)
    if kind == "paused":
        domain.suspend()
    else:
        domain.undefine()
    vm = mover.here.refresh(domain.UUIDString())
    assert vm is not None
    moved(mover, mover.move(vm, MigrationSettingData=how(AllowUnsafe=True)))
    there = place.domain("b", f"{PREFIX}{kind}")
    wanted = libvirt.VIR_DOMAIN_PAUSED if kind == "paused" else libvirt.VIR_DOMAIN_RUNNING
    assert (there.state()[0], there.isPersistent()) == (wanted, int(kind == "paused"))
    assert shown(mover, vm)["EnabledState"] == (9 if kind == "paused" else 2)


def test_a_definition_moves(mover: Mover, place: Bed) -> None:
    domain = place.define("off")
    vm = seen(mover, domain.name())
    xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    given = how(MigrationType=OTHER_TYPE, TransportType=TCP)
    moved(mover, mover.call(TO_HOST, vm, DestinationHost=ADDRESS["b"], MigrationSettingData=given))
    assert place.where(f"{PREFIX}off") == {"b"}
    assert place.domain("b", f"{PREFIX}off").XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == xml


def test_what_stands_in_the_way(mover: Mover, place: Bed) -> None:
    """Nothing is moved, and what is in the way is said: a port that is closed, a name, processors."""
    domain = place.define("stays", start=True)
    place.define("stays", host="b")
    vm = seen(mover, domain.name())
    closed = {"DestinationHost": ADDRESS["b"], "MigrationSettingData": how(TransportType=TLS)}
    check = mover.call("CheckVirtualSystemIsMigratableToHost", vm, **closed)
    assert (check.value, out(check, "IsMigratable")) == (OK, False)
    assert mover.call(TO_HOST, vm, **closed).value == FAILED
    itself = mover.call(TO_HOST, vm, DestinationHost=ADDRESS["a"], MigrationSettingData=how(TransportType=TCP))
    assert itself.value == INCOMPATIBLE
    head = embedded("KVM_VirtualSystemSettingData", CPUMode="custom", CPUModel="EPYC-Milan", Machine="pc-i440fx-9.9")
    given = {"MigrationSettingData": how(MigrationType=RESTART), "NewSystemSettingData": head}
    check, move = mover.check(vm, **given), mover.move(vm, **given)
    assert (check.value, out(check, "IsMigratable"), move.value) == (OK, False, INCOMPATIBLE)
    for word in ("another system is named", "processors there lack", "pc-i440fx-9.9"):
        assert word in check.reason
        assert word in move.reason
    assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING


# After the server has died


def facts_of(mover: Mover, domain: libvirt.virDomain, kind: int = LIVE) -> dict[str, Any]:
    """What a server keeps of a move to b before it begins."""
    vm = seen(mover, domain.name())
    run = domain.ID() if domain.isActive() else None
    intent = migration_resumption.intent_of(vm, Route(ADDRESS["b"], mover.there), Manner(kind), run, returns=True)
    return dict(intent.facts)


def going_on(place: Bed, domain: libvirt.virDomain, rate: int) -> threading.Thread:
    """libvirt moves it by itself, as after a server has died; `rate` in MiB/s."""
    flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNSAFE
    flags |= libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    limit = {libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: rate}

    def run() -> None:
        with suppress(libvirt.libvirtError):  # somebody has ended it
            domain.migrateToURI3(place.tcp("b"), limit, flags)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: domain.jobStats().get("type", 0) != 0, 10)
    return thread


def test_a_later_server_sees_the_move_through(mover: Mover, place: Bed) -> None:
    domain = slow(place, "crash-through")
    work = migration_resumption.resume(mover.client.world, facts_of(mover, domain))
    thread = going_on(place, domain, 16)
    progress = Progress()
    returned = work.run(progress)
    thread.join()
    new = returned.out["NewComputerSystem"]
    assert isinstance(new, Vm)
    assert new.host is mover.there
    assert progress.percent > 0
    assert place.where(f"{PREFIX}crash-through") == {"b"}


def test_a_later_server_ends_the_move(mover: Mover, place: Bed) -> None:
    domain = slow(place, "crash-ended")
    work = migration_resumption.resume(mover.client.world, facts_of(mover, domain))
    thread = going_on(place, domain, 1)
    assert work.cancel is not None
    work.cancel()
    with pytest.raises(Refused, match="goes on here"):
        work.run(Progress())
    thread.join()
    assert domain.isActive()
    assert place.where(f"{PREFIX}crash-ended") == {"a"}


def test_a_later_server_tells_of_a_definition_that_stayed(
    mover: Mover, place: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_resumption, "GRACE", 0.2)
    domain = place.define("crash-off")
    facts = facts_of(mover, domain, OTHER_TYPE)
    work = migration_resumption.resume(mover.client.world, facts)
    with pytest.raises(Refused, match="was not moved"):
        work.run(Progress())
    place.connections["b"].defineXML(domain.XMLDesc())
    with pytest.raises(Refused, match="its definition was left here"):
        work.run(Progress())
    domain.undefine()
    assert work.run(Progress()).value == OK
    place.domain("b", f"{PREFIX}crash-off").undefine()
    with pytest.raises(Refused, match="neither here nor at"):
        work.run(Progress())


def test_moves_are_found_again(place: Bed, tmp_path: File) -> None:
    """A server is killed: a move between the hosts themselves goes on, one over the server's connections does not."""
    both = f"{place.uri('a')} {place.uri('b')}"
    server = Process(tmp_path, connect=both, naming="uuid")
    try:
        ends = {}
        for name, method in (("by-uri", TO_HOST), ("by-link", "MigrateVirtualSystemToSystem")):
            domain = slow(place, f"killed-{name}")
            ends[method] = domain, begin(server, domain, method)
        server.kill()
        server.start()
        for method, (domain, path) in ends.items():
            job = end_of(server, path)
            away = method == TO_HOST
            assert job["JobState"] == (COMPLETED if away else EXCEPTION), job["ErrorDescription"]
            assert away or "goes on here" in job["ErrorDescription"]
            assert place.where(domain.name()) == {"b" if away else "a"}
    finally:
        server.stop()


def begin(server: Process, domain: libvirt.virDomain, method: str) -> pywbem.CIMInstanceName:
    """The job of a move to b that takes some seconds; libvirt has begun it."""
    cim, name = server.cim, domain.UUIDString()
    keys = {"CreationClassName": "KVM_ComputerSystem", "Name": name}
    system = pywbem.CIMInstanceName("KVM_ComputerSystem", keys, namespace="root/virt")
    service = cim.AssociatorNames(system, "CIM_ServiceAffectsElement", "CIM_VirtualSystemMigrationService")[0]
    (own,) = cim.AssociatorNames(system, "CIM_HostedDependency")
    others = [one for one in cim.EnumerateInstanceNames("KVM_HostSystem", "root/virt") if one["Name"] != own["Name"]]
    given = pywbem.CIMInstance(
        "KVM_VirtualSystemMigrationSettingData",
        {"Bandwidth": pywbem.Uint16(6), "BandwidthUnit": MIB, "AllowUnsafe": True},
    )
    if method == TO_HOST:
        given["TransportType"] = pywbem.Uint16(TCP)
    target = ("DestinationHost", ADDRESS["b"]) if method == TO_HOST else ("DestinationSystem", others[0])
    parameters = [("ComputerSystem", system), target, ("MigrationSettingData", given)]
    code, answer = cim.InvokeMethod(method, service, Params=parameters)
    assert code == JOB
    wait_until(lambda: domain.jobStats().get("data_processed", 0) > 0, 20)
    job: pywbem.CIMInstanceName = answer["Job"]
    return job


def end_of(server: Process, path: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    ended: list[pywbem.CIMInstance] = []

    def over() -> bool:
        job = server.cim.GetInstance(path)
        ended.extend([job] if job["JobState"] in (COMPLETED, TERMINATED, EXCEPTION) else [])
        return bool(ended)

    wait_until(over, 40)
    return ended[0]
