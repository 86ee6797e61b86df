"""Classes of one name that differ in each namespace: keys, types, references and embedded instances of each its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import pywbem
from tests.conftest import connect, running_server
from tests.namespaces.spaces import compile_mof, create

QUALIFIERS = """
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride, ToSubclass);
Qualifier EmbeddedInstance : string = null, Scope(property), Flavor(EnableOverride, ToSubclass);
"""
NUMBERED = """
class CIM_ComputerSystem { [Key] uint32 Id; [Key] boolean Spare; uint8 EnabledState; sint64 Name; };
[Association] class CIM_SystemDevice { [Key] CIM_ComputerSystem REF One; [Key] CIM_ComputerSystem REF Other; };
class LAB_Note { [Key] string Text; [EmbeddedInstance("CIM_ComputerSystem")] string About; };
"""
DATED = """
class CIM_ComputerSystem { [Key] datetime Since; string Name; };
"""
SINCE = "20260101120000.000000+000"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with two namespaces that have a CIM_ComputerSystem of their own."""
    with running_server(tmp_path_factory.mktemp("state")) as server:
        for name, text in (("root/numbered", NUMBERED), ("root/dated", DATED)):
            with connect(server.url, name) as conn:
                assert create(conn, name)[0] == 0
                compile_mof(conn, QUALIFIERS + text)
        yield server.url


@pytest.fixture
def numbered(url: str) -> Iterator[pywbem.WBEMConnection]:
    with connect(url, "root/numbered") as conn:
        yield conn


@pytest.fixture
def dated(url: str) -> Iterator[pywbem.WBEMConnection]:
    with connect(url, "root/dated") as conn:
        yield conn


def made(conn: pywbem.WBEMConnection, **properties: Any) -> pywbem.CIMInstanceName:
    instance = pywbem.CIMInstance("CIM_ComputerSystem", properties)
    path = conn.CreateInstance(instance)
    assert isinstance(path, pywbem.CIMInstanceName)
    return path


def number(number: int) -> dict[str, Any]:
    return {"Id": pywbem.Uint32(number), "Spare": number % 2 == 0}


def test_keys_are_those_of_the_namespace(
    numbered: pywbem.WBEMConnection, dated: pywbem.WBEMConnection, shared_conn: pywbem.WBEMConnection
) -> None:
    path = made(numbered, **number(7), EnabledState=pywbem.Uint8(9), Name=pywbem.Sint64(-1))
    assert dict(path.keybindings) == {"Id": 7, "Spare": False}
    (name,) = [one for one in numbered.EnumerateInstanceNames("CIM_ComputerSystem") if one["Id"] == 7]
    assert isinstance(name["Id"], pywbem.Uint32)
    assert name["Spare"] is False
    found = numbered.GetInstance(name)
    assert (found["EnabledState"], found["Name"]) == (9, -1)
    assert (found.properties["EnabledState"].type, found.properties["Name"].type) == ("uint8", "sint64")

    other = made(dated, Since=pywbem.CIMDateTime(SINCE), Name="x")
    assert str(dated.GetInstance(other)["Since"]) == SINCE
    assert [str(one["Since"]) for one in dated.EnumerateInstanceNames("CIM_ComputerSystem")] == [SINCE]
    (system, *_) = shared_conn.EnumerateInstances("CIM_ComputerSystem")
    assert shared_conn.GetInstance(system.path)["Name"] == system["Name"]
    dated.DeleteInstance(other)
    numbered.DeleteInstance(path)


def test_the_key_of_one_is_none_of_another(numbered: pywbem.WBEMConnection, dated: pywbem.WBEMConnection) -> None:
    path = made(numbered, **number(1))
    wrong = pywbem.CIMInstanceName("CIM_ComputerSystem", path.keybindings, namespace="root/dated")
    with pytest.raises(pywbem.CIMError) as error:
        dated.GetInstance(wrong)
    assert error.value.status_code == pywbem.CIM_ERR_INVALID_PARAMETER
    numbered.DeleteInstance(path)


def test_references_and_pulls(numbered: pywbem.WBEMConnection) -> None:
    one, other = made(numbered, **number(1)), made(numbered, **number(2))
    link = numbered.CreateInstance(pywbem.CIMInstance("CIM_SystemDevice", {"One": one, "Other": other}))
    assert [dict(p.keybindings) for p in numbered.AssociatorNames(one)] == [dict(other.keybindings)]
    (found,) = numbered.References(other)
    assert dict(found["One"].keybindings) == {"Id": 1, "Spare": False}
    opened = numbered.OpenAssociatorInstances(one, MaxObjectCount=5)
    assert [i["Id"] for i in opened.instances] == [2]
    filtered = numbered.OpenEnumerateInstances(
        "CIM_ComputerSystem", FilterQueryLanguage="DMTF:FQL", FilterQuery="Id = 2", MaxObjectCount=5
    )
    assert [i["Spare"] for i in filtered.instances] == [True]
    (row,) = numbered.ExecQuery("DMTF:CQL", "SELECT Id FROM CIM_ComputerSystem WHERE Spare = TRUE")
    assert row["Id"] == 2
    for path in (link, one, other):
        numbered.DeleteInstance(path)


def test_embedded_instances(numbered: pywbem.WBEMConnection) -> None:
    about = pywbem.CIMInstance("CIM_ComputerSystem", {**number(3), "Name": pywbem.Sint64(5)})
    path = numbered.CreateInstance(pywbem.CIMInstance("LAB_Note", {"Text": "a", "About": about}))
    kept = numbered.GetInstance(path)["About"]
    assert (kept["Id"], kept["Name"]) == (3, 5)
    assert kept.properties["Name"].type == "sint64"
    wrong = pywbem.CIMInstance("CIM_ComputerSystem", {"CreationClassName": "x"})
    with pytest.raises(pywbem.CIMError) as error:
        numbered.CreateInstance(pywbem.CIMInstance("LAB_Note", {"Text": "b", "About": wrong}))
    assert error.value.status_code == pywbem.CIM_ERR_INVALID_PARAMETER
    numbered.DeleteInstance(path)
