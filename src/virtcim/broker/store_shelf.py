"""The stored instances in memory, by path, class and reference; a change is in the store before it is seen.

Where other servers share the store, who changes something has it to itself meanwhile and sees first what they changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

from virtcim.broker.call import CIMError, Path, Status
from virtcim.broker.provider import Stored
from virtcim.broker.store import Store, digest

OnShelf = Callable[[tuple[Stored, ...], tuple[Stored, ...]], None]
_ALONE = 7_294_004  # advisory lock of who changes instances


class Shelf:
    """Every stored instance. Who changes what depends on others holds `lock` from the look to the change."""

    def __init__(self, store: Store) -> None:
        self._guard = threading.Lock()  # of what is in memory; nobody waits for the store who holds it
        self.lock = _Exclusive(store, self._see)
        self._store = store
        self._by_path: dict[Path, Stored] = {}
        self._by_class: dict[str, dict[Path, Stored]] = {}
        self._referring: dict[Path, dict[Path, None]] = {}
        self._by_digest: dict[str, Path] = {}  # kept where the store is shared
        self._callbacks: list[OnShelf] = []
        self._seen = store.changed_since(0)[0]
        for one in store.instances():
            self._put(one)

    def on_foreign(self, callback: OnShelf) -> None:
        """Call back (removed, added) after a change that another server made, while the lock is held."""
        self._callbacks.append(callback)

    def of_class(self, classname: str) -> list[Stored]:
        """The instances of exactly this class, in the order they were created."""
        with self._guard:
            return list(self._by_class.get(classname, {}).values())

    def count(self, classname: str) -> int:
        return len(self._by_class.get(classname, ()))

    def find(self, path: Path) -> Stored | None:
        return self._by_path.get(path)

    def referring(self, path: Path) -> list[Stored]:
        """The stored instances that have a reference to this path among their properties."""
        with self._guard:
            return [self._by_path[one] for one in self._referring.get(path, ())]

    def add(self, one: Stored) -> None:
        """Errors: CIMError ALREADY_EXISTS naming the path."""
        with self.lock:
            if one.path in self._by_path:
                raise CIMError(Status.ALREADY_EXISTS, f"{one.path} exists")
            self.change((), (one,))

    def replace(self, old: Stored, new: Stored) -> None:
        self.change((old,), (new,))

    def remove(self, *gone: Stored) -> None:
        self.change(gone, ())

    def change(self, removed: tuple[Stored, ...], added: tuple[Stored, ...]) -> None:
        """All of it or, with CIMError, nothing."""
        with self.lock:
            for one in removed:
                if self._by_path.get(one.path) is not one:
                    raise CIMError(Status.NOT_FOUND, f"{one.path} has changed or is gone")
            self._seen = self._store.change(removed, added) or self._seen
            self._exchange(removed, added)

    def catch_up(self) -> None:
        """See what other servers have changed. Errors: CIMError FAILED, StoreError."""
        if self._store.shared:
            with self.lock.here():
                self._see()

    def _see(self) -> None:
        last, keys = self._store.changed_since(self._seen)
        if last == self._seen:
            return
        now = {digest(one.path): one for one in self._store.instances(keys)}
        known = self._by_digest.keys() if keys is None else self._by_digest.keys() & set(keys)
        before = {key: self._by_path[self._by_digest[key]] for key in known}
        removed = tuple(one for key, one in before.items() if key not in now or _differ(one, now[key]))
        added = tuple(one for key, one in now.items() if key not in before or _differ(one, before[key]))
        self._exchange(removed, added)
        self._seen = last
        for callback in self._callbacks:
            callback(removed, added)

    def _exchange(self, removed: tuple[Stored, ...], added: tuple[Stored, ...]) -> None:
        staying = {one.path for one in added}
        with self._guard:
            for one in removed:
                self._take(one, one.path in staying)
            for one in added:
                self._put(one)

    def _put(self, one: Stored) -> None:
        self._by_path[one.path] = one
        self._by_class.setdefault(one.classname, {})[one.path] = one
        if self._store.shared:
            self._by_digest[digest(one.path)] = one.path
        for target in _references(one):
            self._referring.setdefault(target, {})[one.path] = None

    def _take(self, one: Stored, stays: bool) -> None:
        """One that stays is put in its own place next."""
        if not stays:
            del self._by_path[one.path]
            del self._by_class[one.classname][one.path]
            self._by_digest.pop(digest(one.path), None)
        for target in _references(one):
            referring = self._referring[target]
            referring.pop(one.path, None)
            if not referring:
                del self._referring[target]


class _Exclusive:
    """The lock of who changes something; held again by the same thread it costs nothing."""

    def __init__(self, store: Store, see: Callable[[], None]) -> None:
        self._store = store
        self._see = see
        self._writers = threading.RLock()
        self._depth = 0
        self._stack = ExitStack()

    def here(self) -> AbstractContextManager[object]:
        """Only this server's part of the lock."""
        return self._writers

    def __enter__(self) -> None:
        with ExitStack() as unfinished:
            self._writers.acquire()
            unfinished.callback(self._writers.release)
            if self._depth == 0 and self._store.shared:
                unfinished.callback(self._stack.close)
                self._stack.enter_context(self._store.database.alone(_ALONE))
                self._see()
            unfinished.pop_all()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        try:
            if self._depth == 0:
                self._stack.close()
        finally:
            self._writers.release()


def _differ(one: Stored, other: Stored) -> bool:
    return one.properties != other.properties


def _references(one: Stored) -> Iterator[Path]:
    return (value for value in one.properties.values() if isinstance(value, Path))
