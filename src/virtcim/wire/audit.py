"""The audit log: a line for each call that may change something, and for each that was denied; without secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import lru_cache, partial

from virtcim.broker.call import Answer, Argument, Call, CIMError, ClassPath, Instance, MethodAnswer, Path, Status, Value
from virtcim.wire.afterwards import afterwards
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
    """Has the line of a call written when its block has ended; `result` is what comes out of it."""

    def __init__(self, caller: Caller, call: Call) -> None:
        self._caller = caller
        self._call = call
        self.result = "0"

    def __enter__(self) -> Record:
        return self

    def answered(self, answer: Answer | MethodAnswer) -> None:
        if isinstance(answer, MethodAnswer):
            self.result = f"{answer.value}" + (f" ({answer.reason})" if answer.reason else "")

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            if changes(self._call):
                self._leave(self.result, logging.INFO)
        elif isinstance(error, CIMError):
            if changes(self._call) or error.status is Status.ACCESS_DENIED:
                self._leave(f"{error.status.name}: {error.message}", logging.WARNING)
        elif isinstance(error, Exception):
            self._leave("internal error", logging.ERROR)

    def _leave(self, result: str, level: int) -> None:
        if log.isEnabledFor(level):
            afterwards(partial(self._write, result, level))

    def _write(self, result: str, level: int) -> None:
        caller, call = self._caller, self._call
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
    return ", ".join([f"{name}={_value(name, value)}" for name, value in parameters.items()])


def _value(name: str, given: Value | Argument) -> str:
    value = given.value if isinstance(given, Argument) else given
    if value is not None and _is_secret(name):
        return "***"
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join([_value(name, one) for one in value[:10]])}{', ...' if len(value) > 10 else ''}]"
    if isinstance(value, Instance):
        return f"{value.classname}({_telling(value)})"
    if isinstance(value, Path | ClassPath):
        return str(value) if isinstance(value, Path) else value.classname
    return _plain(str(value))


def _telling(instance: Instance) -> str:
    """Of an instance, what tells which one it is, and nothing that might be a secret."""
    known = {name.lower(): one for name, one in instance.properties.items()}
    return ", ".join([f"{name}={_value(name, known[lower])}" for lower, name in _SHOWN.items() if lower in known])


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def _plain(text: str) -> str:
    if _EMBEDDED.match(text):
        return "<embedded instance>"
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
