"""Measurements in the form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from virtcim.broker.call import Call, Status
from virtcim.wire.names import READ, WRITE, is_intrinsic

CONTENT_TYPE = CONTENT_TYPE_LATEST
MOST_NAMES = 500  # methods told apart; the rest is "other"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_INTRINSIC = READ | WRITE
_UNKNOWN = {Status.METHOD_NOT_FOUND, Status.NOT_SUPPORTED, Status.ACCESS_DENIED, Status.NOT_FOUND}


@dataclass(frozen=True)
class Reading:
    """A value as it is when somebody asks: `values` by the values of the labels."""

    name: str
    help: str
    values: Mapping[Any, float]
    labels: tuple[str, ...] = field(default=())

    def family(self) -> GaugeMetricFamily:
        made = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for labels, value in self.values.items():
            made.add_metric(labels, value)
        return made


@dataclass(frozen=True)
class Timing:
    """Times so far, by one label: `bounds` in seconds, and for each value how many were up to each, and their sum."""

    name: str
    help: str
    label: str
    bounds: tuple[float, ...]
    values: Mapping[str, tuple[Sequence[int], float]]

    def family(self) -> HistogramMetricFamily:
        made = HistogramMetricFamily(self.name, self.help, labels=(self.label,))
        for value, (buckets, seconds) in self.values.items():
            upto = zip((*map(floatToGoString, self.bounds), "+Inf"), accumulate(buckets), strict=True)
            made.add_metric((value,), list(upto), seconds)
        return made


Readings = Callable[[], Iterable[Reading | Timing]]


class Metrics:
    """The measurements of one server; `readings` are taken at each scrape."""

    def __init__(self, readings: Iterable[Readings] = ()) -> None:
        self._registry = CollectorRegistry()
        self._names: dict[str, str] = {}  # in lower case -> as first spelled
        self._tally = _Tally()
        self._registry.register(self._tally)
        self._faults = Counter(
            "virtcim_http_faults", "Requests answered by HTTP alone.", ("status",), registry=self._registry
        )
        self._registry.register(_Now(readings))
        ProcessCollector(registry=self._registry)

    def done(self, call: Call, status: int, seconds: float) -> None:
        """Count a call."""
        self._tally.add(self._name(call, status), status, seconds)

    def fault(self, status: int) -> None:
        """Count a request that was no call."""
        self._faults.labels(str(status)).inc()

    def text(self) -> bytes:
        """All measurements, as CONTENT_TYPE."""
        return generate_latest(self._registry)

    def _name(self, call: Call, status: int) -> str:
        """A name that a client cannot make up: a label is kept for ever."""
        key = call.name.lower()
        if is_intrinsic(call):
            return self._names.setdefault(key, call.name) if key in _INTRINSIC else "other"
        if status in _UNKNOWN or (key not in self._names and len(self._names) >= MOST_NAMES):
            return "other"
        return self._names.setdefault(key, call.name)


class _Tally(Collector):
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

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        calls = CounterMetricFamily("virtcim_requests", "Calls by CIM status.", labels=("operation", "status"))
        for (name, status), count in list(self._calls.items()):
            calls.add_metric((name, str(status)), count)
        yield calls
        text = "From a request read to its reply sent."
        times = {name: (buckets, self._sums[name]) for name, buckets in list(self._buckets.items())}
        yield Timing("virtcim_request_seconds", text, "operation", _SECONDS, times).family()

    def describe(self) -> list[CounterMetricFamily]:
        return []


class _Now(Collector):
    def __init__(self, readings: Iterable[Readings]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
        for take in self._readings:
            for reading in take():
                yield reading.family()

    def describe(self) -> list[GaugeMetricFamily]:
        return []
