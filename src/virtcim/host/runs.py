"""Objects in their order, in runs that readers may treat as one."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar
from zlib import crc32

RUN = 32  # objects of a run, or so


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Keyed)


class Runs(Generic[T]):
    """What comes goes to the end. Which object begins a run depends on its key alone, but for the first of all.

    So whatever comes, goes or changes, all runs but one or two are the very ones that were there before.
    """

    def __init__(self) -> None:
        self._runs: dict[int, tuple[T, ...]] = {}  # by numbers, none of which comes again
        self._place: dict[str, int] = {}  # key -> number of the run
        self._next = 0

    @property
    def all(self) -> tuple[tuple[T, ...], ...]:
        return tuple(self._runs.values())

    def exchange(self, old: T | None, new: T | None) -> None:
        """Put one in the place of another of the same key; None: there was or will be none."""
        if old is None:
            if new is not None:
                self._append(new)
        elif new is not None:
            number = self._place[old.key]
            run = self._runs[number]
            at = run.index(old)
            self._runs[number] = (*run[:at], new, *run[at + 1 :])
        else:
            self._remove(old)

    def _append(self, item: T) -> None:
        if not self._runs or crc32(item.key.encode()) % RUN == 0:
            self._next += 1
            self._runs[self._next] = ()
        number = next(reversed(self._runs))
        self._runs[number] += (item,)
        self._place[item.key] = number

    def _remove(self, item: T) -> None:
        number = self._place.pop(item.key)
        run = self._runs[number]
        at = run.index(item)
        left = (*run[:at], *run[at + 1 :])
        numbers = list(self._runs) if at == 0 else []
        if left and (at > 0 or number == numbers[0]):
            self._runs[number] = left
            return
        del self._runs[number]
        if left:  # what began the run is gone, so that it is part of the one before
            before = numbers[numbers.index(number) - 1]
            self._runs[before] += left
            self._place.update(dict.fromkeys([one.key for one in left], before))
