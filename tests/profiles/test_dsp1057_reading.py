"""DSP1057: virtual systems, their configurations and devices, as they are read."""

from __future__ import annotations

import pytest
from tests.profiles.client import Client, system_path
from tests.profiles.conftest import StartClient

from virtcim.broker.call import CIMError, Item, Path, Status

UNSUPPORTED = 1
SUPPORTED = [2, 3, 4, 6, 9, 10, 11]


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
