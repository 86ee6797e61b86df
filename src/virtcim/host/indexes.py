"""Mappings that never change, of which others that differ in little are made at little cost, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Generic, TypeVar, overload

T = TypeVar("T")
D = TypeVar("D")

SMALL = 64  # objects that are as quickly copied as anything smaller


class Index(Mapping[str, T]):
    """Objects by their keys, in no order, spread over dictionaries that indexes share."""

    __slots__ = ("_count", "_mask", "buckets")

    def __init__(self, buckets: tuple[dict[str, T], ...] = ({},), count: int = 0) -> None:
        self.buckets = buckets  # a power of two; whoever made them changes them no more
        self._count = count
        self._mask = len(buckets) - 1

    @overload
    def get(self, key: str, /) -> T | None: ...
    @overload
    def get(self, key: str, /, default: T | D) -> T | D: ...
    def get(self, key: str, /, default: object = None) -> object:
        return self.buckets[hash(key) & self._mask].get(key, default)

    def __getitem__(self, key: str) -> T:
        return self.buckets[hash(key) & self._mask][key]

    def __contains__(self, key: object) -> bool:
        return key in self.buckets[hash(key) & self._mask]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.buckets)

    def __len__(self) -> int:
        return self._count


class Draft(Generic[T]):
    """An index that is being made of another one: a dictionary is copied when something in it changes first."""

    def __init__(self, before: Index[T]) -> None:
        self._buckets = list(before.buckets)
        self._mask = len(self._buckets) - 1
        self._copied: set[int] = set()
        self.count = len(before)

    def get(self, key: str) -> T | None:
        return self._buckets[hash(key) & self._mask].get(key)

    def put(self, key: str, item: T) -> None:
        bucket = self._own(key)
        self.count += key not in bucket
        bucket[key] = item

    def remove(self, key: str) -> None:
        del self._own(key)[key]
        self.count -= 1

    def index(self) -> Index[T]:
        """What has become of it; nothing is to be changed any more."""
        wanted = _buckets_for(self.count)
        if wanted > len(self._buckets) or 4 * wanted <= len(self._buckets):
            self._spread(wanted)
        return Index(tuple(self._buckets), self.count)

    def _own(self, key: str) -> dict[str, T]:
        number = hash(key) & self._mask
        if number not in self._copied:
            self._copied.add(number)
            self._buckets[number] = self._buckets[number].copy()
        return self._buckets[number]

    def _spread(self, count: int) -> None:
        buckets: list[dict[str, T]] = [{} for _ in range(count)]
        for bucket in self._buckets:
            for key, item in bucket.items():
                buckets[hash(key) & count - 1][key] = item
        self._buckets = buckets


def _buckets_for(count: int) -> int:
    """As many as each holds objects, so that copying all references to them and one of them takes least."""
    buckets = 1
    while buckets * max(SMALL, buckets) < count:
        buckets *= 2
    return buckets
