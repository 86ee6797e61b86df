"""What metrics are offered of each element, what was measured of it, and what readings of it come to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from virtcim.host.figures import Sample
from virtcim.host.inventory import Host, Hosts
from virtcim.host.measures import Needs
from virtcim.host.starts import Starts
from virtcim.mapping import ids
from virtcim.mapping.metrics import COUNTER, INTERVAL, METRICS, OF, POINT, STARTUP, Metric
from virtcim.profiles.lookup import vms_of
from virtcim.profiles.metrics_control import Base, Collection, run, token
from virtcim.profiles.metrics_history import History, Key
from virtcim.profiles.metrics_model import Aggregation, Definition, Value
from virtcim.profiles.metrics_subjects import (
    SUBJECTS,
    SYSTEMS,
    Subject,
    guest_of,
    host_of,
    subject_of,
    subjects_of,
    vm_of,
)
from virtcim.profiles.pools import ResourcePool

NANOSECONDS = 1e9
DIRTY = "VirtualSystem.DirtyRate"


class Metrics:
    """The metrics of a world: all definitions, of which each element has some, and their values now."""

    def __init__(self, world: Hosts, collection: Collection) -> None:
        self.world = world
        self.collection = collection
        self.definitions = {name: Definition(metric) for name, metric in METRICS.items()}
        self._starts = Starts()
        self._histories = {host: History() for host in world.hosts}
        world.on_change(self._starts.changed)
        world.on_ready(lambda host: host.gauges.sampler.set(collection.times(host)))
        for host in world.hosts:
            host.gauges.needs = partial(self._needs, host)
            host.gauges.on_read.add(partial(self.gather, host))

    # Definitions

    def offered(self) -> list[Definition]:
        """Those that some host can measure."""
        platforms = {host.platform for host in self.world.hosts}
        return [one for one in self.definitions.values() if any(map(one.metric.measured_on, platforms))]

    def offered_on(self, host: Host) -> list[Definition]:
        return [one for one in self.definitions.values() if one.metric.measured_on(host.platform)]

    def definitions_of(self, element: Any) -> list[Definition]:
        """What can be measured of an element, collected or not."""
        subject = subject_of(element)
        if subject is None or not host_of(element).readable:
            return []
        found = (metric for of in subject.of for metric in OF[of] if subject.measures(metric, element))
        return [self.definitions[metric.name] for metric in found]

    def elements_of(self, definition: Definition) -> Iterator[Any]:
        """All that a metric can be measured of."""
        for host in self.world.reachable():
            yield from self.elements_on(host, definition)

    def elements_on(self, host: Host, definition: Definition) -> Iterator[Any]:
        for subject in subjects_of(definition.metric):
            found = subject.on(host) if definition.metric.measured_on(host.platform) else ()
            yield from (one for one in found if subject.measures(definition.metric, one))

    def hosts_of(self, definition: Definition) -> list[Host]:
        return [host for host in self.world.hosts if definition.metric.measured_on(host.platform)]

    def subjects(self, subject: Subject, definition: Definition) -> Iterator[Any]:
        """The elements of one kind that a metric can be measured of."""
        for host in self.world.reachable() if definition.metric.of in subject.of else ():
            yield from (one for one in subject.on(host) if subject.measures(definition.metric, one))

    def is_collected(self, element: Any, definition: Definition) -> bool:
        subject = subject_of(element)
        return subject is not None and self.collection.states(subject, element)(definition.metric)

    # Values

    def values(self) -> Iterator[Value]:
        """Of everything, but for aggregations."""
        for host in self.world.reachable():
            sample = host.gauges.closely()
            for subject, element in _measured_on(host):
                yield from self._values(subject, element, sample)

    def aggregations(self) -> Iterator[Aggregation]:
        """Of everything that is aggregated."""
        for host in self.world.reachable():
            for subject, elements in self._aggregated_on(host):
                for element in elements:
                    yield from self._aggregated(subject, element)

    def values_of(self, element: Any, only: Definition | None = None) -> Iterator[Value]:
        """Of all metrics of an element that are collected, or of one of them."""
        subject = subject_of(element)
        if subject is not None and host_of(element).readable:
            yield from self._values(subject, element, host_of(element).gauges.closely(), only)
            yield from self._aggregated(subject, element, only)

    def values_by(self, definition: Definition) -> Iterator[Value]:
        """Of one metric."""
        for element in self.elements_of(definition):
            yield from self.values_of(element, definition)

    def find_value(self, instance_id: str) -> Iterator[Value]:
        parsed = ids.parse_metric_value_id(instance_id)
        definition = self.definitions.get(parsed[0]) if parsed else None
        if parsed is None or definition is None:
            return
        for subject in subjects_of(definition.metric):
            for element in subject.find(self.world, parsed[1]):
                yield from (one for one in self.values_of(element, definition) if one.id == instance_id)

    def _values(
        self, subject: Subject, element: Any, sample: Sample, only: Definition | None = None
    ) -> Iterator[Value]:
        numbers = subject.numbers(element, sample)
        if not numbers:
            return
        at = sample.measured.at if sample.measured and not isinstance(element, ResourcePool) else time.time()
        since, interval = self._since(element, sample), _interval(element, sample)
        told = numbers if since is None else {**numbers, "uptime": max(0.0, at - since)}
        collected, bases = self.collection.states(subject, element), self.collection.bases(element)
        for definition in self.definitions_of(element) if only is None else [only]:
            metric = definition.metric
            for breakdown, number in metric.readings(told) if collected(metric) else ():
                base = bases.get(base_name(metric, breakdown)) if metric.change == COUNTER else None
                counted, began = _from(base, number, since)
                spans = {POINT: 0.0, INTERVAL: interval, STARTUP: None if began is None else max(0.0, at - began)}
                yield Value(definition, subject, element, counted, at, spans[metric.scope], breakdown)

    # Aggregations

    def _aggregated(self, subject: Subject, element: Any, only: Definition | None = None) -> Iterator[Aggregation]:
        """What readings come to since there have been two of them."""
        history, collected = self._histories[host_of(element)], self.collection.states(subject, element)
        for definition in self.definitions_of(element) if only is None else [only]:
            metric = definition.metric
            course = history.of((token(element), metric.base)) if metric.function is not None else None
            if course is not None and metric.function is not None and collected(metric):
                number, passed = course.result(metric.function), course.at - course.since
                yield Aggregation(definition, subject, element, number, course.at, passed, None)

    def _aggregated_on(self, host: Host) -> Iterator[tuple[Subject, Iterable[Any]]]:
        """The elements of the kinds that something is aggregated of."""
        wanted = {METRICS[name].of for name in self._switched_on(host) if METRICS[name].function is not None}
        return ((one, one.on(host)) for one in SUBJECTS if wanted.intersection(one.of))

    def _switched_on(self, host: Host) -> frozenset[str]:
        return self.collection.names_on(host) & METRICS.keys()

    def _needs(self, host: Host) -> Needs:
        names = self._switched_on(host)
        always, dirty = any(METRICS[name].function is not None for name in names), set()
        if DIRTY in names:
            found = (vm for vm in host.vms if vm.active)
            dirty = {vm.uuid for vm in found if self.collection.states(SYSTEMS, vm)(METRICS[DIRTY])}
        return Needs(always, frozenset(dirty))

    def gather(self, host: Host) -> None:
        """Take what has just been read into what it comes to."""
        sample = host.gauges.latest()
        if host.readable and sample.measured is not None:
            self._histories[host].take(self._readings(host, sample), sample.measured.at)

    def _readings(self, host: Host, sample: Sample) -> Iterator[tuple[Key, float]]:
        names = self._switched_on(host)
        for subject, elements in self._aggregated_on(host):
            metrics = [one for of in subject.of for one in OF[of] if one.name in names and one.function is not None]
            for element in elements:
                collected, numbers = self.collection.states(subject, element), subject.numbers(element, sample)
                bases = {one.base for one in metrics if subject.measures(one, element) and collected(one)}
                found = ((base, METRICS[base].source) for base in bases)
                yield from (((token(element), base), numbers[source]) for base, source in found if source in numbers)

    def begin_all_anew(self, host: Host) -> None:
        """Aggregate everything of a host from now on."""
        self._histories[host] = History()
        self.gather(host)

    def begin_anew(self, element: Any, metrics: Iterable[Metric]) -> None:
        """Aggregate from now on."""
        for base in {one.base for one in metrics if one.function is not None}:
            self._histories[host_of(element)].forget((token(element), base))

    def _since(self, element: Any, sample: Sample) -> float | None:
        """When an element began to count, in seconds since 1970; None where nobody knows."""
        vm = vm_of(element)
        if vm is not None:
            guest = guest_of(vm, sample)
            return guest.started if guest and guest.started else self._starts.of(vm.uuid, run(element))
        loads, measured = sample.loads, sample.measured
        if not isinstance(element, Host) or not loads.processors or measured is None:
            return None
        return measured.at - sum(loads.times.values()) / NANOSECONDS / loads.processors

    def counters(self, element: Any, metrics: Iterable[Metric]) -> dict[str, Base]:
        """Where those of an element stand."""
        subject = subject_of(element)
        if subject is None:
            return {}
        sample = host_of(element).gauges.closely()
        numbers = subject.numbers(element, sample)
        at = sample.measured.at if sample.measured else time.time()
        found = {}
        for metric in metrics:
            for breakdown, number in metric.readings(numbers) if metric.change == COUNTER else ():
                found[base_name(metric, breakdown)] = Base(int(number), run(element), at)
        return found


def _measured_on(host: Host) -> Iterator[tuple[Subject, Any]]:
    """All that may have values; one system after the other, as what hangs off each is made to be looked at."""
    offered = [one for one in SUBJECTS if one.offered_on(host.platform)]
    for vm in vms_of(host):
        for subject in offered if vm.active else ():
            yield from ((subject, one) for one in subject.inside(vm)) if subject.inside else ()
    for subject in offered:
        yield from ((subject, one) for one in subject.beside(host))


def _interval(element: Any, sample: Sample) -> float:
    """Between the last two readings: those of the host are always taken."""
    if isinstance(element, Host):
        return sample.loads.interval
    return sample.measured.interval if sample.measured else 0.0


def base_name(metric: Metric, breakdown: tuple[str, str] | None) -> str:
    return f"{metric.name}/{breakdown[1]}" if breakdown else metric.name


def _from(base: Base | None, number: float, since: float | None) -> tuple[float, float | None]:
    """A counter as it goes on from its base, and when that began; one below its base has begun by itself again."""
    if base is None or number < base.number:
        return number, since
    return number - base.number, base.at
