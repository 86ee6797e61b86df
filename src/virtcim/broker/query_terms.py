"""What a query's names stand for: property paths from the schema, as typed terms that read a value from an instance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from virtcim.broker.call import ClassDef, Instance, Item, Path, PropertyDef
from virtcim.broker.query_faults import Invalid, Unsupported
from virtcim.broker.query_tree import EACH, Place, Property, Step
from virtcim.broker.schema import Schema

Env = Mapping[str, Any]  # variable -> value; the instance that is asked about is ROOT
Get = Callable[[Env], Any]
ROOT = ""
_STRINGS = ("string", "char16")
_WMI_NAMES = {"targetinstance": "sourceinstance"}


class Kind(Enum):
    """What can be compared with what."""

    NULL = "NULL"
    BOOLEAN = "a boolean"
    NUMBER = "a number"
    STRING = "a string"
    DATETIME = "a datetime"
    REFERENCE = "a reference"
    OBJECT = "an embedded instance"
    ANY = "of a type that differs between classes"


@dataclass(frozen=True)
class Term:
    """How to get a value, and what is known of it; `declared` is None where classes differ."""

    get: Get
    kind: Kind
    declared: PropertyDef | None = None
    is_array: bool = False
    classname: str | None = None  # of an embedded instance
    constant: bool = False


def term_of(get: Get, declared: PropertyDef, is_array: bool | None = None) -> Term:
    """A term of a declared type."""
    array = declared.is_array if is_array is None else is_array
    return Term(get, _kind(declared), declared, array, declared.embedded or None)


def constant(value: Any, type_name: str, kind: Kind) -> Term:
    """A term that always has the same value."""
    return Term(lambda _: value, kind, PropertyDef("", type_name), constant=True)


def computed(get: Get, type_name: str) -> Term:
    """A term of a plain type that is no property."""
    return term_of(get, PropertyDef("", type_name))


def _kind(declared: PropertyDef) -> Kind:
    if declared.embedded is not None:
        return Kind.OBJECT
    if declared.type in _STRINGS:
        return Kind.STRING
    named = {"boolean": Kind.BOOLEAN, "datetime": Kind.DATETIME, "reference": Kind.REFERENCE}
    return named.get(declared.type, Kind.NUMBER)


def classname_of(value: object) -> str | None:
    """The class of an instance, or of the one that a path names; None when the value is neither."""
    if isinstance(value, Item):
        return value.cls.name
    return value.classname if isinstance(value, Instance | Path) else None


class Names:
    """Resolves property paths from an instance of a class; None for a class that is not known."""

    def __init__(self, schema: Schema, classname: str | None, prefixes: Iterable[str], wmi: bool) -> None:
        self.schema = schema
        self._root = Term(lambda env: env[ROOT], Kind.OBJECT, classname=classname)
        self._prefixes = {prefix.lower() for prefix in prefixes}
        self._variables: dict[str, Term] = {}
        self._wmi = wmi

    def term(self, path: Property) -> Term:
        """What a path leads to. Errors: Invalid, Unsupported."""
        term, steps = self._start(path)
        for step in steps:
            term = self._follow(term, step)
        return term

    def is_root(self, path: Property) -> bool:
        """Whether a path names the instance itself."""
        term, steps = self._start(path)
        return term is self._root and not steps

    def is_own(self, path: Property) -> bool:
        """Whether a path names a property of the instance itself, as it is."""
        term, steps = self._start(path)
        return term is self._root and len(steps) == 1 and steps[0].index is None and steps[0].scope is None

    def _start(self, path: Property) -> tuple[Term, tuple[Step, ...]]:
        first = path.steps[0]
        name = first.name.lower()
        if first.scope is None and name in self._variables:
            return self._indexed(self._variables[name], first), path.steps[1:]
        if first.scope is None and first.index is None and name in self._prefixes:
            return self._root, path.steps[1:]
        return self._root, path.steps

    def with_variable(self, name: str, term: Term) -> Names:
        """The same names and a variable."""
        inner = Names(self.schema, self._root.classname, self._prefixes, self._wmi)
        inner._root = self._root
        inner._variables = {**self._variables, name.lower(): term}
        return inner

    def _follow(self, holder: Term, step: Step) -> Term:
        if holder.kind is Kind.REFERENCE:
            raise Unsupported(step.place, f"{step.name}: properties of what a reference names are not supported")
        if holder.kind not in (Kind.OBJECT, Kind.ANY):
            raise Invalid(step.place, f"{step.name} is asked of {holder.kind.value}")
        if holder.is_array:
            raise Invalid(step.place, f"{step.name} is asked of an array, which needs an index")
        return self._system(holder, step) or self._property(holder, step)

    def _system(self, holder: Term, step: Step) -> Term | None:
        name = step.name.lower() if self._wmi and step.scope is None else ""
        if name == "__class":
            return computed(lambda env: classname_of(holder.get(env)), "string")
        if name == "__path":
            return computed(lambda env: getattr(holder.get(env), "path", None), "reference")
        return holder if name == "__this" else None

    def _property(self, holder: Term, step: Step) -> Term:
        if step.scope is not None:
            self.known(step.place, step.scope)
        name = step.name.lower()
        name = _WMI_NAMES.get(name, name) if self._wmi else name
        declared = self._declared(step.scope or holder.classname, name, step)
        get = self._reader(holder.get, name, step.scope)
        if declared is None:
            return self._indexed(Term(get, Kind.ANY), step)
        return self._indexed(term_of(get, declared), step)

    def known(self, place: Place, classname: str) -> ClassDef:
        """The class of a name. Errors: Invalid."""
        found = self.schema.find(classname)
        if found is None:
            raise Invalid(place, f"class {classname} does not exist")
        return found

    def _declared(self, owner: str | None, name: str, step: Step) -> PropertyDef | None:
        """The declaration in the class, else the one that its subclasses agree on; None if they do not."""
        cls = self.schema.find(owner) if owner else None
        if cls is not None and name in cls.properties:
            return cls.properties[name]
        below = [self.schema.get(one) for one in self.schema.below(cls.name)] if cls else self.schema
        found = [one.properties[name] for one in below if name in one.properties]
        if not found:
            whose = f"neither {cls.name} nor a subclass has" if cls else "no class has"
            raise Invalid(step.place, f"{whose} a property {step.name}")
        types = {(one.type, one.is_array, one.embedded is None) for one in found}
        if len(types) > 1:
            return None
        return found[0] if found[0].embedded is None else replace(found[0], embedded="")

    def _reader(self, holder: Get, name: str, scope: str | None) -> Get:
        schema = self.schema

        def read(env: Env) -> Any:
            value = holder(env)
            cls = value.cls if isinstance(value, Item) else schema.find(classname_of(value) or "")
            if cls is None or (scope is not None and not schema.is_a(cls.name, scope)):
                return None
            declared = cls.properties.get(name)
            return None if declared is None else value.properties.get(declared.name)

        return read

    def _indexed(self, term: Term, step: Step) -> Term:
        index = step.index
        if index is None:
            return term
        if not term.is_array and term.kind is not Kind.ANY:
            raise Invalid(step.place, f"{step.name} is no array")
        if index == EACH:
            return term

        def element(env: Env) -> Any:
            values = term.get(env)
            return values[index] if isinstance(values, list) and index < len(values) else None

        return replace(term, get=element, is_array=False)
