"""One lock for each domain, for who edits it; gone when nobody holds or waits for it."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakValueDictionary


class Locks:
    """Re-entrant locks by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: WeakValueDictionary[str, Any] = WeakValueDictionary()

    def of(self, key: str) -> threading.RLock:
        with self._lock:
            return self._by_key.setdefault(key, threading.RLock())
