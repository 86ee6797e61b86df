"""The items of an answer in portions as large as asked for, which are the same each time as long as the items are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from virtcim.broker.call import Batch, Batches


class _Part(NamedTuple):
    """Items that follow each other: all of a batch with a place, or one."""

    batch: Batch
    size: int

    def cut(self, start: int, count: int) -> Batch:
        """Some of them, made only if somebody asks."""
        place = None if self.batch.place is None else (self.batch.place, start, count)
        return Batch(partial(self._items, start, count), place, self.batch.state, count)

    def _items(self, start: int, count: int) -> list[Any]:
        return list(self.batch.items())[start : start + count]


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
            start, size = self._at, min(count, self._part.size - self._at)
            taken.append(self._part.cut(start, size))
            count -= size
            self._at += size
            if self._at == self._part.size:
                self._part = self._next()
        if all(batch.place is None for batch in taken):
            return list(chain.from_iterable(batch.items() for batch in taken))
        return Batches(taken)

    def _next(self) -> _Part | None:
        self._at = 0
        return next((part for part in self._parts if part.size), None)


def _parts(items: Iterable[object]) -> Iterator[_Part]:
    batches = items.batches if isinstance(items, Batches) else [Batch(lambda: items)]  # type: ignore[arg-type, return-value]
    for batch in batches:
        if batch.parts is not None:
            yield from _parts(Batches(batch.parts()))
        elif batch.place is None:
            yield from (_Part(Batch(partial(_only, item)), 1) for item in batch.items())
        elif batch.size is not None:
            yield _Part(batch, batch.size)
        else:
            made = list(batch.items())
            yield _Part(batch._replace(items=partial(iter, made)), len(made))


def _only(item: Any) -> tuple[Any]:
    return (item,)
