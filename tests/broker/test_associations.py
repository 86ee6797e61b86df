"""Associators, References and their names over plain objects; links as instances (DSP0200 clause 5.3.2.17 and on)."""

from __future__ import annotations

import pytest
from tests.broker.conftest import Client, system_path

from virtcim.broker.call import CIMError, ClassPath, Path, Status, Value


def processor(device: str) -> Path:
    keys: dict[str, Value] = {
        "SystemCreationClassName": "Test_ComputerSystem",
        "SystemName": "a",
        "CreationClassName": "Test_Processor",
        "DeviceID": device,
    }
    return Path("Test_Processor", tuple(keys.items()))


def test_both_ways(client: Client) -> None:
    devices = client("AssociatorNames", ObjectName=system_path("a"))
    assert [path.key("DeviceID") for path in devices] == ["a/0", "a/1"]
    for path in devices:
        (back,) = client("AssociatorNames", ObjectName=path)
        assert back.key("Name") == "a"


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 2),
        ({"AssocClass": ClassPath("CIM_SystemDevice")}, 2),
        ({"AssocClass": ClassPath("KVM_SystemDevice")}, 0),
        ({"AssocClass": ClassPath("CIM_HostedService")}, 0),
        ({"ResultClass": ClassPath("CIM_LogicalDevice")}, 2),
        ({"ResultClass": ClassPath("CIM_Memory")}, 0),
        ({"Role": "groupcomponent"}, 2),
        ({"Role": "PartComponent"}, 0),
        ({"ResultRole": "PARTCOMPONENT"}, 2),
        ({"ResultRole": "Nothing"}, 0),
    ],
)
def test_filters(client: Client, filters: dict[str, Value], count: int) -> None:
    assert len(client("Associators", ObjectName=system_path("a"), **filters)) == count


@pytest.mark.parametrize("name", ["AssocClass", "ResultClass"])
def test_unknown_class_as_filter(client: Client, name: str) -> None:
    with pytest.raises(CIMError, match="CIM_None") as caught:
        client("Associators", ObjectName=system_path("a"), **{name: ClassPath("CIM_None")})
    assert caught.value.status == Status.INVALID_PARAMETER


def test_source_that_does_not_exist(client: Client) -> None:
    with pytest.raises(CIMError) as caught:
        client("References", ObjectName=system_path("none"))
    assert caught.value.status == Status.NOT_FOUND


def test_a_link_is_the_same_from_both_ends_from_enumeration_and_by_path(client: Client) -> None:
    from_system = client("References", ObjectName=system_path("a"), Role="GroupComponent")
    from_device = [one for name in ("a/0", "a/1") for one in client("References", ObjectName=processor(name))]
    enumerated = client("EnumerateInstances", ClassName=ClassPath("CIM_SystemDevice"))
    by_path = [client("GetInstance", InstanceName=item.path)[0] for item in enumerated]
    assert [item.path for item in from_system] == [item.path for item in from_device]
    assert [id(item) for item in from_system] == [id(item) for item in enumerated] == [id(item) for item in by_path]
    assert {item.cls.name for item in enumerated} == {"Test_SystemDevice"}


READS = ["Associators", "AssociatorNames", "References", "ReferenceNames"]


@pytest.mark.parametrize("operation", READS)
def test_nothing_is_associated_to_a_link(client: Client, operation: str) -> None:
    for link in client("ReferenceNames", ObjectName=system_path("a")):
        assert client(operation, ObjectName=link.path) == []


@pytest.mark.parametrize("operation", ["GetInstance", *READS])
def test_a_link_between_things_that_are_not_linked_is_not_found(client: Client, operation: str) -> None:
    path = Path(
        "KVM_SystemDevice",
        (("GroupComponent", system_path("b", "KVM_ComputerSystem")), ("PartComponent", processor("a/0"))),
    )
    with pytest.raises(CIMError) as caught:
        client(operation, **{"InstanceName" if operation == "GetInstance" else "ObjectName": path})
    assert caught.value.status == Status.NOT_FOUND


def test_class_level(client: Client) -> None:
    paths = client(
        "ReferenceNames", ObjectName=ClassPath("CIM_ComputerSystem"), ResultClass=ClassPath("CIM_SystemDevice")
    )
    assert ClassPath("CIM_SystemDevice", "root/virt") in paths
    views = client("Associators", ObjectName=ClassPath("CIM_ComputerSystem"), AssocClass=ClassPath("CIM_SystemDevice"))
    assert ClassPath("CIM_LogicalDevice", "root/virt") in [path for path, _ in views]
