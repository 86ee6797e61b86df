"""What a call leaves to be done once its reply is out, since its client need not wait for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Left = list[Callable[[], None]]


class _Here(threading.local):
    left: Left | None = None


_here = _Here()


@contextmanager
def left_over() -> Iterator[Left]:
    """What the block leaves, in this thread; whoever runs it has to do that."""
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
