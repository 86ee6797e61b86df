"""Class inheritance (DSP0004): a class with all it inherits, as a pywbem declaration and as a compact ClassDef."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from virtcim.broker.call import ClassDef, MethodDef, PropertyDef, Value
from virtcim.later import Later

if TYPE_CHECKING:
    import pywbem
else:
    pywbem = Later("pywbem")

Declared: TypeAlias = "dict[str, pywbem.CIMClass]"
Share = Callable[[Any], Any]
Element = Any  # CIMProperty, CIMMethod or CIMParameter


class SchemaError(Exception):
    """The schema contradicts itself; the message has a line for each fault."""


def resolve_all(local: Declared) -> Declared:
    """Every class with its inherited elements, marked `propagated`, and inherited qualifiers. Errors: SchemaError."""
    missing = [
        f"{c.classname}: superclass {c.superclass} is not declared"
        for c in local.values()
        if c.superclass and c.superclass.lower() not in local
    ]
    if missing:
        raise SchemaError("\n".join(missing))
    done: Declared = {}
    for name in local:
        _resolve(name, local, done)
    return done


def _resolve(name: str, local: Declared, done: Declared) -> pywbem.CIMClass:
    if name not in done:
        own = local[name]
        above = _resolve(own.superclass.lower(), local, done) if own.superclass else None
        done[name] = derive(own, above)
    return done[name]


def derive(own: pywbem.CIMClass, above: pywbem.CIMClass | None) -> pywbem.CIMClass:
    """The class `own`, as its MOF declares it, below its resolved superclass."""
    made = pywbem.CIMClass(own.classname, superclass=own.superclass)
    made.qualifiers = _qualifiers(own, above)
    made.properties = _elements(own.classname, own.properties, above.properties if above else {})
    made.methods = _elements(own.classname, own.methods, above.methods if above else {})
    return made


def _elements(classname: str, own: Mapping[str, Element], above: Mapping[str, Element]) -> list[Element]:
    merged: dict[str, Element] = {}
    for name, element in above.items():
        inherited = element.copy()
        inherited.propagated = True
        merged[name.lower()] = inherited
    for name, element in own.items():
        made = element.copy()
        before = above.get(name)
        made.propagated = False
        made.class_origin = before.class_origin if before is not None else classname
        if before is not None:
            made.qualifiers = _qualifiers(element, before)
            if getattr(made, "value", None) is None and hasattr(before, "value"):
                made.value = before.value
        merged[name.lower()] = made
    return list(merged.values())


def _qualifiers(own: Element, above: Element | None) -> list[pywbem.CIMQualifier]:
    merged: dict[str, pywbem.CIMQualifier] = {}
    for name, qualifier in above.qualifiers.items() if above is not None else ():
        if qualifier.tosubclass is not False:
            inherited = qualifier.copy()
            inherited.propagated = True
            merged[name.lower()] = inherited
    for name, qualifier in own.qualifiers.items():
        made = qualifier.copy()
        made.propagated = False
        merged[name.lower()] = made
    return list(merged.values())


def compact(declared: pywbem.CIMClass, share: Share = lambda one: one) -> ClassDef:
    """The ClassDef of a resolved class; `share` gives the first of equal parts, which most classes inherit."""
    return ClassDef(
        name=declared.classname,
        superclass=declared.superclass,
        properties={share(p.name.lower()): share(_property(p)) for p in declared.properties.values()},
        methods={share(m.name.lower()): share(_method(m)) for m in declared.methods.values()},
        is_association=_flag(declared, "Association"),
        is_abstract=_flag(declared, "Abstract"),
    )


def _method(declared: pywbem.CIMMethod) -> MethodDef:
    return MethodDef(
        name=declared.name,
        type=declared.return_type,
        origin=declared.class_origin,
        parameters={p.name.lower(): _property(p) for p in declared.parameters.values()},
        values=_values(declared),
    )


def _property(declared: Element) -> PropertyDef:
    value = getattr(declared, "value", None)
    return PropertyDef(
        name=declared.name,
        type=declared.type,
        is_array=bool(declared.is_array),
        is_key=_flag(declared, "Key"),
        origin=getattr(declared, "class_origin", None) or "",
        reference_class=declared.reference_class,
        embedded=_embedded(declared),
        default=_plain(value),
        values=_values(declared),
        required=_flag(declared, "Required"),
        is_in="In" not in declared.qualifiers or _flag(declared, "In"),
        is_out=_flag(declared, "Out"),
    )


def _flag(declared: Element, name: str) -> bool:
    return bool(name in declared.qualifiers and declared.qualifiers[name].value)


def _embedded(declared: Element) -> str | None:
    if "EmbeddedInstance" in declared.qualifiers:
        return str(declared.qualifiers["EmbeddedInstance"].value)
    return "" if _flag(declared, "EmbeddedObject") else None


def _values(declared: Element) -> Mapping[str, str]:
    """ValueMap entry -> Values entry, or itself without Values; without ValueMap positions count from 0 (DSP0004)."""
    names = _list(declared, "Values")
    entries = _list(declared, "ValueMap") or [str(position) for position in range(len(names))]
    return dict(zip(entries, names or entries, strict=False))


def _list(declared: Element, qualifier: str) -> list[str]:
    found = declared.qualifiers.get(qualifier)
    return [] if found is None else [str(entry) for entry in found.value or ()]


def _plain(value: Any) -> Value:
    """A pywbem value without its CIM type class."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, pywbem.CIMInt):
        return int(value)
    if isinstance(value, pywbem.CIMFloat):
        return float(value)
    if isinstance(value, pywbem.CIMDateTime):
        return str(value)
    return value
