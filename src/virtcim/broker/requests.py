"""Method calls as instances: what a job shows of the parameters it was begun with, and of what the method returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from virtcim.broker.call import ClassDef, Instance, MethodDef, Out, Path, Properties, PropertyDef, Value
from virtcim.broker.outcome import Request, Returned
from virtcim.broker.uris import model_path

INPUTS, OUTPUTS = "__JobInParameters", "__JobOutParameters"
RETURN_VALUE = "__ReturnValue"
SECRETS = ("password", "passphrase", "secret")  # parts of names of what is never shown
Outs = Callable[[MethodDef, Returned], Iterable[Out]]


def request_of(declared: MethodDef, source: Path, given: Properties, outs: Outs, user: str) -> Request:
    """A call of a method with typed parameters; `outs` makes typed results of what the work returns."""

    def outputs(returned: Returned) -> Instance:
        found = ((one.declared.name, one.value) for one in outs(declared, returned))
        values: Properties = {name: shown(value) for name, value in found if not _secret(name)}
        return parameters(OUTPUTS, declared, {RETURN_VALUE: returned.value, **values})

    def refusal(name: str) -> int | None:
        return next((int(entry) for entry, known in declared.values.items() if known == name), None)

    inputs = {name: shown(value) for name, value in given.items() if value is not None and not _secret(name)}
    return Request(declared.name, source, parameters(INPUTS, declared, inputs), outputs, refusal, user)


def parameters(classname: str, declared: MethodDef, values: Properties) -> Instance:
    """The parameters of a method as the instance of a class that exists nowhere else."""
    return Instance(classname, values, declared=_class(classname, declared))


def renamed(one: Instance, classname: str) -> Instance:
    """The same parameters under another class name."""
    return Instance(classname, one.properties, declared=one.declared and _renamed(one.declared, classname))


def shown(value: Value) -> Value:
    """A value as it may be shown: references as URIs, and no secrets."""
    if isinstance(value, Path):
        return model_path(value)
    if isinstance(value, Instance):
        kept = {name: shown(one) for name, one in value.properties.items() if not _secret(name)}
        return Instance(value.classname, kept, value.path, value.declared)
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    return value


def _secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRETS)


@lru_cache(maxsize=1024)
def _class(classname: str, declared: MethodDef) -> ClassDef:
    wanted = [_as_property(one) for one in declared.parameters.values() if _belongs(classname, one)]
    if classname == OUTPUTS:
        wanted.insert(0, PropertyDef(RETURN_VALUE, declared.type))
    return ClassDef(classname, None, {one.name.lower(): one for one in wanted}, {})


def _belongs(classname: str, parameter: PropertyDef) -> bool:
    return parameter.is_out if classname == OUTPUTS else parameter.is_in


def _as_property(one: PropertyDef) -> PropertyDef:
    """References become strings, as no property can be an array of references."""
    kind = "string" if one.type == "reference" else one.type
    return PropertyDef(one.name, kind, one.is_array, embedded=one.embedded)


@lru_cache(maxsize=1024)
def _renamed(cls: ClassDef, classname: str) -> ClassDef:
    return ClassDef(classname, None, cls.properties, {})
