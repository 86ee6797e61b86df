"""A tiny WBEM server in memory for the suite's own tests: conforming in what it has, until a test spoils it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pywbem import CIMInstance, CIMInstanceName
from pywbem_mock import FakedWBEMConnection

from virtcim.conformance.site import Site

MODEL = Path(__file__).with_name("small.mof")


def small_connection(extra_mof: str = "") -> FakedWBEMConnection:
    """A connection to the tiny server, with more MOF if given."""
    connection = FakedWBEMConnection(default_namespace="interop")
    connection.compile_mof_string(MODEL.read_text() + extra_mof, namespace="interop")
    return connection


def small_site(connection: FakedWBEMConnection | None = None, **options: Any) -> Site:
    """The tiny server as the checks see it."""
    return Site(connection or small_connection(), **options)


def find(connection: FakedWBEMConnection, classname: str, **values: object) -> CIMInstance:
    """The only instance with these values."""
    found = [
        one
        for one in connection.EnumerateInstances(classname, "interop")
        if all(one.get(name) == value for name, value in values.items())
    ]
    assert len(found) == 1, f"{len(found)} instances of {classname} with {values}"
    return found[0]


def change(connection: FakedWBEMConnection, classname: str, of: Mapping[str, object], **values: object) -> None:
    """Set properties of the instance that has the values given by `of`."""
    instance = find(connection, classname, **of)
    for name, value in values.items():
        declared = connection.GetClass(classname, "interop", LocalOnly=False).properties[name]
        instance.properties[name] = _property(name, declared, value)
    connection.ModifyInstance(instance)


def _property(name: str, declared: Any, value: object) -> Any:
    copy = declared.copy()
    copy.name, copy.qualifiers, copy.value = name, {}, value
    return copy


def add(connection: FakedWBEMConnection, classname: str, **values: object) -> CIMInstanceName:
    """Create an instance with these values."""
    declared = connection.GetClass(classname, "interop", LocalOnly=False).properties
    properties = [_property(name, declared[name], value) for name, value in values.items()]
    return connection.CreateInstance(CIMInstance(classname, properties), namespace="interop")


def remove(connection: FakedWBEMConnection, classname: str, **values: object) -> None:
    """Delete the instance with these values."""
    connection.DeleteInstance(find(connection, classname, **values).path)


def path(connection: FakedWBEMConnection, classname: str, **values: object) -> CIMInstanceName:
    """The path of the only instance with these values."""
    return find(connection, classname, **values).path
