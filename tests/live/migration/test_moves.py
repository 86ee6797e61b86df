"""Guests that move between two hosts, by CIM and by libvirt's own tools, and what is told of it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import libvirt
import pytest
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, wait_until
from tests.live.migration.moving import (
    COMPLETED,
    CREATED,
    DELETED,
    EXCEPTION,
    JOBS,
    LINUX,
    TCP,
    TLS,
    TLS_STRICT,
    TO_HOST,
    at,
    finished,
    how,
    moved,
    seen,
    shown,
    slow,
)
from tests.live.migration.two_hosts import ADDRESS, Bed, other
from tests.profiles.client import Client, out, running_client
from tests.profiles.eventful import Eventful
from tests.profiles.management import embedded
from tests.profiles.migrating import (
    BAD_STATE,
    LIVE,
    OTHER_TYPE,
    RESTART,
    RESUME,
    Mover,
)

from virtcim.broker.call import Path
from virtcim.broker.schema import Schema

PASSWORD = "sesame77"
IMAGES = "/var/lib/libvirt/images"  # on a host; each has one of its own

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


def test_a_guest_that_cannot_start_there_is_started_here_again(mover: Mover, linux: Bed) -> None:
    """Its kernel is another one at the destination, which is not there."""
    (host,) = linux.where(LINUX)
    linux.uptime(LINUX)
    vm = seen(mover, LINUX, host)
    head = embedded("KVM_VirtualSystemSettingData", Kernel="/nowhere/vmlinuz")
    job = finished(mover, mover.move(vm, MigrationSettingData=how(MigrationType=RESTART), NewSystemSettingData=head))
    assert job.state == EXCEPTION
    assert "/nowhere/vmlinuz" in job.error
    assert linux.where(LINUX) == {host}
    assert linux.domain(host, LINUX).state()[0] == libvirt.VIR_DOMAIN_RUNNING


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
    wanted = path.key("InstanceID")  # jobs of tests before this one go meanwhile
    jobs = [one for one in told if one["SourceInstance"].get("InstanceID") == wanted]
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


def with_console(place: Bed, name: str) -> libvirt.virDomain:
    """A guest whose graphical console asks for a password."""
    xml = place.define(name).XMLDesc()
    console = f"<graphics type='vnc' passwd='{PASSWORD}'/></devices>"
    return place.connections["a"].defineXML(xml.replace("</devices>", console))


def test_it_becomes_what_the_client_wants(mover: Mover, place: Bed) -> None:
    """While it runs: another name and description. The password of its console goes along, and is told nowhere."""
    domain = with_console(place, "wanted")
    domain.create()
    domain.setAutostart(1)
    vm = mover.here.refresh(domain.UUIDString())
    assert vm is not None
    head = embedded(
        "KVM_VirtualSystemSettingData", VirtualSystemIdentifier=f"{PREFIX}renamed", Description="moved here"
    )
    job = moved(mover, mover.move(vm, MigrationSettingData=how(AllowUnsafe=True), NewSystemSettingData=head))
    assert PASSWORD not in f"{job.inputs} {job.outputs} {job.work.intent} {job.work.name}"
    there = place.domain("b", f"{PREFIX}renamed")
    assert (there.UUIDString(), there.autostart()) == (vm.uuid, 1)
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        assert "<description>moved here</description>" in there.XMLDesc(flags)
        assert f"passwd='{PASSWORD}'" in there.XMLDesc(flags | libvirt.VIR_DOMAIN_XML_SECURE)
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
    domain = with_console(place, "off")
    vm = seen(mover, domain.name())
    whole = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    xml = domain.XMLDesc(whole)
    assert PASSWORD in xml
    given = how(MigrationType=OTHER_TYPE, TransportType=TCP)
    moved(mover, mover.call(TO_HOST, vm, DestinationHost=ADDRESS["b"], MigrationSettingData=given))
    assert place.where(f"{PREFIX}off") == {"b"}
    assert place.domain("b", f"{PREFIX}off").XMLDesc(whole) == xml


def test_images_are_copied(mover: Mover, place: Bed) -> None:
    """To a pool of the destination that lists no such image; without that the check says no."""
    domain = place.define("copied")
    images = {host: place.place / host / "lib" / "images" for host in ADDRESS}
    boot_sectors.write(images["a"] / "copied.img", boot_sectors.HALT)
    xml = domain.XMLDesc().replace(str(place.shared / "a-copied.img"), f"{IMAGES}/copied.img")
    domain = place.connections["a"].defineXML(xml)
    domain.create()
    pool = place.connections["b"].storagePoolCreateXML(
        f"<pool type='dir'><name>images</name><target><path>{IMAGES}</path></target></pool>"
    )
    vm = mover.here.refresh(domain.UUIDString())
    assert vm is not None
    check = mover.check(vm)
    assert (out(check, "IsMigratable"), "copied.img" in check.reason) == (False, True)
    given = how(CopyStorage=True)
    assert out(mover.check(vm, MigrationSettingData=given), "IsMigratable") is True
    moved(mover, mover.move(vm, MigrationSettingData=given))
    assert place.where(f"{PREFIX}copied") == {"b"}
    assert (images["b"] / "copied.img").read_bytes() == (images["a"] / "copied.img").read_bytes()
    pool.destroy()


def test_moves_by_libvirts_tools_show_at_both_ends(
    kvm_schema: Schema, mover: Mover, place: Bed, tmp_path: File
) -> None:
    """At the end that a guest leaves, and at the one that it comes to, where another server drives that."""
    domain = slow(place, "both-ends")
    vm = seen(mover, domain.name())
    flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNSAFE
    limit = {libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: 1}

    def move() -> None:
        with suppress(libvirt.libvirtError):  # the test gives it up
            domain.migrateToURI3(place.tcp("b"), limit, flags)

    def operating(client: Client, name: str) -> Any:
        every = {one.properties["Name"]: one.properties for one in client.instances("KVM_ComputerSystem")}
        return every[name]["OperatingStatus"] if name in every else None

    with running_client(kvm_schema, place.uri("b")) as there:
        thread = threading.Thread(target=move)
        thread.start()

        def shown_at_both() -> list[Any]:
            return [operating(mover.client, vm.uuid), operating(there, vm.name)]

        wait_until(lambda: shown_at_both() == [10, 11], 20)
        assert mover.move(vm).value == BAD_STATE
        domain.abortJob()
        thread.join()
        wait_until(lambda: shown_at_both() == [16, None], 20)


@pytest.mark.parametrize("transport", [TLS, TLS_STRICT], ids=["tls", "tls-strict"])
def test_moves_over_tls(mover: Mover, place: Bed, transport: int) -> None:
    """Between the hosts, both of which show who they are; the memory of the guest goes over TLS of QEMU."""
    if not shutil.which("certtool"):
        pytest.skip("certificates are made with certtool: scripts/install-packages.sh test")
    domain = place.define(f"tls-{transport}", start=True)
    vm = seen(mover, domain.name())
    given = how(TransportType=transport, AllowUnsafe=True)
    moved(mover, mover.call(TO_HOST, vm, DestinationHost=ADDRESS["b"], MigrationSettingData=given))
    assert place.where(domain.name()) == {"b"}
