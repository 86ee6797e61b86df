"""DSP1081: the service, its capabilities and settings; moves by definition between two hosts of the test driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.profiles.client import out, system_path
from tests.profiles.management import embedded
from tests.profiles.migrating import (
    BAD_STATE,
    INCOMPATIBLE,
    INVALID,
    JOB,
    LIVE,
    OK,
    OTHER_TYPE,
    RESTART,
    UNSUPPORTED,
    Mover,
    moving,
    setting,
)
from tests.profiles.test_types import faults

from virtcim.broker.call import Instance, Path
from virtcim.host import domains
from virtcim.host.inventory import Underway, Vm

NOWHERE = "nowhere.invalid"
DISK = "<disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>"
MISSING = "<interface type='network'><source network='nobodys'/></interface>"
RASD = "Test_DiskResourceAllocationSettingData"


@pytest.fixture(scope="module")
def mover(tmp_path_factory: pytest.TempPathFactory, node_uri: str) -> Iterator[Mover]:
    with moving(tmp_path_factory.mktemp("state"), node_uri, "test:///default", shutdown_timeout=5.0) as found:
        yield found


@pytest.fixture(scope="module")
def still(mover: Mover) -> Vm:
    """A system that stays where it is, off."""
    return mover.define("still", devices=DISK)


def vssd(**properties: Any) -> Instance:
    return embedded("Test_VirtualSystemSettingData", **properties)


# The model


def test_each_host_has_a_service(mover: Mover) -> None:
    for host in (mover.here, mover.there):
        service = mover.service(host)
        (hosting,) = mover.client.across(service, "CIM_HostedService")
        assert hosting.path == mover.host_path(host)
        affected = mover.client.across(service, "CIM_ServiceAffectsElement")
        assert {one.properties["Name"] for one in affected} == {vm.uuid for vm in host.vms}


def test_capabilities_and_their_settings(mover: Mover) -> None:
    (found,) = mover.client.across(mover.service(), "CIM_ElementCapabilities", "CIM_VirtualSystemMigrationCapabilities")
    assert found.properties["AsynchronousMethodsSupported"] == [2, 3]
    assert found.properties["SynchronousMethodsSupported"] == [4, 5]
    assert found.properties["DestinationHostFormatsSupported"] == [2, 3, 4]
    links = mover.client.links(found.path, "CIM_SettingsDefineCapabilities")
    shown = {}
    for link in links:
        part = link.properties["PartComponent"]
        assert isinstance(part, Path)
        role = link.properties["ValueRole"], link.properties["ValueRange"]
        shown[str(part.key("InstanceID")).partition("/")[2]] = (role, mover.client.get(part).properties)
    kinds = {word: (role, properties.get("MigrationType")) for word, (role, properties) in shown.items()}
    assert kinds == {
        "MigrationSettingData": ((0, 0), RESTART),
        "MigrationSettingData/other": ((3, 0), OTHER_TYPE),
        "MigrationSettingData/restart": ((3, 0), RESTART),
        "MigrationSettingData/minimum": ((3, 1), None),
        "MigrationSettingData/maximum": ((3, 2), None),
    }


def test_a_system_has_default_settings(mover: Mover, still: Vm) -> None:
    running = mover.here.vm_named("web1")
    assert running is not None
    for vm, number in ((still, OTHER_TYPE), (running, RESTART)):
        (found,) = mover.client.across(
            system_path(vm.uuid), "CIM_ElementSettingData", "CIM_VirtualSystemMigrationSettingData"
        )
        assert found.properties["MigrationType"] == number


# Moves


def test_a_definition_moves(mover: Mover) -> None:
    vm = mover.define("moves-off", devices=DISK)
    assert out(mover.check(vm), "IsMigratable") is True
    answer = mover.move(vm)
    assert answer.value == JOB, answer.reason
    job = mover.client.job_of(answer)
    assert job.error == ""
    assert mover.here.vm(vm.uuid) is None
    found = mover.there.vm(vm.uuid)
    assert found is not None
    assert not found.active
    assert found.defined_document is not None
    assert found.defined_document.disks[0].file == "/srv/a.img"
    assert job.outputs is not None
    assert vm.uuid in str(job.outputs.properties["NewComputerSystem"])
    path = out(answer, "Job")
    assert isinstance(path, Path)
    assert path.classname == "Test_MigrationJob"
    shown = mover.client.get(path)
    assert list(faults(shown)) == []
    assert (shown.properties["Name"], shown.properties["JobState"]) == ("MigrateVirtualSystemToSystem", 7)
    (owner,) = mover.client.across(path, "CIM_OwningJobElement")
    assert owner.path == mover.service()
    (affected,) = mover.client.across(path, "CIM_AffectedJobElement", "CIM_ComputerSystem")
    assert affected.properties["Name"] == vm.uuid
    (hosting,) = mover.client.across(system_path(vm.uuid), "CIM_HostedDependency", "CIM_System")
    assert hosting.path == mover.host_path(mover.there)


def test_a_guest_is_shut_down_and_started_there(mover: Mover) -> None:
    vm = mover.define("moves-on", start=True)
    domains.set_autostart(vm, True)
    answer = mover.move(vm, MigrationSettingData=setting(MigrationType=RESTART))
    assert answer.value == JOB, answer.reason
    assert mover.client.job_of(answer).error == ""
    assert mover.here.vm(vm.uuid) is None
    found = mover.there.vm(vm.uuid)
    assert found is not None
    assert (found.active, found.autostart, found.underway) == (True, True, None)


def test_it_becomes_what_the_client_wants(mover: Mover) -> None:
    vm = mover.define("moves-changed", devices=DISK)
    disk = embedded(RASD, InstanceID=f"{vm.uuid}/defined/vda", HostResource=["/srv/b.img"])
    head = vssd(VirtualSystemIdentifier="renamed", Notes=["moved"], AutomaticStartupAction=4)
    answer = mover.move(vm, NewSystemSettingData=head, NewResourceSettingData=[disk])
    assert answer.value == JOB, answer.reason
    assert mover.client.job_of(answer).error == ""
    found = mover.there.vm(vm.uuid)
    assert found is not None
    assert found.defined_document is not None
    assert (found.name, found.autostart) == ("renamed", True)
    assert found.defined_document.disks[0].file == "/srv/b.img"
    assert found.defined_document.own_metadata.notes == ["moved"]


# What is refused


SETTINGS: dict[str, tuple[dict[str, Any], int, str]] = {
    "type": ({"MigrationType": 9}, INVALID, "MigrationType"),
    "type of other drivers": ({"MigrationType": LIVE}, UNSUPPORTED, "MigrationType"),
    "priority": ({"Priority": 1}, UNSUPPORTED, "Priority"),
    "percent": ({"Bandwidth": 10, "BandwidthUnit": "percent"}, UNSUPPORTED, "BandwidthUnit"),
    "more than all": ({"Bandwidth": 101, "BandwidthUnit": "percent"}, INVALID, "Bandwidth"),
    "no unit": ({"Bandwidth": 10}, INVALID, "BandwidthUnit"),
    "transport": ({"TransportType": 8}, INVALID, "TransportType"),
    "transport by name": ({"TransportType": 1, "OtherTransportType": "x"}, UNSUPPORTED, "OtherTransportType"),
    "local socket": ({"TransportType": 6}, UNSUPPORTED, "TransportType"),
    "state": ({"MigrationType": RESTART}, BAD_STATE, "MigrationType"),
}
CALLS = ("CheckVirtualSystemIsMigratableToSystem", "MigrateVirtualSystemToSystem")
HOST_CALLS = ("CheckVirtualSystemIsMigratableToHost", "MigrateVirtualSystemToHost")


@pytest.mark.parametrize(("given", "code", "word"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_are_refused(mover: Mover, still: Vm, given: dict[str, Any], code: int, word: str) -> None:
    before = mover.everything()
    for method in CALLS:
        answer = mover.call(method, still, MigrationSettingData=setting(**given))
        assert answer.value == code
        assert word in answer.reason
        assert answer.out == ()
    assert mover.everything() == before


SYSTEMS: dict[str, Callable[[Mover], Path | None]] = {
    "none": lambda _: None,
    "nobody": lambda _: system_path("3b0a7c1e-52d4-4f0e-9a61-6f1d2c8effff"),
    "a host": lambda mover: mover.host_path(mover.here),
    "one of another host": lambda mover: system_path(mover.there.vms[0].uuid),
    "no class": lambda _: Path("No_Such", (("Name", "x"),)),
}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_systems_that_are_not_the_services(mover: Mover, system: Callable[[Mover], Path | None]) -> None:
    for method in CALLS:
        answer = mover.call(method, system(mover))
        assert answer.value == INVALID
        assert "ComputerSystem" in answer.reason


DESTINATIONS: dict[str, tuple[Callable[[Mover], Path | None], int]] = {
    "none": (lambda _: None, INVALID),
    "itself": (lambda mover: mover.host_path(mover.here), INCOMPATIBLE),
    "a virtual system": (lambda mover: system_path(mover.there.vms[0].uuid), INVALID),
    "another server's system": (lambda _: system_path("elsewhere"), INVALID),
    "another server's host of no name": (lambda _: Path("KVM_HostSystem", (("Name", "a b"),)), INVALID),
}


@pytest.mark.parametrize(("to", "code"), DESTINATIONS.values(), ids=DESTINATIONS)
def test_systems_that_are_no_destination(
    mover: Mover, still: Vm, to: Callable[[Mover], Path | None], code: int
) -> None:
    for method in CALLS:
        answer = mover.call(method, still, DestinationSystem=to(mover))
        assert answer.value == code
        assert "DestinationSystem" in answer.reason or "DestinationHost" in answer.reason


@pytest.mark.parametrize(("text", "code"), [(None, INVALID), ("a_b", INVALID), ("localhost", INCOMPATIBLE)])
def test_hosts_that_are_no_destination(mover: Mover, still: Vm, text: str | None, code: int) -> None:
    for method in HOST_CALLS:
        answer = mover.call(method, still, DestinationHost=text)
        assert answer.value == code
        assert "DestinationHost" in answer.reason


@pytest.mark.parametrize("number", [2, 3, 4, 5], ids=["ssh", "tls", "tls-strict", "tcp"])
def test_a_host_that_cannot_be_reached(mover: Mover, still: Vm, number: int) -> None:
    given = setting(TransportType=number)
    check = mover.call(HOST_CALLS[0], still, DestinationHost=NOWHERE, MigrationSettingData=given)
    assert (check.value, out(check, "IsMigratable")) == (OK, False)
    move = mover.call(HOST_CALLS[1], still, DestinationHost=NOWHERE, MigrationSettingData=given)
    assert (move.value, move.out) == (2, ())
    assert NOWHERE in check.reason
    assert check.reason == move.reason
    assert mover.here.vm(still.uuid) is still


def _of_other(mover: Mover, _: Vm) -> dict[str, Any]:
    other = mover.here.vm_named("web1")
    assert other is not None
    return {"NewResourceSettingData": [embedded(RASD, InstanceID=f"{other.uuid}/vda", HostResource=["/x"])]}


CHANGES: dict[str, tuple[Callable[[Mover, Vm], dict[str, Any]], int, str]] = {
    "a bad name": (lambda *_: {"NewSystemSettingData": vssd(VirtualSystemIdentifier="a/b")}, INVALID, "Identifier"),
    "a long name": (lambda *_: {"NewSystemSettingData": vssd(VirtualSystemIdentifier="x" * 300)}, INVALID, "longer"),
    "another UUID": (
        lambda *_: {"NewSystemSettingData": vssd(UUID="00000000-0000-4000-8000-000000000000")}, INVALID, "UUID",
    ),
    "another platform": (
        lambda *_: {"NewSystemSettingData": vssd(VirtualSystemType="DMTF:XEN")}, INVALID, "VirtualSystemType",
    ),
    "another's head": (
        lambda *_: {"NewSystemSettingData": vssd(InstanceID="Test:nobody")}, INCOMPATIBLE, "NewSystemSettingData",
    ),
    "a setting without InstanceID": (
        lambda *_: {"NewResourceSettingData": [embedded(RASD, HostResource=["/x"])]}, INVALID, "InstanceID",
    ),
    "another's setting": (_of_other, INCOMPATIBLE, "NewResourceSettingData[0]"),
    "a setting that cannot be": (
        lambda _, vm: {
            "NewResourceSettingData": [embedded(RASD, InstanceID=f"{vm.uuid}/defined/vda", EmulatedType=77)]
        },
        INVALID, "EmulatedType",
    ),
    "no setting": (lambda *_: {"NewResourceSettingData": [None]}, INVALID, "NewResourceSettingData[0]"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "code", "word"), CHANGES.values(), ids=CHANGES)
def test_changes_that_are_refused(
    mover: Mover, still: Vm, given: Callable[[Mover, Vm], dict[str, Any]], code: int, word: str
) -> None:
    before = mover.everything()
    for method in CALLS:
        answer = mover.call(method, still, **given(mover, still))
        assert answer.value == code, answer.reason
        assert word in answer.reason
    assert mover.everything() == before


def _saved(mover: Mover) -> Vm:
    vm = mover.define("state-saved", start=True)
    return domains.save(vm) or vm


def _paused(mover: Mover) -> Vm:
    vm = mover.define("state-paused", start=True)
    return domains.pause(vm) or vm


def _transient(mover: Mover) -> Vm:
    mover.client.add_transient("state-transient")
    found = mover.here.vm_named("state-transient")
    assert found is not None
    return found


def _under_way(mover: Mover) -> Vm:
    vm = mover.define("state-under-way")
    return mover.here.set_underway(vm.uuid, Underway(5, 19, 10)) or vm


STATES: dict[str, tuple[Callable[[Mover], Vm], dict[str, Any]]] = {
    "saved": (_saved, {}),
    "active, by definition": (lambda mover: mover.define("state-active", start=True), {"MigrationType": OTHER_TYPE}),
    "paused, by restart": (_paused, {"MigrationType": RESTART}),
    "transient": (_transient, {}),
    "being moved": (_under_way, {}),
}


@pytest.mark.parametrize(("make", "given"), STATES.values(), ids=STATES)
def test_states_that_do_not_allow_it(mover: Mover, make: Callable[[Mover], Vm], given: dict[str, Any]) -> None:
    vm = make(mover)
    before = mover.everything()
    for method in CALLS:
        answer = mover.call(method, vm, MigrationSettingData=setting(**given))
        assert answer.value == BAD_STATE, answer.reason
        assert vm.name in answer.reason
    assert mover.everything() == before


def _snapshot(mover: Mover, vm: Vm) -> str:
    with mover.here.link.borrow() as connection:
        connection.lookupByUUIDString(vm.uuid).snapshotCreateXML("<domainsnapshot/>")
    return "1 snapshots"


def _same_name(mover: Mover, vm: Vm) -> str:
    with mover.there.link.borrow() as connection:
        xml = f"<domain type='test'><name>{vm.name}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        connection.defineXML(xml)
    return f"another system is named {vm.name}"


def _same_uuid(mover: Mover, vm: Vm) -> str:
    with mover.there.link.borrow() as connection:
        connection.defineXML(str(vm.defined_xml).replace(vm.name, "namesake"))
    return "is that of namesake there"


OBSTACLES = {
    "snapshots": ("", _snapshot),
    "a name that is taken": ("", _same_name),
    "a UUID that is taken": ("", _same_uuid),
    "a network that is not there": (MISSING, lambda *_: "no network nobodys there"),
}


@pytest.mark.parametrize(("devices", "make"), OBSTACLES.values(), ids=OBSTACLES)
def test_what_stands_in_the_way(mover: Mover, devices: str, make: Callable[[Mover, Vm], str]) -> None:
    vm = mover.define(f"way-{make.__name__.strip('_<>')}", devices=devices)
    word = make(mover, vm)
    before = mover.everything()
    check, move = mover.check(vm), mover.move(vm)
    assert (check.value, out(check, "IsMigratable")) == (OK, False)
    assert (move.value, move.out) == (INCOMPATIBLE, ())
    assert word in check.reason
    assert word in move.reason
    assert mover.everything() == before


# While it is on its way


def test_a_system_that_is_being_moved(mover: Mover) -> None:
    vm = mover.define("on-its-way", start=True)
    mover.here.set_underway(vm.uuid, Underway(5, 19, 10))
    shown = mover.client.system(vm.uuid).properties
    assert (shown["EnabledState"], shown["OperatingStatus"], shown["OperationalStatus"]) == (2, 10, [2, 19])
    assert (shown["AvailableRequestedStates"], shown["TransitioningToState"]) == ([3], 5)
    services = (one.path for one in mover.client.instances("CIM_VirtualSystemManagementService"))
    managing = next(path for path in services if path.key("SystemName") == mover.here.uuid)
    answer = mover.client.invoke(managing, "DestroySystem", AffectedSystem=system_path(vm.uuid))
    assert answer.value == BAD_STATE
    assert "being moved" in answer.reason
    mover.here.set_underway(vm.uuid, None)
    shown = mover.client.system(vm.uuid).properties
    assert (shown["OperatingStatus"], shown["OperationalStatus"]) == (16, [2])
