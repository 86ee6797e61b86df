"""docs/coming-from-libvirt-cim.md, statement by statement: what systems and their classes show."""

from __future__ import annotations

from typing import Any

import pytest
import pywbem
from tests.docs.old_client import SYSTEM, OldClient, system

INVALID_CLASS = 5
UUID = "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0101"
# As with libvirt-cim, or as the page says.
SHOWN: dict[str, dict[str, Any]] = {
    "web1": {
        "Name": "web1", "CreationClassName": SYSTEM, "UUID": UUID, "ElementName": "Web server 1", "EnabledState": 2,
        "Caption": "Virtual System", "HealthState": 5, "OperationalStatus": [2], "OperatingStatus": 16,
    },
    "web2": {"Description": "Virtual System"},
    "desktop1": {"EnabledState": 3, "HealthState": 5, "OperationalStatus": [10]},
    "archive1": {"EnabledState": 6},
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_properties(reader: OldClient, name: str) -> None:
    found = reader.connection.GetInstance(system(name))
    assert {key: found[key] for key in SHOWN[name]} == SHOWN[name]


def test_identifying_information(reader: OldClient) -> None:
    """The first three entries are those of libvirt-cim."""
    found = reader.connection.GetInstance(system("web1"))
    pairs = list(zip(found["IdentifyingDescriptions"], found["OtherIdentifyingInfo"], strict=True))
    assert pairs[:3] == [("Type", "Virtual System"), ("Model", "Test Virtual System"), ("UUID", UUID)]


def test_address_of_a_console(reader: OldClient) -> None:
    found = {one["DeviceID"]: one for one in reader.connection.EnumerateInstances("Test_DisplayController")}
    assert found["desktop1/spice"]["VideoProcessor"] == "spice/127.0.0.1:-1"


def test_host(reader: OldClient) -> None:
    (host,) = reader.connection.EnumerateInstanceNames("Test_HostSystem")
    (service,) = reader.connection.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    assert (host["CreationClassName"], host["Name"]) == (service["SystemCreationClassName"], service["SystemName"])


def test_associations_are_enumerated(reader: OldClient) -> None:
    links = reader.connection.EnumerateInstances("Test_SystemDevice")
    assert {"web1/vda", "web1/mem"} <= {link["PartComponent"].get("DeviceID") for link in links}


def test_no_class_of_all_settings(reader: OldClient) -> None:
    with pytest.raises(pywbem.CIMError) as error:
        reader.connection.EnumerateInstances("Test_ResourceAllocationSettingData")
    assert error.value.status_code == INVALID_CLASS
    assert reader.connection.EnumerateInstanceNames("CIM_ResourceAllocationSettingData")


@pytest.mark.parametrize("namespace", ["root/PG_InterOp", "root/interop", "interop"])
def test_namespaces_of_profiles(reader: OldClient, namespace: str) -> None:
    assert reader.connection.EnumerateInstanceNames("Test_RegisteredProfile", namespace)
