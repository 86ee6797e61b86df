"""Which domains show that they come from another host, by their states alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from virtcim.host.states import ARRIVING, DomainState, Underway, arriving, emigrating

RUNNING, USER, MOVE, BEGINS = 1, 1, 2, 11


@dataclass(frozen=True)
class Seen:
    state: DomainState
    reason: int
    underway: Underway | None = None


PAUSED = DomainState.PAUSED
COMING = Seen(PAUSED, MOVE)
CASES = {
    "was not there": (COMING, None, True),
    "began a moment ago": (COMING, Seen(PAUSED, BEGINS), True),
    "still comes": (COMING, Seen(PAUSED, MOVE, ARRIVING), True),
    "ran here": (COMING, Seen(DomainState.RUNNING, RUNNING), False),
    "rested here": (COMING, Seen(PAUSED, USER), False),
    "leaves": (COMING, Seen(PAUSED, MOVE, emigrating()), False),
    "has come": (Seen(DomainState.RUNNING, RUNNING), Seen(PAUSED, MOVE, ARRIVING), False),
    "begins as any other": (Seen(PAUSED, BEGINS), None, False),
}


@pytest.mark.parametrize(("now", "before", "comes"), CASES.values(), ids=CASES)
def test_who_comes(now: Seen, before: Seen | None, comes: bool) -> None:
    assert (arriving(now, before) is ARRIVING) is comes


def test_each_leaves_with_a_mark_of_its_own() -> None:
    assert emigrating() == emigrating()
    assert emigrating() is not emigrating()
