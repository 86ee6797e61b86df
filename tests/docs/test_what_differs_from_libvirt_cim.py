"""docs/coming-from-libvirt-cim.md, statement by statement: what differs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import pywbem
from tests.conftest import StartServer, connect
from tests.docs.old_client import JOB, MEM, NET, NO_TRANSITION, OK, PROC, SYSTEM, OldClient, mof, names, path, system

NOT_THERE = ("SwitchService",)


def refused(reader: OldClient, call: Any) -> int:
    """The CIM status that a call ends in."""
    with pytest.raises(pywbem.CIMError) as error:
        call(reader.connection)
    return int(error.value.status_code)


def test_refusal_is_a_return_value(client: OldClient) -> None:
    assert client.define("web1")[0] == 2
    assert client.request("web1", 2)[0] == NO_TRANSITION
    code, _ = client.connection.InvokeMethod("RequestStateChange", system("web1"))
    assert code == 5


def test_what_need_not_be_there_or_said(client: OldClient) -> None:
    """An image that is not there yet, the name of a disk, the address of an adapter."""
    disk = mof("DiskResourceAllocationSettingData", 'ResourceType = 17; Address = "/nowhere/new.img";')
    adapter = mof(NET, 'ResourceType = 10; NetworkType = "user";')
    assert client.define("old1", disk, adapter)[0] == OK
    shown = client.settings("old1")
    assert shown["vda"]["Address"] == "/nowhere/new.img"
    assert [name for name in shown if name.startswith("52:54:00:")]


@pytest.fixture(scope="module")
def legacy(start: StartServer) -> Iterator[OldClient]:
    """A client of a server with legacy_errors, which refuses what these tests ask."""
    with start(legacy_errors=True) as server, connect(server.url) as connection:
        yield OldClient(connection)


def test_refusal_is_an_error_where_that_is_set(legacy: OldClient) -> None:
    with pytest.raises(pywbem.CIMError, match=r"1 \(CIM_ERR_FAILED\).*a system named web1 exists already"):
        legacy.define("web1")
    with pytest.raises(pywbem.CIMError, match=r"1 \(CIM_ERR_FAILED\).*RequestedState 2 is not possible"):
        legacy.request("web1", 2)
    with pytest.raises(pywbem.CIMError, match=r"1 \(CIM_ERR_FAILED\).*AffectedSystem names no"):
        legacy.call("DestroySystem", AffectedSystem=system("nobody"))
    assert legacy.request("web1", 9)[0] == OK


CIM_ERRORS = {
    "no such system": (
        6,
        lambda c: c.InvokeMethod("RequestStateChange", system("nobody"), RequestedState=pywbem.Uint16(2)),
    ),
    "ill-typed": (4, lambda c: c.InvokeMethod("RequestStateChange", system("web1"), RequestedState="on")),
    "unknown method": (17, lambda c: c.InvokeMethod("Sing", system("web1"))),
    "left out": (16, lambda c: c.InvokeMethod("StartService", "Test_VirtualSystemManagementService")),
    "missing key": (6, lambda c: c.GetInstance(pywbem.CIMInstanceName(SYSTEM, {"Name": "web1"}))),
    "no key": (4, lambda c: c.GetInstance(pywbem.CIMInstanceName(SYSTEM, {"Colour": "red"}))),
    "creating": (7, lambda c: c.CreateInstance(pywbem.CIMInstance(SYSTEM, {"Name": "new"}))),
    "without cimv2_alias": (3, lambda c: c.EnumerateInstances("CIM_ComputerSystem", "root/cimv2")),
}


@pytest.mark.parametrize("case", CIM_ERRORS)
def test_cim_errors(reader: OldClient, case: str) -> None:
    status, call = CIM_ERRORS[case]
    assert refused(reader, call) == status


def test_cimv2(start: StartServer) -> None:
    with start(cimv2_alias=True) as server, connect(server.url, "root/cimv2") as connection:
        assert "web1" in names(connection.EnumerateInstanceNames("CIM_ComputerSystem"), "Name")


def ended(client: OldClient, out: Any) -> int:
    """The JobState that a job ends in."""
    for _ in range(100):
        state = client.connection.GetInstance(out["Job"])["JobState"]
        if state in (7, 8, 10):
            return int(state)
        time.sleep(0.05)
    pytest.fail("the job does not end")


@pytest.mark.parametrize(("state", "enabled"), [(4, 3), (10, 2), (6, 6)], ids=["shut down", "reboot", "suspend"])
def test_long_changes_are_jobs(client: OldClient, state: int, enabled: int) -> None:
    code, out = client.request("web1", state)
    assert code == JOB
    assert ended(client, out) == 7
    assert client.connection.GetInstance(system("web1"))["EnabledState"] == enabled


def test_start_continues_from_the_saved_image(client: OldClient) -> None:
    """archive1 of the embedded node is saved."""
    assert client.connection.GetInstance(system("archive1"))["EnabledState"] == 6
    assert client.request("archive1", 2)[0] == OK
    assert client.connection.GetInstance(system("archive1"))["EnabledState"] == 2


def test_reset_is_no_new_run(client: OldClient) -> None:
    assert client.request("web1", 11)[0] == OK


def test_modification_keeps_the_rest(client: OldClient) -> None:
    """web1's sound, watchdog and whatever else libvirt-cim did not know are there afterwards."""
    before = client.settings("web1")
    change = mof("VirtualSystemSettingData", 'InstanceID = "Test:web1/defined"; Description = "changed";')
    assert client.call("ModifySystemSettings", SystemSettings=change)[0] == OK
    assert client.settings("web1") == before
    assert {"watchdog:0", "rng:0", "video:0"} <= set(before)


def test_two_configurations(client: OldClient) -> None:
    """The definition of a running system changes alone; while it is off the old ids show the definition."""
    memory = mof(MEM, 'InstanceID = "web1/defined/mem"; VirtualQuantity = 65536;')
    assert client.call("ModifyResourceSettings", ResourceSettings=[memory])[0] == OK
    assert client.get(MEM, "web1/mem")["VirtualQuantity"] != 65536
    assert client.request("web1", 3)[0] == OK
    assert client.get(MEM, "web1/mem")["VirtualQuantity"] == 65536


def test_change_that_a_running_system_cannot_take(client: OldClient) -> None:
    change = mof("VirtualSystemSettingData", 'InstanceID = "Test:web1"; Arch = "i686";')
    assert client.call("ModifySystemSettings", SystemSettings=change)[0] != OK
    memory = mof(MEM, 'InstanceID = "web1/mem"; dumpCore = FALSE;')
    assert client.call("ModifyResourceSettings", ResourceSettings=[memory])[0] != OK


def test_element_setting_data(reader: OldClient) -> None:
    head = path("VirtualSystemSettingData", "Test:web1")
    (link,) = reader.connection.References(head, "Test_ElementSettingData")
    ends = link["ManagedElement"]["InstanceID"], link["SettingData"]["InstanceID"]
    assert ends == ("Test:web1", "Test:web1/defined")
    assert (link["IsDefault"], link["IsNext"]) == (1, 1)


def test_hosted_dependency(reader: OldClient) -> None:
    (link,) = reader.connection.References(system("web1"), "Test_HostedDependency")
    assert (link["Antecedent"].classname, link["Dependent"].classname) == ("Test_HostSystem", SYSTEM)


@pytest.mark.parametrize("association", ["Test_HostedDependency", "CIM_HostedDependency"])
def test_what_depends_on_the_host(reader: OldClient, association: str) -> None:
    """Only systems by the association that clients of libvirt-cim know, switches too by the standard's."""
    (host,) = reader.connection.EnumerateInstanceNames("Test_HostSystem")
    systems = reader.connection.AssociatorNames(host, association, ResultClass="CIM_ComputerSystem")
    switches = {"Test_VirtualEthernetSwitch"} if association.startswith("CIM") else set()
    assert {one.classname for one in systems} == {SYSTEM} | switches


def test_capabilities_of_systems_alone(reader: OldClient) -> None:
    found = names(reader.connection.EnumerateInstanceNames("Test_EnabledLogicalElementCapabilities"), "InstanceID")
    assert found == names(reader.connection.EnumerateInstanceNames(SYSTEM), "Name")


@pytest.mark.parametrize("classname", ["CIM_LogicalDevice", "CIM_SettingData", "CIM_ResourceAllocationSettingData"])
def test_superclasses(reader: OldClient, classname: str) -> None:
    assert len({one.classname for one in reader.connection.EnumerateInstanceNames(classname)}) > 10


def test_property_list(reader: OldClient) -> None:
    found = reader.connection.EnumerateInstances("Test_Processor", PropertyList=["DeviceID"])
    assert {tuple(one.keys()) for one in found} == {("DeviceID",)}


def test_devices(reader: OldClient) -> None:
    connection = reader.connection
    assert "web1/sda" in names(connection.EnumerateInstanceNames("Test_DVDDrive"), "DeviceID")
    assert "legacy1/fda" in names(connection.EnumerateInstanceNames("Test_DisketteDrive"), "DeviceID")
    assert "desktop1/keyboard:ps2" in names(connection.EnumerateInstanceNames("Test_Keyboard"), "DeviceID")
    ports = {one["DeviceID"]: one for one in connection.EnumerateInstances("Test_NetworkPort")}
    port = ports["web1/52:54:00:10:00:01"]
    assert (port["PermanentAddress"], port["NetworkAddresses"]) == ("525400100001", ["525400100001"])
    assert reader.get(NET, "web1/52:54:00:10:00:01")["Address"] == "52:54:00:10:00:01"
    assert {one["BlockSize"] for one in connection.EnumerateInstances("Test_Memory")} == {1024}


def test_states_and_units(reader: OldClient) -> None:
    assert reader.connection.GetInstance(system("web1"))["OperatingStatus"] == 16
    assert reader.get(PROC, "web1/proc")["VirtualQuantityUnits"] == "count"


def test_requested_state_is_kept_only_when_it_was_done(client: OldClient) -> None:
    assert client.request("web1", 9)[0] == OK
    assert client.request("web1", 9)[0] == NO_TRANSITION
    assert client.connection.GetInstance(system("web1"))["RequestedState"] == 9
    assert client.request("web1", 7)[0] != OK
    assert client.connection.GetInstance(system("web1"))["RequestedState"] == 9


def test_moves(reader: OldClient) -> None:
    """Nobody is asked to run programs or to take keys; what cannot be is a return value."""
    (service,) = reader.connection.EnumerateInstanceNames("Test_VirtualSystemMigrationService")
    check = "CheckVirtualSystemIsMigratableToHost"
    given: dict[str, Any] = {"ComputerSystem": system("web1"), "DestinationHost": "nowhere.invalid"}
    setting = mof("VirtualSystemMigrationSettingData", 'CheckParameters = {"x"};')
    code, _ = reader.connection.InvokeMethod(check, service, MigrationSettingData=setting, **given)
    assert code == 1
    assert reader.connection.InvokeMethod("MigrateVirtualSystemToHost", service, **given)[0] == 2
    keyless = {"MigrationWithoutRootKey": True, **given}
    assert refused(reader, lambda cim: cim.InvokeMethod(check, service, **keyless)) == 4
    assert refused(reader, lambda cim: cim.InvokeMethod("MigrateSSHKeyCopy", service, SSH_Key_Src="x")) == 17


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_there_yet(reader: OldClient, name: str) -> None:
    assert reader.connection.EnumerateInstanceNames(f"CIM_{name}") == []
