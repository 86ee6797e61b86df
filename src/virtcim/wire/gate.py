"""How many requests are served at the same time, in all and of one caller, so that nobody crowds out the others."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
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
        self._most = max(1, limits.workers // 2)  # threads of one caller
        self._queues: dict[str, _Queue] = {}
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

    def take_worker(self, caller: Caller) -> bool:
        """Whether a thread for a call that waits is the caller's now: who has a share has half of them at most."""
        if caller.share:
            queue = self._queues.setdefault(caller.share, _Queue(self._most))
            if not queue.free:
                return False
            queue.free -= 1
        return True

    def give_worker(self, caller: Caller) -> None:
        """The thread is somebody else's."""
        queue = self._queues.get(caller.share)
        if queue is not None and not queue.passed_on():
            queue.free += 1
            if queue.free == self._most:
                del self._queues[caller.share]

    @asynccontextmanager
    async def worker(self, caller: Caller) -> AsyncIterator[None]:
        """A thread as of `take_worker`, once there is one."""
        if not self.take_worker(caller):
            await self._turn_of(caller)
        try:
            yield
        finally:
            self.give_worker(caller)

    async def _turn_of(self, caller: Caller) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queues[caller.share].waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came at the same moment
                self.give_worker(caller)
            raise


class _Queue:
    """The threads that a caller may still have, and whose turn it is when there are none."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.waiting: deque[asyncio.Future[None]] = deque()

    def passed_on(self) -> bool:
        """Whether somebody waits, who has a thread that was given back now."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False


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
