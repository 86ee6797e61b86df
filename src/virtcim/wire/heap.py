"""The heap of the C library: kept in few pieces, and given back to the system after what needed much of it."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds after a large reply, for others that follow
# mallopt(3): settings and values. What is larger than the threshold goes back as soon as it is freed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_BLOCK, _ARENAS = 1024 * 1024, 2


def keep_small() -> None:
    """Set limits, before threads are there; where the C library is another one than GNU's, nothing happens."""
    set_option = _function("mallopt")
    for name, value in ((_ARENA_MAX, _ARENAS), (_MMAP_THRESHOLD, _BLOCK), (_TRIM_THRESHOLD, _BLOCK)):
        set_option(name, value)


class Heap:
    """Gives back what is free some time after large replies, in a thread."""

    def __init__(self, pool: Executor) -> None:
        self._trim = _function("malloc_trim")
        self._pool = pool
        self._planned = False

    def used_much(self) -> None:
        """A large reply has gone out; called in the event loop."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(PAUSE, self._give_back)

    def _give_back(self) -> None:
        self._planned = False
        self._pool.submit(self._trim, 0)


def _function(name: str) -> Callable[..., Any]:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError) as error:
        log.debug("no %s: %s", name, error)
        return lambda *_: 0
