"""The CIM_Error instance within an ERROR element (DSP0201 clause 5.2.6.2): the message of what went wrong."""

from __future__ import annotations

from virtcim import messages
from virtcim.broker.call import (
    Argument,
    Call,
    CIMError,
    ClassDef,
    ClassPath,
    Instance,
    Path,
    PropertyDef,
    Value,
)

LONGEST_SOURCE = 1000  # characters; a longer path is not repeated

OBJECT_PATH = 2  # ErrorSourceFormat

_DECLARED = (
    PropertyDef("ErrorType", "uint16"),
    PropertyDef("OwningEntity", "string"),
    PropertyDef("MessageID", "string"),
    PropertyDef("Message", "string"),
    PropertyDef("MessageArguments", "string", is_array=True),
    PropertyDef("PerceivedSeverity", "uint16"),
    PropertyDef("ProbableCause", "uint16"),
    PropertyDef("RecommendedActions", "string", is_array=True),
    PropertyDef("ErrorSource", "string"),
    PropertyDef("ErrorSourceFormat", "uint16"),
    PropertyDef("CIMStatusCode", "uint32"),
    PropertyDef("CIMStatusCodeDescription", "string"),
)
CLASS = ClassDef("CIM_Error", None, {one.name.lower(): one for one in _DECLARED}, {})
"""What is sent of CIM_Error."""


def extended(call: Call, error: CIMError) -> Instance:
    """CIM_Error for what went wrong with a call: the message that the error is, or the general one of its status."""
    source = _source(call)
    found: dict[str, Value] = {
        **messages.properties(messages.of_status(error.status, error.message)),
        "CIMStatusCode": int(error.status),
        "CIMStatusCodeDescription": f"CIM_ERR_{error.status.name}",
    }
    if source is not None:
        found |= {"ErrorSource": source, "ErrorSourceFormat": OBJECT_PATH}
    return Instance(CLASS.name, found)


def _source(call: Call) -> str | None:
    """The path that the call is about; None where it names none, or one that is too long to repeat."""
    named = call.target or next((path for path in map(_path, call.parameters.values()) if path), None)
    if named is None or not named.classname:
        return None
    text = _text(named, call.namespace)
    return text if len(text) <= LONGEST_SOURCE else None


def _path(given: Value | Argument) -> Path | ClassPath | None:
    if isinstance(given, Instance):
        return given.path or ClassPath(given.classname)
    return given if isinstance(given, Path | ClassPath) else None


def _text(path: Path | ClassPath, namespace: str | None) -> str:
    """A path in the form of a WBEM URI without host (DSP0207)."""
    keys = ",".join(f"{name}={_key(value)}" for name, value in path.keys) if isinstance(path, Path) else ""
    space = path.namespace or namespace
    return f"{f'/{space}:' if space else ''}{path.classname}{'.' if keys else ''}{keys}"


def _key(value: Value) -> str:
    text = _text(value, None) if isinstance(value, Path | ClassPath) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
