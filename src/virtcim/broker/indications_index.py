"""Who subscribed to what: filters found by the classes that they select, each with its subscriptions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from virtcim.broker.call import Instance, Path, Value
from virtcim.broker.indications_filter import CompiledFilter
from virtcim.broker.schema import Schema
from virtcim.broker.store import digest

Compile = Callable[[str, str], CompiledFilter]  # of language and query
Key = tuple[str, str, str, tuple[str, ...]]  # name, language, query, namespaces


class Filter(Protocol):
    """What is needed of a filter: real names of namespaces."""

    @property
    def name(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def namespaces(self) -> Sequence[str]: ...


@dataclass(eq=False)
class Subscription:
    """A subscription that may get indications; `until` in seconds since 1970, None for ever. `last` was made last."""

    path: Path
    destination: Path
    url: str
    until: float | None
    key: str
    destination_key: str
    last: tuple[Value, Value] = (None, None)

    @property
    def expired(self) -> bool:
        return self.until is not None and time.time() >= self.until


@dataclass(eq=False)
class Watch:
    """A filter that someone subscribed to; `key` is all that makes it the one it is."""

    key: Key
    compiled: CompiledFilter
    places: list[tuple[str, str, str]]  # namespace, class of the indication, class of its SourceInstance
    subscriptions: dict[Path, Subscription] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.key[0]


class Index:
    """The subscriptions that are at work."""

    def __init__(self, schema: Schema, compile_filter: Compile) -> None:
        self._schema = schema
        self._compile = compile_filter
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str, str], dict[Key, Watch]] = {}
        self._watches: dict[Key, Watch] = {}
        self._by_path: dict[Path, tuple[Subscription, list[Watch]]] = {}
        self._by_key: dict[str, Subscription] = {}
        self._lines: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def add(self, path: Path, filters: Iterable[Filter], destination: Path, url: str, until: float | None) -> None:
        """Instead of what the path subscribed before. Errors: CIMError for a query that is not understood."""
        self.remove(path)
        one = Subscription(path, destination, url, until, digest(path), digest(destination))
        with self._lock:
            watches = [self._watch(each) for each in filters]
            for watch in watches:
                watch.subscriptions[path] = one
            self._by_path[path] = (one, watches)
            self._by_key[one.key] = one

    def remove(self, path: Path) -> None:
        with self._lock:
            one, watches = self._by_path.pop(path, (None, []))
            if one is not None:
                self._by_key.pop(one.key, None)
            for watch in watches:
                watch.subscriptions.pop(path, None)
                if not watch.subscriptions:
                    self._forget(watch)

    def find(self, path: Path) -> Subscription | None:
        found = self._by_path.get(path)
        return found[0] if found else None

    def by_key(self, key: str) -> Subscription | None:
        """The subscription of the digest of its path."""
        return self._by_key.get(key)

    def candidates(self, namespace: str, indication: Instance) -> list[Watch]:
        """The filters that may select an indication."""
        source = indication.properties.get("SourceInstance")
        sources = ["", *(self._line(source.classname) if isinstance(source, Instance) else ())]
        found: list[Watch] = []
        with self._lock:
            for classname in self._line(indication.classname):
                for isa in sources:
                    found += self._places.get((namespace, classname, isa), {}).values()
        return found

    def _watch(self, one: Filter) -> Watch:
        key = (one.name, one.language, one.query, tuple(one.namespaces))
        watch = self._watches.get(key)
        if watch is None:
            compiled = self._compile(one.language, one.query)
            places = [(space, compiled.query.classname, compiled.source) for space in one.namespaces]
            watch = self._watches[key] = Watch(key, compiled, places)
            for place in places:
                self._places.setdefault(place, {})[key] = watch
        return watch

    def _forget(self, gone: Watch) -> None:
        self._watches.pop(gone.key, None)
        for place in gone.places:
            filters = self._places.get(place, {})
            filters.pop(gone.key, None)
            if not filters:
                self._places.pop(place, None)

    def _line(self, classname: str) -> list[str]:
        """A class and those it derives from."""
        line = self._lines.get(classname)
        if line is None:
            line = self._lines[classname] = []
            found = self._schema.find(classname)
            while found is not None:
                line.append(found.name)
                found = self._schema.find(found.superclass) if found.superclass else None
        return line
