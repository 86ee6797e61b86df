"""Items of answers in batches, of which whoever sends them may keep what it made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from virtcim.broker.call import Item


class Batch(NamedTuple):
    """Some of the items of an answer. At one `place` they are the same as long as `state` is; never without a place.

    `size` is their number, if known. `parts` are the batches of a large one; a change spares most of them.
    """

    items: Callable[[], Iterable[Item]]
    place: Hashable = None
    state: object = None
    size: int | None = None
    parts: Callable[[], Iterable[Batch]] | None = None


class Batches:
    """Items in batches, to be taken once: one by one, or a batch at a time by who keeps what it made of a batch."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Item]:
        for batch in self.batches:
            yield from batch.items()
