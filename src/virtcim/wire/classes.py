"""CLASS and QUALIFIER.DECLARATION elements from pywbem's objects, without the DOM that pywbem itself goes through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from virtcim.broker.call import ClassView
from virtcim.wire.text import TEXT, escaped, quoted

MAX_KEPT = 1024

_SCOPES = ("CLASS", "ASSOCIATION", "REFERENCE", "PROPERTY", "METHOD", "PARAMETER", "INDICATION")
_FLAVORS = ("overridable", "tosubclass", "toinstance", "translatable")


class ClassEncoder:
    """Encodes class views, and keeps what it encoded while the schema holds on to the class."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, object], tuple[object, bytes]] = {}

    def encode(self, view: ClassView) -> bytes:
        """CLASS as the view wants it shown."""
        # pywbem's classes compare by value, which is slow. Keeping the object keeps its id from being used again.
        key = (id(view.declared), (view.local_only, view.qualifiers, view.class_origin, view.names))
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            kept = self._kept[key] = (view.declared, class_element(view, view.declared).encode())
        return kept[1]


def class_element(view: ClassView, declared: Any) -> str:
    """CLASS of a pywbem.CIMClass."""
    properties = [p for p in declared.properties.values() if _shown(view, p) and _listed(view, p)]
    methods = [m for m in declared.methods.values() if _shown(view, m)]
    superclass = f" SUPERCLASS={quoted(declared.superclass)}" if declared.superclass else ""
    return (
        f"<CLASS NAME={quoted(declared.classname)}{superclass}>{_qualifiers(view, declared)}"
        f"{''.join(_property(view, p) for p in properties)}{''.join(_method(view, m) for m in methods)}</CLASS>"
    )


def _shown(view: ClassView, element: Any) -> bool:
    return not (view.local_only and element.propagated)


def _listed(view: ClassView, element: Any) -> bool:
    return view.names is None or element.name.lower() in view.names


def _qualifiers(view: ClassView, element: Any) -> str:
    if not view.qualifiers:
        return ""
    return "".join(_qualifier(q) for q in element.qualifiers.values() if _shown(view, q))


def _qualifier(qualifier: Any) -> str:
    attributes = f"NAME={quoted(qualifier.name)} TYPE={quoted(qualifier.type)}{_propagated(qualifier)}"
    return f"<QUALIFIER {attributes}{_flavors(qualifier)}>{_value(qualifier)}</QUALIFIER>"


def _propagated(element: Any) -> str:
    return ' PROPAGATED="true"' if element.propagated else ""


def _flavors(qualifier: Any) -> str:
    given = ((name.upper(), getattr(qualifier, name)) for name in _FLAVORS)
    return "".join(f' {name}="{_flag(value)}"' for name, value in given if value is not None)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _origin(view: ClassView, element: Any) -> str:
    return f" CLASSORIGIN={quoted(element.class_origin)}" if view.class_origin and element.class_origin else ""


def _property(view: ClassView, declared: Any) -> str:
    common = f"{_origin(view, declared)}{_propagated(declared)}"
    qualifiers = _qualifiers(view, declared)
    name = quoted(declared.name)
    if declared.type == "reference":
        target = f" REFERENCECLASS={quoted(declared.reference_class)}" if declared.reference_class else ""
        return f"<PROPERTY.REFERENCE NAME={name}{target}{common}>{qualifiers}</PROPERTY.REFERENCE>"
    tag = "PROPERTY.ARRAY" if declared.is_array else "PROPERTY"
    attributes = f"NAME={name} TYPE={quoted(declared.type)}{_array_size(declared)}{common}{_embedded(declared)}"
    return f"<{tag} {attributes}>{qualifiers}{_value(declared)}</{tag}>"


def _array_size(declared: Any) -> str:
    return f' ARRAYSIZE="{declared.array_size:d}"' if declared.is_array and declared.array_size else ""


def _embedded(declared: Any) -> str:
    return f" EmbeddedObject={quoted(declared.embedded_object)}" if declared.embedded_object else ""


def _method(view: ClassView, declared: Any) -> str:
    result = f" TYPE={quoted(declared.return_type)}" if declared.return_type else ""
    attributes = f"NAME={quoted(declared.name)}{result}{_origin(view, declared)}{_propagated(declared)}"
    parameters = "".join(_parameter(view, p) for p in declared.parameters.values())
    return f"<METHOD {attributes}>{_qualifiers(view, declared)}{parameters}</METHOD>"


def _parameter(view: ClassView, declared: Any) -> str:
    name = f"NAME={quoted(declared.name)}"
    if declared.type == "reference":
        tag = "PARAMETER.REFARRAY" if declared.is_array else "PARAMETER.REFERENCE"
        target = f" REFERENCECLASS={quoted(declared.reference_class)}" if declared.reference_class else ""
    else:
        tag = "PARAMETER.ARRAY" if declared.is_array else "PARAMETER"
        target = f" TYPE={quoted(declared.type)}"
    return f"<{tag} {name}{target}{_array_size(declared)}>{_qualifiers(view, declared)}</{tag}>"


def _value(declared: Any) -> str:
    """VALUE or VALUE.ARRAY of a qualifier or of the default of a property; nothing for NULL."""
    if declared.value is None:
        return ""
    if isinstance(declared.value, (list, tuple)):
        items = (_text(declared.type, one) for one in declared.value)
        return f"<VALUE.ARRAY>{''.join(items)}</VALUE.ARRAY>"
    return _text(declared.type, declared.value)


def _text(type_name: str, value: Any) -> str:
    if value is None:
        return "<VALUE.NULL/>"
    # datetime and char16 are classes of pywbem whose str() is the text.
    text = escaped(str(value)) if type_name in ("string", "datetime", "char16") else TEXT[type_name](value)
    return f"<VALUE>{text}</VALUE>"


def qualifier_declaration(declared: Any) -> str:
    """QUALIFIER.DECLARATION from a pywbem.CIMQualifierDeclaration."""
    size = f' ARRAYSIZE="{declared.array_size:d}"' if declared.array_size else ""
    attributes = f'TYPE={quoted(declared.type)} ISARRAY="{_flag(declared.is_array)}"{size}{_flavors(declared)}'
    scopes = _scopes(scope.upper() for scope, applies in declared.scopes.items() if applies)
    value = _value(declared)
    return f"<QUALIFIER.DECLARATION NAME={quoted(declared.name)} {attributes}>{scopes}{value}</QUALIFIER.DECLARATION>"


def _scopes(names: Iterable[str]) -> str:
    found = set(names)
    shown = _SCOPES if "ANY" in found else [scope for scope in _SCOPES if scope in found]
    flags = "".join(f' {scope}="true"' for scope in shown)
    return f"<SCOPE{flags}/>" if flags else ""
