"""INSTANCE elements: for each class, property encoders with everything but the values made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from virtcim.broker.call import ClassDef, Instance, Path, Properties, PropertyDef, Selection, Value
from virtcim.wire.paths import Classes, PathEncoder
from virtcim.wire.text import TEXT, escaped, quoted

MAX_PLANS = 4096


class Slot(NamedTuple):
    """One property of a class: its declared name, its element when NULL, and its element with a value."""

    name: str
    lower: str
    null: str
    element: Callable[[Value], str]


class InstanceEncoder:
    """Encodes instances and the values of properties, parameters and return values."""

    def __init__(self, classes: Classes) -> None:
        self.paths = PathEncoder(classes)
        self._classes = classes
        self._plans: dict[tuple[ClassDef, bool], tuple[Slot, ...]] = {}

    def instance(self, cls: ClassDef, properties: Properties, selection: Selection) -> str:
        """INSTANCE with every selected property of the class; the ones without a value are NULL."""
        slots: Iterable[Slot] = self._plan(cls, selection.class_origin)
        if selection.names is not None:
            names = selection.names
            slots = [slot for slot in slots if slot.lower in names]
        return self._instance(cls, properties, slots)

    def embedded(self, instance: Instance) -> str:
        """INSTANCE with the properties that it has, as embedded instances are sent; not yet escaped."""
        cls = self._classes(instance.classname)
        slots = [slot for slot in self._plan(cls, False) if slot.name in instance.properties]
        return self._instance(cls, instance.properties, slots)

    def _instance(self, cls: ClassDef, properties: Properties, slots: Iterable[Slot]) -> str:
        parts = [f"<INSTANCE CLASSNAME={quoted(cls.name)}>"]
        for slot in slots:
            value = properties.get(slot.name)
            parts.append(slot.null if value is None else _checked(slot, value, cls))
        parts.append("</INSTANCE>")
        return "".join(parts)

    def _plan(self, cls: ClassDef, class_origin: bool) -> tuple[Slot, ...]:
        plan = self._plans.get((cls, class_origin))
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = tuple(self._slot(declared, class_origin) for declared in cls.properties.values())
            self._plans[cls, class_origin] = plan
        return plan

    def _slot(self, declared: PropertyDef, class_origin: bool) -> Slot:
        name = declared.name
        tag, attributes = _property_element(declared)
        origin = f" CLASSORIGIN={quoted(declared.origin)}" if class_origin and declared.origin else ""
        # wbemcli reads no EmbeddedObject of an array, so that it is left out of NULL ones, and no <PROPERTY .../>.
        null = f"<{tag} NAME={quoted(name)}{attributes}{origin}"
        start = f"{null}{embedded_attribute(declared.embedded)}"
        end = f"</{tag}>"
        value = self.value_encoder(declared)
        return Slot(name, name.lower(), f"{null}>{end}", lambda given: f"{start}>{value(given)}{end}")

    def value_encoder(self, declared: PropertyDef) -> Callable[[Value], str]:
        """How a value of a property or parameter becomes VALUE, VALUE.ARRAY, VALUE.REFERENCE or VALUE.REFARRAY."""
        if declared.type == "reference":
            return _array("VALUE.REFARRAY", self.paths.reference) if declared.is_array else self.paths.reference
        text = TEXT[declared.type] if declared.embedded is None else self._embedded_text
        if declared.is_array:
            return _array("VALUE.ARRAY", lambda value: f"<VALUE>{text(value)}</VALUE>")
        return lambda value: f"<VALUE>{text(value)}</VALUE>"

    def _embedded_text(self, value: Value) -> str:
        if isinstance(value, str):
            return escaped(value)
        if not isinstance(value, Instance):
            raise TypeError(f"{value!r} is no embedded instance")
        return escaped(self.embedded(value))

    def instance_name(self, path: Path, cls: ClassDef | None = None) -> str:
        """INSTANCENAME."""
        return self.paths.instance_name(path, cls)


def _array(tag: str, element: Callable[[Value], str]) -> Callable[[Value], str]:
    def text(values: Value) -> str:
        if not isinstance(values, (list, tuple)):
            raise TypeError(f"{values!r} is no array")
        return f"<{tag}>{''.join('<VALUE.NULL/>' if v is None else element(v) for v in values)}</{tag}>"

    return text


def _checked(slot: Slot, value: Value, cls: ClassDef) -> str:
    try:
        return slot.element(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{cls.name}.{slot.name}: {error}") from error


def _property_element(declared: PropertyDef) -> tuple[str, str]:
    """The tag of a property and its attributes after NAME, but for EmbeddedObject."""
    if declared.type == "reference":
        target = f" REFERENCECLASS={quoted(declared.reference_class)}" if declared.reference_class else ""
        return "PROPERTY.REFERENCE", target
    tag = "PROPERTY.ARRAY" if declared.is_array else "PROPERTY"
    return tag, f' TYPE="{declared.type}"'


def embedded_attribute(embedded: str | None) -> str:
    """EmbeddedObject: `instance` where the class is declared, `object` where it is not."""
    if embedded is None:
        return ""
    return f' EmbeddedObject="{"instance" if embedded else "object"}"'
