"""ModifySystemSettings of DSP1042, and the service with its capabilities, on the embedded node."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.profiles.management import BAD_STATE, FAILED, INVALID, OK, Manager, embedded, instance

from virtcim.broker.call import CIMError, Status

UNKNOWN = "<vmcoreinfo state='on'/>"
LABELS = {"ElementName": "New title", "Description": "What it is for", "Notes": ["one", "two"]}


@pytest.mark.parametrize("name", ["web1", "web2", "db1", "mail1", "archive1", "desktop1", "legacy1"])
@pytest.mark.parametrize("defined", [True, False], ids=["Defined", "State"])
def test_whole_instance_sent_back(manager: Manager, name: str, defined: bool) -> None:
    before = manager.everything()
    answer = manager.call("ModifySystemSettings", SystemSettings=instance(manager.head(name, defined)))
    assert (answer.value, answer.out, answer.reason) == (OK, (), "")
    assert manager.everything() == before


def test_only_what_is_given_changes(manager: Manager) -> None:
    """NULL leaves things as they are; what we do not model stays."""
    manager.redefine("desktop1", "<hyperv", f"{UNKNOWN}<hyperv")
    before = manager.head("desktop1").properties
    answer = manager.modify_system(InstanceID="Test:desktop1/defined", OnCrash="preserve", Description=None)
    assert answer.value == OK, answer.reason
    after = manager.head("desktop1").properties
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert names == {"OnCrash"}
    assert UNKNOWN in manager.xml("desktop1")


@pytest.mark.parametrize("instance_id", ["Test:desktop1/defined", "Test:desktop1"])
def test_either_configuration_of_a_system_that_is_off(manager: Manager, instance_id: str) -> None:
    assert manager.modify_system(InstanceID=instance_id, ClockOffset=0, **LABELS).value == OK
    for defined in (True, False):
        head = manager.head("desktop1", defined).properties
        assert {name: head[name] for name in (*LABELS, "ClockOffset")} == {**LABELS, "ClockOffset": 0}


def test_definition_of_an_active_system(manager: Manager) -> None:
    live = manager.xml("web1", live=True)
    assert manager.modify_system(InstanceID="Test:web1/defined", OnCrash="preserve").value == OK
    assert manager.head("web1").properties["OnCrash"] == "preserve"
    assert manager.head("web1", defined=False).properties["OnCrash"] == "restart"
    assert manager.xml("web1", live=True) == live


def test_labels_of_an_active_system(manager: Manager) -> None:
    """A running system takes another title, description and notes; its definition follows."""
    answer = manager.modify_system(InstanceID="Test:web1", **LABELS)
    assert answer.value == OK, answer.reason
    for defined in (True, False):
        head = manager.head("web1", defined).properties
        assert {name: head[name] for name in LABELS} == LABELS
    assert manager.client.system("web1").properties["ElementName"] == "New title"
    assert "http://example.com/owner/1.0" in manager.xml("web1")


def test_labels_of_a_transient_system(manager: Manager) -> None:
    assert manager.modify_system(InstanceID="Test:probe1", ElementName="Probe", Notes=["n"]).value == OK
    head = manager.head("probe1", defined=False).properties
    assert (head["ElementName"], head["Notes"]) == ("Probe", ["n"])


def test_autostart(manager: Manager) -> None:
    for action, wanted in ((4, True), (4, True), (2, False)):
        assert manager.modify_system(InstanceID="Test:web1", AutomaticStartupAction=action).value == OK
        assert manager.client.vm("web1").autostart is wanted


def test_rename(manager: Manager) -> None:
    uuid = manager.client.vm("desktop1").uuid
    answer = manager.modify_system(
        InstanceID="Test:desktop1/defined", VirtualSystemIdentifier="desk", OnCrash="preserve"
    )
    assert answer.value == OK, answer.reason
    assert manager.client.vm("desk").uuid == uuid
    assert "desktop1" not in manager.names()
    assert manager.head("desk").properties["OnCrash"] == "preserve"


def test_whole_instance_with_another_name(manager: Manager) -> None:
    head = manager.head("desktop1")
    renamed = embedded(head.cls.name, **{**head.properties, "VirtualSystemIdentifier": "desk"})
    assert manager.call("ModifySystemSettings", SystemSettings=renamed).value == OK
    assert {"desk"} == {"desk", "desktop1"} & manager.names()


REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no id": ({"OnCrash": "preserve"}, INVALID, "InstanceID is missing"),
    "unknown": ({"InstanceID": "Test:nobody"}, INVALID, "InstanceID 'Test:nobody'"),
    "of another platform": ({"InstanceID": "KVM:web1"}, INVALID, "InstanceID 'KVM:web1'"),
    "of no form": ({"InstanceID": "web1"}, INVALID, "InstanceID 'web1'"),
    "snapshot": ({"InstanceID": "Test:web1/snapshot/a"}, INVALID, "snapshot"),
    "definition of a transient system": ({"InstanceID": "Test:probe1/defined"}, INVALID, "probe1/defined"),
    "unknown name": ({"VirtualSystemIdentifier": "nobody"}, INVALID, "VirtualSystemIdentifier names no .*: nobody"),
    "rename of an active system": (
        {"InstanceID": "Test:web1", "VirtualSystemIdentifier": "other"}, BAD_STATE, "VirtualSystemIdentifier .*web1",
    ),
    "rename of the definition of an active system": (
        {"InstanceID": "Test:web1/defined", "VirtualSystemIdentifier": "other", "OnCrash": "preserve"},
        BAD_STATE, "VirtualSystemIdentifier",
    ),
    "name taken": (
        {"InstanceID": "Test:desktop1/defined", "VirtualSystemIdentifier": "web1", "OnCrash": "preserve",
         "AutomaticStartupAction": 4}, FAILED, "web1",
    ),
    "name that is none": (
        {"InstanceID": "Test:desktop1", "VirtualSystemIdentifier": "a/b"}, INVALID, "VirtualSystemIdentifier 'a/b'",
    ),
    "empty name": ({"InstanceID": "Test:desktop1", "VirtualSystemIdentifier": ""}, INVALID, "VirtualSystemIdentifier"),
    "long name": ({"InstanceID": "Test:desktop1", "ElementName": "n" * 300}, INVALID, "ElementName is longer"),
    "uuid": ({"InstanceID": "Test:desktop1", "UUID": "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0999"}, INVALID, "UUID"),
    "system type": ({"InstanceID": "Test:desktop1", "VirtualSystemType": "DMTF:KVM"}, INVALID, "VirtualSystemType"),
    "bad value": ({"InstanceID": "Test:desktop1", "ClockOffset": 99}, INVALID, "ClockOffset 99"),
    "bad startup": ({"InstanceID": "Test:desktop1", "AutomaticStartupAction": 3}, INVALID, "AutomaticStartupAction 3"),
    "active": ({"InstanceID": "Test:web1", "OnCrash": "preserve"}, BAD_STATE, "OnCrash.*Test:web1/defined"),
    "active, with label": ({"InstanceID": "Test:web1", "OnCrash": "destroy", "ElementName": "a"}, BAD_STATE, "OnCrash"),
    "transient": ({"InstanceID": "Test:probe1", "OnCrash": "preserve"}, BAD_STATE, "OnCrash"),
    "autostart of a transient system": ({"InstanceID": "Test:probe1", "AutoStart": 1}, BAD_STATE, "transient"),
    "what libvirt refuses": ({"InstanceID": "Test:desktop1", "Machine": "no such board", "OnCrash": "nonsense"}, FAILED,
                             "libvirt"),
}  # fmt: skip


@pytest.mark.parametrize(("head", "code", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_refused(manager: Manager, head: dict[str, Any], code: int, reason: str) -> None:
    before, starts = manager.everything(), {vm.name: vm.autostart for vm in manager.host.vms}
    answer = manager.modify_system(**head)
    assert (answer.value, answer.out) == (code, ()), answer.reason
    assert re.search(reason, answer.reason), answer.reason
    assert manager.everything() == before
    assert {vm.name: vm.autostart for vm in manager.host.vms} == starts


def test_no_settings(manager: Manager) -> None:
    answer = manager.call("ModifySystemSettings")
    assert (answer.value, "SystemSettings is NULL" in answer.reason) == (INVALID, True)


# The service


def test_service_and_capabilities(manager: Manager) -> None:
    """R03 to R06: one set for the host, the same of host and service."""
    client = manager.client
    (capabilities,) = client.instances("CIM_VirtualSystemManagementCapabilities")
    found = capabilities.properties
    assert found["VirtualSystemTypesSupported"] == ["Virt:Test"]
    assert found["SynchronousMethodsSupported"] == [2, 3, 5, 6, 7, 10]
    assert found["AsynchronousMethodsSupported"] == [2, 3, 7, 10]
    for owner in (manager.service, client.instances("Test_HostSystem")[0].path):
        linked = client.across(owner, "CIM_ElementCapabilities", "CIM_VirtualSystemManagementCapabilities")
        assert [one.path for one in linked] == [capabilities.path]
    affected = client.links(manager.service, "CIM_ServiceAffectsElement")
    assert len(affected) == len(manager.names())
    assert all(link.properties["ElementEffects"] == [5] for link in affected)


@pytest.mark.parametrize("method", ["StartService", "StopService"])
def test_methods_that_are_left_out(manager: Manager, method: str) -> None:
    with pytest.raises(CIMError) as error:
        manager.call(method)
    assert error.value.status in (Status.METHOD_NOT_AVAILABLE, Status.METHOD_NOT_FOUND)
