"""Namespaces that clients make: pywbem fills, uses and deletes them; what they hold outlives the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pywbem
from tests.conftest import StartServer, connect, running_server

from virtcim.resources import mof_dir

SPACE = "root/Lab"
OWN = ("interop", "root/virt", "root/cimv2")
MOF = """
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride, ToSubclass);
Qualifier Abstract : boolean = false, Scope(class, association), Flavor(EnableOverride, Restricted);
Qualifier Required : boolean = false, Scope(property), Flavor(DisableOverride, ToSubclass);
Qualifier Description : string = null, Scope(any), Flavor(EnableOverride, ToSubclass, Translatable);
Qualifier In : boolean = true, Scope(parameter), Flavor(DisableOverride, ToSubclass);
Qualifier Override : string = null, Scope(property, reference, method), Flavor(EnableOverride, Restricted);

[Abstract, Description("What has a place.")]
class LAB_Thing {
    [Key] string Name;
    [Required] uint16 Shelf = 7;
    string Colours[];
};

class LAB_Flask : LAB_Thing {
    real32 Volume;
    datetime Washed;
    uint32 Wash([In] boolean Twice);
};

[Association]
class LAB_Beside {
    [Key] LAB_Thing REF Left;
    [Key] LAB_Thing REF Right;
};

instance of LAB_Flask as $one { Name = "one"; Volume = 1.5; Colours = {"red", "blue"}; };
instance of LAB_Flask as $two { Name = "two"; Shelf = 9; Washed = "20260101120000.000000+000"; };
instance of LAB_Beside { Left = $one; Right = $two; };
"""


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_server(tmp_path_factory.mktemp("state")) as server:
        yield server


@pytest.fixture
def conn(own_server: Any) -> Iterator[pywbem.WBEMConnection]:
    """A client of the server; what it has made is gone afterwards."""
    with connect(own_server.url) as connection:
        yield connection
        for path in connection.EnumerateInstanceNames("CIM_Namespace", "interop"):
            if path["Name"] not in OWN:
                clear(connection, path["Name"])
                connection.DeleteInstance(path)


def clear(conn: pywbem.WBEMConnection, space: str) -> None:
    """Delete all that a namespace holds, what refers to others first."""
    names = conn.EnumerateClassNames(space, DeepInheritance=True)
    for name in sorted(names, key=lambda name: "Association" not in conn.GetClass(name, space).qualifiers):
        for path in conn.EnumerateInstanceNames(name, space):
            conn.DeleteInstance(path)
    for name in reversed(names):
        conn.DeleteClass(name, space)
    for declared in conn.EnumerateQualifiers(space):
        conn.DeleteQualifier(declared.name, space)


@pytest.fixture
def lab(conn: pywbem.WBEMConnection) -> pywbem.WBEMConnection:
    """A client whose default namespace has been made and filled."""
    assert create(conn)[0] == 0
    conn.default_namespace = SPACE
    compile_mof(conn, MOF)
    return conn


def create(conn: pywbem.WBEMConnection, name: str = SPACE) -> tuple[int, dict[str, Any]]:
    """What pywbem.WBEMServer.create_namespace does, which up to 1.7 takes the path of the server for an instance."""
    (server,) = conn.EnumerateInstanceNames("CIM_WBEMServer", "interop")
    template = pywbem.CIMInstance("CIM_WBEMServerNamespace", {"Name": name})
    value, out = conn.InvokeMethod("CreateWBEMServerNamespace", server, [("NamespaceTemplate", template)])
    return int(value), dict(out)


def compile_mof(conn: pywbem.WBEMConnection, text: str) -> None:
    compiler = pywbem.MOFCompiler(conn, search_paths=[], verbose=False, log_func=None)
    compiler.compile_string(text, conn.default_namespace)


def flask(name: str, namespace: str | None = SPACE) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName("LAB_Flask", {"Name": name}, namespace=namespace)


def status(error: Any) -> int:
    return int(error.value.status_code)


def names(conn: pywbem.WBEMConnection) -> list[str]:
    return list(pywbem.WBEMServer(conn).namespaces)


def test_create_and_delete(conn: pywbem.WBEMConnection) -> None:
    value, out = create(conn)
    assert value == 0
    assert conn.GetInstance(out["Namespace"])["Name"] == SPACE
    assert SPACE in names(conn)
    assert conn.EnumerateClassNames(SPACE.upper()) == []
    value, out = create(conn, "ROOT/lab")
    assert value == 1
    assert [one["CIMStatusCode"] for one in out["Errors"]] == [11]
    value, out = create(conn, "1 a")
    assert value == 1
    assert [one["CIMStatusCode"] for one in out["Errors"]] == [4]
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


def test_classes(lab: pywbem.WBEMConnection) -> None:
    assert sorted(lab.EnumerateClassNames(DeepInheritance=True)) == ["LAB_Beside", "LAB_Flask", "LAB_Thing"]
    whole, own = lab.GetClass("lab_flask", LocalOnly=False), lab.GetClass("LAB_Flask")
    assert list(own.properties) == ["Volume", "Washed"]
    assert list(whole.properties) == ["Name", "Shelf", "Colours", "Volume", "Washed"]
    assert whole.properties["Name"].propagated
    assert whole.properties["Shelf"].value == 7
    assert "Abstract" not in whole.qualifiers
    assert whole.qualifiers["Description"].value == "What has a place."
    assert own.methods["Wash"].parameters["Twice"].type == "boolean"
    assert lab.GetQualifier("key").tosubclass
    assert len(lab.EnumerateQualifiers()) == 7


def test_instances(lab: pywbem.WBEMConnection) -> None:
    one = lab.GetInstance(flask("one"))
    assert (one["Volume"], one["Shelf"], one["Colours"], one["Washed"]) == (1.5, 7, ["red", "blue"], None)
    assert {i["Name"] for i in lab.EnumerateInstances("LAB_Thing")} == {"one", "two"}
    assert {p["Name"] for p in lab.EnumerateInstanceNames("LAB_Thing")} == {"one", "two"}
    found = lab.ExecQuery("WQL", "SELECT * FROM LAB_Thing WHERE Shelf > 8")
    assert [i["Name"] for i in found] == ["two"]
    opened = lab.OpenEnumerateInstances("LAB_Thing", MaxObjectCount=1)
    pulled = lab.PullInstancesWithPath(opened.context, MaxObjectCount=5)
    assert {i["Name"] for i in [*opened.instances, *pulled.instances]} == {"one", "two"}
    assert lab.EnumerateInstances("LAB_Beside")[0]["Left"]["Name"] == "one"


def test_associations(lab: pywbem.WBEMConnection) -> None:
    assert [p["Name"] for p in lab.AssociatorNames(flask("one"))] == ["two"]
    assert [i["Name"] for i in lab.Associators(flask("two"), ResultRole="Left")] == ["one"]
    assert lab.AssociatorNames(flask("two"), Role="Left") == []
    (link,) = lab.References(flask("one"))
    assert (link["Left"]["Name"], link["Right"]["Name"]) == ("one", "two")
    assert lab.GetInstance(link.path)["Right"]["Name"] == "two"
    lab.DeleteInstance(link.path)
    assert lab.ReferenceNames(flask("one")) == []


def test_changes(lab: pywbem.WBEMConnection) -> None:
    one = lab.GetInstance(flask("one"))
    one["Colours"] = ["green"]
    lab.ModifyInstance(one, PropertyList=["Colours"])
    assert lab.GetInstance(flask("one"))["Colours"] == ["green"]
    lab._imethodcall(
        "SetProperty",
        SPACE,
        InstanceName=flask("one", None),
        PropertyName="Volume",
        NewValue="0.25",
        has_return_value=False,
    )
    assert lab.GetInstance(flask("one"))["Volume"] == 0.25
    lab.DeleteInstance(flask("two"))
    with pytest.raises(pywbem.CIMError) as error:
        lab.GetInstance(flask("two"))
    assert status(error) == 6


def klass(name: str = "LAB_New", superclass: str | None = None, *properties: pywbem.CIMProperty) -> pywbem.CIMClass:
    return pywbem.CIMClass(name, superclass=superclass, properties=properties)


def prop(name: str, type_name: str = "string", *qualifiers: str) -> pywbem.CIMProperty:
    return pywbem.CIMProperty(name, None, type=type_name, qualifiers=[pywbem.CIMQualifier(q, True) for q in qualifiers])


THING = klass("LAB_Thing", None, prop("Name", "string", "Key"), prop("Shelf", "uint16"), prop("Colours", "string"))
FLASK = klass("LAB_Flask", "LAB_Thing", prop("Volume", "real64"), prop("Washed", "datetime"))
REFUSED: dict[str, tuple[str, dict[str, Any], int]] = {
    "class exists": ("CreateClass", {"NewClass": klass("LAB_FLASK")}, 11),
    "superclass does not exist": ("CreateClass", {"NewClass": klass(superclass="LAB_None")}, 10),
    "no class name": ("CreateClass", {"NewClass": klass("LAB New")}, 4),
    "undeclared qualifier": ("CreateClass", {"NewClass": klass("LAB_New", None, prop("A", "string", "Secret"))}, 4),
    "override of another type": ("CreateClass", {"NewClass": klass("LAB_New", "LAB_Thing", prop("Shelf"))}, 4),
    "modified class does not exist": ("ModifyClass", {"ModifiedClass": klass()}, 6),
    "another superclass": ("ModifyClass", {"ModifiedClass": klass("LAB_Flask", "LAB_Beside")}, 10),
    "property of instances changes": ("ModifyClass", {"ModifiedClass": FLASK}, 9),
    "property of instances below changes": ("ModifyClass", {"ModifiedClass": THING}, 9),
    "subclass would not fit": (
        "ModifyClass",
        {"ModifiedClass": klass("LAB_Thing", None, prop("Volume"), prop("Name", "string", "Key"))},
        8,
    ),
    "deleted class does not exist": ("DeleteClass", {"ClassName": "LAB_None"}, 6),
    "class has children": ("DeleteClass", {"ClassName": "LAB_Thing"}, 8),
    "class has instances": ("DeleteClass", {"ClassName": "LAB_Flask"}, 9),
    "qualifier does not exist": ("DeleteQualifier", {"QualifierName": "Secret"}, 6),
    "qualifier is used": ("DeleteQualifier", {"QualifierName": "Key"}, 1),
    "used qualifier changes": (
        "SetQualifier",
        {"QualifierDeclaration": pywbem.CIMQualifierDeclaration("Key", "string")},
        1,
    ),
    "instance exists": ("CreateInstance", {"NewInstance": pywbem.CIMInstance("LAB_Flask", {"Name": "one"})}, 11),
    "instance of an abstract class": (
        "CreateInstance",
        {"NewInstance": pywbem.CIMInstance("LAB_Thing", {"Name": "x"})},
        7,
    ),
    "instance without its key": ("CreateInstance", {"NewInstance": pywbem.CIMInstance("LAB_Flask")}, 4),
    "instance of no class": ("CreateInstance", {"NewInstance": pywbem.CIMInstance("LAB_None", {"Name": "x"})}, 5),
    "instance with an unknown property": (
        "CreateInstance",
        {"NewInstance": pywbem.CIMInstance("LAB_Flask", {"Name": "x", "Bogus": "y"})},
        12,
    ),
    "method": ("InvokeMethod", {"MethodName": "Wash", "ObjectName": flask("one")}, 16),
    "no such method": ("InvokeMethod", {"MethodName": "Break", "ObjectName": flask("one")}, 17),
}


@pytest.mark.parametrize(("name", "given", "wanted"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(lab: pywbem.WBEMConnection, name: str, given: dict[str, Any], wanted: int) -> None:
    before = {c.classname: c for c in lab.EnumerateClasses(DeepInheritance=True)}
    with pytest.raises(pywbem.CIMError) as error:
        getattr(lab, name)(**given)
    assert status(error) == wanted, error.value
    assert {c.classname: c for c in lab.EnumerateClasses(DeepInheritance=True)} == before


@pytest.mark.parametrize(("name", "value", "wanted"), [("Volume", "wide", 13), ("Bogus", "1", 12), ("Shelf", None, 4)])
def test_set_property_refused(lab: pywbem.WBEMConnection, name: str, value: str | None, wanted: int) -> None:
    given = {"InstanceName": flask("one", None), "PropertyName": name, "NewValue": value}
    with pytest.raises(pywbem.CIMError) as error:
        lab._imethodcall("SetProperty", SPACE, has_return_value=False, **given)
    assert status(error) == wanted


def test_class_that_grows(lab: pywbem.WBEMConnection) -> None:
    """What the instances and subclasses of a class live with is allowed."""
    thing = lab.GetClass("LAB_Thing")
    thing.properties["Owner"] = prop("Owner")
    lab.ModifyClass(thing)
    assert lab.GetInstance(flask("one"))["Owner"] is None
    assert "Owner" in lab.GetClass("LAB_Flask", LocalOnly=False).properties
    for path in lab.EnumerateInstanceNames("LAB_Beside") + lab.EnumerateInstanceNames("LAB_Thing"):
        lab.DeleteInstance(path)
    for name in ("LAB_Beside", "LAB_Flask", "LAB_Thing"):
        lab.DeleteClass(name)
    for declared in lab.EnumerateQualifiers():
        lab.DeleteQualifier(declared.name)
    pywbem.WBEMServer(lab).delete_namespace(SPACE)
    assert SPACE not in names(lab)


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


def test_fixed_namespaces_keep_their_classes(shared_conn: pywbem.WBEMConnection) -> None:
    declared = pywbem.CIMQualifierDeclaration("Q", "string")
    calls: tuple[Callable[[], object], ...] = (
        lambda: shared_conn.CreateClass(klass()),
        lambda: shared_conn.ModifyClass(shared_conn.GetClass("CIM_ComputerSystem")),
        lambda: shared_conn.DeleteClass("CIM_ComputerSystem"),
        lambda: shared_conn.SetQualifier(declared),
        lambda: shared_conn.DeleteQualifier("Key"),
    )
    for call in calls:
        with pytest.raises(pywbem.CIMError) as error:
            call()
        assert status(error) == 7


STANDARD = (
    "CIM_ManagedElement",
    "CIM_ManagedSystemElement",
    "CIM_LogicalElement",
    "CIM_Job",
    "CIM_Dependency",
    "CIM_Error",
)


def test_standard_classes_compile(conn: pywbem.WBEMConnection) -> None:
    """A part of the standard schema, with all the qualifiers that it uses."""
    assert create(conn)[0] == 0
    conn.default_namespace = SPACE
    tree = Path(mof_dir())
    files = [next(tree.rglob("qualifiers.mof"))]
    files += [next(tree.rglob(f"{name}.mof")) for name in STANDARD]
    for file in files:
        compile_mof(conn, file.read_text())
    for name in ("CIM_Job", "CIM_Error", "CIM_Dependency"):
        here = conn.GetClass(name, LocalOnly=False, IncludeClassOrigin=True)
        there = conn.GetClass(name, "root/virt", LocalOnly=False, IncludeClassOrigin=True)
        assert list(here.properties) == list(there.properties)
        assert [p.type for p in here.properties.values()] == [p.type for p in there.properties.values()]
        assert {q.name: q.value for q in here.qualifiers.values()} == {
            q.name: q.value for q in there.qualifiers.values()
        }
