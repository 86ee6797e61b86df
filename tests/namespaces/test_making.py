"""Namespaces that clients make: pywbem fills, uses and deletes them; what they hold outlives the server."""

from __future__ import annotations

import pytest
import pywbem
from tests.conftest import StartServer, connect
from tests.namespaces.spaces import MOF, SPACE, compile_mof, create, flask, names, status


def test_create_and_delete(conn: pywbem.WBEMConnection) -> None:
    value, out = create(conn)
    assert value == 0
    assert conn.GetInstance(out["Namespace"])["Name"] == SPACE
    assert SPACE in names(conn)
    assert conn.EnumerateClassNames(SPACE.upper()) == []
    value, out = create(conn, "ROOT/lab")
    assert value == 1
    assert [(one["CIMStatusCode"], one["MessageID"]) for one in out["Errors"]] == [(11, "VIRTCIM0002")]
    value, out = create(conn, "1 a")
    assert value == 1
    assert [(one["CIMStatusCode"], one["MessageID"]) for one in out["Errors"]] == [(4, "VIRTCIM0003")]
    pywbem.WBEMServer(conn).delete_namespace(SPACE)
    assert SPACE not in names(conn)
    with pytest.raises(pywbem.CIMError) as error:
        conn.EnumerateClassNames(SPACE)
    assert status(error) == 3


@pytest.mark.parametrize("name", ["", "/", "a//b", "1a", "a b", "x" * 300, "a/"])
def test_names(conn: pywbem.WBEMConnection, name: str) -> None:
    given = pywbem.CIMInstance("CIM_Namespace", {"Name": name})
    if name == "a/":
        assert conn.CreateInstance(given, "interop")["Name"] == "a"
        return
    with pytest.raises(pywbem.CIMError) as error:
        conn.CreateInstance(given, "interop")
    assert status(error) == 4


@pytest.mark.parametrize("classname", ["CIM_Namespace", "CIM_WBEMServerNamespace"])
def test_by_instance_of_either_model(conn: pywbem.WBEMConnection, classname: str) -> None:
    path = conn.CreateInstance(pywbem.CIMInstance(classname, {"Name": SPACE}), "interop")
    assert conn.GetInstance(path)["Name"] == SPACE
    for other in ("CIM_Namespace", "CIM_WBEMServerNamespace"):
        assert SPACE in [one["Name"] for one in conn.EnumerateInstances(other, "interop")]
        with pytest.raises(pywbem.CIMError) as error:
            conn.CreateInstance(pywbem.CIMInstance(other, {"Name": SPACE}), "interop")
        assert status(error) == 11
    conn.DeleteInstance(path)
    assert SPACE not in names(conn)


def test_own_namespaces_stay(conn: pywbem.WBEMConnection) -> None:
    for path in conn.EnumerateInstanceNames("CIM_Namespace", "interop"):
        with pytest.raises(pywbem.CIMError) as error:
            conn.DeleteInstance(path)
        assert status(error) == 7


def test_one_that_is_not_empty_stays(lab: pywbem.WBEMConnection) -> None:
    path = next(p for p in lab.EnumerateInstanceNames("CIM_Namespace", "interop") if p["Name"] == SPACE)
    with pytest.raises(pywbem.CIMError) as error:
        lab.DeleteInstance(path)
    assert status(error) == 20


def held(conn: pywbem.WBEMConnection) -> tuple[list[str], list[str]]:
    """All classes and instances, without the address they come from."""
    classes = conn.EnumerateClasses(DeepInheritance=True, LocalOnly=False, IncludeClassOrigin=True)
    return [one.tomof() for one in classes], [one.tomof() for one in conn.EnumerateInstances("LAB_Thing")]


def test_it_outlives_the_server(start_server: StartServer) -> None:
    with start_server() as server, connect(server.url, SPACE) as conn:
        assert create(conn)[0] == 0
        compile_mof(conn, MOF)
        before = held(conn)
    with start_server() as server, connect(server.url, SPACE) as conn:
        assert held(conn) == before
        assert [p["Name"] for p in conn.AssociatorNames(flask("one"))] == ["two"]
        with pytest.raises(pywbem.CIMError) as error:
            conn.CreateInstance(pywbem.CIMInstance("LAB_Flask", {"Name": "one"}))
        assert status(error) == 11
