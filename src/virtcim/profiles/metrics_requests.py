"""What the metric service of a host is asked for: to show and to switch what is collected, and to order values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from virtcim.broker.provider import As, ClassNamed, Reference, Refused, Returned
from virtcim.host import tuning
from virtcim.host.errors import HostError
from virtcim.host.inventory import Host, Vm
from virtcim.host.sampling import Times
from virtcim.host.states import length_of, seconds_of
from virtcim.mapping.metrics import Metric
from virtcim.profiles import elements
from virtcim.profiles.metrics_control import DISABLED, ENABLED
from virtcim.profiles.metrics_model import Definition
from virtcim.profiles.metrics_subjects import SUBJECTS, Subject, balloon_of, host_of, subject_of
from virtcim.profiles.metrics_values import Metrics

ENABLE, DISABLE, RESET = 2, 3, 4  # MetricCollectionEnabled of the methods that control
MINIMUM, MAXIMUM = 2, 3  # Range
SHORTEST = 1.0  # seconds between two readings
GUEST_PERIOD = 5  # seconds between two questions to the driver of a balloon


class Pair(NamedTuple):
    """An element, and metrics of it."""

    element: Any
    definitions: list[Definition]


class Requests:
    """Of the service of one host."""

    def __init__(self, metrics: Metrics, host: Host) -> None:
        self._metrics = metrics
        self._collection = metrics.collection
        self._host = host

    # Showing

    def show(self, subject: Reference | None, definition: Reference | None) -> Returned:
        if subject is None and definition is None:
            raise Refused("Failed", "neither Subject nor Definition says what to show")
        if subject is None:
            wanted = self._definition(definition)
            elements = list(self._metrics.elements_on(self._host, wanted))
            states = [self._state(one, wanted) for one in elements]
            return Returned(ManagedElements=[_itself(one) for one in elements], MetricCollectionEnabled=states)
        element = self._element(subject)
        if definition is not None:
            found = self._of(element, self._definition(definition))
            return Returned(MetricCollectionEnabled=[self._state(element, found)])
        every = self._metrics.definitions_of(element)
        return _listed(every, [self._state(element, one) for one in every])

    def show_class(self, subject: Reference | None, definition: Reference | None) -> Returned:
        """What is collected of any element of a class counts as collected."""
        wanted = None if definition is None else self._definition(definition)
        pairs = list(self._of_classes(self._classes(subject, wanted), wanted))
        found: dict[Definition, int] = {}
        for element, definitions in pairs:
            for one in definitions:
                found[one] = min(self._state(element, one), found.get(one, DISABLED))
        if wanted is not None:
            return Returned(MetricCollectionEnabled=list(found.values()))
        return _listed(list(found), list(found.values()))

    # Switching

    def control(self, subject: Reference | None, definition: Reference | None, wanted: int | None) -> Returned:
        state = _checked(wanted)
        if subject is None and definition is None:
            raise Refused("Failed", "neither Subject nor Definition says what to control")
        known = None if definition is None else self._definition(definition)
        if subject is None and known is not None:
            return self._control_classes(state, _classes_of(known), known)
        element = self._element(subject)
        definitions = self._metrics.definitions_of(element) if known is None else [self._of(element, known)]
        pairs = [Pair(element, definitions)]
        self._begin(state, pairs)
        self._collection.switch_elements(_kept(state), [(one, _metrics(found)) for one, found in pairs])
        return self._done(state)

    def control_class(self, subject: Reference | None, definition: Reference | None, wanted: int | None) -> Returned:
        """Of all elements of a class, and of those that come later."""
        known = None if definition is None else self._definition(definition)
        return self._control_classes(_checked(wanted), self._classes(subject, known), known)

    def _control_classes(self, state: int, classes: Mapping[str, Subject], known: Definition | None) -> Returned:
        self._begin(state, list(self._of_classes(classes, known)))
        offered = [one.metric for one in self._metrics.offered_on(self._host) if known in (None, one)]
        rules = [(name, [metric for metric in offered if metric.of in of.of]) for name, of in classes.items()]
        self._collection.switch_classes(_kept(state), self._host, rules)
        return self._done(state)

    def _begin(self, state: int, pairs: list[Pair]) -> None:
        """Ask the guests that have to be asked, and note where counters stand that begin anew."""
        if state == DISABLE:
            return
        if state == ENABLE:
            pairs = [Pair(one, [each for each in found if self._state(one, each) == DISABLED]) for one, found in pairs]
        _ask([one for one, found in pairs if isinstance(one, Vm) and any(each.metric.asks for each in found)])
        self._host.gauges.measure()
        for element, definitions in pairs:
            self._metrics.begin_anew(element, _metrics(definitions))
        bases = [(one, self._metrics.counters(one, _metrics(definitions))) for one, definitions in pairs]
        self._collection.begin(bases)

    def sample(self, start: str | None, interval: str | None, restart: bool | None) -> Returned:
        """When to read what is aggregated, whoever asks for it or not."""
        given = {"StartSampleTime": start, "PreferredSampleInterval": interval, "RestartGathering": restart}
        missing = [name for name, value in given.items() if value is None]
        if missing:
            raise Refused("Failed", f"{missing[0]} is missing")
        times = _times(str(start), str(interval))
        self._collection.set_times(self._host, times)
        self._host.gauges.sampler.set(times)
        if restart:
            self._host.gauges.measure()
            self._metrics.begin_all_anew(self._host)
        return Returned()

    def _done(self, state: int) -> Returned:
        self._collection.forget(self._is_there)
        if state != DISABLE:
            self._host.gauges.measure()
            self._metrics.gather(self._host)
        return Returned()

    def _is_there(self, host: str, vm: str) -> bool:
        """Whether a system is known, as far as that can be told."""
        return not vm or host != self._host.uuid or not self._host.readable or self._host.vm(vm) is not None

    # Values

    def values(self, definition: Reference | None, order: int | None, count: int | None) -> Returned:
        """In the order of their numbers, the least or the greatest first; no more than `count`, where one is given."""
        if definition is None:
            raise Refused("Failed", "Definition is missing")
        if order not in (None, MINIMUM, MAXIMUM):
            raise Refused("Failed", f"Range {order} is neither 2 (Minimum) nor 3 (Maximum)")
        known = self._definition(definition)
        self._host.gauges.measure()
        found = [one for one in self._metrics.values_by(known) if host_of(one.element) is self._host]
        if order is not None:
            found.sort(key=lambda one: one.number, reverse=order == MAXIMUM)
        return Returned(Values=found[:count])

    # What parameters name

    def _definition(self, given: Reference | None) -> Definition:
        """One of what the service controls."""
        target = given.target if given else None
        if not isinstance(target, Definition) or not target.metric.measured_on(self._host.platform):
            raise Refused("Failed", f"Definition names no metric of {self._host.name}: {given and given.path}")
        return target

    def _element(self, given: Reference | None) -> Any:
        """The element of the host that a reference names, as that and not as something else that goes with it."""
        target, path = (given.target, given.path) if given else (None, None)
        subject = subject_of(target)
        if path is None or subject is None or host_of(target) is not self._host or path.classname != _leaf(target):
            raise Refused("Failed", f"Subject names nothing that is measured on {self._host.name}: {path}")
        return target

    def _of(self, element: Any, wanted: Definition) -> Definition:
        if wanted not in self._metrics.definitions_of(element):
            raise Refused("Failed", f"{wanted.metric.name} is not measured of what Subject names")
        return wanted

    def _classes(self, given: Reference | None, wanted: Definition | None) -> dict[str, Subject]:
        """The classes, with what kind of element they are, that are of the class named, and have the metric."""
        target = given.target if given else None
        named = target.classes(self._host.platform) if isinstance(target, ClassNamed) else frozenset()
        found = {name: one for one in SUBJECTS for name in one.classes if name in named}
        if wanted is not None:
            found = {name: one for name, one in found.items() if wanted.metric.of in one.of}
        if not found:
            what = "is measured" if wanted is None else f"has the metric {wanted.metric.name}"
            raise Refused("Failed", f"Subject names no class whose instances {what}: {given and given.path}")
        return found

    def _of_classes(self, classes: Mapping[str, Subject], wanted: Definition | None) -> Iterator[Pair]:
        """The elements of classes that there are now."""
        for subject in dict.fromkeys(classes.values()):
            for element in subject.on(self._host):
                if subject.served(element) in classes:
                    found = self._metrics.definitions_of(element)
                    yield Pair(element, [one for one in found if wanted in (None, one)])

    def _state(self, element: Any, definition: Definition) -> int:
        return ENABLED if self._metrics.is_collected(element, definition) else DISABLED


def _times(start: str, interval: str) -> Times:
    """When it says; nothing is read twice a second."""
    try:
        times = Times(seconds_of(start), length_of(interval))
    except ValueError as error:
        raise Refused("Failed", f"StartSampleTime or PreferredSampleInterval: {error}") from error
    if times.interval < SHORTEST:
        raise Refused("Failed", f"PreferredSampleInterval {interval} is less than {SHORTEST:g} s")
    return times


def _classes_of(definition: Definition) -> dict[str, Subject]:
    """All classes that have a metric."""
    return {name: one for one in SUBJECTS if definition.metric.of in one.of for name in one.classes}


def _checked(state: int | None) -> int:
    if state not in (ENABLE, DISABLE, RESET):
        raise Refused("Failed", f"MetricCollectionEnabled {state} is none of 2 (Enable), 3 (Disable), 4 (Reset)")
    return state


def _kept(state: int) -> int:
    """What is collected from now on."""
    return DISABLED if state == DISABLE else ENABLED


def _metrics(definitions: Iterable[Definition]) -> list[Metric]:
    return [one.metric for one in definitions]


def _ask(vms: Iterable[Vm]) -> None:
    """Have guests tell of their memory, those that do not so already; all of them or none."""
    asked: list[Vm] = []
    try:
        for vm in vms:
            balloon = elements.by_dev(elements.state_of(vm))[str(balloon_of(vm))]
            if not elements.properties(balloon).get("StatsPeriod"):
                tuning.set_stats_period(vm, GUEST_PERIOD)
                asked.append(vm)
    except HostError:
        for vm in asked:
            tuning.set_stats_period(vm, 0)
        raise


def _leaf(element: Any) -> str:
    """The class that an element is served as on its platform."""
    subject = subject_of(element)
    return f"{element.platform}_{subject.served(element).removeprefix('Virt_')}" if subject else ""


def _itself(element: Any) -> As:
    """An element as what is measured: some are served as other things too."""
    subject = subject_of(element)
    assert subject is not None
    return As(element, subject.served(element))


def _listed(definitions: list[Definition], states: list[int]) -> Returned:
    names = [one.metric.name for one in definitions]
    return Returned(DefinitionList=definitions, MetricNames=names, MetricCollectionEnabled=states)
