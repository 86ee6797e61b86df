"""Measurements in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from virtcim.broker.call import Call, Status
from virtcim.wire.names import READ, WRITE, is_intrinsic

CONTENT_TYPE = CONTENT_TYPE_LATEST
MOST_NAMES = 500  # methods told apart; the rest is "other"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_UNKNOWN = {Status.METHOD_NOT_FOUND, Status.NOT_SUPPORTED, Status.ACCESS_DENIED, Status.NOT_FOUND}


@dataclass(frozen=True)
class Reading:
    """A value as it is when somebody asks: `values` by the values of the labels."""

    name: str
    help: str
    values: Mapping[Any, float]
    labels: tuple[str, ...] = field(default=())


Readings = Callable[[], Iterable[Reading]]


class Metrics:
    """The measurements of one server; `readings` are taken at each scrape."""

    def __init__(self, readings: Iterable[Readings] = ()) -> None:
        self._registry = CollectorRegistry()
        self._names: dict[str, str] = {}  # in lower case -> as first spelled
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        labels = ("operation", "status")
        self._calls = Counter("virtcim_requests", "Calls by CIM status.", labels, registry=self._registry)
        self._seconds = Histogram(
            "virtcim_request_seconds",
            "From a request read to its reply sent.",
            ("operation",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._faults = Counter(
            "virtcim_http_faults", "Requests answered by HTTP alone.", ("status",), registry=self._registry
        )
        self._registry.register(_Now(readings))
        ProcessCollector(registry=self._registry)

    def done(self, call: Call, status: int, seconds: float) -> None:
        """Count a call."""
        key = self._name(call, status), status
        if key not in self._children:  # looking up labels takes longer than all else here
            self._children[key] = self._calls.labels(key[0], str(status)), self._seconds.labels(key[0])
        counter, histogram = self._children[key]
        counter.inc()
        histogram.observe(seconds)

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
            return self._names.setdefault(key, call.name) if key in READ | WRITE else "other"
        if status in _UNKNOWN or (key not in self._names and len(self._names) >= MOST_NAMES):
            return "other"
        return self._names.setdefault(key, call.name)


class _Now(Collector):
    def __init__(self, readings: Iterable[Readings]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for take in self._readings:
            for reading in take():
                family = GaugeMetricFamily(reading.name, reading.help, labels=reading.labels)
                for labels, value in reading.values.items():
                    family.add_metric(labels, value)
                yield family

    def describe(self) -> list[GaugeMetricFamily]:
        return []
