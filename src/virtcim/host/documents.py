"""Parsed documents of domains, a few at a time: a tree takes ten times the memory of its text."""

from __future__ import annotations

import threading
from collections import OrderedDict

from virtcim.model.domain import Domain

TREES = 24


class Documents:
    """The documents used last, by their text; for reading only."""

    def __init__(self, limit: int = TREES) -> None:
        self._limit = limit
        self._trees: OrderedDict[str, Domain] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._trees)

    def of(self, xml: str) -> Domain:
        """The document of a text. Errors: ModelError."""
        with self._lock:
            found = self._trees.get(xml)
            if found is not None:
                self._trees.move_to_end(xml)
                return found
        parsed = Domain.parse(xml)
        with self._lock:
            found = self._trees.setdefault(xml, parsed)
            while len(self._trees) > self._limit:
                self._trees.popitem(last=False)
        return found
