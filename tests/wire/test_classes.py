"""CLASS and QUALIFIER.DECLARATION: what pywbem's client reads back equals the class that was compiled."""

from __future__ import annotations

import pytest
import pywbem
from pywbem_mock import FakedWBEMConnection
from tests.wire.samples import Served

from virtcim.broker.call import Answer, ClassPath, ClassView, Form

MOF = r"""
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride, ToSubclass);
Qualifier Description : string = null, Scope(any), Flavor(EnableOverride, ToSubclass, Translatable);
Qualifier ValueMap : string[], Scope(property, method, parameter), Flavor(EnableOverride, ToSubclass);
Qualifier MaxLen : uint32 = 7, Scope(property), Flavor(EnableOverride, Restricted);
Qualifier In : boolean = true, Scope(parameter), Flavor(DisableOverride, ToSubclass);
Qualifier EmbeddedInstance : string = null, Scope(property, method, parameter);
Qualifier Override : string = null, Scope(property, method, reference), Flavor(EnableOverride, Restricted);

[Description("Base <&>\r\n\"quoted\"")]
class T_Base {
    [Key, MaxLen(3)] string Name;
    [ValueMap{"0", "1"}] uint16 State = 1;
    boolean Flag = true;
    real64 Ratio = 1.5;
    datetime At = "20200101000000.000000+000";
    char16 Letter;
    string List[] = {"a", "b"};
    sint8 Fixed[5];
    uint32 Start([In] uint16 How, [In(false)] string Out[], T_Base REF Job, T_Base REF Jobs[]);
};
[Description("Derived")]
class T_Derived : T_Base {
    [Override("State"), Description("mine")] uint16 State = 0;
    [EmbeddedInstance("T_Base")] string Extra;
    boolean Stop();
};
[Association]
class T_Link {
    [Key] T_Base REF One;
    [Key] T_Derived REF Other;
};
"""


@pytest.fixture(scope="module")
def schema() -> FakedWBEMConnection:
    connection = FakedWBEMConnection(default_namespace="root/virt")
    connection.compile_mof_string(MOF)
    return connection


def whole(schema: FakedWBEMConnection, name: str) -> pywbem.CIMClass:
    cls = schema.GetClass(name, LocalOnly=False, IncludeQualifiers=True, IncludeClassOrigin=True)
    for element in cls.properties.values():
        # The mock takes an overridden element for an inherited one.
        element.propagated = element.propagated and "Override" not in element.qualifiers
    return cls


def read_back(served: Served, view: ClassView) -> pywbem.CIMClass:
    served.answer = lambda _call: Answer(Form.CLASS, [view])
    return pywbem.WBEMConnection(served.url, default_namespace="root/virt").GetClass("T_Base", LocalOnly=False)


def normal(cls: pywbem.CIMClass) -> pywbem.CIMClass:
    """What XML does not tell apart: an attribute left out and its default."""
    cls = cls.copy()
    cls.path = None
    for element in (cls, *cls.properties.values(), *cls.methods.values()):
        for parameter in (element, *getattr(element, "parameters", {}).values()):
            _normal_qualifiers(parameter)
        if hasattr(element, "propagated"):
            element.propagated = bool(element.propagated)
    return cls


def _normal_qualifiers(element: object) -> None:
    defaults = {
        "overridable": True,
        "tosubclass": True,
        "toinstance": False,
        "translatable": False,
        "propagated": False,
    }
    for qualifier in element.qualifiers.values():  # type: ignore[attr-defined]
        for name, value in defaults.items():
            if getattr(qualifier, name) is None:
                setattr(qualifier, name, value)


@pytest.mark.parametrize("name", ["T_Base", "T_Derived", "T_Link"])
def test_whole_class(served: Served, schema: FakedWBEMConnection, name: str) -> None:
    expected = whole(schema, name)
    for _ in range(2):
        found = read_back(served, ClassView(expected, class_origin=True))
        assert normal(found).tocimxmlstr() == normal(expected).tocimxmlstr()
        assert normal(found) == normal(expected)


def test_local_only(served: Served, schema: FakedWBEMConnection) -> None:
    found = read_back(served, ClassView(whole(schema, "T_Derived"), local_only=True))
    assert found.superclass == "T_Base"
    assert list(found.properties) == ["State", "Extra"]
    assert list(found.methods) == ["Stop"]
    assert found.qualifiers["Description"].value == "Derived"
    assert found.properties["State"].class_origin is None


def test_inherited_elements_are_marked(served: Served, schema: FakedWBEMConnection) -> None:
    found = read_back(served, ClassView(whole(schema, "T_Derived"), class_origin=True))
    assert (found.properties["Name"].propagated, found.properties["Name"].class_origin) == (True, "T_Base")
    assert not found.properties["Extra"].propagated
    assert found.methods["Start"].propagated


def test_without_qualifiers(served: Served, schema: FakedWBEMConnection) -> None:
    found = read_back(served, ClassView(whole(schema, "T_Base"), qualifiers=False))
    assert not found.qualifiers
    assert not any(p.qualifiers for p in found.properties.values())
    assert not any(p.qualifiers for p in found.methods["Start"].parameters.values())


@pytest.mark.parametrize(
    ("names", "shown"),
    [((), []), (("bogus",), []), (("flag", "name"), ["Name", "Flag"])],
    ids=["none", "unknown", "two"],
)
def test_property_list(served: Served, schema: FakedWBEMConnection, names: tuple[str, ...], shown: list[str]) -> None:
    found = read_back(served, ClassView(whole(schema, "T_Base"), names=frozenset(names)))
    assert list(found.properties) == shown
    assert list(found.methods) == ["Start"]


def test_views_of_one_class_are_told_apart(served: Served, schema: FakedWBEMConnection) -> None:
    declared = whole(schema, "T_Derived")
    counts = [len(read_back(served, ClassView(declared, local_only=flag)).properties) for flag in (True, False, True)]
    assert counts == [2, 9, 2]


def test_classes_with_path(served: Served, schema: FakedWBEMConnection) -> None:
    items = [(ClassPath("T_Base", "interop"), ClassView(whole(schema, "T_Base")))]
    served.answer = lambda _call: Answer(Form.CLASS_WITH_PATH, items)
    client = pywbem.WBEMConnection(served.url, default_namespace="root/virt")
    [(path, cls)] = client.Associators("T_Derived")
    assert (path.host, path.namespace, path.classname) == ("here", "interop", "T_Base")
    assert "State" in cls.properties
    served.answer = lambda _call: Answer(Form.CLASS_PATH, [path for path, _ in items])
    assert client.AssociatorNames("T_Derived") == [path]


def test_qualifier_declarations(served: Served, schema: FakedWBEMConnection) -> None:
    expected = schema.EnumerateQualifiers()
    served.answer = lambda _call: Answer(Form.QUALIFIER, expected)
    found = pywbem.WBEMConnection(served.url, default_namespace="root/virt").EnumerateQualifiers()
    assert [q.name for q in found] == [q.name for q in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.type, one.value, one.is_array) == (other.type, other.value, other.is_array)
        assert one.overridable == (other.overridable is not False)
        assert bool(one.translatable) == bool(other.translatable)
        scopes = {name for name, applies in other.scopes.items() if applies}
        shown = {name for name, applies in one.scopes.items() if applies}
        assert shown == ({*one.scopes} - {"ANY"} if "ANY" in scopes else scopes)
