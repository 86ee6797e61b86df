"""Paths as XML: INSTANCENAME with keys typed by their class, and what puts a namespace and a host around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from virtcim.broker.call import ClassDef, ClassPath, Path, Value
from virtcim.wire.text import TEXT, quoted, value_type

Classes = Callable[[str], ClassDef]
Elsewhere = Callable[[str], Classes]
"""The classes of a namespace: those of one name need not be the same in all of them."""


@lru_cache(maxsize=64)
def local_namespace(namespace: str) -> str:
    """LOCALNAMESPACEPATH."""
    names = "".join(f"<NAMESPACE NAME={quoted(name)}/>" for name in namespace.split("/"))
    return f"<LOCALNAMESPACEPATH>{names}</LOCALNAMESPACEPATH>"


@lru_cache(maxsize=64)
def namespace_path(host: str, namespace: str) -> str:
    """NAMESPACEPATH; `host` is already escaped."""
    return f"<NAMESPACEPATH><HOST>{host}</HOST>{local_namespace(namespace)}</NAMESPACEPATH>"


def class_name(name: str) -> str:
    """CLASSNAME."""
    return f"<CLASSNAME NAME={quoted(name)}/>"


class PathEncoder:
    """Encodes paths; `classes` gives the class of a path, in which its keys have their types.

    `elsewhere` gives those of a namespace that a reference names.
    """

    def __init__(self, classes: Classes, elsewhere: Elsewhere | None = None) -> None:
        self._classes = classes
        self._elsewhere = elsewhere or (lambda _: classes)

    def instance_name(self, path: Path, cls: ClassDef | None = None) -> str:
        """INSTANCENAME; `cls` where the caller has it at hand."""
        keys = "".join(self._key(cls or self._classes(path.classname), name, value) for name, value in path.keys)
        return f"<INSTANCENAME CLASSNAME={quoted(path.classname)}>{keys}</INSTANCENAME>"

    def _key(self, cls: ClassDef, name: str, value: Value) -> str:
        if isinstance(value, (Path, ClassPath)):
            return f"<KEYBINDING NAME={quoted(name)}>{self.reference(value)}</KEYBINDING>"
        head, text = _key_encoder(cls, name)
        return f"{head}{text(value)}</KEYVALUE></KEYBINDING>"

    def reference(self, path: Value) -> str:
        """VALUE.REFERENCE: with the namespace when the path has one."""
        if isinstance(path, ClassPath):
            return f"<VALUE.REFERENCE>{_class_reference(path)}</VALUE.REFERENCE>"
        if not isinstance(path, Path):
            raise TypeError(f"{path!r} is no reference")
        if path.namespace is None:
            name = self.instance_name(path)
        else:
            name = self.instance_name(path, self._elsewhere(path.namespace)(path.classname))
            name = f"<LOCALINSTANCEPATH>{local_namespace(path.namespace)}{name}</LOCALINSTANCEPATH>"
        return f"<VALUE.REFERENCE>{name}</VALUE.REFERENCE>"


def _class_reference(path: ClassPath) -> str:
    name = class_name(path.classname)
    if path.namespace is None:
        return name
    return f"<LOCALCLASSPATH>{local_namespace(path.namespace)}{name}</LOCALCLASSPATH>"


@lru_cache(maxsize=8192)
def _key_encoder(cls: ClassDef, name: str) -> tuple[str, Callable[[Value], str]]:
    """What precedes the text of a key, and the function that makes the text."""
    declared = cls.properties.get(name.lower())
    if declared is None:
        raise ValueError(f"{cls.name} has no key {name}")
    kind = value_type(declared.type)
    head = f'<KEYBINDING NAME={quoted(name)}><KEYVALUE VALUETYPE="{kind}" TYPE="{declared.type}">'
    return head, TEXT[declared.type]
