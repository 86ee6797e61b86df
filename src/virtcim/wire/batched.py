"""Answers in batches, whose encodings are kept packed, and sent again for as long as nothing has changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

from virtcim.broker.batches import Batch, Batches
from virtcim.broker.call import Answer, Call, Form, Selection
from virtcim.wire.forms import Pieces
from virtcim.wire.kept import SLICE, Blocks, sliced

WHOLE = 6 * 1024 * 1024  # bytes of a large batch that is kept in one piece beside its parts
PACKED = 6_000_000  # bytes of memory
PIECE = 32 * 1024  # bytes at least of what goes out while the rest is made
FEW = 32  # loose items that are made to know how long a reply will be

Writers = Mapping[Form, Callable[[Iterable[Any], Call, Selection], Pieces]]


class Chunks(Iterator[bytes]):
    """A reply in chunks; `length` in bytes, where that is known before it is made.

    `hurried`: each chunk goes out while the next is made, whatever it costs to send more of them.
    """

    def __init__(self, head: bytes, pieces: Pieces, tail: bytes, length: int | None = None) -> None:
        self._parts = head, pieces, tail
        self._made: Iterator[bytes] | None = None
        self.length = length
        self.hurried = False

    @classmethod
    def of(cls, parts: Iterable[bytes], length: int) -> Chunks:
        """Of parts that are there already, which go out as they are."""
        found = cls(b"", iter(()), b"", length)
        found._made = iter(parts)
        return found

    def begun(self) -> Iterator[bytes]:
        """The same chunks, the first one made already: an error up to there becomes a proper reply."""
        return chain((next(self),), self) if self._made is None else self._made

    def __next__(self) -> bytes:
        if self._made is None:
            self._made = at_once(*self._parts) if self.hurried else chunks(*self._parts)
        return next(self._made)


class _Ready(NamedTuple):
    size: int
    slices: Callable[[], Iterator[bytes]]


class BatchWriter:
    """Writes batches: by `loose` the items of those that cannot be kept, by `inside` of those that are kept whole."""

    def __init__(self, loose: Writers, inside: Writers) -> None:
        self._loose = loose
        self._inside = inside
        self._blocks = Blocks(PACKED)
        self._gathering: set[Hashable] = set()  # places

    def cool(self) -> None:
        """Let go of what is kept for those who ask all the time."""
        self._blocks.cool()

    def reply(self, call: Call, answer: Answer, items: Batches, around: tuple[bytes, bytes]) -> Chunks:
        """A whole reply, of which `around` is the beginning and the end."""
        batches = list(items.batches)
        ready = self._all_kept(call, answer, batches)
        if ready is None:
            return Chunks(around[0], self._pieces(call, answer, batches), around[1])
        pieces = ((part,) for one in ready for part in one.slices())
        length = sum(map(len, around)) + sum([one.size for one in ready])
        return Chunks(around[0], pieces, around[1], length)

    def ahead(self, call: Call, answer: Answer, items: Batches, most: int) -> list[bytes] | None:
        """What such a reply will consist of, if all of it is kept and has no more than so many bytes."""
        ready = self._all_kept(call, answer, items.batches)
        if ready is None or sum([one.size for one in ready]) > most:
            return None
        return [part for one in ready for part in one.slices()]

    # What is kept

    def _all_kept(self, call: Call, answer: Answer, batches: Iterable[Batch]) -> list[_Ready] | None:
        """All batches, if those with a place are kept, and the others have few items."""
        found: list[list[_Ready] | None] = []
        loose: list[tuple[int, Batch]] = []
        for batch in batches:
            if batch.place is None:
                loose.append((len(found), batch))
                found.append(None)
            else:
                found.append(kept := self._kept(call, answer, batch))
                if kept is None:
                    return None
        for number, batch in loose:
            found[number] = made = self._few(call, answer, batch)
            if made is None:
                return None
        return [one for part in found if part for one in part]

    def _kept(self, call: Call, answer: Answer, batch: Batch) -> list[_Ready] | None:
        place = _place(call, answer, batch)
        block = self._blocks.get(place, batch.state)
        if block is not None:
            return [_Ready(block.size, partial(self._blocks.slices, place, block))]
        parts = None if batch.parts is None else self._all_kept(call, answer, batch.parts())
        # What may be kept whole is to be put together.
        return parts if parts and sum([one.size for one in parts]) > WHOLE else None

    def _few(self, call: Call, answer: Answer, batch: Batch) -> list[_Ready] | None:
        items = list(islice(batch.items(), FEW + 1))
        if len(items) > FEW:
            return None
        data = b"".join(chain.from_iterable(self._loose[answer.form](items, call, answer.selection)))
        return [_Ready(len(data), partial(iter, (data,)))]

    # What is made

    def _pieces(self, call: Call, answer: Answer, batches: Iterable[Batch]) -> Pieces:
        """Each batch as one piece that is kept; of a batch without a place only its items are."""
        for batch in batches:
            if batch.place is None:
                yield from self._loose[answer.form](batch.items(), call, answer.selection)
                continue
            place = _place(call, answer, batch)
            kept = self._blocks.get(place, batch.state)
            if kept is not None:
                yield from ((part,) for part in self._blocks.slices(place, kept))
            elif batch.parts is not None:
                yield from self._large(place, batch.state, self._pieces(call, answer, batch.parts()))
            else:
                pieces = self._inside[answer.form](batch.items(), call, answer.selection)
                data = b"".join(chain.from_iterable(pieces))
                self._blocks.put(place, batch.state, data)
                yield from ((part,) for part in sliced(data))

    def _large(self, place: Hashable, state: object, pieces: Pieces) -> Pieces:
        """The pieces of a large batch as they come; one reply at a time gathers them to be kept, if they are few."""
        if place in self._gathering:
            yield from pieces
            return
        self._gathering.add(place)
        try:
            gathered: list[bytes] | None = []
            for piece in pieces:
                yield piece
                gathered = _gathered(gathered, piece)
            if gathered is not None:
                self._blocks.put(place, state, b"".join(gathered))
        finally:
            self._gathering.discard(place)


def _place(call: Call, answer: Answer, batch: Batch) -> Hashable:
    return answer.form.name, call.namespace, answer.selection, batch.place


def _gathered(parts: list[bytes] | None, piece: Iterable[bytes]) -> list[bytes] | None:
    """Parts and one piece more; None from where they are too many to be kept."""
    if parts is None:
        return None
    parts += piece
    return parts if sum(map(len, parts)) <= WHOLE else None


def chunks(head: bytes, pieces: Pieces, tail: bytes) -> Iterator[bytes]:
    """Pieces joined to chunks of about SLICE bytes; what is larger goes out uncopied."""
    pending = [head] if head else []
    size = 0
    for parts in pieces:
        more = sum(map(len, parts))
        if pending and (size >= SLICE or more > SLICE):  # only now: what is the last one goes out together with the end
            yield pending[0] if len(pending) == 1 else b"".join(pending)
            pending.clear()
            size = 0
        pending += parts
        size += more
    if size > SLICE and len(pending) == 1:
        yield pending.pop()
    pending.append(tail)
    yield b"".join(pending)


def at_once(head: bytes, pieces: Pieces, tail: bytes) -> Iterator[bytes]:
    """Pieces joined to chunks of PIECE bytes at least, each as soon as it is there."""
    pending = [head]
    size = 0
    for parts in pieces:
        pending += parts
        size += sum(map(len, parts))
        if size >= PIECE:
            yield b"".join(pending)
            pending.clear()
            size = 0
    pending.append(tail)
    yield b"".join(pending)
