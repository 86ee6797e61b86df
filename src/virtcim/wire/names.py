"""The intrinsic operations by what they do (DSP0200 clause 5.3), for authorization, the audit log and metrics."""

from __future__ import annotations

import re
from functools import lru_cache

from virtcim.broker.call import Call, ClassPath, Instance, Path

_CLASSIC = ("associators", "associatornames", "references", "referencenames")
_OPENING = ("enumerateinstance", "associatorinstance", "referenceinstance")
# They name a session, which was judged when it was opened and belongs to its user.
_PULLS = frozenset({"pullinstanceswithpath", "pullinstancepaths", "pullinstances"})
SHORT = 200  # objects
SESSION = _PULLS | {"closeenumeration", "enumerationcount"}
QUERY = frozenset({"execquery", "openqueryinstances"})
READ = QUERY | SESSION | frozenset(_CLASSIC) | {f"open{name}{end}" for name in _OPENING for end in ("s", "paths")}
READ |= {"getinstance", "enumerateinstances", "enumerateinstancenames", "getproperty"}
READ |= {"getclass", "enumerateclasses", "enumerateclassnames", "getqualifier", "enumeratequalifiers"}
WRITE = frozenset({"createinstance", "modifyinstance", "deleteinstance", "setproperty"})
WRITE |= {"createclass", "modifyclass", "deleteclass", "setqualifier", "deletequalifier"}
# Of the schema, which is no secret: what a class restriction is about is instances.
SCHEMA = frozenset(name for name in READ | WRITE if "class" in name or "qualifier" in name)
# Their results may be of classes that the call does not name.
CROSSING = frozenset(name for name in READ if "associator" in name or "reference" in name)
CROSSING |= {"pullinstanceswithpath", "pullinstancepaths"}

_SMALL = re.compile("[0-9]{1,3}")
_OBJECTS = ("classname", "instancename", "objectname", "newinstance", "modifiedinstance")
_FROM = re.compile(r"\bFROM\s+([A-Za-z_]\w*)(?!\w|\s*,)", re.IGNORECASE)


def is_intrinsic(call: Call) -> bool:
    return call.target is None


def changes(call: Call) -> bool:
    """Whether a call is one that may change something: every method, and what writes."""
    return not is_intrinsic(call) or call.name.lower() not in READ


def is_short_pull(call: Call) -> bool:
    """Whether a call takes so few of the objects of an enumeration that they go out in one piece."""
    count = call.parameters.get("MaxObjectCount")
    return isinstance(count, str) and _is_short(call.name, count)


@lru_cache(maxsize=64)
def _is_short(name: str, count: str) -> bool:
    return name.lower() in _PULLS and _SMALL.fullmatch(count) is not None and int(count) <= SHORT


def named_classes(call: Call) -> tuple[str, ...]:
    """The classes whose instances a call is about, in lower case; nothing when that cannot be told for certain."""
    if call.target is not None:
        return (call.target.classname.lower(),)
    given = {name.lower(): value for name, value in call.parameters.items()}
    if call.name.lower() in QUERY:
        return _queried(given.get("query" if call.name.lower() == "execquery" else "filterquery"))
    objects = [given[name] for name in _OBJECTS if name in given]
    found = [name for value in objects for name in _classes_of(value)]
    return tuple(name.lower() for name in found) if all(found) else ()


def _classes_of(value: object) -> tuple[str, ...]:
    """The classes that a parameter names; an empty name for what cannot name one."""
    if isinstance(value, Instance):
        return (value.classname, value.path.classname) if value.path else (value.classname,)
    return (value.classname,) if isinstance(value, Path | ClassPath) else ("",)


def _queried(query: object) -> tuple[str, ...]:
    """The class of a query, where it has one FROM with one class."""
    found = _FROM.findall(query) if isinstance(query, str) else []
    return (found[0].lower(),) if len(found) == 1 else ()
