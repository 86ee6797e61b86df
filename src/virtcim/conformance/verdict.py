"""How a check ends when it does not simply return."""

from __future__ import annotations

from typing import NoReturn


class Failed(Exception):
    """The server breaks the assertion; the text says what was seen and where."""


class Skipped(Exception):
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
