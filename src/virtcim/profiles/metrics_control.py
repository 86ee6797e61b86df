"""Which metrics are collected of which elements, and where their counting was begun anew: kept in the store.

What was asked for is a rule for one element, or for all of a class, those that come later included; of several that
are about an element the last one counts. Collecting is on until somebody switches it off, but for what the guest would
have to be asked, what takes calls of its own, and aggregations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from virtcim.broker.call import Path
from virtcim.broker.provider import VIRT, Stored
from virtcim.host.inventory import Host
from virtcim.host.sampling import Times
from virtcim.host.starts import run_of
from virtcim.host.states import now
from virtcim.mapping.metrics import Metric
from virtcim.profiles.metrics_subjects import Subject, host_of, subject_of, vm_of

ENABLED, DISABLED = 2, 3  # MetricCollectionEnabled
# No class can have such a name.
RULES, CLASS_RULES, BASES, TIMES = "#metrics", "#metric-classes", "#metric-bases", "#metric-times"


class Shelf(Protocol):
    """The stored instances, see broker.store_shelf."""

    @property
    def lock(self) -> Any: ...
    def of_class(self, classname: str) -> list[Stored]: ...
    def count(self, classname: str) -> int: ...
    def find(self, path: Path) -> Stored | None: ...
    def change(self, removed: tuple[Stored, ...], added: tuple[Stored, ...]) -> None: ...


@dataclass(frozen=True)
class Base:
    """Where a counter stood, in which run of its system, when its counting was begun anew: seconds since 1970."""

    number: int
    run: int
    at: float


def token(element: Any) -> str:
    """What names an element in the store: a system that is made anew under the same name is another."""
    subject, vm = subject_of(element), vm_of(element)
    name = subject.name(element) if subject else ""
    return f"{host_of(element).uuid}/{vm.uuid}/{name}" if vm else f"{host_of(element).uuid}//{name}"


def run(element: Any) -> int:
    """The number of the run that an element counts in."""
    vm = vm_of(element)
    return run_of(vm.state_xml) if vm else 0


def _path(kind: str, name: str) -> Path:
    return Path(kind, (("Name", name),), VIRT)


def _class_path(host: Host, classname: str) -> Path:
    return _path(CLASS_RULES, f"{host.uuid}/{classname}")


class Collection:
    """What is collected, over the store."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def states(self, subject: Subject, element: Any) -> Callable[[Metric], bool]:
        """What tells whether a metric of an element is collected."""
        rules = [self._shelf.find(path) for path in self._applying(subject, element)]
        known = [rule.properties for rule in rules if rule is not None]
        return lambda metric: _latest(known, metric) if known else metric.collected

    def names_on(self, host: Host) -> frozenset[str]:
        """The names of the metrics that a rule on a host switches on."""
        if not self._shelf.count(RULES) and not self._shelf.count(CLASS_RULES):
            return frozenset()
        kept = [one for kind in (RULES, CLASS_RULES) for one in self._shelf.of_class(kind)]
        mine = (one.properties for one in kept if str(one.path.key("Name")).startswith(f"{host.uuid}/"))
        return frozenset(name for rule in mine for name, state in rule.items() if str(state).startswith(f"{ENABLED} "))

    def _applying(self, subject: Subject, element: Any) -> list[Path]:
        """The rules that an element may be under."""
        by_class = self._shelf.count(CLASS_RULES)
        found = [_class_path(host_of(element), subject.served(element))] if by_class else []
        return [*found, _path(RULES, token(element))] if self._shelf.count(RULES) else found

    def bases(self, element: Any) -> Mapping[str, Base]:
        """By name of the metric, with the value of its dimension if it has one: those of the run that goes on."""
        kept = self._shelf.find(_path(BASES, token(element))) if self._shelf.count(BASES) else None
        found = {name: _base(str(text)) for name, text in kept.properties.items()} if kept else {}
        return {name: base for name, base in found.items() if base.run == run(element)}

    def switch_elements(self, state: int, wanted: Iterable[tuple[Any, Iterable[Metric]]]) -> None:
        """Rules for elements, each with its metrics."""
        rules = [(_path(RULES, token(element)), [m.name for m in of]) for element, of in wanted]
        self._write({path: {name: f"{state} {now()}" for name in names} for path, names in rules})

    def switch_classes(self, state: int, host: Host, wanted: Iterable[tuple[str, Iterable[Metric]]]) -> None:
        """Rules for all elements of classes on a host: those for single ones count no more."""
        rules = [(_class_path(host, classname), [m.name for m in of]) for classname, of in wanted]
        self._write({path: {name: f"{state} {now()}" for name in names} for path, names in rules})

    def begin(self, bases: Iterable[tuple[Any, Mapping[str, Base]]]) -> None:
        """Count anew from where counters stand."""
        found = {_path(BASES, token(element)): numbers for element, numbers in bases if numbers}
        texts = {path: {name: _text(base) for name, base in numbers.items()} for path, numbers in found.items()}
        self._write(texts)

    def times(self, host: Host) -> Times | None:
        """When a host is read for what is aggregated; None where nobody has said so."""
        kept = self._shelf.find(_path(TIMES, host.uuid))
        return Times(float(str(kept.properties["start"])), float(str(kept.properties["interval"]))) if kept else None

    def set_times(self, host: Host, times: Times) -> None:
        self._write({_path(TIMES, host.uuid): {"start": str(times.start), "interval": str(times.interval)}})

    def forget(self, known: Callable[[str, str], bool]) -> None:
        """Drop what is kept of systems that are gone: of UUIDs of host and system that are not known."""
        with self._shelf.lock:
            kept = [one for kind in (RULES, BASES) for one in self._shelf.of_class(kind)]
            gone = [one for one in kept if not known(*str(one.path.key("Name")).split("/")[:2])]
            if gone:
                self._shelf.change(tuple(gone), ())

    def _write(self, changes: Mapping[Path, Mapping[str, str]]) -> None:
        with self._shelf.lock:
            before = {path: self._shelf.find(path) for path in changes}
            olds = tuple(one for one in before.values() if one is not None)
            news = tuple(Stored(path, {**(_kept(before[path])), **change}) for path, change in changes.items())
            if news:
                self._shelf.change(olds, news)


def _kept(one: Stored | None) -> dict[str, Any]:
    return dict(one.properties) if one else {}


def _latest(rules: Iterable[Mapping[str, Any]], metric: Metric) -> bool:
    """Each rule is a state and the moment since."""
    found = [str(rule[metric.name]).split(" ") for rule in rules if metric.name in rule]
    if not found:
        return metric.collected
    return max(found, key=lambda one: one[1])[0] == str(ENABLED)


def _text(base: Base) -> str:
    return f"{base.number} {base.run} {base.at}"


def _base(text: str) -> Base:
    number, run, at = text.split(" ")
    return Base(int(number), int(run), float(at))
