"""What the readings of metrics come to: their least, their greatest and their mean since somebody asked for it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from virtcim.mapping.metrics import FUNCTIONS

MINIMUM, MAXIMUM, AVERAGE = FUNCTIONS.values()
Key = tuple[str, str]  # what names an element in the store, and the metric that is aggregated


@dataclass(frozen=True)
class Course:
    """The readings of one metric of one element, from `since` to `at`, in seconds since 1970."""

    since: float
    at: float
    least: float
    most: float
    total: float
    count: int

    def result(self, function: int) -> float:
        return {MINIMUM: self.least, MAXIMUM: self.most, AVERAGE: self.total / self.count}[function]

    def on(self, at: float, number: float) -> Course:
        """With another reading; the same one may come twice."""
        if at <= self.at:
            return self
        least, most = min(self.least, number), max(self.most, number)
        return replace(self, at=at, least=least, most=most, total=self.total + number, count=self.count + 1)


class History:
    """The courses of all that is aggregated on one host. Another run of the server begins anew."""

    def __init__(self) -> None:
        self._courses: dict[Key, Course] = {}
        self._lock = threading.Lock()

    def take(self, readings: Iterable[tuple[Key, float]], at: float) -> None:
        """The readings of one moment; what is not among them is aggregated no longer."""
        with self._lock:
            before, now = self._courses, {}
            for key, number in readings:
                known = before.get(key)
                now[key] = known.on(at, number) if known else Course(at, at, number, number, number, 1)
            self._courses = now

    def of(self, key: Key) -> Course | None:
        """None until there have been two readings."""
        found = self._courses.get(key)
        return found if found is not None and found.at > found.since else None

    def forget(self, key: Key) -> None:
        """Begin anew."""
        with self._lock:
            self._courses.pop(key, None)
