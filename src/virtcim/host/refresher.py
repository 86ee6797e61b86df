"""Threads that keep the inventory fresh: one rereads what events name, one rereads everything from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from virtcim.host.errors import HostError, Kind
from virtcim.host.events import Topic

log = logging.getLogger(__name__)

SETTLE = 0.003  # seconds


def _attempt(work: Callable[[], object], what: str) -> None:
    """A failure is logged and left to the next reconcile; a lost link is known already and ends in a full reread."""
    try:
        work()
    except HostError as error:
        if error.kind is not Kind.UNREACHABLE:
            log.warning("%s: %s", what, error.message)
    except Exception:  # the thread has others to read
        log.exception("%s", what)


class Reread(NamedTuple):
    """How objects of a topic are read again, and how to know that a read which began since a ticket is in."""

    refresh: Callable[[str], object]
    ticket: Callable[[], int]
    read_since: Callable[[str, int], bool]


class Refresher:
    """Rereads objects by key, each once however many events named it meanwhile, and only if nobody else has."""

    def __init__(self, name: str, reread: Reread) -> None:
        self._reread = reread
        self._name = name
        self._wanted: dict[str, int] = {}  # key -> ticket of the last event
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"refresh {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def want(self, key: str) -> None:
        """Ask for a reread; returns at once."""
        with self._changed:
            self._wanted[key] = self._reread.ticket()
            self._changed.notify()

    def _next(self) -> tuple[str, int] | None:
        with self._changed:
            idle = not self._wanted
            self._changed.wait_for(lambda: self._wanted or self._stopping)
            if idle and not self._stopping:
                # Events come in bursts, and the verb that caused them is about to reread the object itself.
                self._changed.wait_for(lambda: self._stopping, SETTLE)
            if self._stopping:
                return None
            key = next(iter(self._wanted))
            return key, self._wanted.pop(key)

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            key, ticket = wanted
            if not self._reread.read_since(key, ticket):
                _attempt(partial(self._reread.refresh, key), f"rereading {self._name} {key}")


class Reconciler:
    """Does the work every `interval` seconds until stopped."""

    def __init__(self, interval: float, work: Callable[[], object], what: str) -> None:
        self._interval = interval
        self._work = work
        self._what = what
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            _attempt(self._work, self._what)


class Workers:
    """A refresher a topic, so that a large pool does not keep domains waiting, and what is done by the clock."""

    def __init__(self, rereads: Mapping[Topic, Reread], by_clock: Iterable[Reconciler]) -> None:
        self._refreshers = {topic: Refresher(topic.value, reread) for topic, reread in rereads.items()}
        self._threads: list[Refresher | Reconciler] = [*self._refreshers.values(), *by_clock]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for thread in self._threads:
            thread.stop()

    def want(self, topic: Topic, key: str) -> None:
        """Ask for a reread; returns at once."""
        self._refreshers[topic].want(key)
