"""The messages that errors and alerts carry: data/messages.yaml, read when the first one is needed.

Code names a message by its symbol. What it gets is a text, so whoever hands a reason on hands on the message; a text
that is put together of others is none, and is told by the general message of its CIM status or return value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from virtcim.resources import data_file

FILE = "messages.yaml"
OWNER = "virtcim"  # OwningEntity: these are in no registry of the DMTF
PREFIX = "VIRTCIM"
STATUSES = 1000  # the general message of a CIM status has this number and that of the status
REFUSED = "METHOD_REFUSED"  # of a return value that has no general message
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_USER = re.compile(r"(?<=://)[^/?#\s@]*@")
_PLACE = re.compile(r"\{(\d+)\}")


class Message(str):
    """A message as the words that it comes to."""

    symbol: str
    arguments: tuple[str, ...]

    def __new__(cls, words: str, symbol: str, arguments: Iterable[str]) -> Message:
        made = super().__new__(cls, words)
        made.symbol, made.arguments = symbol, tuple(arguments)
        return made

    def __getnewargs__(self) -> tuple[str, str, tuple[str, ...]]:  # type: ignore[override]
        return str(self), self.symbol, self.arguments


@dataclass(frozen=True)
class Entry:
    """What the registry says of one message, in the terms of DSP4006; numbers are those of the CIM properties.

    `severity` is None where it depends on what happened; `answers` are the Values entries of the return values that
    the message comes with; an alert has an `alert_type`, an error an `error_type`; `dmtf_id` waits for a registry of
    the DMTF to be told by.
    """

    symbol: str
    number: int
    template: str
    arguments: tuple[str, ...]
    severity: int | None
    description: str
    action: str
    error_type: int | None = None
    alert_type: int | None = None
    cause: int | None = None
    status: int | None = None
    answers: tuple[str, ...] = ()
    general: bool = False
    dmtf_id: str | None = None

    @property
    def id(self) -> str:
        return f"{PREFIX}{self.number:04}"

    @property
    def places(self) -> set[int]:
        """The numbers of the arguments that the template has a place for."""
        return {int(number) for number in _PLACE.findall(self.template)}


@cache
def registry() -> Mapping[str, Entry]:
    """All messages by symbol."""
    content = yaml.load(data_file(FILE).read_text(encoding="utf-8"), _LOADER)
    found = (_entry(one) for one in content["messages"])
    return {one.symbol: one for one in found}


def _entry(one: Mapping[str, Any]) -> Entry:
    return Entry(
        symbol=one["name"],
        number=one["sequence_number"],
        template=one["template"],
        arguments=tuple(one["arguments"]),
        severity=one["perceived_severity"],
        description=one["description"],
        action=one["recommended_action"],
        error_type=one.get("error_type"),
        alert_type=one.get("alert_type"),
        cause=one.get("probable_cause"),
        status=one.get("cim_status"),
        answers=tuple(one.get("return_values", ())),
        general=one.get("general", False),
        dmtf_id=one["dmtf_id"],
    )


@cache
def _generals() -> Mapping[str | int, str]:
    """The symbols of the general messages, by CIM status and by Values entry of a return value."""
    found: dict[str | int, str] = {}
    for one in registry().values():
        if one.general:
            found.update(dict.fromkeys(one.answers, one.symbol))
        if one.number > STATUSES:
            found[one.number - STATUSES] = one.symbol
    return found


def message(symbol: str, *arguments: object) -> Message:
    """A message with its arguments in order. LookupError for a symbol that is none, or another number of arguments."""
    entry = registry()[symbol]
    if len(arguments) != len(entry.arguments):
        raise LookupError(f"{symbol} has {len(entry.arguments)} arguments, not {len(arguments)}")
    given = [discreet(str(one)) for one in arguments]
    return Message(entry.template.format("", *given), symbol, given)


def of_status(status: int, words: str) -> Message:
    """The message that the words are, else the general one of a CIM status."""
    return words if isinstance(words, Message) else message(_generals()[int(status)], words)


def of_refusal(answer: str, words: str) -> Message:
    """The message that the words are, else the general one of a return value by its Values entry."""
    return words if isinstance(words, Message) else message(_generals().get(answer, REFUSED), words)


def or_else(symbol: str, words: str) -> Message:
    """The message that the words are, else the one of a symbol, whose only argument they become."""
    return words if isinstance(words, Message) else message(symbol, words)


def entry_of(told: Message) -> Entry:
    """What the registry says of a message."""
    return registry()[told.symbol]


def discreet(words: str) -> str:
    """The words without the users, and passwords, of the URIs in them."""
    return _USER.sub("", words) if "@" in words else words


def properties(told: Message) -> dict[str, str | int | list[str]]:
    """What CIM_Error and CIM_AlertIndication have in common of a message, and CIM_Error's ErrorType."""
    entry = entry_of(told)
    found = {
        "OwningEntity": OWNER,
        "MessageID": entry.id,
        "Message": str(told),
        "MessageArguments": list(told.arguments),
        "PerceivedSeverity": entry.severity,
        "ErrorType": entry.error_type,
        "AlertType": entry.alert_type,
        "ProbableCause": entry.cause,
        "RecommendedActions": [entry.action] if entry.action else None,
    }
    return {name: value for name, value in found.items() if value is not None}
