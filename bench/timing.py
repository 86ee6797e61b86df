"""Medians of things measured in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Timed = Callable[[], float]  # does the work once; answers the seconds it took


def clocked(work: Callable[[], object]) -> Timed:
    """The work as something timed."""

    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timed


def medians(works: Sequence[Timed], rounds: int, budget: float = 20.0) -> list[float]:
    """The median of each, after a round that does not count; five rounds are enough when `budget` seconds are over."""
    for work in works:
        work()
    samples: list[list[float]] = [[] for _ in works]
    end = time.perf_counter() + budget
    for turn in range(rounds):
        if turn >= 5 and time.perf_counter() > end:
            break
        for work, sample in zip(works, samples, strict=True):
            sample.append(work())
    return [statistics.median(sample) for sample in samples]
