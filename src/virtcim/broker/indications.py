"""Indications from their causes to the queues: who subscribed to what, and in which order it is to be sent.

Causes only leave a note, so that nobody waits who causes something; a thread makes the indications, finds by class
the filters that may select them, and puts them into the durable queues of their destinations.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Protocol

from virtcim.broker.call import CIMError, Instance, Path, Value
from virtcim.broker.indications_filter import INDICATION, CompiledFilter, compile_filter
from virtcim.broker.indications_lifecycle import Notice
from virtcim.broker.schema import Schema
from virtcim.broker.store import Delivery, Store, digest

log = logging.getLogger(__name__)

BATCH = 256  # notes that are worked off, and queued in one transaction, at a time
PATIENCE = (0.1, 5.0)  # seconds between two attempts to queue while the store takes nothing: at first, at most
Cause = Callable[[], Iterable[Notice]]
Encode = Callable[[Instance, str], bytes]
_Key = tuple[str, str, str, tuple[str, ...]]  # name, language, query, namespaces


class Filter(Protocol):
    """What the engine needs of a filter: real names of namespaces."""

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
class _Watch:
    """A filter that someone subscribed to; `key` is all that makes it the one it is."""

    key: _Key
    compiled: CompiledFilter
    places: list[tuple[str, str, str]]
    subscriptions: dict[Path, Subscription] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.key[0]


@dataclass(eq=False)
class _Sequence:
    context: str
    number: int = 0


class _Mark:
    """A note that makes nothing, and says when those before it have been worked off."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    def __call__(self) -> Iterable[Notice]:
        return ()


class Indications:
    """The engine. `service` names it in SequenceContext; `queued` is told which destinations have got something.

    `on_first` is called in the engine's thread when somebody subscribes and nobody had before.
    """

    def __init__(self, schema: Schema, store: Store, encode: Encode, service: str) -> None:
        self._schema = schema
        self._store = store
        self._encode = encode
        self._context = f"{service}#{uuid.uuid4().hex[:12]}"
        self._lock = threading.Lock()
        self._index: dict[tuple[str, str, str], dict[_Key, _Watch]] = {}
        self._watches: dict[_Key, _Watch] = {}
        self._by_path: dict[Path, tuple[Subscription, list[_Watch]]] = {}
        self._by_key: dict[str, Subscription] = {}
        self._sequences: dict[Path, _Sequence] = {}
        self._causes: SimpleQueue[Cause | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="indications", daemon=True)
        self._closing = threading.Event()
        self._queued: Callable[[str], None] = lambda _: None
        self.on_first: Cause = tuple
        self.compile = lru_cache(4096)(lambda language, text: compile_filter(schema, language, text))
        self._always = frozenset(schema.get(INDICATION).properties)

    def start(self, queued: Callable[[str], None]) -> None:
        self._queued = queued
        self._thread.start()

    def stop(self) -> None:
        """Work off what has been noted, then end."""
        self._closing.set()
        self._causes.put(None)
        if self._thread.ident is not None:
            self._thread.join(10)

    # Subscriptions

    def subscribe(
        self, path: Path, filters: Iterable[Filter], destination: Path, url: str, until: float | None
    ) -> None:
        """From now on indications that a filter selects go to the URL; instead of what the path subscribed before."""
        self.unsubscribe(path)
        one = Subscription(path, destination, url, until, digest(path), digest(destination))
        if not self._index:
            self._causes.put(self.on_first)
        with self._lock:
            watches = [self._watch(each) for each in filters]
            for watch in watches:
                watch.subscriptions[path] = one
            self._by_path[path] = (one, watches)
            self._by_key[one.key] = one

    def unsubscribe(self, path: Path) -> None:
        """From now on nothing is made for a subscription, nor sent of what was."""
        with self._lock:
            one, watches = self._by_path.pop(path, (None, []))
            if one is not None:
                self._by_key.pop(one.key, None)
            for watch in watches:
                watch.subscriptions.pop(path, None)
                if not watch.subscriptions:
                    self._forget(watch)

    def forget(self, destination: Path) -> None:
        """A destination is gone: should one of the same name come, its indications are counted anew."""
        with self._lock:
            self._sequences.pop(destination, None)

    def subscription(self, path: Path) -> Subscription | None:
        found = self._by_path.get(path)
        return found[0] if found else None

    def by_key(self, key: str) -> Subscription | None:
        """The subscription that a queued delivery is for, by the digest of its path."""
        return self._by_key.get(key)

    def _watch(self, one: Filter) -> _Watch:
        key = (one.name, one.language, one.query, tuple(one.namespaces))
        watch = self._watches.get(key)
        if watch is None:
            compiled = self.compile(one.language, one.query)
            places = [(space, compiled.query.classname, compiled.source) for space in one.namespaces]
            watch = self._watches[key] = _Watch(key, compiled, places)
            for place in places:
                self._index.setdefault(place, {})[key] = watch
        return watch

    def _forget(self, gone: _Watch) -> None:
        self._watches.pop(gone.key, None)
        for place in gone.places:
            filters = self._index.get(place, {})
            filters.pop(gone.key, None)
            if not filters:
                self._index.pop(place, None)

    # Causes

    def note(self, cause: Cause) -> bool:
        """Leave a note of what makes indications; it is called in the engine's thread. False when nobody subscribed."""
        if not self._index:
            return False
        self._causes.put(cause)
        return True

    def settle(self, seconds: float = 2.0) -> bool:
        """Wait until all that has been noted is in the queues, where it survives the server; False for not in time."""
        mark = _Mark()
        return not self.note(mark) or mark.reached.wait(seconds)

    def _work(self) -> None:
        while True:
            causes = list(self._next())
            self._queue([one for cause in causes if cause for one in self._deliveries(cause)])
            for cause in causes:
                if isinstance(cause, _Mark):
                    cause.reached.set()
            if None in causes and self._causes.empty():
                return

    def _next(self) -> Iterator[Cause | None]:
        yield self._causes.get()
        try:
            for _ in range(BATCH):
                yield self._causes.get_nowait()
        except Empty:
            return

    def _deliveries(self, cause: Cause) -> list[Delivery]:
        try:
            return [one for notice in cause() for one in self._addressed(notice)]
        except Exception:
            log.exception("no indications could be made of a change")
            return []

    def _queue(self, deliveries: list[Delivery]) -> None:
        """Until the store takes them: what has happened is told, if late."""
        wait, most = PATIENCE
        while deliveries:
            try:
                self._store.enqueue(deliveries)
                break
            except CIMError as error:
                log.error("%d indications wait to be queued: %s", len(deliveries), error.message)
                if self._closing.wait(wait):
                    return
                wait = min(wait * 2, most)
        for destination in dict.fromkeys(one.destination for one in deliveries):
            self._queued(destination)

    # Matching

    def _addressed(self, notice: Notice) -> Iterator[Delivery]:
        """The indication once for each filter that selects it and each subscription to that filter."""
        verdicts: dict[CompiledFilter, bool] = {}
        for watch in self._candidates(notice):
            compiled = watch.compiled
            if compiled not in verdicts:
                verdicts[compiled] = compiled.query.matches(notice.indication) is True
            if verdicts[compiled]:
                shown = compiled.narrowed(notice.indication, self._always)
                for one in list(watch.subscriptions.values()):
                    if not one.expired:
                        yield self._delivery(notice, shown, watch.name, one)

    def _candidates(self, notice: Notice) -> list[_Watch]:
        source = notice.indication.properties.get("SourceInstance")
        sources = ["", *(self._line(source.classname) if isinstance(source, Instance) else ())]
        found: list[_Watch] = []
        with self._lock:
            for classname in self._line(notice.indication.classname):
                for isa in sources:
                    found += self._index.get((notice.namespace, classname, isa), {}).values()
        return found

    def _line(self, classname: str) -> list[str]:
        """A class and those it derives from."""
        line = []
        found = self._schema.find(classname)
        while found is not None:
            line.append(found.name)
            found = self._schema.find(found.superclass) if found.superclass else None
        return line

    def _delivery(self, notice: Notice, shown: Instance, filter_name: str, one: Subscription) -> Delivery:
        sequence = self._sequences.get(one.destination)
        if sequence is None:
            context = f"{self._context}#{uuid.uuid4().hex[:12]}"
            sequence = self._sequences[one.destination] = _Sequence(context)
        number, sequence.number = sequence.number, (sequence.number + 1) % 2**63
        properties = {
            **shown.properties,
            "IndicationFilterName": filter_name,
            "SequenceContext": sequence.context,
            "SequenceNumber": number,
        }
        told = notice.indication.properties
        one.last = (told.get("IndicationIdentifier"), told.get("IndicationTime"))
        body = self._encode(Instance(shown.classname, properties), f"{number}")
        return Delivery(one.destination_key, one.key, one.url, time.time(), body)
