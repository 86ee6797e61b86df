"""Pulled enumerations and queries as pywbem sees them: the Iter methods against the operations that answer at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pywbem

NAMED = "DMTF:FQL"


@pytest.fixture(scope="module")
def cim(shared_server: Any) -> Iterator[pywbem.WBEMConnection]:
    """A client that never falls back to the operations that answer at once."""
    with pywbem.WBEMConnection(shared_server.url, default_namespace="root/virt", use_pull_operations=True) as one:
        yield one


@pytest.fixture(scope="module")
def system(cim: pywbem.WBEMConnection) -> pywbem.CIMInstanceName:
    return next(path for path in cim.EnumerateInstanceNames("CIM_ComputerSystem") if path["Name"] == "web1")


def uris(found: Any) -> list[str]:
    paths = [getattr(one, "path", one) for one in found]
    return sorted(path.to_wbem_uri("canonical").partition("root/")[2] for path in paths)


def contents(found: Any) -> list[str]:
    """Of all but metrics, which are of the moment that they are asked for."""
    return sorted(one.tomof() for one in found if not one.classname.endswith("BaseMetricValue"))


def has_system(operation: str) -> bool:
    return "Associator" in operation or "Reference" in operation


@pytest.mark.parametrize("count", [1, 7, 1000])
@pytest.mark.parametrize(
    ("iterate", "plain"),
    [
        ("IterEnumerateInstances", "EnumerateInstances"),
        ("IterEnumerateInstancePaths", "EnumerateInstanceNames"),
        ("IterAssociatorInstances", "Associators"),
        ("IterAssociatorInstancePaths", "AssociatorNames"),
        ("IterReferenceInstances", "References"),
        ("IterReferenceInstancePaths", "ReferenceNames"),
    ],
)
def test_pulled_is_what_is_answered_at_once(
    cim: pywbem.WBEMConnection, system: pywbem.CIMInstanceName, iterate: str, plain: str, count: int
) -> None:
    subject = system if has_system(iterate) else "CIM_LogicalDevice"
    pulled = list(getattr(cim, iterate)(subject, MaxObjectCount=count))
    whole = getattr(cim, plain)(subject)
    assert len(whole) > 3
    assert uris(pulled) == uris(whole)
    if not plain.endswith("Names"):
        assert contents(pulled) == contents(whole)
    assert all(getattr(one, "path", one).host for one in pulled)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Name = 'web1'", lambda one: one["Name"] == "web1"),
        ("EnabledState <> 2", lambda one: one["EnabledState"] != 2),
        (
            "ANY OperationalStatus = 2 AND Name LIKE 'b'",
            lambda one: 2 in one["OperationalStatus"] and "b" in one["Name"],
        ),
    ],
    ids=["a name", "a state", "an array and a pattern"],
)
def test_filters(cim: pywbem.WBEMConnection, text: str, wanted: Callable[[Any], bool]) -> None:
    """The filter is about properties that are not shown."""
    found = list(
        cim.IterEnumerateInstances(
            "CIM_ComputerSystem",
            PropertyList=["ElementName"],
            FilterQueryLanguage=NAMED,
            FilterQuery=text,
            MaxObjectCount=2,
        )
    )
    expected = [one for one in cim.EnumerateInstances("CIM_ComputerSystem") if wanted(one)]
    assert expected
    assert uris(found) == uris(expected)
    assert {name for one in found for name in one.properties} <= {"ElementName"}


def test_query_of_columns(cim: pywbem.WBEMConnection) -> None:
    text = "SELECT Name AS n, OperationalStatus, ObjectPath(s) AS Path FROM CIM_ComputerSystem s WHERE EnabledState = 2"
    answer = cim.IterQueryInstances("DMTF:CQL", text, ReturnQueryResultClass=True, MaxObjectCount=2)
    declared = answer.query_result_class.properties
    assert {name: (one.type, one.is_array) for name, one in declared.items()} == {
        "n": ("string", False),
        "OperationalStatus": ("uint16", True),
        "Path": ("reference", False),
    }
    rows = list(answer.generator)
    wanted = [one for one in cim.EnumerateInstances("CIM_ComputerSystem") if one["EnabledState"] == 2]
    assert sorted(row["n"] for row in rows) == sorted(one["Name"] for one in wanted)
    assert all(cim.GetInstance(row["Path"])["Name"] == row["n"] for row in rows)


@pytest.mark.parametrize("language", ["WQL", "DMTF:CQL", "CIM:CQL"])
def test_exec_query(cim: pywbem.WBEMConnection, language: str) -> None:
    found = cim.ExecQuery(language, "SELECT * FROM CIM_ComputerSystem WHERE Name = 'web1'")
    assert [one["Name"] for one in found] == ["web1"]
    assert contents([cim.GetInstance(found[0].path)]) == contents(found)
    assert cim.ExecQuery(language, "SELECT * FROM CIM_ComputerSystem WHERE Name = 'no'") == []


@pytest.mark.parametrize(
    ("language", "text", "status"),
    [
        ("SQL", "SELECT", pywbem.CIM_ERR_QUERY_LANGUAGE_NOT_SUPPORTED),
        ("WQL", "SELECT", pywbem.CIM_ERR_INVALID_QUERY),
        ("WQL", "SELECT * FROM CIM_Nothing", pywbem.CIM_ERR_INVALID_QUERY),
        ("DMTF:CQL", "SELECT DISTINCT Name FROM CIM_System", 29),
    ],
)
@pytest.mark.parametrize("operation", ["ExecQuery", "OpenQueryInstances"])
def test_refused(cim: pywbem.WBEMConnection, operation: str, language: str, text: str, status: int) -> None:
    with pytest.raises(pywbem.CIMError) as error:
        getattr(cim, operation)(language, text)
    assert error.value.status_code == status


def test_get_property(cim: pywbem.WBEMConnection, system: pywbem.CIMInstanceName) -> None:
    """pywbem has no GetProperty any more, so the reply is read here."""
    for name, wanted in (
        ("Name", "<VALUE>web1</VALUE>"),
        ("OperationalStatus", "<VALUE.ARRAY><VALUE>"),
        ("InstallDate", "</IRETURNVALUE>"),
    ):
        cim._imethodcall("GetProperty", "root/virt", InstanceName=bare(system), PropertyName=name)
        assert f"<IRETURNVALUE>{wanted}" in reply(cim)


def bare(path: pywbem.CIMInstanceName) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(path.classname, path.keybindings)


def reply(cim: pywbem.WBEMConnection) -> str:
    return cim.last_raw_reply.decode() if isinstance(cim.last_raw_reply, bytes) else cim.last_raw_reply
