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
                forget(self._trees.popitem(last=False)[1])
        return found


def forget(holder: object) -> list[object]:
    """Take from an object what others have made of it and kept in its __dict__, by names that begin with _.

    It often refers to the object, and a tree in such a circle would stay until the garbage collector comes.
    """
    names = [name for name in list(vars(holder)) if name.startswith("_")]
    return [vars(holder).pop(name, None) for name in names]
