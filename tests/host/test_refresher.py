"""Rereads that events ask for: once for a burst of them, and after the verbs that are under way, but soon."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from tests.host.conftest import wait_until

from virtcim.host import refresher
from virtcim.host.refresher import Refresher, Reread


class Read:
    """What is read again, and when."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._tickets = itertools.count(1)
        self.reread = Reread(self.keys.append, self._tickets.__next__, lambda *_: False)


def test_a_burst_is_read_once() -> None:
    read = Read()
    tested = Refresher("thing", read.reread)
    for key in ("a", "b", "a"):
        tested.want(key)
    assert tested.wanted("a")
    wait_until(lambda: len(read.keys) >= 2)
    wait_until(lambda: not tested.wanted("b"))
    assert read.keys == ["a", "b"]


def test_verbs_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher, "YIELD", 30.0)
    read, verbs = Read(), threading.Event()
    verbs.set()
    tested = Refresher("thing", read.reread, verbs.is_set)
    tested.want("a")
    time.sleep(0.05)
    assert not read.keys
    verbs.clear()
    wait_until(lambda: read.keys == ["a"])


def test_a_long_verb_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher, "YIELD", 0.01)
    read = Read()
    Refresher("thing", read.reread, lambda: True).want("a")
    wait_until(lambda: read.keys == ["a"])
