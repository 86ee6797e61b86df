"""Bytes kept because they will be asked for again, within a budget: what was not used for longest goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import NamedTuple, cast

import zstandard

OVERHEAD = 200  # bytes that keeping one entry takes beside its data, roughly
SLICE = 512 * 1024  # bytes that go out at once
HOT = 16_000_000  # bytes kept unpacked as well, for a moment
PACKABLE = 4096  # bytes from which on packing pays: documents of many like instances become a hundredth or less


class Kept:
    """Encodings by key. Keys are compared, so one that holds objects keeps them alive as long as its entry."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._entries: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Hashable, data: bytes) -> None:
        with self._lock:
            if key not in self._entries:
                self._entries[key] = data
                self.size += len(data) + OVERHEAD
            while self.size > self._budget:
                _, dropped = self._entries.popitem(last=False)
                self.size -= len(dropped) + OVERHEAD


class Block(NamedTuple):
    """An encoding, packed or not, of the state it was made from; `size` in bytes as it goes out."""

    state: object
    data: bytes
    packed: bool
    size: int


class _Hot(NamedTuple):
    block: Block
    data: bytes


class Blocks:
    """Encodings of many instances by place, each with the state it was made from: another state is another encoding.

    They are kept packed, `budget` bytes of them; what was not used for longest goes first. Of large ones that are asked
    for twice before the next `cool`, HOT bytes are kept unpacked until then.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._hot: dict[Hashable, _Hot] = {}
        self._asked: set[Hashable] = set()  # for what is large
        self._entries: OrderedDict[Hashable, Block] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, place: Hashable, state: object) -> Block | None:
        """What is kept of that state; a comparison of states is one of their parts by identity, mostly."""
        with self._lock:
            found = self._entries.get(place)
            if found is None or found.state != state:
                return None
            self._entries.move_to_end(place)
            return found

    def slices(self, place: Hashable, block: Block) -> Iterator[bytes]:
        """The block of a place as it goes out; in one piece where it is there unpacked."""
        if not block.packed:
            return iter((block.data,))
        if block.size <= SLICE:
            return iter((unpacked(block.data),))
        with self._lock:
            data = self._unpacked(place, block)
        return _stream(block.data) if data is None else iter((data,))

    def cool(self) -> None:
        """Nothing is kept unpacked any more until it is asked for again."""
        with self._lock:
            self._hot.clear()
            self._asked.clear()

    def _unpacked(self, place: Hashable, block: Block) -> bytes | None:
        """The whole of what is asked for all the time; None of what is asked for once in a while."""
        hot = self._hot.get(place)
        if hot is not None and hot.block is block:
            return hot.data
        if place not in self._asked:
            self._asked.add(place)
            return None
        self._hot.pop(place, None)
        if block.size + sum([len(one.data) for one in self._hot.values()]) > HOT:
            return None
        data = unpacked(block.data)
        self._hot[place] = _Hot(block, data)
        return data

    def put(self, place: Hashable, state: object, data: bytes) -> None:
        pack = len(data) >= PACKABLE
        block = Block(state, packed(data) if pack else data, pack, len(data))
        with self._lock:
            self._drop(place)
            self._entries[place] = block
            self.size += len(block.data) + OVERHEAD
            while self.size > self._budget:
                self._drop(next(iter(self._entries)))

    def _drop(self, place: Hashable) -> None:
        block = self._entries.pop(place, None)
        if block is not None:
            self.size -= len(block.data) + OVERHEAD


def sliced(data: bytes) -> Iterator[bytes]:
    """The same bytes in slices, not copied."""
    if len(data) <= SLICE:
        return iter((data,))
    view = cast("bytes", memoryview(data))  # whatever is done with them does with a view as well
    return (view[start : start + SLICE] for start in range(0, len(data), SLICE))


def packed(data: bytes) -> bytes:
    """What the compressor answers holds as much memory as incompressible data would take: copied, it does not."""
    return bytes(memoryview(zstandard.ZstdCompressor().compress(data)))


class _Unpacking(threading.local):
    """Making one takes longer than using it, and two threads cannot use the same."""

    def __init__(self) -> None:
        self.small = zstandard.ZstdDecompressor()


_UNPACKING = _Unpacking()


def unpacked(data: bytes) -> bytes:
    """What was packed, in one piece."""
    return _UNPACKING.small.decompress(data)


def _stream(data: bytes) -> Iterator[bytes]:
    return zstandard.ZstdDecompressor().read_to_iter(data, write_size=SLICE)
