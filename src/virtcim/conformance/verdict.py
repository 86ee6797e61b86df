"""How a check ends when it does not simply return."""

from __future__ import annotations

import re
from typing import NoReturn

# How pywbem writes an integer inside a list: Uint16(cimtype='uint16', minvalue=0, maxvalue=65535, 5)
_WORDY_INTEGER = re.compile(r"[US]int\d+\(cimtype=[^()]*, ([+-]?\d+)\)")


class _Verdict(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(_WORDY_INTEGER.sub(r"\1", text))


class Failed(_Verdict):
    """The server breaks the assertion; the text says what was seen and where."""


class Skipped(_Verdict):
    """The assertion says nothing about this server, or cannot be tried on it; the text says why."""


def expect(condition: object, seen: str) -> None:
    """Fail with what was seen unless the condition holds."""
    if not condition:
        raise Failed(seen)


def expect_none(faults: list[str]) -> None:
    """Fail with the faults, at most ten of them spelled out."""
    if not faults:
        return
    more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
    raise Failed("; ".join(faults[:10]) + more)


def skip(reason: str) -> NoReturn:
    """Give up the check as not applicable."""
    raise Skipped(reason)


def skip_unless(condition: object, reason: str) -> None:
    """Give up the check as not applicable unless the condition holds."""
    if not condition:
        raise Skipped(reason)
