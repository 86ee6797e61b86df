"""Guessing of passwords is slowed down: who fails too often must wait, longer after each further failure."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

ENTRIES = 20_000  # kept at most; the ones without news for longest are forgotten
ADDRESS_SHARE, USER_SHARE = 4, 10  # times the failures that one user may have from one address
LONGEST_NAME = 64  # characters that tell users apart
FIRST_WAIT = 1.0  # seconds, doubled by each failure after


@dataclass(slots=True)
class _Entry:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Counts failures of a user at an address, of an address, and of a user, and says who must wait.

    `failures` are free; `longest` is the longest wait in seconds, and the silence after which failures are forgotten.
    """

    def __init__(self, failures: int, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = failures
        self._longest = longest
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, user: str, address: str, known: bool = False) -> float:
        """Seconds that an attempt has to wait; 0 when it may be made.

        For one `known` to have been right here a moment ago, failures at other addresses do not count.
        """
        now = self._clock()
        keys = self._keys(user, address)[: 2 if known else 3]
        with self._lock:
            entries = [self._entries.get(key) for key, _ in keys]
        return max(0.0, *(entry.until - now if entry else 0.0 for entry in entries))

    def failed(self, user: str, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        with self._lock:
            for key, free in self._keys(user, address):
                self._count(key, free, now)
            while len(self._entries) > ENTRIES:
                self._entries.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures of the user at this address, and no others: they may be somebody else's."""
        with self._lock:
            self._entries.pop((user[:LONGEST_NAME], address), None)

    def _count(self, key: tuple[str, str], free: int, now: float) -> None:
        entry = self._entries.pop(key, None)
        if entry is None or now - entry.last > self._longest:
            entry = _Entry()
        self._entries[key] = entry
        entry.failures += 1
        entry.last = now
        if entry.failures >= free:
            doublings = min(entry.failures - free, 30)
            entry.until = now + min(self._longest, FIRST_WAIT * 2**doublings)

    def _keys(self, user: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
        user = user[:LONGEST_NAME]
        return (
            ((user, address), self._free),
            (("", address), self._free * ADDRESS_SHARE),
            ((user, ""), self._free * USER_SHARE),
        )
