"""DSP1057: what a virtual system shows in each state, and what every request does in each of them."""

from __future__ import annotations

import threading
import time

import pytest
from tests.profiles.client import Client, out, system_path
from tests.profiles.conftest import StartClient
from tests.profiles.states import ENABLED_STATE, SUBJECT, bring

from virtcim.broker.call import CIMError, Item, Path, Status
from virtcim.host import domains
from virtcim.host.inventory import Vm

OK, UNSUPPORTED, FAILED, INVALID, JOB, TRANSITION, NO_TIMEOUT, BUSY = 0, 1, 4, 5, 4096, 4097, 4098, 4099
REQUESTS = (2, 3, 4, 6, 7, 8, 9, 10, 11)

# State -> request -> (return code, the state it leads to). What is not here is an invalid transition.
ALLOWED: dict[str, dict[int, tuple[int, str]]] = {
    "Defined": {2: (OK, "Active")},
    "Active": {
        3: (OK, "Defined"),
        4: (JOB, "Defined"),
        6: (JOB, "Suspended"),
        9: (OK, "Paused"),
        10: (JOB, "Active"),
        11: (OK, "Active"),
    },
    "Paused": {2: (OK, "Active"), 3: (OK, "Defined"), 6: (JOB, "Suspended"), 11: (OK, "Active")},
    "Suspended": {2: (OK, "Active"), 3: (OK, "Defined")},
    "Crashed": {2: (OK, "Active"), 3: (OK, "Defined")},
}
SUPPORTED = [2, 3, 4, 6, 9, 10, 11]


def request(client: Client, name: str, state: object, **more: str) -> int:
    """RequestStateChange and the end of its job; the return code."""
    parameters = more if state is None else {"RequestedState": str(state), **more}
    answer = client.invoke(system_path(name), "RequestStateChange", **parameters)
    if answer.value == JOB:
        assert client.job_of(answer).error == ""
    assert bool(answer.reason) == (answer.value not in (OK, JOB))
    return int(str(answer.value))


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("requested", REQUESTS)
def test_every_request_in_every_state(client: Client, state: str, requested: int) -> None:
    name = bring(client, state)
    before = client.system(name).properties
    unsupported = requested not in SUPPORTED
    code, after = ALLOWED[state].get(requested, (UNSUPPORTED if unsupported else TRANSITION, state))
    assert (requested in before["AvailableRequestedStates"]) == (requested in ALLOWED[state])  # type: ignore[operator]
    assert request(client, name, requested) == code
    shown = client.system(name).properties
    assert shown["EnabledState"] == ENABLED_STATE[after]
    assert shown["RequestedState"] == (requested if code in (OK, JOB) else before["RequestedState"])
    assert shown["TransitioningToState"] == 5
    assert client.vm(name).state == client.vm(name).host.refresh(client.vm(name).uuid).state  # type: ignore[union-attr]


@pytest.mark.parametrize("requested", [None, 0, 1, 5, 12, 99, 32768, 65535])
def test_a_state_that_cannot_be_requested(client: Client, requested: int | None) -> None:
    assert request(client, SUBJECT, requested) == INVALID
    assert client.system(SUBJECT).properties["RequestedState"] == 0


TIMEOUTS = {
    "none": (None, OK),
    "zero": ("00000000000000.000000:000", OK),
    "five seconds": ("00000000000005.000000:000", NO_TIMEOUT),
    "a microsecond": ("00000000000000.000001:000", NO_TIMEOUT),
    "a day": ("00000001000000.000000:000", NO_TIMEOUT),
    "a moment": ("20300101000000.000000+000", INVALID),
}


@pytest.mark.parametrize(("period", "code"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_timeout_period(client: Client, period: str | None, code: int) -> None:
    assert request(client, SUBJECT, 9, **({"TimeoutPeriod": period} if period else {})) == code
    assert client.system(SUBJECT).properties["EnabledState"] == (9 if code == OK else 2)


def test_timeout_period_of_another_form(client: Client) -> None:
    with pytest.raises(CIMError, match="TimeoutPeriod") as caught:
        request(client, SUBJECT, 9, TimeoutPeriod="5 seconds")
    assert caught.value.status is Status.INVALID_PARAMETER


def test_unknown_system(client: Client) -> None:
    with pytest.raises(CIMError) as caught:
        request(client, "nobody", 2)
    assert caught.value.status is Status.NOT_FOUND


def test_state_changed_behind_our_back(client: Client) -> None:
    """What counts is the state at libvirt, even before its event has arrived."""
    vm = client.vm(SUBJECT)
    domains.destroy(vm)
    with client.world.hosts[0].link.borrow() as connection:
        connection.lookupByName(SUBJECT).create()
        answer = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="2")
    assert answer.value == TRANSITION
    assert client.system(SUBJECT).properties["RequestedState"] == 0


def test_requested_state_survives_in_the_definition(client: Client) -> None:
    request(client, SUBJECT, 9)
    request(client, SUBJECT, 3)
    with client.world.hosts[0].link.borrow() as connection:
        xml = connection.lookupByName(SUBJECT).XMLDesc(2)  # VIR_DOMAIN_XML_INACTIVE
    assert "<virtcim:RequestedState>3</virtcim:RequestedState>" in xml
    assert client.system(SUBJECT).properties["RequestedState"] == 3


def test_foreign_metadata_stays(client: Client) -> None:
    request(client, "web1", 9)
    assert "<team:owner" in client.vm("web1").state_xml
    assert "<team:owner" in str(client.vm("web1").defined_xml)


def test_time_of_state_change_follows_the_state(client: Client) -> None:
    request(client, SUBJECT, 9)
    first = client.system(SUBJECT).properties["TimeOfLastStateChange"]
    request(client, SUBJECT, 9)
    assert client.system(SUBJECT).properties["TimeOfLastStateChange"] == first
    time.sleep(0.01)
    request(client, SUBJECT, 2)
    assert str(client.system(SUBJECT).properties["TimeOfLastStateChange"]) > str(first)


def test_while_a_job_is_at_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transition shows; only turning the system off is possible meanwhile."""
    go_on = threading.Event()
    shutdown = domains.shutdown

    def slow(vm: Vm, **more: object) -> Vm | None:
        assert go_on.wait(30)
        return shutdown(vm)

    monkeypatch.setattr(domains, "shutdown", slow)
    answer = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="4")
    assert answer.value == JOB
    shown = client.system(SUBJECT).properties
    assert (shown["RequestedState"], shown["TransitioningToState"]) == (4, 4)
    assert shown["AvailableRequestedStates"] == [3]
    assert request(client, SUBJECT, 9) == BUSY
    assert request(client, SUBJECT, 3) == OK
    go_on.set()
    assert client.job_of(answer).state == 10  # Exception: it was off already
    shown = client.system(SUBJECT).properties
    assert (shown["EnabledState"], shown["RequestedState"], shown["TransitioningToState"]) == (3, 3, 5)


def transient(client: Client) -> Item:
    with client.world.hosts[0].link.borrow() as connection:
        xml = "<domain type='test'><name>brief</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        uuid = connection.createXML(xml).UUIDString()
    client.world.hosts[0].refresh(uuid)
    return client.system("brief")


def test_transient_system(client: Client) -> None:
    """It has a State configuration only, cannot be saved, and is gone when it is turned off (R21)."""
    system = transient(client)
    assert 6 not in system.properties["AvailableRequestedStates"]  # type: ignore[operator]
    state = client.across(system.path, "CIM_SettingsDefineState")[0]
    assert client.links(state.path, "CIM_ElementSettingData") == []
    assert request(client, "brief", 6) == TRANSITION
    assert request(client, "brief", 9) == OK
    assert client.system("brief").properties["RequestedState"] == 9
    assert request(client, "brief", 3) == OK
    with pytest.raises(CIMError):
        client.system("brief")


# Reading


def test_a_system_for_each_domain(shared: Client) -> None:
    names = {item.properties["Name"] for item in shared.instances("Virt_ComputerSystem")}
    with shared.world.hosts[0].link.borrow() as connection:
        assert names == {domain.name() for domain in connection.listAllDomains()}


NODE_STATES = {
    "web1": (2, [2], 5),
    "db1": (2, [2], 5),
    "archive1": (6, [15], 5),
    "desktop1": (3, [10], 5),
    "legacy1": (3, [6], 20),
}


@pytest.mark.parametrize("name", NODE_STATES)
def test_state_table(shared: Client, name: str) -> None:
    shown = shared.system(name).properties
    assert (shown["EnabledState"], shown["OperationalStatus"], shown["HealthState"]) == NODE_STATES[name]


def test_identity(shared: Client) -> None:
    shown = shared.system("web1").properties
    assert shown["CreationClassName"] == "Test_ComputerSystem"
    assert shown["ElementName"] == "Web server 1"
    assert shown["UUID"] == "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0101"
    assert len(shown["OtherIdentifyingInfo"]) == len(shown["IdentifyingDescriptions"])  # type: ignore[arg-type]


def test_identity_by_uuid(start_client: StartClient, node_uri: str) -> None:
    uuid = "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0101"
    with start_client(node_uri, naming="uuid") as client:
        system = client.system(uuid)
        assert system.properties["NameFormat"] == "UUID"
        state = client.across(system.path, "CIM_SettingsDefineState")[0]
        assert state.properties["InstanceID"] == f"Test:{uuid}"
        devices = client.across(system.path, "CIM_SystemDevice")
        assert {client.get(device.path).path for device in devices} == {device.path for device in devices}
        assert all(str(device.properties["DeviceID"]).startswith(f"{uuid}/") for device in devices)


@pytest.mark.parametrize("name", ["web1", "archive1", "desktop1", "legacy1"])
def test_configurations(shared: Client, name: str) -> None:
    """State and Defined, tied together, each with its resource settings (clause 8 of the sheet's table)."""
    system = shared.system(name)
    (state,) = shared.across(system.path, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData")
    assert state.properties["InstanceID"] == f"Test:{name}"
    assert state.properties["ElementName"] == system.properties["ElementName"]
    (link,) = shared.links(state.path, "CIM_ElementSettingData", role="ManagedElement")
    assert (link.properties["IsDefault"], link.properties["IsNext"]) == (1, 1)
    defined = shared.get(reference(link, "SettingData"))
    assert defined.properties["InstanceID"] == f"Test:{name}/defined"
    assert shared.links(defined.path, "CIM_ElementSettingData", role="ManagedElement") == []
    parts = [shared.across(one.path, "CIM_VirtualSystemSettingDataComponent") for one in (state, defined)]
    ids = [{str(item.properties["InstanceID"]) for item in one} for one in parts]
    assert {one.replace(f"{name}/", f"{name}/defined/", 1) for one in ids[0]} == ids[1]


def reference(link: Item, role: str) -> Path:
    path = link.properties[role]
    assert isinstance(path, Path)
    return path


def test_devices_of_an_active_system(shared: Client) -> None:
    """Each has exactly one State setting, part of the State configuration (R15)."""
    system = shared.system("web1")
    (state,) = shared.across(system.path, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData")
    parts = {item.path for item in shared.across(state.path, "CIM_VirtualSystemSettingDataComponent")}
    devices = shared.across(system.path, "CIM_SystemDevice", "CIM_LogicalDevice")
    assert devices
    for device in devices:
        (setting,) = shared.across(device.path, "CIM_SettingsDefineState")
        assert setting.path in parts
        assert device.properties["EnabledState"] == 2
        assert device.properties["SystemName"] == "web1"
        assert device.properties["SystemCreationClassName"] == system.path.classname


def test_processors_share_a_setting(shared: Client) -> None:
    processors = [item for item in shared.instances("CIM_Processor") if item.properties["SystemName"] == "db1"]
    assert [item.properties["DeviceID"] for item in processors] == [f"db1/{number}" for number in range(8)]
    (setting,) = shared.across(processors[3].path, "CIM_SettingsDefineState")
    assert setting.properties["InstanceID"] == "db1/proc"
    assert len(shared.across(setting.path, "CIM_SettingsDefineState")) == 8


@pytest.mark.parametrize("name", ["archive1", "desktop1"])
def test_no_device_of_a_system_that_is_off_is_enabled(shared: Client, name: str) -> None:
    devices = shared.across(system_path(name), "CIM_SystemDevice")
    assert {device.properties["EnabledState"] for device in devices} == {3}


def test_capabilities(shared: Client) -> None:
    (found,) = shared.across(system_path("web1"), "CIM_ElementCapabilities", "CIM_EnabledLogicalElementCapabilities")
    assert found.properties["RequestedStatesSupported"] == SUPPORTED
    assert found.properties["ElementNameEditSupported"] is False


def test_device_methods(shared: Client) -> None:
    (memory,) = [d for d in shared.across(system_path("web1"), "CIM_SystemDevice") if d.cls.name == "Test_Memory"]
    assert shared.invoke(memory.path, "RequestStateChange", RequestedState="3").value == UNSUPPORTED
    with pytest.raises(CIMError) as caught:
        shared.invoke(memory.path, "Reset")
    assert caught.value.status is Status.METHOD_NOT_AVAILABLE


WRONG_KEYS = {
    "another platform": ("KVM_ComputerSystem", "KVM_ComputerSystem", "web1"),
    "another class name": ("Test_ComputerSystem", "KVM_ComputerSystem", "web1"),
    "another name": ("Test_ComputerSystem", "Test_ComputerSystem", "web9"),
    "superclass": ("CIM_ComputerSystem", "CIM_ComputerSystem", "web1"),
}


@pytest.mark.parametrize("keys", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_keys_of_nobody(shared: Client, keys: tuple[str, str, str]) -> None:
    path = Path(keys[0], (("CreationClassName", keys[1]), ("Name", keys[2])))
    with pytest.raises(CIMError) as caught:
        shared.get(path)
    assert caught.value.status is Status.NOT_FOUND


WRONG_IDS = ["", "web1", "Test:", "Test:web9", "KVM:web1", "Test:web1/", "Test:web1/other", "web1/proc", "/", "\x00"]


@pytest.mark.parametrize("instance_id", WRONG_IDS)
def test_ids_of_no_configuration(shared: Client, instance_id: str) -> None:
    with pytest.raises(CIMError) as caught:
        shared.get(Path("Test_VirtualSystemSettingData", (("InstanceID", instance_id),)))
    assert caught.value.status is Status.NOT_FOUND


@pytest.mark.parametrize("instance_id", ["", "web1", "web1/", "web1/vdz", "web1/defined/", "Test:web1", "web9/proc"])
def test_ids_of_no_setting(shared: Client, instance_id: str) -> None:
    for classname in ("Test_DiskResourceAllocationSettingData", "Test_ProcResourceAllocationSettingData"):
        with pytest.raises(CIMError) as caught:
            shared.get(Path(classname, (("InstanceID", instance_id),)))
        assert caught.value.status is Status.NOT_FOUND


def test_job_parameter_is_the_job(client: Client) -> None:
    answer = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="10")
    job = client.job_of(answer)
    assert out(answer, "Job") == client.instances("CIM_ConcreteJob")[0].path
    assert [element for element, _ in job.work.affects] == [job.owner.target]
