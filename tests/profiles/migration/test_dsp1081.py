"""DSP1081: the service, its capabilities and settings; moves by definition between two hosts of the test driver."""

from __future__ import annotations

from tests.profiles.client import out, system_path
from tests.profiles.management import embedded
from tests.profiles.migrating import (
    BAD_STATE,
    DISK,
    JOB,
    OTHER_TYPE,
    RASD,
    RESTART,
    Mover,
    setting,
    vssd,
)
from tests.profiles.test_types import faults
from tests.told import symbol_of

from virtcim.broker.call import Path
from virtcim.host import domains
from virtcim.host.inventory import Underway, Vm

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
    assert symbol_of(answer.reason) == "VS_BEING_MOVED"
    mover.here.set_underway(vm.uuid, None)
    shown = mover.client.system(vm.uuid).properties
    assert (shown["OperatingStatus"], shown["OperationalStatus"]) == (16, [2])
