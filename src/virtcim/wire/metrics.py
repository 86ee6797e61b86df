"""Measurements of one server: counted as requests come, told in the form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from virtcim.broker.call import Call, Status
from virtcim.later import Later
from virtcim.wire.measured import Count, Measured, Reading, Timing
from virtcim.wire.names import READ, WRITE, is_intrinsic

if TYPE_CHECKING:
    from virtcim.wire import exposition
else:
    exposition = Later("virtcim.wire.exposition")

MOST_NAMES = 500  # methods told apart; the rest is "other"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_INTRINSIC = READ | WRITE
_UNKNOWN = {Status.METHOD_NOT_FOUND, Status.NOT_SUPPORTED, Status.ACCESS_DENIED, Status.NOT_FOUND}

Values = dict[tuple[str, ...], int]
Readings = Callable[[], Iterable[Reading | Timing]]


class Metrics:
    """The measurements of one server; `readings` are taken at each scrape."""

    def __init__(self, readings: Iterable[Readings] = ()) -> None:
        self._readings = tuple(readings)
        self._names: dict[str, str] = {}  # in lower case -> as first spelled
        self._tally = _Tally()
        self._faults: Counter[int] = Counter()

    def done(self, call: Call, status: int, seconds: float) -> None:
        """Count a call."""
        self._tally.add(self._name(call, status), status, seconds)

    def fault(self, status: int) -> None:
        """Count a request that was no call."""
        self._faults[status] += 1

    def page(self) -> tuple[str, bytes]:
        """The media type and all measurements."""
        return self._exposition.content_type, self._exposition.text()

    @cached_property
    def _exposition(self) -> exposition.Exposition:
        return exposition.Exposition(self._taken)

    def _taken(self) -> Iterator[Measured]:
        yield from self._tally.taken()
        faults: Values = {(str(status),): count for status, count in list(self._faults.items())}
        yield Count("virtcim_http_faults", "Requests answered by HTTP alone.", faults, ("status",))
        for take in self._readings:
            yield from take()

    def _name(self, call: Call, status: int) -> str:
        """A name that a client cannot make up: a label is kept for ever."""
        key = call.name.lower()
        if is_intrinsic(call):
            return self._names.setdefault(key, call.name) if key in _INTRINSIC else "other"
        if status in _UNKNOWN or (key not in self._names and len(self._names) >= MOST_NAMES):
            return "other"
        return self._names.setdefault(key, call.name)


class _Tally:
    """Calls by operation and status, and how long they took: counted by one thread, so that it needs no locks."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def add(self, name: str, status: int, seconds: float) -> None:
        self._calls[name, status] = self._calls.get((name, status), 0) + 1
        buckets = self._buckets.get(name)
        if buckets is None:
            buckets = self._buckets[name] = [0] * (len(_SECONDS) + 1)
            self._sums[name] = 0.0
        buckets[bisect_left(_SECONDS, seconds)] += 1
        self._sums[name] += seconds

    def taken(self) -> Iterator[Measured]:
        calls: Values = {(name, str(status)): count for (name, status), count in list(self._calls.items())}
        yield Count("virtcim_requests", "Calls by CIM status.", calls, ("operation", "status"))
        times = {name: (buckets, self._sums[name]) for name, buckets in list(self._buckets.items())}
        yield Timing("virtcim_request_seconds", "From a request read to its reply sent.", "operation", _SECONDS, times)
