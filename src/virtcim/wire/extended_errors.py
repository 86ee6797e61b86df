"""The CIM_Error instance within an ERROR element (DSP0201 clause 5.2.6.2): one row a CIM status, ids of our own."""

from __future__ import annotations

from typing import NamedTuple

from virtcim.broker.call import (
    Argument,
    Call,
    CIMError,
    ClassDef,
    ClassPath,
    Instance,
    Path,
    PropertyDef,
    Status,
    Value,
)

OWNER = "virtcim"  # OwningEntity, as of the CIM_Error instances that methods give
PREFIX = "VIRTCIM"
FIRST_NUMBER = 1000  # of the message ids here; those below are the profiles'
LONGEST_SOURCE = 1000  # characters; a longer path is not repeated

SOFTWARE, SECURITY, OVERSUBSCRIPTION, UNAVAILABLE, UNSUPPORTED = 4, 7, 8, 9, 10  # ErrorType
MINOR, MAJOR = 4, 5  # PerceivedSeverity
OBJECT_PATH = 2  # ErrorSourceFormat


class Kind(NamedTuple):
    """What the errors of a CIM status have in common."""

    error_type: int = SOFTWARE
    severity: int = MINOR


_REQUEST = Kind()
_BEYOND = Kind(UNSUPPORTED)
_KINDS: dict[Status, Kind] = {
    Status.FAILED: Kind(SOFTWARE, MAJOR),
    Status.ACCESS_DENIED: Kind(SECURITY, MAJOR),
    Status.NOT_SUPPORTED: _BEYOND,
    Status.QUERY_LANGUAGE_NOT_SUPPORTED: _BEYOND,
    Status.METHOD_NOT_AVAILABLE: _BEYOND,
    Status.FILTERED_ENUMERATION_NOT_SUPPORTED: _BEYOND,
    Status.CONTINUATION_ON_ERROR_NOT_SUPPORTED: _BEYOND,
    Status.SERVER_LIMITS_EXCEEDED: Kind(OVERSUBSCRIPTION, MAJOR),
    Status.SERVER_IS_SHUTTING_DOWN: Kind(UNAVAILABLE, MAJOR),
    Status.QUERY_FEATURE_NOT_SUPPORTED: _BEYOND,
}

_DECLARED = (
    PropertyDef("ErrorType", "uint16"),
    PropertyDef("OwningEntity", "string"),
    PropertyDef("MessageID", "string"),
    PropertyDef("Message", "string"),
    PropertyDef("PerceivedSeverity", "uint16"),
    PropertyDef("ErrorSource", "string"),
    PropertyDef("ErrorSourceFormat", "uint16"),
    PropertyDef("CIMStatusCode", "uint32"),
    PropertyDef("CIMStatusCodeDescription", "string"),
)
CLASS = ClassDef("CIM_Error", None, {one.name.lower(): one for one in _DECLARED}, {})
"""What is sent of CIM_Error."""


def message_id(status: Status) -> str:
    """The MessageID of a CIM status, as VIRTCIM1006 for CIM_ERR_NOT_FOUND."""
    return f"{PREFIX}{FIRST_NUMBER + status:04}"


def extended(call: Call, error: CIMError) -> Instance:
    """CIM_Error for what went wrong with a call."""
    kind = _KINDS.get(error.status, _REQUEST)
    source = _source(call)
    found: dict[str, Value] = {
        "ErrorType": kind.error_type,
        "OwningEntity": OWNER,
        "MessageID": message_id(error.status),
        "Message": error.message,
        "PerceivedSeverity": kind.severity,
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
