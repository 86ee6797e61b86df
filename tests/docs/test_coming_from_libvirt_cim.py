"""docs/coming-from-libvirt-cim.md, statement by statement: what keeps working."""

from __future__ import annotations

import pytest
import pywbem
from tests import schemas
from tests.conftest import StartServer, connect
from tests.docs.old_client import DISK, GRAPHICS, MEM, NET, OK, REFUSED, SYSTEM, OldClient, mof, names, path

# Classes of libvirt-cim that are served, without their prefix, and the standard class that each is one of here.
CLASSES = {
    "ComputerSystem": "CIM_ComputerSystem",
    "HostSystem": "CIM_ComputerSystem",
    "Processor": "CIM_Processor",
    "Memory": "CIM_Memory",
    "NetworkPort": "CIM_NetworkPort",
    "LogicalDisk": "CIM_LogicalDisk",
    "DisplayController": "CIM_DisplayController",
    "ConsoleDisplayController": "CIM_DisplayController",
    "PointingDevice": "CIM_PointingDevice",
    "Controller": "CIM_Controller",
    "VirtualSystemSettingData": "CIM_VirtualSystemSettingData",
    "DiskResourceAllocationSettingData": "CIM_StorageAllocationSettingData",
    "NetResourceAllocationSettingData": "CIM_EthernetPortAllocationSettingData",
    "ProcResourceAllocationSettingData": "CIM_ResourceAllocationSettingData",
    "MemResourceAllocationSettingData": "CIM_ResourceAllocationSettingData",
    "GraphicsResourceAllocationSettingData": "CIM_ResourceAllocationSettingData",
    "InputResourceAllocationSettingData": "CIM_ResourceAllocationSettingData",
    "ConsoleResourceAllocationSettingData": "CIM_ResourceAllocationSettingData",
    "ControllerResourceAllocationSettingData": "CIM_ResourceAllocationSettingData",
    "EnabledLogicalElementCapabilities": "CIM_EnabledLogicalElementCapabilities",
    "VirtualSystemManagementService": "CIM_VirtualSystemManagementService",
    "VirtualSystemManagementCapabilities": "CIM_VirtualSystemManagementCapabilities",
    "HostedDependency": "CIM_HostedDependency",
    "HostedService": "CIM_HostedService",
    "SystemDevice": "CIM_SystemDevice",
    "SettingsDefineState": "CIM_SettingsDefineState",
    "VirtualSystemSettingDataComponent": "CIM_VirtualSystemSettingDataComponent",
    "ElementSettingData": "CIM_ElementSettingData",
    "ElementCapabilities": "CIM_ElementCapabilities",
    "ServiceAffectsElement": "CIM_ServiceAffectsElement",
}
NEW_MEMORY = mof(MEM, 'ResourceType = 4; VirtualQuantity = 131072; AllocationUnits = "KiloBytes";')


@pytest.mark.parametrize("platform", ["KVM", "LXC", "Xen"])
def test_class_names(platform: str) -> None:
    classes = schemas.loaded("KVM", "LXC", "Xen")
    wrong = {name for name, above in CLASSES.items() if not classes.is_a(f"{platform}_{name}", above)}
    assert wrong == set()


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_served(reader: OldClient, name: str) -> None:
    assert reader.connection.EnumerateInstanceNames(f"Test_{name}")


@pytest.mark.parametrize(
    "dev",
    ["proc", "mem", "vda", "52:54:00:10:00:01", "vnc", "tablet:usb", "charconsole:0", "controller:usb:0"],
)
def test_keys_of_settings(reader: OldClient, dev: str) -> None:
    assert dev in reader.settings("web1")


def test_keys_of_the_rest(reader: OldClient) -> None:
    connection = reader.connection
    assert {"web1", "web2", "db1"} <= names(connection.EnumerateInstanceNames(SYSTEM), "Name")
    assert {"web1/0", "web1/1"} <= names(connection.EnumerateInstanceNames("Test_Processor"), "DeviceID")
    assert reader.get("EnabledLogicalElementCapabilities", "web1")
    assert reader.get("VirtualSystemManagementCapabilities", "ManagementCapabilities")
    assert reader.get("VirtualSystemMigrationCapabilities", "MigrationCapabilities")
    assert reader.get("VirtualSystemMigrationSettingData", "MigrationSettingData")
    (moving,) = reader.connection.EnumerateInstanceNames("Test_VirtualSystemMigrationService")
    assert moving["Name"] == "MigrationService"
    (service,) = connection.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    assert service["Name"] == "Management Service"


def test_profiles_are_in_root_interop_too(reader: OldClient) -> None:
    found = reader.connection.EnumerateInstances("CIM_RegisteredProfile", "root/interop")
    assert {"System Virtualization", "Virtual System", "Virtual System Profile"} <= {p["RegisteredName"] for p in found}
    assert all(one["InstanceID"].startswith("virtcim:") for one in found)


def test_method_on_a_class(client: OldClient) -> None:
    code, out = client.define("old1")
    assert (code, out["ResultingSystem"]["Name"]) == (OK, "old1")


def test_method_on_a_class_with_several_hosts(start: StartServer, node_uri: str) -> None:
    with start(connect=(node_uri, "test:///default"), naming="uuid") as server, connect(server.url) as connection:
        old = OldClient(connection)
        with pytest.raises(pywbem.CIMError, match=r"4 \(CIM_ERR_INVALID_PARAMETER\).*2 instances"):
            old.define("old1")


def as_xml(text: str) -> str:
    return (
        f'<INSTANCE CLASSNAME="Test_{MEM}"><PROPERTY NAME="InstanceID" TYPE="string"><VALUE>{text}</VALUE></PROPERTY>'
        '<PROPERTY NAME="VirtualQuantity" TYPE="uint64"><VALUE>65536</VALUE></PROPERTY></INSTANCE>'
    )


FORMS = {
    "MOF": [mof(MEM, 'InstanceID = "web1/defined/mem"; VirtualQuantity = 65536;')],
    "CIM-XML": [as_xml("web1/defined/mem")],
    "embedded instance": [
        pywbem.CIMInstance(f"Test_{MEM}", {"InstanceID": "web1/defined/mem", "VirtualQuantity": pywbem.Uint64(65536)})
    ],
    "class of another name": [
        pywbem.CIMInstance(
            "CIM_ResourceAllocationSettingData",
            {
                "InstanceID": "web1/defined/mem",
                "ResourceType": pywbem.Uint16(4),
                "VirtualQuantity": pywbem.Uint64(65536),
            },
        )
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_embedded_instances_in_any_form(client: OldClient, form: str) -> None:
    code, out = client.call("ModifyResourceSettings", ResourceSettings=FORMS[form])
    assert (code, out["ResultingResourceSettings"][0]["InstanceID"]) == (OK, "web1/defined/mem")
    assert client.get(MEM, "web1/defined/mem")["VirtualQuantity"] == 65536


def test_blank_reference(client: OldClient) -> None:
    assert client.define("old1", NEW_MEMORY, ReferenceConfiguration=" ")[0] == OK


@pytest.mark.parametrize(
    ("word", "given", "kib"),
    [("Bytes", 2**27, 2**17), ("KiloBytes", 2**17, 2**17), ("MegaBytes", 128, 2**17), ("GigaBytes", 1, 2**20)],
)
def test_words_for_units(client: OldClient, word: str, given: int, kib: int) -> None:
    memory = mof(MEM, f'ResourceType = 4; VirtualQuantity = {given}; AllocationUnits = "{word}";')
    assert client.define("old1", memory)[0] == OK
    shown = client.get(MEM, "old1/mem")
    assert (shown["VirtualQuantity"], shown["AllocationUnits"]) == (kib, "byte * 2^10")


def test_word_that_is_no_unit(client: OldClient) -> None:
    memory = mof(MEM, 'InstanceID = "web1/defined/mem"; VirtualQuantity = 1; AllocationUnits = "Bushels";')
    assert client.call("ModifyResourceSettings", ResourceSettings=[memory])[0] == REFUSED


def test_bandwidth_in_old_words(client: OldClient) -> None:
    interface = mof(
        NET,
        'ResourceType = 10; NetworkType = "network"; PoolID = "NetworkPool/production"; Address = "00:11:22:33:44:55";'
        'Reservation = 1000; Limit = 2000; AllocationUnits = "KiloBytes per Second";',
    )
    assert client.define("old1", interface)[0] == OK
    shown = client.get(NET, "old1/00:11:22:33:44:55")
    assert (shown["ReceiveBandwidthLimit"], shown["ReceiveBandwidthPeak"]) == (8_000_000, 16_000_000)


def disk(properties: str) -> str:
    return mof(DISK, f"ResourceType = 17; {properties}")


@pytest.mark.parametrize(
    ("given", "dev", "shown"),
    [
        ('EmulatedType = 0; VirtualDevice = "hda"; Address = "/srv/images/one.img";', "hda", 31),
        ('VirtualDevice = "vda"; Address = "/srv/images/one.img";', "vda", 31),
        ('EmulatedType = 1; VirtualDevice = "hdc"; Address = "/dev/null";', "hdc", 16),
        ('EmulatedType = 1; VirtualDevice = "hdc";', "hdc", 16),
        ('EmulatedType = 2; VirtualDevice = "fda"; Address = "/srv/images/driver-disk.img";', "fda", 14),
        ('EmulatedType = 3; VirtualDevice = "share"; Address = "/srv/share";', "share", 1),
        ('EmulatedType = 4; VirtualDevice = "sdb"; Address = "/dev/sdb"; BusType = "scsi";', "sdb", 17),
    ],
    ids=["disk", "plain", "empty optical drive", "optical drive without address", "floppy drive", "file system", "LUN"],
)
def test_old_resource_type_of_disks(client: OldClient, given: str, dev: str, shown: int) -> None:
    assert client.define("old1", disk(given))[0] == OK
    setting = client.get(DISK, f"old1/{dev}")
    assert setting["ResourceType"] == shown
    assert "/dev/null" not in (setting["Address"] or "")


def test_legacy_resource_types(start: StartServer) -> None:
    """17 for all, and a whole instance can be sent back."""
    with start(legacy_resource_types=True) as server, connect(server.url) as connection:
        old = OldClient(connection)
        assert {one["ResourceType"] for one in connection.EnumerateInstances(f"Test_{DISK}")} == {17}
        for dev in ("vda", "sda"):
            setting = old.get(DISK, f"web1/defined/{dev}")
            assert old.call("ModifyResourceSettings", ResourceSettings=[setting])[0] == OK


def test_some_network(client: OldClient) -> None:
    adapter = mof(NET, 'ResourceType = 10; NetworkType = "network"; Address = "00:11:22:33:44:55";')
    assert client.define("old1", adapter)[0] == OK
    assert client.get(NET, "old1/00:11:22:33:44:55")["PoolID"] == "NetworkPool/backbone"


def test_any_port_of_a_console(client: OldClient) -> None:
    console = mof(GRAPHICS, 'ResourceType = 24; ResourceSubType = "vnc"; Address = "127.0.0.1:-1";')
    assert client.define("old1", console)[0] == OK
    assert client.get(GRAPHICS, "old1/vnc")["Address"] == "127.0.0.1:-1"


def test_head_in_old_codes(client: OldClient) -> None:
    given = 'VirtualSystemType = "Test"; AutoStart = 1; ClockOffset = 1; AutomaticShutdownAction = 3;'
    assert client.define("old1", system=given + "AutomaticRecoveryAction = 123;")[0] == OK
    head = client.head("old1")
    assert (head["AutoStart"], head["ClockOffset"], head["OnPoweroff"], head["OnCrash"]) == (
        1,
        1,
        "restart",
        "preserve",
    )
    assert (head["VirtualSystemType"], head["AutomaticStartupAction"]) == ("Virt:Test", 4)
    assert (head["AutomaticShutdownAction"], head["AutomaticRecoveryAction"]) == (2, 2)


def test_modify_by_name(client: OldClient) -> None:
    change = mof("VirtualSystemSettingData", 'VirtualSystemIdentifier = "web2"; ClockOffset = 1;')
    assert client.call("ModifySystemSettings", SystemSettings=change)[0] == OK
    assert client.get("VirtualSystemSettingData", "Test:web2/defined")["ClockOffset"] == 1


def test_defaults_of_a_new_system(client: OldClient) -> None:
    assert client.define("old1", NEW_MEMORY)[0] == OK
    settings = client.settings("old1")
    assert (settings["vnc"]["Address"], settings["vnc"]["KeyMap"]) == ("127.0.0.1:-1", "en-us")
    assert "mouse:ps2" in settings
    assert settings["proc"]["Weight"] is None


def test_copy_of_a_reference(client: OldClient) -> None:
    reference = path("VirtualSystemSettingData", "Test:web1/defined")
    assert client.define("old1", ReferenceConfiguration=reference)[0] == OK
    macs = [
        {one["Address"] for one in client.settings(name).values() if one["ResourceType"] == 10}
        for name in ("web1", "old1")
    ]
    assert len(macs[0]) == len(macs[1]) == 2
    assert not macs[0] & macs[1]
    assert client.head("old1")["UUID"] != client.head("web1")["UUID"]


def test_password(client: OldClient) -> None:
    console = mof(GRAPHICS, 'ResourceType = 24; ResourceSubType = "vnc"; Password = "secret";')
    assert client.define("old1", console)[0] == OK
    assert client.get(GRAPHICS, "old1/vnc")["Password"] is None
    back = mof(GRAPHICS, 'InstanceID = "old1/vnc"; Password = "********"; KeyMap = "de";')
    assert client.call("ModifyResourceSettings", ResourceSettings=[back])[0] == OK
    assert client.get(GRAPHICS, "old1/vnc")["KeyMap"] == "de"


def test_what_features_are_told_by(reader: OldClient) -> None:
    (service,) = reader.connection.EnumerateInstances("Test_VirtualSystemManagementService")
    assert service["Revision"] == "1312"
    assert service["Release"]
    assert service["Changeset"].startswith("virtcim-")
    assert service["LibvirtVersion"].count(".") == 2
    assert service["Caption"].startswith("TEST ")
