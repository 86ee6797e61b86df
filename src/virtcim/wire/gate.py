"""How many requests are served at the same time, in all and of one caller, so that nobody crowds out the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from virtcim.wire.caller import Caller
from virtcim.wire.faults import HTTPFault
from virtcim.wire.limits import Limits

RETRY_AFTER = "1"  # seconds


class Gate:
    """Counts requests under way; used in the loop that serves, and nowhere else."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: Counter[str] = Counter()
        self._queues: dict[str, tuple[asyncio.Semaphore, int]] = {}
        self.in_flight = 0

    def entered(self, caller: Caller) -> _Entered:
        """A request from its header to the end of its reply. Errors: HTTPFault 503 with Retry-After."""
        return _Entered(self, caller)

    def admits(self, caller: Caller) -> bool:
        """Whether a request that is answered at once may enter."""
        share, limits = caller.share, self._limits
        if share and self._requests[share] >= limits.max_in_flight_per_user:
            return False
        return self.in_flight < limits.max_in_flight

    def enter(self, caller: Caller) -> None:
        """Errors: HTTPFault 503 with Retry-After."""
        if self.in_flight >= self._limits.max_in_flight:
            _refuse(f"{self._limits.max_in_flight} requests are being served")
        share = caller.share
        if share and self._requests[share] >= self._limits.max_in_flight_per_user:
            _refuse(f"{self._limits.max_in_flight_per_user} requests of {share} are being served")
        self.in_flight += 1
        if share:
            self._requests[share] += 1

    def leave(self, caller: Caller) -> None:
        self.in_flight -= 1
        share = caller.share
        if share:
            self._requests[share] -= 1
            if not self._requests[share]:
                del self._requests[share]

    @asynccontextmanager
    async def worker(self, caller: Caller) -> AsyncIterator[None]:
        """A thread for a call that waits: who has a share has half of them at most, and waits for one of these."""
        share = caller.share
        if not share:
            yield
            return
        fresh = (asyncio.Semaphore(max(1, self._limits.workers // 2)), 0)
        semaphore, users = self._queues.get(share, fresh)
        self._queues[share] = semaphore, users + 1
        try:
            async with semaphore:
                yield
        finally:
            _, users = self._queues.pop(share)
            if users > 1:
                self._queues[share] = semaphore, users - 1


class _Entered:
    """What `with` takes less for than for a generator; every request goes through it."""

    __slots__ = ("_caller", "_gate")

    def __init__(self, gate: Gate, caller: Caller) -> None:
        self._gate = gate
        self._caller = caller

    def __enter__(self) -> None:
        self._gate.enter(self._caller)

    def __exit__(self, *_: object) -> None:
        self._gate.leave(self._caller)


def _refuse(why: str) -> NoReturn:
    raise HTTPFault(503, None, f"{why}, try again", (("retry-after", RETRY_AFTER),))
