"""What clients do with pools from end to end, through pywbem on the embedded node."""

from __future__ import annotations

from pathlib import Path

import pywbem
from pywbem import CIMInstance, CIMInstanceName, Uint16, Uint64, WBEMConnection

from virtcim.conformance.pools import DEFAULT, INCREMENT, MAXIMUM, MINIMUM

IN_USE = ALTERNATIVE = 6
PROFILES = {
    3: "Processor Resource Virtualization",
    4: "Memory Resource Virtualization",
    16: "Generic Device Resource Virtualization",
}


def host_of(conn: WBEMConnection) -> CIMInstanceName:
    """The host, from the registered profile on."""
    registered = conn.EnumerateInstances("CIM_RegisteredProfile", "interop")
    (profile,) = [one for one in registered if one["RegisteredName"] == "System Virtualization"]
    (host,) = conn.AssociatorNames(
        profile.path,
        AssocClass="CIM_ElementConformsToProfile",
        ResultClass="CIM_ComputerSystem",
        Role="ConformantStandard",
    )
    return host


def pools_of(conn: WBEMConnection) -> dict[str, CIMInstance]:
    found = conn.Associators(host_of(conn), AssocClass="CIM_HostedResourcePool", ResultClass="CIM_ResourcePool")
    return {one["PoolID"]: one for one in found}


def samples_of(conn: WBEMConnection, pool: CIMInstanceName) -> dict[tuple[int, int], CIMInstance]:
    """The default and the range of what can be asked of a pool, by ValueRole and ValueRange."""
    (capabilities,) = conn.AssociatorNames(
        pool, AssocClass="CIM_ElementCapabilities", ResultClass="CIM_AllocationCapabilities", Role="ManagedElement"
    )
    links = conn.References(capabilities, ResultClass="CIM_SettingsDefineCapabilities", Role="GroupComponent")
    wanted = (DEFAULT, MINIMUM, MAXIMUM, INCREMENT)
    found = {(link["ValueRole"], link["ValueRange"]): link["PartComponent"] for link in links}
    return {role: conn.GetInstance(path) for role, path in found.items() if role in wanted}


def management(conn: WBEMConnection) -> CIMInstanceName:
    services = conn.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    (service,) = [one for one in services if one["Name"] == "Management Service"]
    return service


def test_pools_of_a_host_and_their_profiles(shared_conn: WBEMConnection) -> None:
    pools = pools_of(shared_conn)
    every = {one["InstanceID"] for one in shared_conn.EnumerateInstanceNames("CIM_ResourcePool")}
    assert {one["InstanceID"] for one in pools.values()} == every
    for number, name in PROFILES.items():
        (pool,) = [one for one in pools.values() if one["ResourceType"] == number and one["Primordial"]]
        standards = shared_conn.Associators(pool.path, AssocClass="CIM_ElementConformsToProfile")
        assert {one["RegisteredName"] for one in standards} == {"Resource Allocation", name}
    children = shared_conn.Associators(
        pools["DiskPool/0"].path,
        AssocClass="CIM_ElementAllocatedFromPool",
        ResultClass="CIM_ResourcePool",
        Role="Antecedent",
    )
    assert {one["ElementName"] for one in children} == {"backup", "fast", "images"}
    assert shared_conn.AssociatorNames(host_of(shared_conn), "CIM_HostedResourcePool", "CIM_Processor") == []


def test_the_server_works_out_a_request(conn: WBEMConnection) -> None:
    """More memory than there is: what can be had is proposed, and can be asked for as it is."""
    pool = pools_of(conn)["MemoryPool/0"]
    (capabilities,) = conn.AssociatorNames(pool.path, "CIM_ElementCapabilities", "CIM_AllocationCapabilities")
    wish = CIMInstance("Test_MemResourceAllocationSettingData", {"VirtualQuantity": Uint64(2**50)})
    template = pywbem.CIMParameter(
        "TemplateGoalSettings", "string", value=[wish], is_array=True, embedded_object="instance"
    )
    code, out = conn.InvokeMethod("CreateGoalSettings", capabilities, Params=[template])
    (proposed,) = out["SupportedGoalSettings"]
    assert (code, proposed["VirtualQuantity"]) == (ALTERNATIVE, pool["Capacity"])
    head = CIMInstance("Test_VirtualSystemSettingData", {"ElementName": "as proposed"})
    code, _ = conn.InvokeMethod("DefineSystem", management(conn), SystemSettings=head, ResourceSettings=[proposed])
    assert code == 0


def test_the_largest_new_system(conn: WBEMConnection) -> None:
    """What fits into memory by the pool, its range and its grid can be defined, and a start takes just that."""
    pool = pools_of(conn)["MemoryPool/0"]
    free = pool["Capacity"] - pool["Reserved"]
    roles = samples_of(conn, pool.path)
    low, high, step = (roles[role]["VirtualQuantity"] for role in (MINIMUM, MAXIMUM, INCREMENT))
    most = low + (min(high, free) - low) // step * step
    wanted = roles[DEFAULT].copy()
    del wanted["InstanceID"]
    wanted["VirtualQuantity"] = wanted["Limit"] = Uint64(most)
    head = CIMInstance("Test_VirtualSystemSettingData", {"ElementName": "largest"})
    code, out = conn.InvokeMethod("DefineSystem", management(conn), SystemSettings=head, ResourceSettings=[wanted])
    assert code == 0
    assert conn.GetInstance(pool.path)["Reserved"] == pool["Reserved"]
    assert conn.InvokeMethod("RequestStateChange", out["ResultingSystem"], RequestedState=Uint16(2))[0] == 0
    assert conn.GetInstance(pool.path)["Reserved"] == pool["Reserved"] + most


def test_a_directory_becomes_a_pool_and_goes(conn: WBEMConnection, tmp_path: Path) -> None:
    (service,) = conn.AssociatorNames(host_of(conn), "CIM_HostedService", "CIM_ResourcePoolConfigurationService")
    (claims,) = conn.Associators(service, "CIM_ElementCapabilities", "CIM_ResourcePoolConfigurationCapabilities")
    assert (3 in claims["AsynchronousMethodsSupported"], 4 in claims["SynchronousMethodsSupported"]) == (True, True)
    parent = pools_of(conn)["DiskPool/0"]
    wanted = samples_of(conn, parent.path)[DEFAULT]
    setting = CIMInstance(
        wanted.classname,
        {"ResourceType": Uint16(31), "ResourceSubType": "virtcim:dir", "HostResource": [tmp_path.as_uri()]},
    )
    asked = {"ElementName": "images2", "Settings": [setting], "ParentPool": [parent.path]}
    code, out = conn.InvokeMethod("CreateChildResourcePool", service, **asked)
    assert code == 0
    pool = conn.GetInstance(out["Pool"])
    assert (pool["Primordial"], pool["ResourceType"], pool["AllocationUnits"]) == (False, 31, "byte")
    assert pool["Capacity"] > 0
    assert conn.InvokeMethod("CreateChildResourcePool", service, **asked)[0] == 4
    setting["ResourceType"] = Uint16(4)
    assert conn.InvokeMethod("CreateChildResourcePool", service, **asked | {"ElementName": "x"})[0] == 7
    assert conn.InvokeMethod("DeleteResourcePool", service, Pool=out["Pool"])[0] == 0
    assert conn.InvokeMethod("DeleteResourcePool", service, Pool=parent.path)[0] == 1
    assert "DiskPool/images2" not in pools_of(conn)


def test_a_device_of_the_host_is_passed_through(conn: WBEMConnection) -> None:
    pool = pools_of(conn)["HostDevicePool/0"]
    device, *_ = conn.AssociatorNames(pool.path, AssocClass="CIM_ConcreteComponent", ResultClass="Test_HostPCIDevice")
    uri = device.to_wbem_uri(format="canonical")
    wanted = CIMInstance(
        "Test_HostDeviceResourceAllocationSettingData",
        {
            "ResourceType": Uint16(13),
            "ResourceSubType": "pci",
            "PoolID": pool["PoolID"],
            "ConsumerVisibility": Uint16(2),
            "MappingBehavior": Uint16(3),
            "HostResource": [uri],
            "VirtualQuantity": Uint64(1),
            "VirtualQuantityUnits": "count",
        },
    )
    head = CIMInstance("Test_VirtualSystemSettingData", {"ElementName": "accelerated"})
    code, out = conn.InvokeMethod("DefineSystem", management(conn), SystemSettings=head, ResourceSettings=[wanted])
    assert code == 0
    system = out["ResultingSystem"]
    assert conn.InvokeMethod("RequestStateChange", system, RequestedState=Uint16(2))[0] == 0
    (virtual,) = conn.AssociatorNames(system, AssocClass="CIM_SystemDevice", ResultClass="CIM_PCIDevice")
    below = conn.AssociatorNames(virtual, AssocClass="CIM_HostedDependency", Role="Dependent")
    assert [one["DeviceID"] for one in below] == [device["DeviceID"]]
    assert conn.GetInstance(pool.path)["Reserved"] == pool["Reserved"] + 1
    head["ElementName"] = "too late"
    code, out = conn.InvokeMethod("DefineSystem", management(conn), SystemSettings=head, ResourceSettings=[wanted])
    assert code == 0
    assert conn.InvokeMethod("RequestStateChange", out["ResultingSystem"], RequestedState=Uint16(2))[0] == IN_USE
    assert conn.GetInstance(pool.path)["Reserved"] == pool["Reserved"] + 1
    empty = wanted.copy()
    empty.properties["HostResource"] = pywbem.CIMProperty("HostResource", None, type="string", is_array=True)
    (head_path,) = conn.AssociatorNames(system, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData")
    answer = conn.InvokeMethod(
        "AddResourceSettings", management(conn), AffectedConfiguration=head_path, ResourceSettings=[empty]
    )
    assert answer[0] in (2, 4)
