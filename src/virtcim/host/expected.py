"""Events that a verb of ours is about to cause: who causes them reads the domain itself, so that nobody else has to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import libvirt

from virtcim.host.events import Event, EventKind, Topic

LASTING = 2.0  # seconds after which an event is not the expected one any more
SOON = 0.02  # seconds until one has mostly come

Change = tuple[int, int]  # event and detail of virDomainEventType
ADDED: Change = (libvirt.VIR_DOMAIN_EVENT_DEFINED, libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED)
REMOVED: Change = (libvirt.VIR_DOMAIN_EVENT_UNDEFINED, libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)


class Coming:
    """An event that is expected; `until`: see LASTING, by time.monotonic()."""

    def __init__(self, until: float) -> None:
        self.until = until
        self._ticket = 0
        self._come = threading.Event()

    def came(self, ticket: int) -> None:
        """It is here; the ticket says when."""
        self._ticket = ticket
        self._come.set()

    def ticket(self) -> int | None:
        """That of when it came, which is waited for: what libvirt tells in events was told before. None: not soon."""
        return self._ticket if self._come.wait(SOON) else None


class Expected:
    """What is expected, each once. `ticket` gives one for what is known of a domain at the moment."""

    def __init__(self, ticket: Callable[[], int]) -> None:
        self._lock = threading.Lock()
        self._ticket = ticket
        self._coming: dict[tuple[str, Change], Coming] = {}

    @contextmanager
    def change(self, uuid: str, change: Change) -> Iterator[Coming]:
        """The block causes the change, unless it raises; the domain is read after it, by whoever runs it."""
        now = time.monotonic()
        coming = Coming(now + LASTING)
        with self._lock:
            self._coming = {key: one for key, one in self._coming.items() if one.until > now}
            self._coming[uuid, change] = coming
        with ExitStack() as raised:
            raised.callback(self._take, uuid, change)
            yield coming
            raised.pop_all()

    def covers(self, event: Event) -> bool:
        """Whether the event is an expected one; the next like it is not."""
        if event.topic is not Topic.DOMAIN or event.kind is not EventKind.LIFECYCLE or not self._coming:
            return False
        coming = self._take(event.key, event.values)
        if coming is None or coming.until <= time.monotonic():
            return False
        coming.came(self._ticket())
        return True

    def _take(self, uuid: str, change: Change) -> Coming | None:
        with self._lock:
            return self._coming.pop((uuid, change), None)
