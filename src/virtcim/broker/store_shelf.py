"""The stored instances in memory, by path, class and reference; a change is in the store before it is seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from virtcim.broker.call import CIMError, Path, Status
from virtcim.broker.provider import Stored
from virtcim.broker.store import Store

OnShelf = Callable[[tuple[Stored, ...], tuple[Stored, ...]], None]


class Shelf:
    """Every stored instance. Who changes what depends on others holds `lock` from the look to the change."""

    def __init__(self, store: Store) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._by_path: dict[Path, Stored] = {}
        self._by_class: dict[str, dict[Path, Stored]] = {}
        self._referring: dict[Path, dict[Path, None]] = {}
        self._callbacks: list[OnShelf] = []
        for one in store.instances():
            self._put(one)

    def on_change(self, callback: OnShelf) -> None:
        """Call back (removed, added) after each change, in order, while the lock is held."""
        self._callbacks.append(callback)

    def of_class(self, classname: str) -> list[Stored]:
        """The instances of exactly this class, in the order they were created."""
        with self.lock:
            return list(self._by_class.get(classname, {}).values())

    def count(self, classname: str) -> int:
        return len(self._by_class.get(classname, ()))

    def find(self, path: Path) -> Stored | None:
        return self._by_path.get(path)

    def referring(self, path: Path) -> list[Stored]:
        """The stored instances that have a reference to this path among their properties."""
        with self.lock:
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
            self._store.change(removed, added)
            staying = {one.path for one in added}
            for one in removed:
                self._take(one, one.path in staying)
            for one in added:
                self._put(one)
            for callback in self._callbacks:
                callback(removed, added)

    def _put(self, one: Stored) -> None:
        self._by_path[one.path] = one
        self._by_class.setdefault(one.classname, {})[one.path] = one
        for target in _references(one):
            self._referring.setdefault(target, {})[one.path] = None

    def _take(self, one: Stored, stays: bool) -> None:
        """One that stays is put in its own place next."""
        if not stays:
            del self._by_path[one.path]
            del self._by_class[one.classname][one.path]
        for target in _references(one):
            referring = self._referring[target]
            referring.pop(one.path, None)
            if not referring:
                del self._referring[target]


def _references(one: Stored) -> Iterator[Path]:
    return (value for value in one.properties.values() if isinstance(value, Path))
