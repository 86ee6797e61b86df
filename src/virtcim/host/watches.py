"""Waiting for what libvirt announces about one domain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from virtcim.host.errors import HostError, Kind
from virtcim.host.events import Event, Topic
from virtcim.messages import Message

POLL = 0.5  # seconds after which a waiting verb looks for itself, should an event be missing


def never() -> bool:
    """The `cancelled` of who cannot be cancelled."""
    return False


class Watch:
    """The events of one domain from the moment the watch was made."""

    def __init__(self) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()

    def _next(self, seconds: float) -> Event | None:
        try:
            return self.events.get(timeout=max(seconds, 0.0))
        except Empty:
            return None

    def wait(
        self,
        done: Callable[[Event | None], bool],
        timeout: float,
        cancelled: Callable[[], bool],
        what: str,
        late: Callable[[str], Message] | None = None,
    ) -> None:
        """Ask `done` at once, after each event and every POLL seconds, until it says so or raises.

        HostError(TIMEOUT) after `timeout` seconds, HostError(CANCELLED) when `cancelled` says so; `what` begins both.
        `late` makes the message of the first, of the seconds.
        """
        deadline = time.monotonic() + timeout
        event: Event | None = None
        while not done(event):
            if cancelled():
                raise HostError(Kind.CANCELLED, f"{what}: cancelled")
            left = deadline - time.monotonic()
            if left <= 0:
                told = late(f"{timeout:g}") if late else f"{what}: not done within {timeout:g} s"
                raise HostError(Kind.TIMEOUT, told)
            event = self._next(min(left, POLL))


class Watches:
    """Who watches which domain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_uuid: dict[str, list[Watch]] = {}

    def deliver(self, event: Event) -> None:
        if event.topic is not Topic.DOMAIN:
            return
        with self._lock:
            watches = tuple(self._by_uuid.get(event.key, ()))
        for watch in watches:
            watch.events.put(event)

    @contextmanager
    def watch(self, uuid: str) -> Iterator[Watch]:
        """Begin before the call whose effect is to be seen."""
        watch = Watch()
        with self._lock:
            self._by_uuid.setdefault(uuid, []).append(watch)
        try:
            yield watch
        finally:
            with self._lock:
                left = self._by_uuid[uuid]
                left.remove(watch)
                if not left:
                    del self._by_uuid[uuid]
