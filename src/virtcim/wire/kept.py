"""Bytes kept because they will be asked for again, within a budget: what was not used for longest goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import NamedTuple

import zstandard

OVERHEAD = 200  # bytes that keeping one entry takes beside its data, roughly
SLICE = 512 * 1024  # bytes that go out at once
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


class _Block(NamedTuple):
    state: object
    data: bytes
    packed: bool


class Blocks:
    """Encodings of many instances by place, each with the state it was made from: another state is another encoding.

    They are kept packed, `budget` bytes of them; what was not used for longest goes first.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._entries: OrderedDict[Hashable, _Block] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, place: Hashable, state: object) -> Iterator[bytes] | None:
        """What is kept of that state, in slices; a comparison of states is one of their parts by identity, mostly."""
        with self._lock:
            found = self._entries.get(place)
            if found is None or found.state != state:
                return None
            self._entries.move_to_end(place)
        return _unpacked(found.data) if found.packed else sliced(found.data)

    def put(self, place: Hashable, state: object, data: bytes) -> None:
        pack = len(data) >= PACKABLE
        block = _Block(state, packed(data) if pack else data, pack)
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
    """The same bytes in slices: who waits for a slow client holds one of them."""
    if len(data) <= SLICE:
        return iter((data,))
    return (data[start : start + SLICE] for start in range(0, len(data), SLICE))


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


def _unpacked(data: bytes) -> Iterator[bytes]:
    if zstandard.frame_content_size(data) <= SLICE:
        return iter((unpacked(data),))
    return zstandard.ZstdDecompressor().read_to_iter(data, write_size=SLICE)
