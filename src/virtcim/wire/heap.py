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
_ARENA_MAX, _ARENAS = -8, 2  # mallopt(3)


def keep_small() -> None:
    """Let threads share their heaps, before there are any; with another C library than GNU's nothing happens.

    What is freed stays until `Heap` gives it back: what comes next needs it again, and fresh memory costs more.
    """
    _function("mallopt")(_ARENA_MAX, _ARENAS)


class Heap:
    """Gives back what is free some time after large replies, in a thread; `cool` lets go of what they may share."""

    def __init__(self, pool: Executor, cool: Callable[[], None]) -> None:
        self._trim = _function("malloc_trim")
        self._pool = pool
        self._cool = cool
        self._planned = False

    def used_much(self) -> None:
        """A large reply has gone out; called in the event loop."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(PAUSE, self._give_back)

    def _give_back(self) -> None:
        self._planned = False
        self._cool()
        self._pool.submit(self._trim, 0)


def _function(name: str) -> Callable[..., Any]:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError) as error:
        log.debug("no %s: %s", name, error)
        return lambda *_: 0
