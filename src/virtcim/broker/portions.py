"""The items of an answer in portions as large as asked for, which are the same each time as long as the items are."""

from __future__ import annotations

from collections import deque
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
        self._groups = _groups(items)
        self._group: Iterator[_Part] = iter(())
        self._seen: deque[_Part] = deque()  # of whose first `_at` items have been taken
        self._at = 0
        self._see()

    @property
    def ended(self) -> bool:
        return not self._seen

    def take(self, count: int, abandoned: Callable[[], bool]) -> Iterable[object]:
        """The next items, at most `count`; fewer when they are abandoned meanwhile."""
        taken: list[Batch] = []
        while count and self._seen and not abandoned():
            part = self._seen[0]
            size = min(count, part.size - self._at)
            taken.append(part.cut(self._at, size))
            count -= size
            self._step(size)
        if all(batch.place is None for batch in taken):
            return list(chain.from_iterable(batch.items() for batch in taken))
        return Batches(taken)

    def ahead(self, count: int) -> Batches | None:
        """What `take` will give, if that is of the batch which has been begun, and not the end of it.

        Nothing else is looked at before its time: it may still change.
        """
        start = self._at
        found: list[Batch] = []
        for part in self._coming():
            if not count:
                return Batches(found)
            if part.batch.place is None:
                return None
            size = min(count, part.size - start)
            found.append(part.cut(start, size))
            count -= size
            if start + size < part.size:
                return Batches(found)
            start = 0
        return None

    def skip(self, count: int) -> None:
        """Take what `ahead` has given."""
        while count:
            size = min(count, self._seen[0].size - self._at)
            count -= size
            self._step(size)

    def _step(self, size: int) -> None:
        self._at += size
        if self._at == self._seen[0].size:
            self._seen.popleft()
            self._at = 0
            self._see()

    def _see(self) -> None:
        """Let there be a part in view, unless that was the last one."""
        while not self._seen:
            part = next(self._group, None)
            if part is not None:
                self._seen.append(part)
                continue
            group = next(self._groups, None)
            if group is None:
                return
            self._group = group

    def _coming(self) -> Iterator[_Part]:
        """The parts in view, and the others of the batch that has been begun, which come into view."""
        yield from tuple(self._seen)
        while True:
            try:
                part = next(self._group, None)
            except Exception as error:  # noqa: BLE001  # who takes the part has it raised
                self._group = _failing(error)
                return
            if part is None:
                return
            self._seen.append(part)
            yield part


def _groups(items: Iterable[object]) -> Iterator[Iterator[_Part]]:
    """The parts of each batch, none of them empty."""
    batches = items.batches if isinstance(items, Batches) else [Batch(lambda: items)]  # type: ignore[arg-type, return-value]
    return ((part for part in _parts(batch) if part.size) for batch in batches)


def _parts(batch: Batch) -> Iterator[_Part]:
    if batch.parts is not None:
        for part in batch.parts():
            yield from _parts(part)
    elif batch.place is None:
        yield from (_Part(Batch(partial(_only, item)), 1) for item in batch.items())
    elif batch.size is not None:
        yield _Part(batch, batch.size)
    else:
        made = list(batch.items())
        yield _Part(batch._replace(items=partial(iter, made)), len(made))


def _failing(error: Exception) -> Iterator[_Part]:
    raise error
    yield


def _only(item: Any) -> tuple[Any]:
    return (item,)
