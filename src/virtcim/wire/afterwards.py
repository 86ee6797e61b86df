"""What a call leaves to be done once its reply is out, since its client need not wait for that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Left = list[Callable[[], None]]
BREATH = 0.002  # seconds that a client has for its next call, which mostly follows at once


class _Here(threading.local):
    left: Left | None = None


_here = _Here()


@contextmanager
def left_over() -> Iterator[Left]:
    """What the block leaves, in this thread; whoever runs it has to see to that."""
    left = _here.left = []
    try:
        yield left
    finally:
        _here.left = None


def afterwards(work: Callable[[], None]) -> None:
    """Have it done when the reply is out; at once where nobody sees to that."""
    if _here.left is None:
        work()
    else:
        _here.left.append(work)


def do_all(left: Left) -> None:
    """Do what was left."""
    for work in left:
        work()


class Afterwards:
    """Does what was left, in the loop, a moment after the reply."""

    def __init__(self) -> None:
        self._left: Left = []

    def soon(self, left: Left) -> None:
        """Have it done in the running loop; returns at once."""
        if left and not self._left:
            asyncio.get_running_loop().call_later(BREATH, self.now)
        self._left += left

    def now(self) -> None:
        """Do all of it."""
        left, self._left = self._left, []
        do_all(left)
