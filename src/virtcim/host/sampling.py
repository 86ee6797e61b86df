"""Readings at times of their own, beside those that others cause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """From `start` on, in seconds since 1970, every `interval` seconds."""

    start: float
    interval: float

    def left(self, now: float) -> float:
        """Seconds until the next one."""
        return self.start - now if now < self.start else self.interval - (now - self.start) % self.interval


class Sampler:
    """Calls `read` at the times set; there is a thread once some have been."""

    def __init__(self, read: Callable[[], object]) -> None:
        self._read = read
        self.times: Times | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Event()
        self._stopping = False

    def set(self, times: Times | None) -> None:
        """None: at none any more."""
        self.times = times
        self._changed.set()
        if times is not None and self._thread is None and not self._stopping:
            self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """For good; a reading that is under way is not waited for."""
        self._stopping = True
        self._changed.set()

    def _run(self) -> None:
        while not self._stopping:
            times = self.times
            if self._changed.wait(times.left(time.time()) if times else None):
                self._changed.clear()
            else:
                self._read()
