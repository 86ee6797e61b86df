"""The operations that take queries: filters of Open, OpenQueryInstances, ExecQuery; and GetProperty."""

from __future__ import annotations

from typing import Any

import pytest
from tests.broker.conftest import Client, system_path
from tests.broker.replies import Reply, ask, pulled, refused

from virtcim.broker.call import Answer, ClassPath, ClassView, Form, Path, Status, Value

SYSTEMS = ClassPath("CIM_ComputerSystem")
A = system_path("a")


@pytest.mark.parametrize(
    ("name", "given", "text", "wanted"),
    [
        ("OpenEnumerateInstances", {"ClassName": SYSTEMS}, "Name = 'b'", {"b"}),
        ("OpenEnumerateInstancePaths", {"ClassName": SYSTEMS}, "NOT ANY OperationalStatus = 2", {"a", "b"}),
        ("OpenAssociatorInstances", {"InstanceName": A}, "DeviceID LIKE '/1$'", {"a/1"}),
        ("OpenAssociatorInstancePaths", {"InstanceName": A}, "DeviceID = NULL", set()),
    ],
)
def test_filters(client: Client, name: str, given: dict[str, Any], text: str, wanted: set[str]) -> None:
    """The property that the filter is about need not be shown."""
    more: dict[str, Any] = {} if name.endswith("Paths") else {"PropertyList": ["Status"]}
    filtered: dict[str, Any] = {"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": text}
    reply = ask(client, name, MaxObjectCount="9", **given, **more, **filtered)
    assert {item.path.key("Name") or item.path.key("DeviceID") for item in reply.items} == wanted


def query(client: Client, text: str, language: str = "DMTF:CQL", **more: Any) -> Reply:
    return ask(client, "OpenQueryInstances", FilterQueryLanguage=language, FilterQuery=text, **more)


def test_queries(client: Client) -> None:
    opened = query(client, "SELECT * FROM CIM_ComputerSystem WHERE Name > ''", MaxObjectCount="1")
    assert opened.answer.form is Form.INSTANCE
    assert pulled(client, "PullInstances", opened) == client("EnumerateInstances", ClassName=SYSTEMS)


@pytest.mark.parametrize(
    ("text", "classname", "properties"),
    [
        ("SELECT * FROM CIM_ComputerSystem", "CIM_ComputerSystem", None),
        ("SELECT Name, EnabledState AS State, Dedicated FROM CIM_ComputerSystem", "Virt_QueryResult", 3),
        ("SELECT SourceInstance, ObjectPath(CIM_InstCreation) AS p FROM CIM_InstCreation", "Virt_QueryResult", 2),
    ],
)
def test_result_class(client: Client, text: str, classname: str, properties: int | None) -> None:
    assert query(client, text).answer.result_class is None
    shown = query(client, text, ReturnQueryResultClass="true").answer.result_class
    assert isinstance(shown, ClassView)
    declared: Any = shown.declared
    assert declared.classname == classname
    assert properties in (None, len(declared.properties))


def items_of(answer: Answer) -> list[Any]:
    return list(answer.items)


def test_exec_query(client: Client) -> None:
    selected = client.answer("ExecQuery", QueryLanguage="WQL", Query="SELECT * FROM CIM_System WHERE Name = 'b'")
    assert selected.form is Form.OBJECT_WITH_PATH
    assert [item.path.key("Name") for item in items_of(selected)] == ["b"]
    narrowed = client.answer("ExecQuery", QueryLanguage="WQL", Query="SELECT Name FROM CIM_ComputerSystem")
    assert (narrowed.form, narrowed.selection.names) == (Form.OBJECT_WITH_PATH, frozenset({"name"}))
    rows = client.answer("ExecQuery", QueryLanguage="CQL", Query="SELECT Name AS n FROM CIM_ComputerSystem")
    assert rows.form is Form.OBJECT
    assert [item.properties for item in items_of(rows)] == [{"n": "a"}, {"n": "b"}]


def test_exec_query_of_associations(client: Client) -> None:
    text = "SELECT * FROM CIM_SystemDevice WHERE PartComponent ISA CIM_Processor AND GroupComponent ISA CIM_System"
    assert len(client("ExecQuery", QueryLanguage="CQL", Query=text)) == 2


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"QueryLanguage": "SQL", "Query": "x"}, Status.QUERY_LANGUAGE_NOT_SUPPORTED),
        ({"QueryLanguage": "DMTF:FQL", "Query": "Name = 'a'"}, Status.QUERY_LANGUAGE_NOT_SUPPORTED),
        ({"QueryLanguage": "WQL", "Query": "x"}, Status.INVALID_QUERY),
        ({"QueryLanguage": "WQL"}, Status.INVALID_PARAMETER),
        ({"QueryLanguage": "WQL", "Query": ["x"]}, Status.INVALID_PARAMETER),
    ],
    ids=str,
)
def test_exec_query_refuses(client: Client, given: dict[str, Any], status: Status) -> None:
    assert refused(client, "ExecQuery", **given).status is status


# GetProperty


@pytest.mark.parametrize(("name", "wanted"), [("Name", "a"), ("enabledstate", 2), ("Description", None)])
def test_get_property(client: Client, name: str, wanted: Value) -> None:
    found = client.answer("GetProperty", InstanceName=A, PropertyName=name)
    assert found.form is Form.VALUE
    values: list[Any] = list(found.items)
    assert [one.value for one in values] == ([] if wanted is None else [wanted])


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        (A, "Nothing", Status.NO_SUCH_PROPERTY),
        (system_path("none"), "Name", Status.NOT_FOUND),
        (Path("CIM_Nothing", ()), "Name", Status.INVALID_CLASS),
        (A, None, Status.INVALID_PARAMETER),
    ],
    ids=str,
)
def test_get_property_refuses(client: Client, path: Path, name: str | None, status: Status) -> None:
    assert refused(client, "GetProperty", InstanceName=path, PropertyName=name).status is status
