"""Indications from their causes to the queues: who subscribed to what, and in which order it is to be sent.

Causes only leave a note, so that nobody waits who causes something; a thread makes the indications, finds by class
the filters that may select them, and puts them into the durable queues of their destinations.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from virtcim.broker.call import CIMError, Instance, Path
from virtcim.broker.indications_filter import INDICATION, CompiledFilter, compile_filter
from virtcim.broker.indications_index import Filter, Index, Subscription
from virtcim.broker.indications_lifecycle import Notice
from virtcim.broker.indications_told import Unread
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store
from virtcim.broker.store_queue import Beside, Draft, LeaseLost

log = logging.getLogger(__name__)

BATCH = 256  # notes that are worked off, and queued in one transaction, at a time
PATIENCE = (0.1, 5.0)  # seconds between two attempts to queue while the store takes nothing: at first, at most
Cause = Callable[[], Iterable[Notice]]
Encode = Callable[[Instance, str], bytes]
T = TypeVar("T")


class _Mark:
    """A note that makes nothing, and says when those before it have been worked off."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    def __call__(self) -> Iterable[Notice]:
        return ()


class _Drop:
    """A note that another server tells of a place from here on: what was made under the lease before is not queued."""

    def __init__(self, lease: str, close: Callable[[], None]) -> None:
        self.lease = lease
        self._close = close

    def __call__(self) -> Iterable[Notice]:
        self._close()
        return ()


class _First:
    """A note whose cause is found after it was left: what happens later is noted later, and misses nothing."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._cause: Cause = tuple

    def fill(self, find: Callable[[], Cause]) -> None:
        try:
            self._cause = find()
        finally:
            self._known.set()

    def __call__(self) -> Iterable[Notice]:
        self._known.wait()
        return self._cause()


class Indications:
    """The engine. Its thread calls

    `sync` before it works off notes, to learn what other servers have subscribed;
    `beside` for what is to be written with the indications that were made since it was asked last;
    `alone` tells that nobody subscribes by another server;
    `lost` with the name of a lease that another server holds by now: what was made under it is dropped;
    `on_first` and `on_last` are causes for when somebody subscribes and nobody had before, and when nobody is left;
    the former is made while the client still waits.
    """

    def __init__(self, schema: Schema, store: Store, encode: Encode, service: str) -> None:
        self._store = store
        self._encode = encode
        store.queue.name = service
        self.compile = lru_cache(4096)(lambda language, text: compile_filter(schema, language, text))
        self._index = Index(schema, self.compile)
        self._causes: SimpleQueue[tuple[Cause | None, str]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="indications", daemon=True)
        self._closing = threading.Event()
        self._batch = 0
        self._queued: Callable[[str], None] = lambda _: None
        self.sync: Callable[[], None] = lambda: None
        self.beside: Callable[[], Beside] = Beside
        self.alone = True
        self.lost: Callable[[str], None] = lambda _: None
        self.on_first: Callable[[], Cause] = lambda: tuple
        self.on_last: Cause = tuple
        self._always = frozenset(schema.get(INDICATION).properties)

    def start(self, queued: Callable[[str], None]) -> None:
        """`queued` is told which destinations have got something."""
        self._queued = queued
        self._thread.start()

    def stop(self) -> None:
        """Work off what has been noted, then end."""
        self._closing.set()
        self._causes.put((None, ""))
        if self._thread.ident is not None:
            self._thread.join(10)

    # Subscriptions

    def subscribe(
        self, path: Path, filters: Iterable[Filter], destination: Path, url: str, until: float | None
    ) -> bool:
        """From now on indications that a filter selects go to the URL; instead of what the path subscribed before.

        Answers whether nobody had subscribed before.
        """
        first = not self._index
        self._index.add(path, filters, destination, url, until)
        if first:
            note = _First()
            self.note(note)
            note.fill(self.on_first)
        return first

    def unsubscribe(self, path: Path) -> None:
        """From now on nothing is made for a subscription, nor sent of what was."""
        before = bool(self._index)
        self._index.remove(path)
        if before and not self._index:
            self._causes.put((self._end, ""))

    def subscription(self, path: Path) -> Subscription | None:
        return self._index.find(path)

    def by_key(self, key: str) -> Subscription | None:
        """The subscription that a queued delivery is for, by the digest of its path."""
        return self._index.by_key(key)

    def _end(self) -> Iterable[Notice]:
        return () if self._index else self.on_last()

    @property
    def listening(self) -> bool:
        """Whether somebody may have to be told."""
        return bool(self._index) or not self.alone

    # Causes

    def note(self, cause: Cause, lease: str = "") -> None:
        """Leave a note of what makes indications, for the engine's thread; `lease` must be held to tell of it."""
        self._causes.put((cause, lease))

    def drop(self, lease: str, close: Callable[[], None]) -> None:
        """A lease is lost; `close` is called in the engine's thread, in the order of notes."""
        self._causes.put((_Drop(lease, close), ""))

    def settle(self, seconds: float = 2.0) -> bool:
        """Wait until all that has been noted is in the queues, where it survives the server; False for not in time."""
        if not self._index:
            return True
        mark = _Mark()
        self.note(mark)
        return mark.reached.wait(seconds)

    def _work(self) -> None:
        while True:
            causes = list(self._next())
            self._catch_up()
            drafts: list[Draft] = []
            for cause, lease in causes:
                drafts += self._drafts(cause, lease) if cause else ()
                if isinstance(cause, _Drop):
                    drafts = [one for one in drafts if one.lease != cause.lease]
            self._queue(drafts)
            for cause, _ in causes:
                if isinstance(cause, _Mark):
                    cause.reached.set()
            if (None, "") in causes and self._causes.empty():
                return

    def _next(self) -> Iterator[tuple[Cause | None, str]]:
        yield self._causes.get()
        try:
            for _ in range(BATCH):
                yield self._causes.get_nowait()
        except Empty:
            return

    def _catch_up(self) -> None:
        """Until it is known who has subscribed: what has happened is told to them as well, if late."""
        self._patiently(self.sync, CIMError, "what other servers have subscribed is not known")

    def _patiently(self, attempt: Callable[[], T], failure: type[Exception], means: str) -> T | None:
        """Until it does not fail in this way; None when the engine ends before."""
        wait, most = PATIENCE
        while True:
            try:
                return attempt()
            except failure as error:
                log.error("%s: %s", means, error)
                if self._closing.wait(wait):
                    return None
                wait = min(wait * 2, most)

    def _drafts(self, cause: Cause, lease: str) -> list[Draft]:
        if not self._index and cause != self._end and not isinstance(cause, _Drop):
            return []

        def make() -> list[Draft]:
            return [one for notice in cause() for one in self._addressed(notice, lease)]

        try:
            return self._patiently(make, Unread, "what was told is not known") or []
        except Exception:  # the thread is all causes': the next one is told
            log.exception("no indications could be made of a change")
            return []

    def _queue(self, drafts: list[Draft]) -> None:
        """Until the store takes them: what has happened is told, if late."""
        wait, most = PATIENCE
        beside = self.beside()
        self._batch += 1
        while drafts or beside:
            try:
                self._store.queue.enqueue(drafts, beside, self._batch)
                break
            except LeaseLost as reason:
                log.warning("%s: %d indications are its", reason, sum(one.lease == reason.name for one in drafts))
                self.lost(reason.name)
                drafts = [one for one in drafts if one.lease != reason.name]
                beside = beside.without(reason.name)
            except CIMError as error:
                log.error("%d indications wait to be queued: %s", len(drafts), error.message)
                if self._closing.wait(wait):
                    return
                wait = min(wait * 2, most)
        for destination in dict.fromkeys(one.destination for one in drafts):
            self._queued(destination)

    # Matching

    def _addressed(self, notice: Notice, lease: str = "") -> Iterator[Draft]:
        """The indication once for each filter that selects it and each subscription to that filter."""
        verdicts: dict[CompiledFilter, bool] = {}
        for watch in self._index.candidates(notice.namespace, notice.indication):
            compiled = watch.compiled
            if compiled not in verdicts:
                verdicts[compiled] = compiled.query.matches(notice.indication) is True
            if verdicts[compiled]:
                shown = compiled.narrowed(notice.indication, self._always)
                for one in list(watch.subscriptions.values()):
                    if not one.expired:
                        yield self._draft(notice, shown, watch.name, one, lease)

    def _draft(self, notice: Notice, shown: Instance, filter_name: str, one: Subscription, lease: str) -> Draft:
        told = notice.indication.properties
        one.last = (told.get("IndicationIdentifier"), told.get("IndicationTime"))
        body = partial(self._body, shown, filter_name)
        return Draft(one.destination_key, one.key, one.url, time.time(), body, lease)

    def _body(self, shown: Instance, filter_name: str, context: str, number: int) -> bytes:
        properties = {
            **shown.properties,
            "IndicationFilterName": filter_name,
            "SequenceContext": context,
            "SequenceNumber": number,
        }
        return self._encode(Instance(shown.classname, properties), f"{number}")
