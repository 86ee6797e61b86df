"""docs/coming-from-libvirt-cim.md, statement by statement: pools and the service that makes them."""

from __future__ import annotations

from typing import Any

import pytest
import pywbem
from tests.docs.old_client import OldClient, mof, names, path

SERVICE = "Test_ResourcePoolConfigurationService"
UNSUPPORTED, INVALID, IN_USE, MISMATCH = 1, 5, 6, 7


def invoke(client: OldClient, method: str, **parameters: Any) -> int:
    """A method of the service on its class, as clients of libvirt-cim call it."""
    return int(client.connection.InvokeMethod(method, SERVICE, **parameters)[0])


def test_pools_of_what_there_is(reader: OldClient) -> None:
    found = {one["InstanceID"]: one for one in reader.connection.EnumerateInstances("CIM_ResourcePool")}
    for name, units in (("ProcessorPool/0", "percent"), ("MemoryPool/0", "byte * 2^10"), ("DiskPool/images", "byte")):
        assert found[name]["AllocationUnits"] == units
    assert found["NetworkPool/production"]["OperationalStatus"] == [2]
    assert {"DVDPool/0", "InputPool/0", "GraphicsPool/0", "ControllerPool/0"} <= found.keys()


def test_devices_of_systems_that_are_off_are_from_no_pool(reader: OldClient) -> None:
    devices = reader.connection.AssociatorNames(path("MemoryPool", "MemoryPool/0"), "Test_ElementAllocatedFromPool")
    found = {one.get("DeviceID") for one in devices}
    assert "web1/mem" in found
    assert "desktop1/mem" not in found


def test_samples_have_names_of_their_own(reader: OldClient) -> None:
    capabilities = path("AllocationCapabilities", "MemoryPool/0")
    found = reader.connection.AssociatorNames(capabilities, "Test_SettingsDefineCapabilities")
    roles = ("Default", "Increment", "Maximum", "Minimum")
    assert names(found, "InstanceID") == {f"virtcim:sample/MemoryPool/0/{role}" for role in roles}


def test_what_is_in_use_stays(client: OldClient) -> None:
    images = path("DiskPool", "DiskPool/images")
    assert invoke(client, "DeleteResourcePool", Pool=images) == IN_USE
    volume = mof("StorageVolumeResourceAllocationSettingData", 'Address = "/srv/images/web1.qcow2";')
    assert invoke(client, "DeleteResourceInPool", Resource=volume, Pool=images) == IN_USE


def test_a_pool_that_is_not_there_is_not_refreshed(client: OldClient) -> None:
    assert invoke(client, "RefreshResourcesInPool", Pool=path("DiskPool", "DiskPool/images")) == 0
    assert invoke(client, "RefreshResourcesInPool", Pool=path("DiskPool", "DiskPool/gone")) == INVALID


def test_storage_pools_tell_their_kind_elsewhere(reader: OldClient) -> None:
    pool = reader.connection.GetInstance(path("DiskPool", "DiskPool/images"))
    shown = (pool["OtherResourceType"], pool["StorageType"], pool["ResourceSubType"])
    assert shown == (None, "dir", "Virt:dir")


def test_controllers_have_the_types_of_the_standard(reader: OldClient) -> None:
    found = {one["InstanceID"]: one for one in reader.connection.EnumerateInstances("Test_ControllerPool")}
    types = {name: one["ResourceType"] for name, one in found.items()}
    assert types == {"ControllerPool/ide": 5, "ControllerPool/scsi": 6, "ControllerPool/usb": 23, "ControllerPool/0": 1}
    assert found["ControllerPool/0"]["OtherResourceType"] == "controller"


def test_samples_are_instances_of_their_class(reader: OldClient) -> None:
    found = names(reader.connection.EnumerateInstanceNames("Test_MemResourceAllocationSettingData"), "InstanceID")
    assert {"web1/mem", "web1/defined/mem", "virtcim:sample/MemoryPool/0/Default"} <= found


def test_samples_of_a_storage_pool(reader: OldClient) -> None:
    capabilities = path("AllocationCapabilities", "DiskPool/images")
    found = reader.connection.AssociatorNames(capabilities, "Test_SettingsDefineCapabilities")
    made = {name.rpartition("/")[2] for name in names(found, "InstanceID")}
    assert made == {"Default", "Minimum", "Increment", "volume-raw", "volume-qcow2"}
    volumes = reader.connection.AssociatorNames(path("DiskPool", "DiskPool/images"), "Test_ConcreteComponent")
    assert {one.classname for one in volumes} == {"Test_HostStorageVolume"}


def test_no_sample_of_a_whole_system(reader: OldClient) -> None:
    (capabilities,) = reader.connection.EnumerateInstanceNames("Test_VirtualSystemManagementCapabilities")
    assert reader.connection.AssociatorNames(capabilities, "CIM_SettingsDefineCapabilities") == []


def test_a_parent_has_to_fit(client: OldClient) -> None:
    settings = [mof("NetPoolResourceAllocationSettingData", 'Address = "198.51.100.1"; Netmask = "255.255.255.0";')]
    for parent, value in (("DiskPool", MISMATCH), ("NetworkPool", 0)):
        given = {"ElementName": "lab", "Settings": settings, "ParentPool": [path(parent, f"{parent}/0")]}
        assert invoke(client, "CreateChildResourcePool", **given) == value


@pytest.mark.parametrize(
    "method",
    [
        "CreateResourcePool",
        "AddResourcesToResourcePool",
        "RemoveResourcesFromResourcePool",
        "ChangeParentResourcePool",
    ],
)
def test_what_is_not_supported(reader: OldClient, method: str) -> None:
    assert invoke(reader, method) == UNSUPPORTED


def test_networks_are_made_as_before(client: OldClient) -> None:
    settings = [mof("NetPoolResourceAllocationSettingData", 'Address = "198.51.100.1"; Netmask = "255.255.255.0";')]
    code, out = client.connection.InvokeMethod("CreateChildResourcePool", SERVICE, ElementName="lab", Settings=settings)
    assert (code, out["Pool"]["InstanceID"]) == (0, "NetworkPool/lab")
    assert invoke(client, "DeleteResourcePool", Pool=out["Pool"]) == 0
    with pytest.raises(pywbem.CIMError):
        client.connection.GetInstance(out["Pool"])
