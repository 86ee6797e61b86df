"""The audit log: a line for each call that may change something, and for each that was denied; without secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

from virtcim.broker.call import Answer, Argument, Call, CIMError, ClassPath, Instance, MethodAnswer, Path, Status, Value
from virtcim.wire.caller import Caller
from virtcim.wire.names import changes

log = logging.getLogger("virtcim.audit")

LONGEST = 120  # characters of a value
_SECRET = re.compile(r"pass(word|phrase|wd)|secret|credential|token|(?<!public)key$", re.IGNORECASE)
_TELLING = (
    "InstanceID",
    "ElementName",
    "Name",
    "DeviceID",
    "VirtualSystemIdentifier",
    "ResourceType",
    "ResourceSubType",
)
_SHOWN = {name.lower(): name for name in _TELLING}
_EMBEDDED = re.compile(r"\s*(<|instance\s+of\b)", re.IGNORECASE)


class Record:
    """What comes out of a call."""

    result = "0"

    def answered(self, answer: Answer | MethodAnswer) -> None:
        if isinstance(answer, MethodAnswer):
            self.result = f"{answer.value}" + (f" ({answer.reason})" if answer.reason else "")


@contextmanager
def of(caller: Caller, call: Call) -> Iterator[Record]:
    """Write the line of a call when its block ends."""
    record = Record()
    try:
        yield record
    except CIMError as error:
        if changes(call) or error.status is Status.ACCESS_DENIED:
            _write(caller, call, f"{error.status.name}: {error.message}", logging.WARNING)
        raise
    except Exception:  # it is written down and goes on
        _write(caller, call, "internal error", logging.ERROR)
        raise
    if changes(call):
        _write(caller, call, record.result, logging.INFO)


def _write(caller: Caller, call: Call, result: str, level: int) -> None:
    fields = {
        "event": "call",
        "user": caller.user,
        "from": caller.address,
        "call": call.name,
        "namespace": call.namespace,
        "target": "" if call.target is None else _value("", call.target),
        "parameters": _shown(call.parameters),
        "result": result,
    }
    log.log(level, "%s", call.name, extra={"fields": fields})


def _shown(parameters: Mapping[str, Value | Argument]) -> str:
    return ", ".join(f"{name}={_value(name, value)}" for name, value in parameters.items())


def _value(name: str, given: Value | Argument) -> str:
    value = given.value if isinstance(given, Argument) else given
    if value is not None and _is_secret(name):
        return "***"
    if isinstance(value, Path | ClassPath):
        return str(value) if isinstance(value, Path) else value.classname
    if isinstance(value, Instance):
        # Of an instance, what tells which one it is, and nothing that might be a secret.
        known = {key.lower(): one for key, one in value.properties.items()}
        shown = [f"{key}={_value(key, known[lower])}" for lower, key in _SHOWN.items() if lower in known]
        return f"{value.classname}({', '.join(shown)})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(name, one) for one in value[:10])}{', ...' if len(value) > 10 else ''}]"
    return _plain(value)


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def _plain(value: object) -> str:
    text = str(value)
    if isinstance(value, str) and _EMBEDDED.match(text):
        return "<embedded instance>"
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
