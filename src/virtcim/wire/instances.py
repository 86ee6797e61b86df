"""INSTANCE elements: for each class, property encoders with everything but the values made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from virtcim.broker.call import ClassDef, Instance, Path, Properties, PropertyDef, Selection, Value
from virtcim.wire.paths import Classes, Elsewhere, PathEncoder
from virtcim.wire.text import TEXT, escaped, quoted

MAX_PLANS = 1024


class Slot(NamedTuple):
    """One property of a class: its declared name, its element when NULL, and around and of a value."""

    name: str
    lower: str
    null: str
    start: str
    value: Callable[[Value], str]
    end: str


class Plan(NamedTuple):
    """INSTANCE of a class for a set of properties with values: what precedes each value, and the rest."""

    values: tuple[tuple[str, str, Callable[[Value], str]], ...]
    end: str


_PlanKey = tuple[ClassDef, Selection, tuple[str, ...]]


class InstanceEncoder:
    """Encodes instances and the values of properties, parameters and return values."""

    def __init__(self, classes: Classes, elsewhere: Elsewhere | None = None) -> None:
        self.paths = PathEncoder(classes, elsewhere)
        self._classes = classes
        self._slots: dict[tuple[ClassDef, bool], tuple[Slot, ...]] = {}
        self._plans: dict[_PlanKey, Plan] = {}

    def instance(self, cls: ClassDef, properties: Properties, selection: Selection) -> str:
        """INSTANCE with every selected property of the class; the ones without a value are NULL."""
        given = _without_null(properties)
        return self._instance(cls, given, self._plan(cls, selection, tuple(given)))

    def embedded(self, instance: Instance) -> str:
        """INSTANCE with the properties that it has, as embedded instances are sent; not yet escaped."""
        cls = instance.declared or self._classes(instance.classname)
        names = frozenset(name.lower() for name in instance.properties)
        return self.instance(cls, instance.properties, Selection(names))

    def _instance(self, cls: ClassDef, properties: Properties, plan: Plan) -> str:
        parts: list[str] = []
        name = ""
        try:
            for before, name, text in plan.values:
                parts += before, text(properties[name])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{cls.name}.{name}: {error}") from error
        parts.append(plan.end)
        return "".join(parts)

    def _plan(self, cls: ClassDef, selection: Selection, given: tuple[str, ...]) -> Plan:
        key = (cls, selection, given)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._made(cls, selection, frozenset(given))
        return plan

    def _made(self, cls: ClassDef, selection: Selection, given: frozenset[str]) -> Plan:
        names = selection.names
        before, values = f"<INSTANCE CLASSNAME={quoted(cls.name)}>", []
        for slot in self._slots_of(cls, selection.class_origin):
            if names is not None and slot.lower not in names:
                continue
            if slot.name not in given:
                before += slot.null
                continue
            values.append((before + slot.start, slot.name, slot.value))
            before = slot.end
        return Plan(tuple(values), f"{before}</INSTANCE>")

    def _slots_of(self, cls: ClassDef, class_origin: bool) -> tuple[Slot, ...]:
        slots = self._slots.get((cls, class_origin))
        if slots is None:
            if len(self._slots) >= MAX_PLANS:
                self._slots.clear()
            slots = tuple(self._slot(declared, class_origin) for declared in cls.properties.values())
            self._slots[cls, class_origin] = slots
        return slots

    def _slot(self, declared: PropertyDef, class_origin: bool) -> Slot:
        name = declared.name
        tag, attributes = _property_element(declared)
        origin = f" CLASSORIGIN={quoted(declared.origin)}" if class_origin and declared.origin else ""
        # wbemcli reads no EmbeddedObject of an array, so that it is left out of NULL ones, and no <PROPERTY .../>.
        null = f"<{tag} NAME={quoted(name)}{attributes}{origin}"
        start = f"{null}{embedded_attribute(declared.embedded)}"
        end = f"</{tag}>"
        return Slot(name, name.lower(), f"{null}>{end}", f"{start}>", self.value_encoder(declared), end)

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


def _without_null(properties: Properties) -> Properties:
    if None not in properties.values():
        return properties
    return {name: value for name, value in properties.items() if value is not None}


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
