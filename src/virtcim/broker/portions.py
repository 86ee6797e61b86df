"""The items of an answer in portions as large as asked for, which are the same each time as long as the items are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from virtcim.broker.call import Batch, Batches


class _Part(NamedTuple):
    """Items that follow each other; with the batch that they are all of, where it has a place."""

    items: list[Any]
    batch: Batch | None


class Portions:
    """Takes items one after the other; `ended` tells when there are no more. Errors: those of the items."""

    def __init__(self, items: Iterable[object]) -> None:
        self._parts = _parts(items)
        self._at = 0
        self._part = self._next()

    @property
    def ended(self) -> bool:
        return self._part is None

    def take(self, count: int, abandoned: Callable[[], bool]) -> Iterable[object]:
        """The next items, at most `count`; fewer when they are abandoned meanwhile."""
        taken: list[Batch] = []
        while count and self._part is not None and not abandoned():
            items, batch = self._part
            start, found = self._at, items[self._at : self._at + count]
            place = (batch.place, start, len(found)) if batch else None
            taken.append(Batch(partial(iter, found), place, batch.state if batch else None))
            count -= len(found)
            self._at += len(found)
            if self._at == len(items):
                self._part = self._next()
        if all(batch.place is None for batch in taken):
            return list(chain.from_iterable(batch.items() for batch in taken))
        return Batches(taken)

    def _next(self) -> _Part | None:
        self._at = 0
        return next((part for part in self._parts if part.items), None)


def _parts(items: Iterable[object]) -> Iterator[_Part]:
    for batch in items.batches if isinstance(items, Batches) else ():
        if batch.place is not None:
            yield _Part(list(batch.items()), batch)
        else:
            yield from (_Part([item], None) for item in batch.items())
    if not isinstance(items, Batches):
        yield from (_Part([item], None) for item in items)
