"""Delivery of queued indications: in order to each destination, again and again where that is needed, side by side.

A destination is worked on by one thread at a time, and by none while it is empty or waits for another attempt.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from virtcim.broker.call import CIMError
from virtcim.broker.delivery_http import Link, Undelivered
from virtcim.broker.store_queue import Delivery, Queue

log = logging.getLogger(__name__)

WORKERS = 256  # destinations that are worked on at the same time
BATCH = 128  # deliveries taken out of the queue in one transaction
LONGEST_BACK_OFF = 8  # times the retry interval
LIFETIME = 10  # times attempts x interval: what is older is not sent any more


@dataclass(frozen=True)
class Retry:
    """IndicationService.DeliveryRetryAttempts and DeliveryRetryInterval, the latter in seconds."""

    attempts: int = 3
    interval: float = 30.0

    @property
    def lifetime(self) -> float:
        """Seconds after which a queued indication is given up, whatever has been tried."""
        return max(self.attempts, 1) * self.interval * LIFETIME

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return self.interval * min(2.0 ** (failures - 1), LONGEST_BACK_OFF)


@dataclass(frozen=True)
class Policy:
    """What delivery asks and tells about subscriptions, by the digest of their path."""

    wanted: Callable[[str], bool]  # whether a subscription is still to get what was queued for it
    link: Callable[[Delivery], Link]
    arrived: Callable[[str], None]
    given_up: Callable[[str, float], None]  # subscription, seconds since 1970 when the indication was made


@dataclass(eq=False)
class _Destination:
    key: str
    busy: bool = False  # a thread works on it, or will
    again: bool = False  # something came while it did
    due: float = 0.0  # monotonic time before which it is left alone
    link: Link | None = None
    url: str = ""
    sent: list[int] = field(default_factory=list)  # arrived, but still in the store's queue


class Deliverer:
    """Works off the queues of the store, between `resume` and `pause`."""

    def __init__(self, queue: Queue, retry: Callable[[], Retry], policy: Policy) -> None:
        self._queue = queue
        self._retry = retry
        self._policy = policy
        self._destinations: dict[str, _Destination] = {}
        self._changed = threading.Condition()
        self._timers: list[tuple[float, int, _Destination]] = []
        self._count = itertools.count()
        self._closed = False
        self._resting = True
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="delivery")
        self._clock = threading.Thread(target=self._wait, name="delivery-clock", daemon=True)

    def start(self) -> None:
        self._clock.start()

    def resume(self) -> None:
        """Send, beginning with what an earlier run or another server has left."""
        self._resting = False
        self.look()

    def pause(self) -> None:
        """Begin nothing any more: another server sends from now on."""
        self._resting = True

    def look(self) -> None:
        """Find what other servers have queued."""
        if not self._resting:
            for key in self._queue.waiting():
                self.wake(key)

    def stop(self) -> None:
        """End after the attempts that are under way; what is queued stays queued."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._clock.ident is not None:
            self._clock.join(10)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for one in self._destinations.values():
            if one.link is not None:
                one.link.close()

    def wake(self, key: str) -> None:
        """Something is queued for a destination."""
        with self._changed:
            one = self._destinations.setdefault(key, _Destination(key))
            one.again = True
            self._begin(one)

    def _begin(self, one: _Destination) -> None:
        if self._closed or self._resting or one.busy or time.monotonic() < one.due:
            return
        one.busy, one.again = True, False
        self._pool.submit(self._run, one)

    def _wait(self) -> None:
        """Begin again with each destination when its time has come."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    self._begin(heapq.heappop(self._timers)[2])
                self._changed.wait(self._timers[0][0] - now if self._timers else None)

    # One destination

    def _run(self, one: _Destination) -> None:
        pause = 0.0
        try:
            pause = self._work_off(one)
        except CIMError as error:
            log.error("deliveries wait: %s", error.message)
            pause = self._retry().interval
        except Exception:  # it stays queued; other destinations are not held up
            log.exception("a delivery failed in an unforeseen way")
            pause = self._retry().interval
        with self._changed:
            one.busy = False
            if pause:
                one.due = time.monotonic() + pause
                heapq.heappush(self._timers, (one.due, next(self._count), one))
                self._changed.notify()
            elif one.again:
                self._begin(one)

    def _work_off(self, one: _Destination) -> float:
        """Send what is queued; answers seconds to wait, 0 when nothing is left."""
        while batch := self._queue.queued(one.key, BATCH):
            pause = self._send_all(one, batch)
            if pause or self._closed or self._resting:
                return pause
        return 0.0

    def _send_all(self, one: _Destination, batch: list[Delivery]) -> float:
        done: list[int] = []
        try:
            for delivery in self._unsent(one, batch, done):
                try:
                    self._send(one, delivery)
                except Undelivered as reason:
                    if pause := self._missed(delivery, reason):
                        return pause
                done.append(delivery.id)
            return 0.0
        finally:
            one.sent += done
            self._queue.dequeue(one.sent)
            one.sent = []

    def _unsent(self, one: _Destination, batch: list[Delivery], done: list[int]) -> Iterator[Delivery]:
        """What is still to be sent; the rest is done with."""
        for delivery in batch:
            if self._closed or self._resting:
                return
            if delivery.id in one.sent:  # the store could not take it out of the queue the last time
                continue
            if self._policy.wanted(delivery.subscription):
                yield delivery
            else:
                done.append(delivery.id)

    def _send(self, one: _Destination, delivery: Delivery) -> None:
        if one.link is None or one.url != delivery.url:
            if one.link is not None:
                one.link.close()
            one.link, one.url = self._policy.link(delivery), delivery.url
        one.link.post(delivery.body)
        self._policy.arrived(delivery.subscription)

    def _missed(self, delivery: Delivery, reason: Undelivered) -> float:
        """Seconds until the next attempt, 0 when it is given up."""
        failures = delivery.attempts + 1
        late = time.time() - delivery.made > self._retry().lifetime
        log.info("attempt %d to deliver to %s failed: %s", failures, delivery.url, reason)
        if failures > self._retry().attempts or late:
            log.warning("an indication for %s is given up after %d attempts: %s", delivery.url, failures, reason)
            self._policy.given_up(delivery.subscription, delivery.made)
            return 0.0
        self._queue.failed(delivery)
        return self._retry().pause(failures)
