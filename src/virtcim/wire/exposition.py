"""Measurements as the text that Prometheus reads. Loaded when somebody asks for it: the library brings much along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from virtcim.wire.measured import Count, Measured, Reading, Timing

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Exposition:
    """The text of what `take` answers, and of what the process itself uses."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, take: Callable[[], Iterable[Measured]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Taken(take))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All measurements as they are now."""
        return generate_latest(self._registry)


class _Taken(Collector):
    def __init__(self, take: Callable[[], Iterable[Measured]]) -> None:
        self._take = take

    def collect(self) -> Iterator[Family]:
        return map(_family, self._take())

    def describe(self) -> list[Family]:
        return []


def _family(measured: Measured) -> Family:
    match measured:
        case Reading():
            return _gauge(measured)
        case Count():
            return _counter(measured)
        case Timing():
            return _histogram(measured)


def _gauge(reading: Reading) -> GaugeMetricFamily:
    made = GaugeMetricFamily(reading.name, reading.help, labels=reading.labels)
    for labels, value in reading.values.items():
        made.add_metric(labels, value)
    return made


def _counter(count: Count) -> CounterMetricFamily:
    made = CounterMetricFamily(count.name, count.help, labels=count.labels)
    for labels, value in count.values.items():
        made.add_metric(labels, value)
    return made


def _histogram(timing: Timing) -> HistogramMetricFamily:
    made = HistogramMetricFamily(timing.name, timing.help, labels=(timing.label,))
    for value, (buckets, seconds) in timing.values.items():
        upto = zip((*map(floatToGoString, timing.bounds), "+Inf"), accumulate(buckets), strict=True)
        made.add_metric((value,), list(upto), seconds)
    return made
