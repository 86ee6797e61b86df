"""GetInstance, EnumerateInstances and EnumerateInstanceNames over plain objects (DSP0200 clause 5.3.2)."""

from __future__ import annotations

import pytest
from tests.broker.conftest import Client, World, system_path

from virtcim.broker.call import CIMError, ClassPath, Path, Status

SYSTEM = ClassPath("CIM_ComputerSystem")


def test_enumeration_finds_the_leaves_of_every_platform(client: Client) -> None:
    names = [item.path for item in client("EnumerateInstances", ClassName=SYSTEM)]
    assert [(path.classname, path.key("Name")) for path in names] == [
        ("Test_ComputerSystem", "a"),
        ("KVM_ComputerSystem", "b"),
    ]


@pytest.mark.parametrize(
    ("classname", "found"),
    [
        ("cim_computersystem", ["a", "b"]),
        ("Virt_ComputerSystem", ["a", "b"]),
        ("KVM_ComputerSystem", ["b"]),
        ("Test_ComputerSystem", ["a"]),
        ("CIM_VirtualSystemSettingData", []),
    ],
)
def test_class_of_an_enumeration(client: Client, classname: str, found: list[str]) -> None:
    items = client("EnumerateInstanceNames", ClassName=ClassPath(classname))
    assert [item.path.key("Name") for item in items] == found


def test_instances_are_made_once_for_an_object(client: Client, world: World) -> None:
    first = client("EnumerateInstances", ClassName=SYSTEM)
    again = client("EnumerateInstances", ClassName=SYSTEM)
    assert [id(item) for item in first] == [id(item) for item in again]
    assert world.made == 2


def test_get_instance_by_keys_in_any_case_and_order(client: Client) -> None:
    path = Path("TEST_computersystem", (("NAME", "a"), ("creationclassname", "Test_ComputerSystem")))
    (item,) = client("GetInstance", InstanceName=path)
    assert item.properties["ElementName"] == "a"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param(system_path("c"), Status.NOT_FOUND, id="no such name"),
        pytest.param(system_path("a", "KVM_ComputerSystem"), Status.NOT_FOUND, id="name of another platform"),
        pytest.param(system_path("a", "CIM_ComputerSystem"), Status.NOT_FOUND, id="not the creation class"),
        pytest.param(Path("Test_ComputerSystem", (("Name", "a"),)), Status.NOT_FOUND, id="a key is missing"),
        pytest.param(Path("Test_ComputerSystem", (("Nam", "a"),)), Status.INVALID_PARAMETER, id="no such key"),
        pytest.param(Path("CIM_Nothing", ()), Status.INVALID_CLASS, id="no such class"),
    ],
)
def test_get_instance_refuses(client: Client, path: Path, status: Status) -> None:
    with pytest.raises(CIMError) as caught:
        client("GetInstance", InstanceName=path)
    assert caught.value.status == status


def test_shallow_enumeration_shows_the_properties_of_the_class_asked_for(client: Client) -> None:
    answer = client.answer("EnumerateInstances", ClassName=SYSTEM, DeepInheritance="FALSE")
    assert answer.selection.names is not None
    assert "uuid" not in answer.selection.names
    assert "enabledstate" in answer.selection.names


@pytest.mark.parametrize(("given", "names"), [([], set()), (["NAME", "bogus", "Name"], {"name", "bogus"})])
def test_property_list(client: Client, given: list[str], names: set[str]) -> None:
    answer = client.answer("EnumerateInstances", ClassName=SYSTEM, PropertyList=list(given))
    assert set(answer.selection.names or ()) == names


@pytest.mark.parametrize(
    ("operation", "parameters", "status", "culprit"),
    [
        ("GetInstance", {}, Status.INVALID_PARAMETER, "InstanceName"),
        ("GetInstance", {"InstanceName": "text"}, Status.INVALID_PARAMETER, "InstanceName"),
        ("EnumerateInstances", {"ClassName": SYSTEM, "Deep": "TRUE"}, Status.INVALID_PARAMETER, "Deep"),
        ("EnumerateInstances", {"ClassName": SYSTEM, "LocalOnly": "yes"}, Status.INVALID_PARAMETER, "LocalOnly"),
        ("EnumerateInstances", {"ClassName": ClassPath("X")}, Status.INVALID_CLASS, "X"),
        ("GetClass", {"ClassName": ClassPath("X")}, Status.NOT_FOUND, "X"),
        ("GetQualifier", {"QualifierName": "X"}, Status.NOT_FOUND, "X"),
        ("CreateInstance", {}, Status.INVALID_PARAMETER, "NewInstance"),
        ("DeleteClass", {"ClassName": ClassPath("CIM_Job")}, Status.NOT_SUPPORTED, "root/virt are the server's own"),
    ],
)
def test_refusals_name_the_culprit(
    client: Client, operation: str, parameters: dict[str, object], status: Status, culprit: str
) -> None:
    with pytest.raises(CIMError, match=culprit) as caught:
        client(operation, **parameters)  # type: ignore[arg-type]
    assert caught.value.status == status


def test_unknown_namespace(client: Client) -> None:
    with pytest.raises(CIMError, match="root/none") as caught:
        client.within("root/none", "EnumerateInstances", ClassName=SYSTEM)
    assert caught.value.status == Status.INVALID_NAMESPACE


def test_instances_live_in_one_namespace(client: Client) -> None:
    assert client.within("root/interop", "EnumerateInstances", ClassName=SYSTEM) == []
