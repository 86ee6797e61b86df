"""Moves that are ended, refused or impossible, and those whose server has died."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import libvirt
import pytest
import pywbem
from tests.conformance.outcome import assert_conforms
from tests.conftest import running_server
from tests.live.conftest import PREFIX, wait_until
from tests.live.migration.moving import (
    COMPLETED,
    EXCEPTION,
    IPC,
    MIB,
    MOVES,
    SSH,
    TCP,
    TERMINATED,
    TO_HOST,
    finished,
    how,
    moved,
    seen,
    shown,
    slow,
)
from tests.live.migration.two_hosts import ADDRESS, Bed
from tests.profiles.client import out
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
    Mover,
)
from tests.profiles.processes import Process

from virtcim.broker.call import Path
from virtcim.broker.provider import Progress, Refused
from virtcim.conformance import runner
from virtcim.conformance.site import Site
from virtcim.host.inventory import Vm
from virtcim.host.routes import Route
from virtcim.mapping.migration import Manner
from virtcim.profiles import migration_resumption


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


def test_a_restart_that_is_given_up(mover: Mover, place: Bed) -> None:
    """The guest does not heed the request to shut down, and goes on here."""
    domain = place.define("deaf", start=True)
    run = domain.ID()
    vm = seen(mover, domain.name())
    answer = mover.move(vm, MigrationSettingData=how(MigrationType=RESTART))
    path = out(answer, "Job")
    assert isinstance(path, Path)
    wait_until(lambda: shown(mover, vm)["OperatingStatus"] == 10, 10)
    assert mover.client.invoke(path, "RequestStateChange", RequestedState="4").value in (OK, JOB)
    assert finished(mover, answer).state == TERMINATED
    assert (domain.state()[0], domain.ID()) == (libvirt.VIR_DOMAIN_RUNNING, run)
    assert shown(mover, vm)["OperatingStatus"] == 16
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


def test_what_stands_in_the_way(mover: Mover, place: Bed) -> None:
    """Nothing is moved, and what is in the way is said: a port that is closed, a name, processors."""
    domain = place.define("stays", start=True)
    place.define("stays", host="b")
    vm = seen(mover, domain.name())
    closed = {"DestinationHost": ADDRESS["b"], "MigrationSettingData": how(TransportType=SSH)}
    check = mover.call("CheckVirtualSystemIsMigratableToHost", vm, **closed)
    assert (check.value, out(check, "IsMigratable")) == (OK, False)
    assert mover.call(TO_HOST, vm, **closed).value == FAILED
    itself = mover.call(TO_HOST, vm, DestinationHost=ADDRESS["a"], MigrationSettingData=how(TransportType=TCP))
    assert itself.value == INCOMPATIBLE
    head = embedded("KVM_VirtualSystemSettingData", CPUMode="custom", CPUModel="EPYC-Milan", Machine="pc-i440fx-9.9")
    memory = embedded(
        "KVM_MemResourceAllocationSettingData",
        InstanceID=f"{vm.uuid}/defined/mem",
        VirtualQuantity=2**42,
        Limit=2**42,
        AllocationUnits="byte",
    )
    given = {
        "MigrationSettingData": how(MigrationType=RESTART),
        "NewSystemSettingData": head,
        "NewResourceSettingData": [memory],
    }
    check, move = mover.check(vm, **given), mover.move(vm, **given)
    assert (check.value, out(check, "IsMigratable"), move.value) == (OK, False, INCOMPATIBLE)
    for word in ("another system is named", "processors there lack", "pc-i440fx-9.9", "of 4194304 MiB of memory"):
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
        for name, method, speed in (("by-link", "MigrateVirtualSystemToSystem", 1), ("by-uri", TO_HOST, 12)):
            domain = slow(place, f"killed-{name}")
            ends[method] = domain, begin(server, domain, method, speed)
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


def begin(server: Process, domain: libvirt.virDomain, method: str, speed: int) -> pywbem.CIMInstanceName:
    """The job of a move to b, of so many MiB a second; libvirt has begun it."""
    cim, name = server.cim, domain.UUIDString()
    keys = {"CreationClassName": "KVM_ComputerSystem", "Name": name}
    system = pywbem.CIMInstanceName("KVM_ComputerSystem", keys, namespace="root/virt")
    service = cim.AssociatorNames(system, "CIM_ServiceAffectsElement", "CIM_VirtualSystemMigrationService")[0]
    (own,) = cim.AssociatorNames(system, "CIM_HostedDependency")
    others = [one for one in cim.EnumerateInstanceNames("KVM_HostSystem", "root/virt") if one["Name"] != own["Name"]]
    given = pywbem.CIMInstance(
        "KVM_VirtualSystemMigrationSettingData",
        {"Bandwidth": pywbem.Uint16(speed), "BandwidthUnit": MIB, "AllowUnsafe": True},
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


# What the conformance suite asks of a server with two hosts


def test_moves_conform(place: Bed, tmp_path: File) -> None:
    with running_server(tmp_path, connect=[place.uri("a"), place.uri("b")], naming="uuid") as both:
        site = Site.at(both.url, write=True, expendable=True)
        for check in runner.checks(["dsp1081"]):
            if check.id in MOVES:
                assert_conforms(check, site)
