"""Who wants to know of every event and of every object that is replaced."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, Protocol

from virtcim.host.events import Topic

log = logging.getLogger(__name__)

OnChange = Callable[[Topic, Any, Any], None]
P = ParamSpec("P")


class Callbacks(Generic[P]):
    """Functions called in the order they were added."""

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[P, None], ...] = ()

    def add(self, callback: Callable[P, None]) -> None:
        self._callbacks = (*self._callbacks, callback)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """One that fails is logged and stops nobody."""
        for callback in self._callbacks:
            try:
                callback(*args, **kwargs)
            except Exception:
                log.exception("a listener failed: %r", args)


class Count:
    """A number that only grows."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def grow(self, *_: object) -> None:
        with self._lock:
            self.value += 1


class Item(Protocol):
    @property
    def name(self) -> str: ...


class Store(Protocol):
    @property
    def volumes(self) -> tuple[Item, ...]: ...


class Changes(Callbacks[[Topic, Any, Any]]):
    """Callbacks (topic, old, new); old or new None: appeared or gone."""

    def tell_pool(self, old: Store | None, new: Store | None) -> None:
        """The pool, then those of its volumes that were replaced."""
        before = {volume.name: volume for volume in old.volumes} if old else {}
        after = {volume.name: volume for volume in new.volumes} if new else {}
        self.tell(Topic.POOL, old, new)
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) is not after.get(name):
                self.tell(Topic.VOLUME, before.get(name), after.get(name))
