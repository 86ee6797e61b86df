"""Where processes run: of a tenth of a millisecond most may go for waking another processor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_Place = dict[int, set[int]]  # by thread


@contextmanager
def one_processor(pids: Iterable[int]) -> Iterator[None]:
    """This thread and those processes, with all their threads, on one processor for the time of the block.

    Left alone, the kernel may keep one server beside its client and another one apart from it, for minutes.
    """
    before = {thread: os.sched_getaffinity(thread) for thread in (0, *_threads(pids))}
    chosen = {min(before[0])}
    _place(dict.fromkeys(before, chosen))
    try:
        yield
    finally:
        began_since = (thread for thread in _threads(pids) if thread not in before)
        _place({**before, **dict.fromkeys(began_since, before[0])})


def _threads(pids: Iterable[int]) -> list[int]:
    return [int(thread) for pid in pids for thread in os.listdir(f"/proc/{pid}/task")]


def _place(wanted: _Place) -> None:
    for thread, processors in wanted.items():
        try:
            os.sched_setaffinity(thread, processors)
        except ProcessLookupError:
            continue  # it has ended
