"""A set of immutable objects that is replaced as a whole, so that readers need no lock and never wait."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar
from zlib import crc32

RUN = 32  # objects that readers may treat as one
TOLD = 64  # how many changes ago a snapshot tells what is new
FEW = 256  # objects changed at once; with more, readers had better look at all


class Record(Protocol):
    """What libvirt said about one object at one moment."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...


class Item(Record, Protocol):
    """An object made from a record."""

    @property
    def record(self) -> Any: ...


R = TypeVar("R", bound=Record)
T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """All objects of a kind at one moment, by name as they were first read, later ones at the end."""

    by_key: Mapping[str, T] = field(default_factory=dict)
    by_name: Mapping[str, T] = field(default_factory=dict)
    version: int = 0
    changes: tuple[tuple[str, ...], ...] = ()  # keys, with each of the last versions up to this one

    def changed_since(self, before: Snapshot[T]) -> Iterable[str]:
        """The keys of at least those objects that are new, gone or others since an earlier snapshot of the table."""
        versions = self.version - before.version
        if versions <= len(self.changes):
            return dict.fromkeys(chain.from_iterable(self.changes[len(self.changes) - versions :]))
        there, was = self.by_key, before.by_key
        return [key for key in {**was, **there} if there.get(key) is not was.get(key)]

    @cached_property
    def all(self) -> tuple[T, ...]:
        """Every object."""
        return tuple(self.by_key.values())

    @cached_property
    def runs(self) -> tuple[tuple[T, ...], ...]:
        """Every object, in runs of some 32. Which object begins a run depends on its key alone.

        So whatever comes, goes or changes, all runs but one or two are equal to those of the snapshot before.
        """
        found: list[list[T]] = []
        for key, item in self.by_key.items():
            if not found or crc32(key.encode()) % RUN == 0:
                found.append([])
            found[-1].append(item)
        return tuple(map(tuple, found))


class Table(Generic[R, T]):
    """Objects made from records. `make(record, old)` answers `old` itself when the record says nothing new.

    Reads of libvirt run side by side and may end in another order than they began. A read takes a ticket before it
    begins, and its result is dropped when one with a later ticket is already in.
    """

    def __init__(self, make: Callable[[R, T | None], T], changed: Callable[[T | None, T | None], None]) -> None:
        self._make = make
        self._changed = changed
        self._lock = threading.Lock()
        self._tickets = itertools.count(1)
        self._applied: dict[str, int] = {}  # key -> ticket of the read that is in
        self._floor = 0  # ticket of the last read of all objects
        self.admits: Callable[[R], bool] = lambda _: True  # whether what was not there before may be taken in
        self.snapshot: Snapshot[T] = Snapshot()

    def ticket(self) -> int:
        """A number for a read that is about to begin."""
        return next(self._tickets)

    def read_since(self, key: str, ticket: int) -> bool:
        """Whether a read of the object that began after the ticket was taken is in already."""
        with self._lock:
            return self._superseded(key, ticket)

    def put(self, key: str, record: R | None, ticket: int) -> T | None:
        """Take what a read of one object found, None for gone; answers what the table holds now."""
        with self._lock:
            old = self.snapshot.by_key.get(key)
            if self._superseded(key, ticket):
                return old
            self._applied[key] = ticket
            return self._take(key, old, self._remade(record, old))

    def remake(self, key: str) -> T | None:
        """Make an object again from what is known: something beside libvirt that `make` looks at has changed."""
        with self._lock:
            old = self.snapshot.by_key.get(key)
            return None if old is None else self._take(key, old, self._make(old.record, old))

    def remake_all(self, keys: Iterable[str]) -> None:
        """As `remake`, for several objects at once."""
        with self._lock:
            by_key = dict(self.snapshot.by_key)
            changes: list[tuple[T | None, T | None]] = []
            for old in [by_key[key] for key in keys if key in by_key]:
                new = by_key[old.key] = self._make(old.record, old)
                changes += [(old, new)] if new is not old else []
            if changes:
                self._swap(by_key, {item.name: item for item in by_key.values()}, changes)

    def replace(self, records: Iterable[R], ticket: int) -> None:
        """Take what a read of all objects found; those read or removed since it began stay as they are."""
        with self._lock:
            if ticket < self._floor:
                return
            current = self.snapshot.by_key
            found = {record.key: record for record in sorted(records, key=lambda record: record.name)}
            by_key: dict[str, T] = {}
            changes: list[tuple[T | None, T | None]] = []
            for key in dict.fromkeys((*current, *found)):
                old = current.get(key)
                new = old if self._superseded(key, ticket) else self._remade(found.get(key), old)
                if new is not None:
                    by_key[key] = new
                if new is not old:
                    changes.append((old, new))
            self._floor = ticket
            self._applied = {key: at for key, at in self._applied.items() if at > ticket}
            if changes:
                self._swap(by_key, {item.name: item for item in by_key.values()}, changes)

    def _take(self, key: str, old: T | None, new: T | None) -> T | None:
        if new is not old:
            by_key, by_name = dict(self.snapshot.by_key), dict(self.snapshot.by_name)
            _exchange(by_key, key, old, new)
            _exchange(by_name, old.name if old else "", old, None)
            _exchange(by_name, new.name if new else "", None, new)
            self._swap(by_key, by_name, [(old, new)])
        return new

    def _superseded(self, key: str, ticket: int) -> bool:
        return max(self._applied.get(key, 0), self._floor) > ticket

    def _remade(self, record: R | None, old: T | None) -> T | None:
        """None for what is gone, or is new and not to be shown yet."""
        return None if record is None or (old is None and not self.admits(record)) else self._make(record, old)

    def _swap(self, by_key: dict[str, T], by_name: dict[str, T], changes: list[tuple[T | None, T | None]]) -> None:
        before = self.snapshot
        keys = tuple(item.key for old, new in changes if (item := new or old))
        told = (*before.changes[1 - TOLD :], keys) if len(keys) <= FEW else ()
        self.snapshot = Snapshot(by_key, by_name, before.version + 1, told)
        for old, new in changes:
            self._changed(old, new)


def _exchange(index: dict[str, T], key: str, old: T | None, new: T | None) -> None:
    """Put new at the key; or take the key away, unless somebody else has it by now."""
    if new is not None:
        index[key] = new
    elif old is not None and index.get(key) is old:
        del index[key]
