"""Values and paths of a request (DSP0201): the VALUE elements and the ways to name a class or an instance."""

from __future__ import annotations

from collections.abc import Callable

from virtcim.broker.call import ClassPath, Path, Value
from virtcim.wire.elements import Element, children, name_of, only_child, text_of
from virtcim.wire.faults import Misplaced, Unacceptable


def array(element: Element) -> list[Value]:
    """VALUE.ARRAY: texts, None for VALUE.NULL."""
    return [None if e.tag == "VALUE.NULL" else text_of(e) for e in children(element, "VALUE", "VALUE.NULL")]


def reference_array(element: Element) -> list[Value]:
    """VALUE.REFARRAY: paths, None for VALUE.NULL."""
    found = children(element, "VALUE.REFERENCE", "VALUE.NULL")
    return [None if e.tag == "VALUE.NULL" else reference(e) for e in found]


def reference(element: Element) -> Path | ClassPath:
    """VALUE.REFERENCE: any of the six ways to name a class or an instance."""
    child = only_child(element, *PATHS)
    return PATHS[str(child.tag)](child)


def namespace(element: Element) -> str:
    """LOCALNAMESPACEPATH as `root/virt`; a NAMESPACE that holds slashes is taken apart likewise."""
    names = [name_of(e) for e in children(element, "NAMESPACE")]
    joined = "/".join(part for name in names for part in name.split("/") if part)
    if not joined:
        raise Misplaced("LOCALNAMESPACEPATH names no namespace")
    return joined


def instance_name(element: Element) -> Path:
    """INSTANCENAME; a KEYVALUE or VALUE.REFERENCE without KEYBINDING becomes a key with the name ""."""
    found = children(element, "KEYBINDING", "KEYVALUE", "VALUE.REFERENCE")
    keys = tuple(_key(child) for child in found)
    names = {name.lower() for name, _ in keys}
    classname = name_of(element, "CLASSNAME")
    if len(names) != len(keys):
        raise Unacceptable(f"the path of an instance of {classname} names a key twice")
    return Path(classname, keys)


def _key(element: Element) -> tuple[str, Value]:
    if element.tag == "KEYBINDING":
        return name_of(element), _key_value(only_child(element, "KEYVALUE", "VALUE.REFERENCE"))
    return "", _key_value(element)


def _key_value(element: Element) -> Value:
    return _on_its_line(text_of(element)) if element.tag == "KEYVALUE" else reference(element)


def _on_its_line(text: str) -> str:
    """A key without the line breaks and indentation around it, with which the tools of libvirt-cim write keys."""
    inner = text.strip()
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return inner if inner and before.startswith("\n ") and after.startswith("\n ") else text


def class_name(element: Element) -> ClassPath:
    """CLASSNAME."""
    children(element)
    return ClassPath(name_of(element))


def local_instance_path(element: Element) -> Path:
    """LOCALINSTANCEPATH."""
    space, name = _pair(element, "LOCALNAMESPACEPATH", "INSTANCENAME")
    return _in(namespace(space), instance_name(name))


def instance_path(element: Element) -> Path:
    """INSTANCEPATH; the host is left out, it can only be this one."""
    space, name = _pair(element, "NAMESPACEPATH", "INSTANCENAME")
    return _in(_namespace_path(space), instance_name(name))


def local_class_path(element: Element) -> ClassPath:
    """LOCALCLASSPATH."""
    space, name = _pair(element, "LOCALNAMESPACEPATH", "CLASSNAME")
    return ClassPath(class_name(name).classname, namespace(space))


def class_path(element: Element) -> ClassPath:
    """CLASSPATH; the host is left out."""
    space, name = _pair(element, "NAMESPACEPATH", "CLASSNAME")
    return ClassPath(class_name(name).classname, _namespace_path(space))


def _in(space: str, path: Path) -> Path:
    return Path(path.classname, path.keys, space)


def _namespace_path(element: Element) -> str:
    host, local = _pair(element, "HOST", "LOCALNAMESPACEPATH")
    text_of(host)
    return namespace(local)


def _pair(element: Element, first: str, second: str) -> tuple[Element, Element]:
    found = children(element, first, second)
    if [e.tag for e in found] != [first, second]:
        raise Misplaced(f"{element.tag} does not hold {first} and {second}")
    return found[0], found[1]


PATHS: dict[str, Callable[[Element], Path | ClassPath]] = {
    "INSTANCENAME": instance_name,
    "LOCALINSTANCEPATH": local_instance_path,
    "INSTANCEPATH": instance_path,
    "CLASSNAME": class_name,
    "LOCALCLASSPATH": local_class_path,
    "CLASSPATH": class_path,
}

VALUES: dict[str, Callable[[Element], Value]] = {
    "VALUE": text_of,
    "VALUE.ARRAY": array,
    "VALUE.REFERENCE": reference,
    "VALUE.REFARRAY": reference_array,
}


def embedded_kind(element: Element) -> str | None:
    """The EmbeddedObject attribute in lower case; Pegasus clients also write it in upper case (non-DTD)."""
    kind = element.get("EmbeddedObject") or element.get("EMBEDDEDOBJECT")
    return kind.lower() if kind else None
