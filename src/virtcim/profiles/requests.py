"""What a client's settings mean for a document, and how a call that fails half way leaves nothing behind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused, Unknown
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host
from virtcim.mapping import resources
from virtcim.mapping.kind import Kind as ResourceKind
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.resources import Domain, Resource, resources_of
from virtcim.mapping.table import BadProperty
from virtcim.messages import message
from virtcim.profiles.elements import Configuration, Setting, settings
from virtcim.profiles.placing import check_modules, placed

log = logging.getLogger(__name__)

UNITS = ("AllocationUnits", "VirtualQuantityUnits")  # what the numbers of a setting are in

CONTROLLER = "controller"  # the tag of their elements

Undo = Callable[[Callable[[], object]], None]
Made = tuple[ResourceKind[Any], Any]


class refusing:  # noqa: N801 - a block of statements, begun several times for each request
    """A property that cannot be is the client's mistake; `where` is the parameter that holds it."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        """Nothing to begin with."""

    def __exit__(self, _type: object, error: object, _trace: object) -> None:
        if isinstance(error, BadProperty):
            raise refused(self._where, error) from error


def refused(where: str, bad: BadProperty) -> Refused:
    return Refused("Invalid Parameter", message(bad.symbol, where, bad.name, bad.reason))


@contextmanager
def unless_running(where: str, answer: str) -> Iterator[None]:
    """What libvirt cannot do to a running system is `answer`, an entry of Values; the method as such is supported."""
    try:
        yield
    except HostError as error:
        if error.kind is not Kind.NOT_SUPPORTED:
            raise
        raise Refused(answer, f"{where} cannot be done while the system is active: {error.message}") from error


class undoing:  # noqa: N801 - as refusing
    """The block hands over how to take back each step it has done; when it fails, that is done, last step first.

    Not so where it raises Unknown: the server ends, and what it has begun goes on.
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def __enter__(self) -> Undo:
        return self._steps.append

    def __exit__(self, _type: object, error: object, _trace: object) -> None:
        """Whatever it was that failed: it goes on from here when what was done has been taken back."""
        if not isinstance(error, Exception) or isinstance(error, Unknown):
            return
        left = [failure for step in reversed(self._steps) if (failure := _failure(step))]
        if left:
            reason = error.reason if isinstance(error, Refused) else str(error)
            told = f"{reason}; what had been done could not be taken back: {'; '.join(left)}"
            raise Refused("Failed", told) from error


def _failure(step: Callable[[], object]) -> str | None:
    try:
        step()
    except HostError as error:
        log.error("a change could not be taken back: %s", error.message)
        return error.message
    return None


def given(instance: Instance) -> Properties:
    """The properties that a client gave: NULL leaves things as they are (DSP1042 clause 8.2)."""
    return {name: value for name, value in instance.properties.items() if value is not None}


def changes(properties: Properties, present: Properties) -> Properties:
    """What differs from the present: clients send back whole instances with a property or two changed.

    The same number in another unit is another amount.
    """
    units = any(properties.get(name) not in (None, present.get(name)) for name in UNITS)
    return {
        name: value
        for name, value in properties.items()
        if value != present.get(name) or (units and isinstance(value, int))
    }


class Wish(NamedTuple):
    """What is asked of one resource; `where` is the parameter, or the element of it, that says so."""

    where: str
    classname: str
    properties: Properties

    @property
    def kind(self) -> ResourceKind[Any]:
        """The kind of resource meant. Errors: Refused."""
        numbers = self.properties.get("ResourceType"), self.properties.get("OtherResourceType")
        try:
            return resources.kind_for(*numbers, self.classname, self.properties)  # type: ignore[arg-type]
        except BadProperty as bad:
            raise refused(self.where, bad) from bad


def wishes(instances: Sequence[Instance]) -> list[Wish]:
    """The elements of a ResourceSettings parameter."""
    return [
        Wish(f"ResourceSettings[{number}]", instance.classname, given(instance))
        for number, instance in enumerate(instances)
    ]


def put(host: Host, document: Domain, asked: Sequence[Wish]) -> list[Resource]:
    """The wishes as resources of the document. Errors: Refused."""
    made = fill(host, document, asked)
    there = {(one.view.element, one.kind.name): one for one in resources_of(document)}
    return [there[view.element, kind.name] for kind, view in made]


def fill(host: Host, document: Domain, asked: Sequence[Wish]) -> list[Made]:
    """Put the wishes into the document: what there is one of is set, all else added. Errors: Refused.

    Controllers come first, as other settings may name one by the InstanceID that it is given with.
    """
    kinds = [wish.kind for wish in asked]
    _refuse_twice(asked, kinds)
    labels: dict[str, str] = {}
    made: dict[int, Made] = {}
    controllers = [number for number, kind in enumerate(kinds) if kind.view.tag == CONTROLLER]
    for number in dict.fromkeys([*controllers, *range(len(kinds))]):
        kind, wish = kinds[number], asked[number]
        view = _put(host, document, wish, kind, labels)
        made[number] = kind, view
        if number in controllers and wish.properties.get("InstanceID"):
            labels[str(wish.properties["InstanceID"])] = kind.key(view, 0)
    if MEMORY_MODULE in kinds:
        modules = [wish for wish, kind in zip(asked, kinds, strict=True) if kind is MEMORY_MODULE]
        check_modules(host, document, [(wish.where, wish.properties.get("PoolID")) for wish in modules])
    return [made[number] for number in range(len(kinds))]


def _refuse_twice(asked: Sequence[Wish], kinds: Sequence[ResourceKind[Any]]) -> None:
    seen: dict[str, str] = {}
    for wish, kind in zip(asked, kinds, strict=True):
        if kind.single and kind.name in seen:
            raise Refused("Invalid Parameter", f"{wish.where}: {seen[kind.name]} is for {kind.label.lower()} already")
        seen[kind.name] = wish.where


def _put(host: Host, document: Domain, wish: Wish, kind: ResourceKind[Any], labels: dict[str, str]) -> Any:
    try:
        properties = placed(host, kind, wish.properties)
        label = labels.get(str(properties.get("Parent"))) if labels else None
        view = resources.new_element(kind, {**properties, "Parent": label} if label else properties, document)
    except BadProperty as bad:
        raise refused(wish.where, bad) from bad
    if not kind.single:
        document.add(view, inside="devices")
    return view


def find(document: Domain, dev: str) -> Resource:
    """The resource of a key. Errors: Refused when it has gone."""
    found = resources.resource_for(document, dev)
    if found is None:
        raise Refused("Failed", message("RESOURCE_GONE", dev))
    return found


@dataclass(frozen=True)
class Place:
    """Where a resource is in a document: under its key, and as which one of its kind should libvirt change the key."""

    dev: str
    kind: str
    number: int


def place_of(resource: Resource, document: Domain) -> Place:
    """The place of a resource as the document has it now."""
    same = [one for one in resources_of(document) if one.kind is resource.kind]
    number = next(number for number, one in enumerate(same) if one.view.element is resource.view.element)
    return Place(same[number].dev, resource.kind.name, number)


def settings_at(configuration: Configuration, places: Iterable[Place]) -> list[Setting]:
    """The settings at these places. Errors: Refused where there is none."""
    return [_setting_at(configuration, place) for place in places]


def _setting_at(configuration: Configuration, place: Place) -> Setting:
    same = [one for one in settings(configuration) if one.kind.name == place.kind]
    found = resources.called(same, place.dev) or next(iter(same[place.number : place.number + 1]), None)
    if found is None:
        raise Refused("Failed", message("RESOURCE_NOT_SHOWN", place.dev, configuration.id))
    return found
