"""Threads for all hosts together: as many as there is work at the moment, and one that tells when work is due."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

Work = Callable[[], object]
LINGER = 3.0  # seconds that an idle thread waits for more


@dataclass(frozen=True)
class Turn:
    """Which of how many hosts it is: what many do by the clock is spread over time, and done less often by each."""

    number: int = 0
    of: int = 1

    def first(self, interval: float) -> float:
        """Seconds until a host does for the first time what each does every `interval` seconds."""
        return interval * (self.number + 1) / self.of

    def at_most(self, rate: float, interval: float) -> float:
        """The interval, or a longer one at which all hosts together do it `rate` times a second."""
        return max(interval, self.of / rate)


class _Hand:
    """A thread that waits for work."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.called = threading.Event()


class Crew:
    """Does work in threads, at once however much of it hangs: made when none is idle, gone when they stay idle."""

    def __init__(self) -> None:
        self._idle: list[_Hand] = []  # who came last is called first, so that the others can go
        self._lock = threading.Lock()

    @property
    def idle(self) -> int:
        """Threads that wait for work."""
        return len(self._idle)

    def do(self, work: Work) -> None:
        """Have it done; returns at once."""
        with self._lock:
            hand = self._idle.pop() if self._idle else None
        if hand is None:
            threading.Thread(target=self._run, args=(work,), name="crew", daemon=True).start()
        else:
            hand.work = work
            hand.called.set()

    def _run(self, first: Work) -> None:
        work: Work | None = first
        while work is not None:
            try:
                work()
            except Exception:  # the thread is there for others, too
                log.exception("work in the background failed")
            work = None  # it may hold what nobody else does
            work = self._next()

    def _next(self) -> Work | None:
        hand = _Hand()
        with self._lock:
            self._idle.append(hand)
        if not hand.called.wait(LINGER):
            with self._lock:
                if hand in self._idle:
                    self._idle.remove(hand)
                    return None
            hand.called.wait()  # somebody is just calling
        return hand.work


@dataclass(eq=False)
class Alarm:
    """Work that is due at a moment, by time.monotonic(); None once it is called off or done."""

    work: Work | None


class Clock:
    """Has the crew do what is due. Its one thread is there while it has anything to wait for."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._due: list[tuple[float, int, Alarm]] = []  # a heap
        self._numbers = itertools.count()
        self._waiting = 0  # alarms not called off
        self._changed = threading.Condition()
        self._running = False

    def after(self, seconds: float, work: Work) -> Alarm:
        """Have it done after so many seconds; returns at once."""
        alarm = Alarm(work)
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), alarm))
            self._waiting += 1
            if self._due[0][2] is alarm:
                self._changed.notify()
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="clock", daemon=True).start()
        return alarm

    def cancel(self, alarm: Alarm) -> bool:
        """Call it off; False when it has been done, or is about to be."""
        with self._changed:
            if alarm.work is None:
                return False
            alarm.work = None
            self._waiting -= 1
            self._changed.notify()
            return True

    def _run(self) -> None:
        while (work := self._next()) is not None:
            self._crew.do(work)

    def _next(self) -> Work | None:
        """What is due next, once it is; None when there is nothing."""
        with self._changed:
            while self._waiting:
                at, _, alarm = self._due[0]
                left = at - time.monotonic()
                if alarm.work is not None and left > 0:
                    self._changed.wait(left)
                    continue
                heapq.heappop(self._due)
                if alarm.work is not None:
                    work, alarm.work = alarm.work, None
                    self._waiting -= 1
                    return work
            self._due = []
            self._running = False
            return None


ALONE = Turn()
crew = Crew()
clock = Clock(crew)


class Repeated:
    """Does the work every `interval` seconds, counted from its end, until stopped; `first` seconds after the start."""

    def __init__(self, interval: float, work: Work, first: float | None = None) -> None:
        self._interval = interval
        self._first = interval if first is None else first
        self._work = work
        self._stopped = False
        self._alarm: Alarm | None = None

    def start(self) -> None:
        self._stopped = False
        self._alarm = clock.after(self._first, self._run)

    def stop(self) -> None:
        """For good; work that is under way is not waited for."""
        self._stopped = True
        if self._alarm is not None:
            clock.cancel(self._alarm)

    def _run(self) -> None:
        try:
            if not self._stopped:
                self._work()
        finally:
            if not self._stopped:
                self._alarm = clock.after(self._interval, self._run)
                if self._stopped:  # meanwhile, by who saw the alarm before
                    clock.cancel(self._alarm)
