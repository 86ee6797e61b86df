"""Text from the wire -> typed values, by what the schema declares (DSP0201 clause 5.2; DSP0004 clause 5.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from virtcim.broker.call import CIMError, ClassDef, ClassPath, Instance, Path, PropertyDef, Status, Value
from virtcim.broker.schema import Schema

ParseEmbedded = Callable[[str], Instance]

MAX_KEPT = 2048  # canonical paths
LONGEST_NUMBER = 100  # characters of an integer; Python refuses some thousands
_INTEGER = re.compile(r"[+-]?(\d+|0[xX][0-9a-fA-F]+)")
_REAL = re.compile(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?")
_MOMENT = re.compile(r"[\d*]{14}\.[\d*]{6}[+-]\d{3}")
_INTERVAL = re.compile(r"[\d*]{14}\.[\d*]{6}:000")
_RANGES = {
    f"{sign}{bits}": _range
    for sign, bits, _range in (
        *(("uint", bits, (0, 2**bits - 1)) for bits in (8, 16, 32, 64)),
        *(("sint", bits, (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)) for bits in (8, 16, 32, 64)),
    )
}


class Mistyped(Exception):
    """A value that is not of its declared type; the message names the element and the reason."""


class WrongClass(Exception):
    """An embedded instance that is not of its declared class; the message names both."""


class Typing:
    """Types values by the schema; `parse_embedded` reads an embedded instance given as plain text.

    `namespaces` maps each served name, in lower case, to the real one.
    """

    def __init__(self, schema: Schema, parse_embedded: ParseEmbedded, namespaces: Mapping[str, str]) -> None:
        self.schema = schema
        self.parse_embedded = parse_embedded
        self.namespaces = namespaces
        self._canonical = lru_cache(maxsize=MAX_KEPT)(self._path)

    def forget(self) -> None:
        """Begin anew: the schema has changed."""
        self._canonical.cache_clear()

    def value(self, declared: PropertyDef, given: Value) -> Value:
        """The typed value of a property or parameter. Errors: Mistyped, WrongClass."""
        if given is None:
            return None
        if declared.is_array:
            if not isinstance(given, list):
                raise Mistyped(f"{declared.name} is an array of {declared.type}, a single value was given")
            return [None if one is None else self._one(declared, one) for one in given]
        if isinstance(given, list):
            raise Mistyped(f"{declared.name} is a single {declared.type}, an array was given")
        return self._one(declared, given)

    def _one(self, declared: PropertyDef, given: Value) -> Value:
        if declared.type == "reference":
            return self._reference(declared, given)
        if declared.embedded is not None:
            return self._embedded(declared, given)
        if not isinstance(given, str):
            raise Mistyped(f"{declared.name} is a {declared.type}, {type(given).__name__.lower()} was given")
        return scalar(declared.name, declared.type, given)

    def _reference(self, declared: PropertyDef, given: Value) -> Value:
        if isinstance(given, str) and not given.strip():
            return None  # clients of libvirt-cim send a blank for an optional reference
        if not isinstance(given, Path | ClassPath):
            raise Mistyped(f"{declared.name} is a reference to {declared.reference_class}, a plain value was given")
        return given

    def _embedded(self, declared: PropertyDef, given: Value) -> Instance:
        if isinstance(given, str):
            try:
                given = self.parse_embedded(given)
            except ValueError as error:
                raise WrongClass(f"{declared.name} holds no embedded instance: {error}") from error
        if not isinstance(given, Instance):
            raise Mistyped(f"{declared.name} is an embedded instance of {declared.embedded or 'any class'}")
        return self.instance(declared.name, declared.embedded, given)

    def instance(self, where: str, wanted: str | None, given: Instance) -> Instance:
        """A typed instance of the wanted class or a subclass. Errors: WrongClass, Mistyped."""
        cls = self.schema.find(given.classname)
        if cls is None:
            raise WrongClass(f"{where} is of class {given.classname}, which does not exist")
        if wanted and not self.schema.is_a(cls.name, wanted):
            raise WrongClass(f"{where} is of class {cls.name}, which is no {wanted}")
        typed: dict[str, Value] = {}
        for name, value in given.properties.items():
            if name in cls.texts and isinstance(value, str):
                typed[name] = value
                continue
            declared = cls.properties.get(name.lower())
            if declared is None and _names_class(cls, name, value):
                continue
            if declared is None:
                raise WrongClass(f"{where}: class {cls.name} has no property {name}")
            typed[declared.name] = self.value(declared, value)
        return Instance(cls.name, typed, given.path)

    def path(self, given: Path, default: str) -> Path:
        """The canonical form of a path: declared names, declared order, typed values, real namespace. Errors: CIMError.

        `default` is the namespace of a path without one; a namespace that is not served stays as it is.
        """
        try:
            return self._canonical(given, default)
        except TypeError:  # a key with an array for a value cannot be looked up; it is refused with its name
            return self._path(given, default)

    def _path(self, given: Path, default: str) -> Path:
        cls = self.schema.get(given.classname)
        keys = cls.keys
        sent = {name.lower(): value for name, value in given.keys}
        if list(sent) == [""] and len(keys) == 1:  # an unnamed value is the only key's (DSP0201, INSTANCENAME)
            sent = {keys[0].name.lower(): sent[""]}
        others = [(name, value) for name, value in given.keys if name and name.lower() not in cls.key_names]
        unknown = next((name for name, value in others if not _names_class(cls, name, value)), None)
        if unknown is not None:
            raise CIMError(Status.INVALID_PARAMETER, f"class {cls.name} has no key {unknown}")
        named = (given.namespace or default).lower()
        namespace = self.namespaces.get(named, named)
        typed = tuple((key.name, self._key(key, sent.get(key.name.lower()), namespace)) for key in keys)
        return Path(cls.name, typed, namespace)

    def _key(self, declared: PropertyDef, given: Value, namespace: str) -> Value:
        try:
            value = self.value(declared, given)
        except Mistyped as error:
            raise CIMError(Status.INVALID_PARAMETER, f"key {error}") from error
        return self.path(value, namespace) if isinstance(value, Path) else value


def _names_class(cls: ClassDef, name: str, value: Value) -> bool:
    """Whether this says nothing but the class: clients of libvirt-cim give every class its CreationClassName."""
    return name.lower() == "creationclassname" and isinstance(value, str) and value.lower() == cls.name.lower()


def scalar(name: str, cim_type: str, text: str) -> Value:
    """One typed value from its text. Errors: Mistyped."""
    if cim_type == "string":
        return text
    if cim_type == "boolean":
        return _boolean(name, text)
    if cim_type in _RANGES:
        return _integer(name, cim_type, text)
    if cim_type in ("real32", "real64"):
        return _real(name, cim_type, text)
    if cim_type == "datetime" and not (_MOMENT.fullmatch(text) or _INTERVAL.fullmatch(text)):
        raise Mistyped(f"{name} is a datetime of 25 characters, {text!r} is not")
    if cim_type == "char16" and len(text) != 1:
        raise Mistyped(f"{name} is one char16, {text!r} is not")
    return text


def _boolean(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise Mistyped(f"{name} is a boolean, {text!r} is neither TRUE nor FALSE")
    return word == "true"


def _integer(name: str, cim_type: str, text: str) -> int:
    word = text.strip()
    low, high = _RANGES[cim_type]
    if not _INTEGER.fullmatch(word):
        raise Mistyped(f"{name} is a {cim_type}, {text!r} is no integer")
    if len(word) > LONGEST_NUMBER:
        raise Mistyped(f"{name} is a {cim_type}, a number of {len(word)} characters is outside {low}..{high}")
    number = int(word, 16 if "x" in word.lower() else 10)
    if not low <= number <= high:
        raise Mistyped(f"{name} is a {cim_type}, {number} is outside {low}..{high}")
    return number


def _real(name: str, cim_type: str, text: str) -> float:
    word = text.strip()
    if word.lower() in ("inf", "+inf", "-inf", "nan"):
        return float(word)
    if not _REAL.fullmatch(word):
        raise Mistyped(f"{name} is a {cim_type}, {text!r} is no number")
    return float(word)
