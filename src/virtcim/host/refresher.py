"""What keeps the inventory fresh: rereading what events name, one thing after another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from virtcim.host.crew import crew
from virtcim.host.errors import HostError, Kind
from virtcim.host.events import Topic

log = logging.getLogger(__name__)

SETTLE = 0.003  # seconds
YIELD = 0.02  # seconds for which rereads let verbs go first, as clients wait for those
LOOK = 0.001  # seconds between two looks whether any is under way: verbs need not tell when they end


def attempt(work: Callable[[], object], what: str) -> None:
    """A failure is logged and left to the next reconcile; a lost link is known already and ends in a full reread."""
    try:
        work()
    except HostError as error:
        if error.kind is not Kind.UNREACHABLE:
            log.warning("%s: %s", what, error.message)
    except Exception:  # there are others to read
        log.exception("%s", what)


class Reread(NamedTuple):
    """How objects of a topic are read again, and how to know that a read which began since a ticket is in."""

    refresh: Callable[[str], object]
    ticket: Callable[[], int]
    read_since: Callable[[str, int], bool]


class Refresher:
    """Rereads objects by key, each once however many events named it meanwhile, and only if nobody else has."""

    def __init__(self, name: str, reread: Reread, verbs: Callable[[], bool] = lambda: False) -> None:
        self._reread = reread
        self._name = name
        self._verbs = verbs  # whether any is under way
        self._wanted: dict[str, int] = {}  # key -> ticket of the last event
        self._lock = threading.Lock()
        self._reading: str | None = None
        self._busy = False
        self._stopped = False

    def stop(self) -> None:
        """For good; a reading that is under way is not waited for."""
        self._stopped = True

    def want(self, key: str) -> None:
        """Ask for a reread; returns at once."""
        with self._lock:
            self._wanted[key] = self._reread.ticket()
            if self._busy:
                return
            self._busy = True
        crew.do(self._run)

    def wanted(self, key: str) -> bool:
        """Whether a reread is asked for, or under way."""
        with self._lock:
            return key in self._wanted or key == self._reading

    def _next(self) -> tuple[str, int] | None:
        with self._lock:
            self._reading = None
            if self._stopped or not self._wanted:
                self._busy = False
                return None
            key = self._reading = next(iter(self._wanted))
            return key, self._wanted.pop(key)

    def _run(self) -> None:
        # Events come in bursts, and the verb that caused them is about to reread the object itself.
        time.sleep(SETTLE)
        self._let_verbs_go_first()
        while (wanted := self._next()) is not None:
            key, ticket = wanted
            if not self._reread.read_since(key, ticket):
                attempt(partial(self._reread.refresh, key), f"rereading {self._name} {key}")

    def _let_verbs_go_first(self) -> None:
        until = time.monotonic() + YIELD
        while self._verbs() and time.monotonic() < until:
            time.sleep(LOOK)


class Refreshers:
    """One a topic, so that a large pool does not keep domains waiting."""

    def __init__(self, rereads: Mapping[Topic, Reread], verbs: Callable[[], bool]) -> None:
        self._of = {topic: Refresher(topic.value, reread, verbs) for topic, reread in rereads.items()}

    def stop(self) -> None:
        for one in self._of.values():
            one.stop()

    def want(self, topic: Topic, key: str) -> None:
        """Ask for a reread; returns at once."""
        self._of[topic].want(key)

    def wanted(self, topic: Topic, key: str) -> bool:
        """Whether a reread is asked for, or under way."""
        return self._of[topic].wanted(key)
