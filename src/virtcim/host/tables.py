"""A set of immutable objects that is replaced as a whole, so that readers need no lock and never wait."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from virtcim.host.indexes import Draft, Index
from virtcim.host.runs import Runs

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
    """All objects of a kind at one moment.

    `runs`: every object, by name as they were first read, later ones at the end, in runs of some 32; see host.runs.
    """

    by_key: Index[T] = field(default_factory=Index)
    by_name: Index[T] = field(default_factory=Index)
    runs: tuple[tuple[T, ...], ...] = ()
    version: int = 0
    changes: tuple[tuple[str, ...], ...] = ()  # keys, with each of the last versions up to this one

    def changed_since(self, before: Snapshot[T]) -> Iterable[str]:
        """The keys of at least those objects that are new, gone or others since an earlier snapshot of the table."""
        versions = self.version - before.version
        if versions <= len(self.changes):
            return dict.fromkeys(chain.from_iterable(self.changes[len(self.changes) - versions :]))
        there, was = self.by_key, before.by_key
        return [key for key in dict.fromkeys((*was, *there)) if there.get(key) is not was.get(key)]

    @cached_property
    def all(self) -> tuple[T, ...]:
        """Every object, in the order of the runs."""
        return tuple(chain.from_iterable(self.runs))


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
        self._runs: Runs[T] = Runs()
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
            return self._take(old, self._remade(record, old))

    def remake(self, key: str) -> T | None:
        """Make an object again from what is known: something beside libvirt that `make` looks at has changed."""
        with self._lock:
            old = self.snapshot.by_key.get(key)
            return None if old is None else self._take(old, self._make(old.record, old))

    def remake_all(self, keys: Iterable[str]) -> None:
        """As `remake`, for several objects at once."""
        with self._lock:
            known = map(self.snapshot.by_key.get, dict.fromkeys(keys))
            remade = [(old, self._make(old.record, old)) for old in known if old is not None]
            self._swap([(old, new) for old, new in remade if new is not old])

    def replace(self, records: Iterable[R], ticket: int, afresh: bool = False) -> None:
        """Take what a read of all objects found; those read or removed since it began stay as they are.

        `afresh`: objects are made anew even of what says nothing new.
        """
        with self._lock:
            if ticket < self._floor:
                return
            current = self.snapshot
            found = {record.key: record for record in sorted(records, key=lambda record: record.name)}
            changes: list[tuple[T | None, T | None]] = []
            for key in dict.fromkeys((*[item.key for item in current.all], *found)):
                old = current.by_key.get(key)
                new = old if self._superseded(key, ticket) else self._remade(found.get(key), None if afresh else old)
                if new is not old:
                    changes.append((old, new))
            self._floor = ticket
            self._applied = {key: at for key, at in self._applied.items() if at > ticket}
            self._swap(changes)

    def _take(self, old: T | None, new: T | None) -> T | None:
        if new is not old:
            self._swap([(old, new)])
        return new

    def _superseded(self, key: str, ticket: int) -> bool:
        return max(self._applied.get(key, 0), self._floor) > ticket

    def _remade(self, record: R | None, old: T | None) -> T | None:
        """None for what is gone, or is new and not to be shown yet."""
        return None if record is None or (old is None and not self.admits(record)) else self._make(record, old)

    def _swap(self, changes: Sequence[tuple[T | None, T | None]]) -> None:
        """Replace the snapshot by one with these changes, old and new; None where there was or will be none."""
        if not changes:
            return
        before = self.snapshot
        by_key, by_name = Draft(before.by_key), Draft(before.by_name)
        for old, new in changes:
            self._runs.exchange(old, new)
            if old is not None:
                _leave(by_key, old.key, old, None if new is None else new.key)
                _leave(by_name, old.name, old, None if new is None else new.name)
            if new is not None:
                by_key.put(new.key, new)
                by_name.put(new.name, new)
        runs = self._runs.all
        if by_name.count != by_key.count:  # some names are those of several, and one of these may be hidden no more
            _uncover(by_name, runs)
        keys = tuple(item.key for old, new in changes if (item := new or old))
        told = (*before.changes[1 - TOLD :], keys) if len(keys) <= FEW else ()
        self.snapshot = Snapshot(by_key.index(), by_name.index(), runs, before.version + 1, told)
        for old, new in changes:
            self._changed(old, new)


def _leave(index: Draft[T], key: str, old: T, following: str | None) -> None:
    """Take the key away, unless what follows has it as well, or somebody else by now."""
    if key != following and index.get(key) is old:
        index.remove(key)


def _uncover(names: Draft[T], runs: Iterable[Iterable[T]]) -> None:
    """Let every name be found that something has."""
    for item in chain.from_iterable(runs):
        if names.get(item.name) is None:
            names.put(item.name, item)
