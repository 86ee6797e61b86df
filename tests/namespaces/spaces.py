"""Namespaces of clients in tests: made, filled with classes and instances, and removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pywbem
from tests.conftest import connect

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


def klass(name: str = "LAB_New", superclass: str | None = None, *properties: pywbem.CIMProperty) -> pywbem.CIMClass:
    return pywbem.CIMClass(name, superclass=superclass, properties=properties)


def prop(name: str, type_name: str = "string", *qualifiers: str) -> pywbem.CIMProperty:
    return pywbem.CIMProperty(name, None, type=type_name, qualifiers=[pywbem.CIMQualifier(q, True) for q in qualifiers])


@contextmanager
def client(url: str) -> Iterator[pywbem.WBEMConnection]:
    """A client of a server; what it has made is gone afterwards."""
    with connect(url) as connection:
        yield connection
        for path in connection.EnumerateInstanceNames("CIM_Namespace", "interop"):
            if path["Name"] not in OWN:
                clear(connection, path["Name"])
                connection.DeleteInstance(path)


def fill(conn: pywbem.WBEMConnection) -> None:
    """Make a namespace with what MOF says, and let it be the client's default."""
    assert create(conn)[0] == 0
    conn.default_namespace = SPACE
    compile_mof(conn, MOF)
