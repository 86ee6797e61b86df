"""The items of an answer in portions as large as asked for, which are the same each time as long as the items are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, groupby
from typing import Any, NamedTuple

from virtcim.broker.batches import Batch, Batches

TOGETHER = 128  # items of a portion of which one batch is made; of more, whoever sends them sends what is there


class _Part(NamedTuple):
    """Items that follow each other: all of a batch with a place, or one."""

    batch: Batch
    size: int

    def cut(self, start: int, count: int) -> Batch:
        """Some of them, made only if somebody asks."""
        if count == self.size:
            return self.batch
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
        self._after = 0, 0  # what `ahead` has given: parts that are given whole, and items of the next one
        self._see()

    @property
    def ended(self) -> bool:
        return not self._seen

    def take(self, count: int, abandoned: Callable[[], bool]) -> Iterable[object]:
        """The next items, at most `count`; fewer when they are abandoned meanwhile."""
        taken: list[Batch] = []
        left = count
        while left and self._seen and not abandoned():
            part = self._seen[0]
            size = min(left, part.size - self._at)
            taken.append(part.cut(self._at, size))
            left -= size
            self._step(size)
        if all(batch.place is None for batch in taken):
            return list(chain.from_iterable(batch.items() for batch in taken))
        return Batches(taken if count > TOGETHER else _together(taken))

    def ahead(self, count: int) -> Batches | None:
        """What `take` will give, if that is of the batch which has been begun, and not the end of it.

        Nothing else is looked at before its time: it may still change.
        """
        found: list[Batch] = []
        left, number, start = count, 0, self._at
        while left:
            part = self._in_view(number)
            if part is None or part.batch.place is None:
                return None
            size = min(left, part.size - start)
            found.append(part.cut(start, size))
            left -= size
            start += size
            if start == part.size:
                number, start = number + 1, 0
        if self._in_view(number) is None:
            return None
        self._after = number, start
        return Batches(found if count > TOGETHER else [_joined(found)])

    def skip(self) -> None:
        """Take what `ahead` has given last, if nothing has been taken since."""
        passed, self._at = self._after
        for _ in range(passed):
            self._seen.popleft()

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

    def _in_view(self, number: int) -> _Part | None:
        """A part in view, or the next one of the batch that has been begun, which comes into view; None at its end."""
        if number < len(self._seen):
            return self._seen[number]
        try:
            part = next(self._group, None)
        except Exception as error:  # noqa: BLE001  # who takes the part has it raised
            self._group = _failing(error)
            return None
        if part is not None:
            self._seen.append(part)
        return part


def _together(batches: list[Batch]) -> list[Batch]:
    """The same, those with places that follow each other as one: found, kept and sent as one as well."""
    found: list[Batch] = []
    for placed, some in groupby(batches, _has_place):
        group = list(some)
        found += [_joined(group)] if placed else group
    return found


def _has_place(batch: Batch) -> bool:
    return batch.place is not None


def _joined(batches: list[Batch]) -> Batch:
    """One batch of some, at the place from the first to the last; of another state when there is a change in any."""
    if len(batches) == 1:
        return batches[0]
    state = tuple([(batch.place, batch.state) for batch in batches])
    return Batch(partial(_items_of, batches), (batches[0].place, batches[-1].place), state, parts=lambda: batches)


def _items_of(batches: list[Batch]) -> Iterator[Any]:
    return chain.from_iterable(batch.items() for batch in batches)


def _groups(items: Iterable[object]) -> Iterator[Iterator[_Part]]:
    """The parts of each batch."""
    batches = items.batches if isinstance(items, Batches) else [Batch(lambda: items)]  # type: ignore[arg-type, return-value]
    return (_parts((batch,)) for batch in batches)


def _parts(batches: Iterable[Batch]) -> Iterator[_Part]:
    """What batches consist of, none of it empty."""
    for batch in batches:
        if batch.parts is not None:
            yield from _parts(batch.parts())
        elif batch.place is None:
            yield from (_Part(Batch(partial(_only, item)), 1) for item in batch.items())
        elif batch.size is None:
            made = list(batch.items())
            if made:
                yield _Part(batch._replace(items=partial(iter, made)), len(made))
        elif batch.size:
            yield _Part(batch, batch.size)


def _failing(error: Exception) -> Iterator[_Part]:
    raise error
    yield


def _only(item: Any) -> tuple[Any]:
    return (item,)
