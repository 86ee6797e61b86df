"""Instances in requests: the INSTANCE element, and embedded instances given as CIM-XML or MOF text."""

from __future__ import annotations

from virtcim.broker.call import Instance, Value
from virtcim.wire import usual
from virtcim.wire.elements import ANY_SIZE, Element, children, name_of, parse
from virtcim.wire.faults import Misplaced, Unacceptable
from virtcim.wire.mof import parse_mof
from virtcim.wire.values import VALUES, embedded_kind, instance_name

MAX_EMBEDDING = 16  # instances within instances; each level is a document of its own

_PROPERTY_VALUES = {
    "PROPERTY": ("VALUE",),
    "PROPERTY.ARRAY": ("VALUE.ARRAY",),
    "PROPERTY.REFERENCE": ("VALUE.REFERENCE",),
}


def parse_embedded(text: str) -> Instance:
    """An embedded instance from its text: an INSTANCE element, or MOF `instance of X {...};` (DSP0201 clause 5.2.5).

    Values are untyped as from the wire. Raises ValueError that says what is wrong and where.
    """
    return embedded_instance(text, 0)


def embedded_instance(text: str, level: int) -> Instance:
    """As parse_embedded, for text found `level` instances deep."""
    if level >= MAX_EMBEDDING:
        raise Unacceptable(f"instances are embedded deeper than {MAX_EMBEDDING} levels")
    found = usual.instance(text)
    if found is not None:
        return found
    if not text.lstrip().startswith("<"):
        return parse_mof(text)
    root = parse(text.encode(), ANY_SIZE)
    if root.tag in ("CLASS", "VALUE.CLASS"):
        raise Unacceptable(f"class {root.get('NAME')} is embedded where an instance is expected")
    if root.tag == "VALUE.NAMEDINSTANCE":
        return named_instance(root, level + 1)
    return instance(root, level + 1)


def instance(element: Element, level: int = 0) -> Instance:
    """INSTANCE; `level` counts the instances it is embedded in. Raises Misplaced or Unacceptable."""
    if element.tag != "INSTANCE":
        raise Misplaced(f"{element.tag} where an INSTANCE is expected")
    classname = name_of(element, "CLASSNAME")
    properties: dict[str, Value] = {}
    names: set[str] = set()
    for child in children(element, "QUALIFIER", *_PROPERTY_VALUES):
        if child.tag == "QUALIFIER":
            continue
        name = name_of(child)
        if name.lower() in names:
            raise Unacceptable(f"instance of {classname}: property {name} is given twice")
        names.add(name.lower())
        properties[name] = _property(child, name, level)
    return Instance(classname, properties)


def named_instance(element: Element, level: int = 0) -> Instance:
    """VALUE.NAMEDINSTANCE: an instance with its path."""
    found = children(element, "INSTANCENAME", "INSTANCE")
    if [e.tag for e in found] != ["INSTANCENAME", "INSTANCE"]:
        raise Misplaced("VALUE.NAMEDINSTANCE does not hold INSTANCENAME and INSTANCE")
    given = instance(found[1], level)
    return Instance(given.classname, given.properties, instance_name(found[0]))


def _property(element: Element, name: str, level: int) -> Value:
    allowed = _PROPERTY_VALUES[str(element.tag)]
    found = [child for child in children(element, "QUALIFIER", *allowed) if child.tag != "QUALIFIER"]
    if len(found) > 1:
        raise Misplaced(f"property {name} holds {len(found)} values")
    if not found:
        return None
    value = VALUES[str(found[0].tag)](found[0])
    return unwrapped(value, name, level) if embedded_kind(element) else value


def unwrapped(value: Value, name: str, level: int = 0) -> Value:
    """The instances in a text, or list of texts, declared to embed some; raises Unacceptable naming `name`."""
    if isinstance(value, list):
        return [unwrapped(one, f"{name}[{index}]", level) for index, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return embedded_instance(value, level)
    except ValueError as error:
        raise Unacceptable(f"{name}: {error}") from error
