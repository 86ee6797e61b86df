"""What clients put into namespaces of their own: classes, instances and associations, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pywbem
from tests.namespaces.spaces import SPACE, compile_mof, create, flask, klass, names, prop, status

from virtcim.resources import mof_dir


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
