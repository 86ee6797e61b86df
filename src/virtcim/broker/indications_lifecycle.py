"""Life-cycle indications: what an object and its parts were as instances, compared with what they are now."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.call import Instance, Item, Path, Properties
from virtcim.broker.catalog import Catalog
from virtcim.broker.instances import Instances
from virtcim.broker.jobs import now
from virtcim.broker.provider import Announcement, InstanceProvider
from virtcim.broker.schema import leaf_name
from virtcim.broker.uris import model_path

log = logging.getLogger(__name__)

Parts = Callable[[Any], Iterable[object]]
Join = Callable[[Any, Any], Iterable[object]]
Others = Callable[[type], Iterable[object]]
PLAIN = Announcement("", "CIM_InstCreation", "CIM_InstModification", "CIM_InstDeletion")
# A change of nothing but these is no modification: they follow others, or the clock.
FOLLOWING = frozenset({"TimeOfLastStateChange", "ElapsedTime"})


@dataclass(frozen=True, slots=True)
class Notice:
    """An indication and the namespace that it comes from."""

    namespace: str
    indication: Instance


class Lifecycle:
    """Makes indications of changes. `host` is named as SourceInstanceHost."""

    def __init__(self, instances: Instances, host: str) -> None:
        self._instances = instances
        self._catalog: Catalog = instances.catalog
        self._schema = instances.schema
        self._host = host
        self._parts: dict[type, list[Parts]] = {}
        for kind, parts in (declared for p in self._catalog.profiles for declared in p.parts.items()):
            self._parts.setdefault(kind, []).append(parts)
        self._joins: dict[type, list[tuple[type, Join]]] = {}
        for one, other, join in (declared for p in self._catalog.profiles for declared in p.joins):
            self._joins.setdefault(one, []).append((other, join))
            self._joins.setdefault(other, []).append((one, partial(_turned, join)))
        self._announcements = [one for p in self._catalog.profiles for one in p.announcements]
        self._providers: dict[type, list[InstanceProvider]] = {}
        self._how: dict[str, Announcement] = {}
        self._before: dict[object, Mapping[Path, Item]] = {}

    def compare(self, old: object | None, new: object | None, others: Others = lambda _: ()) -> Iterator[Notice]:
        """What has come, changed and gone between two states of an object; None for not there.

        `others` answers the objects of a type that it may share parts with, as they were at both times.
        """
        return self._compare(self.items(old, others), self.items(new, others))

    def look(self, target: object) -> Iterator[Notice]:
        """What has become of the parts of an object that stays, since the last look; nothing at the first."""
        after = self.items(target)
        before = self._before.get(target, after)
        self._before[target] = after
        return self._compare(before, after)

    def remember(self, target: object, items: Mapping[Path, Item]) -> None:
        """The next look compares with these."""
        self._before[target] = items

    def seen(self, target: object) -> Mapping[Path, Item]:
        """What the last look saw."""
        return self._before.get(target, {})

    def tells(self, target: object) -> bool:
        """Whether anything is told of objects of this kind."""
        return bool(self._serving(type(target)) or self._parts.get(type(target)))

    def item(self, path: Path, properties: Properties) -> Item:
        """An instance as it once was. Errors: CIMError for a class that there is no more."""
        return Item(self._schema.get(path.classname), path, properties)

    def _compare(self, before: Mapping[Path, Item], after: Mapping[Path, Item]) -> Iterator[Notice]:
        for path, item in reversed(list(before.items())):
            if path not in after:
                yield self.deleted(item)
        for path, item in after.items():
            yield from self.between(before.get(path), item)

    def between(self, old: Item | None, new: Item | None) -> Iterator[Notice]:
        """What has become of one instance; None for not there."""
        if new is None:
            if old is not None:
                yield self.deleted(old)
        elif old is None:
            yield self.created(new)
        elif changed := changes(old, new):
            yield self.modified(old, new, changed)

    def items(self, target: object | None, others: Others = lambda _: ()) -> Mapping[Path, Item]:
        """The instances that an object and its parts are served as; those that change by themselves are left out."""
        found: dict[Path, Item] = {}
        for one in [] if target is None else [target, *self._parts_of(target, others)]:
            for provider in self._serving(type(one)):
                if provider.when(one):
                    item = self._instances.steady(provider, one)
                    found[item.path] = item
        return found

    def _parts_of(self, target: object, others: Others) -> Iterator[object]:
        for parts in self._parts.get(type(target), ()):
            yield from parts(target)
        for kind, join in self._joins.get(type(target), ()):
            for other in others(kind):
                yield from join(target, other)

    def _serving(self, kind: type) -> list[InstanceProvider]:
        if kind not in self._providers:
            self._providers[kind] = [p for p in self._catalog.instances if p.of is kind and not p.volatile]
        return self._providers[kind]

    # Indications

    def created(self, item: Item) -> Notice:
        return self._notice(item, self._announced(item).created, {})

    def deleted(self, item: Item) -> Notice:
        return self._notice(item, self._announced(item).deleted, {})

    def modified(self, before: Item, item: Item, changed: list[str]) -> Notice:
        more: Properties = {"PreviousInstance": _embedded(before), "ChangedPropertyNames": [*changed]}
        return self._notice(item, self._announced(item).modified, more)

    def _notice(self, item: Item, classname: str, more: Properties) -> Notice:
        leaf = leaf_name(classname, item.cls.name.partition("_")[0])
        properties: Properties = {
            "SourceInstance": _embedded(item),
            "SourceInstanceModelPath": model_path(item.path),
            "SourceInstanceHost": self._host,
            **more,
            **stamp(),
        }
        name = leaf if self._schema.find(leaf) else classname
        return Notice(item.path.namespace or "", Instance(name, properties))

    def _announced(self, item: Item) -> Announcement:
        name = item.cls.name
        if name not in self._how:
            fitting = (one for one in self._announcements if self._schema.is_a(name, one.classname))
            self._how[name] = next(fitting, PLAIN)
        return self._how[name]


def _turned(join: Join, other: object, one: object) -> Iterable[object]:
    return join(one, other)


def stamp() -> Properties:
    """What tells an indication from all others."""
    return {"IndicationIdentifier": f"virtcim:{uuid.uuid4()}", "IndicationTime": now()}


def changes(before: Item, after: Item) -> list[str]:
    """The properties that differ, without keys; none when only such do that follow others."""
    if before is after or before.properties == after.properties:
        return []
    names = dict.fromkeys((*before.properties, *after.properties))
    differing = [name for name in names if before.properties.get(name) != after.properties.get(name)]
    return differing if set(differing) - FOLLOWING else []


def _embedded(item: Item) -> Instance:
    shown: Properties = {name: value for name, value in item.properties.items() if value is not None}
    return Instance(item.cls.name, shown, item.path)
