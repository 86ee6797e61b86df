"""Events that a verb of ours is about to cause: who causes them reads the domain itself, so that nobody else has to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import libvirt

from virtcim.host.events import Event, EventKind, Topic

LASTING = 2.0  # seconds after which an event is not the expected one any more

Change = tuple[int, int]  # event and detail of virDomainEventType
ADDED: Change = (libvirt.VIR_DOMAIN_EVENT_DEFINED, libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED)
REMOVED: Change = (libvirt.VIR_DOMAIN_EVENT_UNDEFINED, libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)


class Expected:
    """What is expected, each once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, Change], float] = {}  # by time.monotonic()

    @contextmanager
    def change(self, uuid: str, change: Change) -> Iterator[None]:
        """The block causes the change, unless it raises; the domain is read after it, by whoever runs it."""
        with self._lock:
            now = time.monotonic()
            self._until = {key: until for key, until in self._until.items() if until > now}
            self._until[uuid, change] = now + LASTING
        with ExitStack() as raised:
            raised.callback(self._take, uuid, change)
            yield
            raised.pop_all()

    def covers(self, event: Event) -> bool:
        """Whether the event is an expected one; the next like it is not."""
        if event.topic is not Topic.DOMAIN or event.kind is not EventKind.LIFECYCLE or not self._until:
            return False
        return self._take(event.key, event.values) > time.monotonic()

    def _take(self, uuid: str, change: Change) -> float:
        with self._lock:
            return self._until.pop((uuid, change), 0.0)
