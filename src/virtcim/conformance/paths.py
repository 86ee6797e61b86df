"""Instance paths as values: comparable whatever host or letter case a server writes into them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pywbem import CIMInstance, CIMInstanceName

Key = tuple[str, str, frozenset[tuple[str, Any]]]


def key(path: CIMInstanceName, namespace: str = "") -> Key:
    """The identity of a path; namespace is assumed where the path names none. The host is no part of it."""
    inside = (path.namespace or namespace).strip("/").lower()
    bindings = frozenset((name.lower(), _binding(value, inside)) for name, value in path.keybindings.items())
    return inside, path.classname.lower(), bindings


def _binding(value: Any, namespace: str) -> Any:
    if isinstance(value, CIMInstanceName):
        return key(value, namespace)
    return str(value)


def keys(paths: Iterable[CIMInstanceName], namespace: str = "") -> set[Key]:
    """The identities of several paths."""
    return {key(path, namespace) for path in paths}


def same(one: CIMInstanceName, other: CIMInstanceName, namespace: str = "") -> bool:
    """Whether two paths name the same instance."""
    return key(one, namespace) == key(other, namespace)


def show(item: CIMInstanceName | CIMInstance) -> str:
    """A path or instance in one readable word for a report."""
    path = item.path if isinstance(item, CIMInstance) else item
    if path is None:
        return str(item.classname)
    for name in ("InstanceID", "DeviceID", "Name"):
        if name in path.keybindings:
            return f"{path.classname} {path.keybindings[name]!r}"
    return str(path)


def local(path: CIMInstanceName, namespace: str) -> CIMInstanceName:
    """The path with its namespace filled in and without a host, fit to be sent back to the server."""
    copy = path.copy()
    copy.host = None
    copy.namespace = path.namespace or namespace
    return copy
