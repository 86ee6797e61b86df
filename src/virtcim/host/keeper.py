"""What keeps a host's inventory fresh: it follows the link, turns events into rereads, and reconciles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import libvirt

from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.expected import Expected
from virtcim.host.link import Link
from virtcim.host.listeners import Callbacks
from virtcim.host.pulse import Pulse
from virtcim.host.refresher import Reconciler, Reread, Workers
from virtcim.host.settings import HostSettings
from virtcim.host.watches import Watches

_NO_CHANGE = {
    EventKind.RTC_CHANGE,
    EventKind.WATCHDOG,
    EventKind.IO_ERROR,
    EventKind.MIGRATION_ITERATION,
    EventKind.BLOCK_THRESHOLD,
    EventKind.MEMORY_FAILURE,
    EventKind.GRAPHICS,
}


class Keeper:
    """The link of a host and who listens to it.

    `load` reads what the host is, `read` everything it holds, `look` what has changed of it as far as a look shows;
    `rescan` lets libvirt look for volumes; `rereads` by topic one thing of a key.
    """

    def __init__(
        self,
        uri: str,
        settings: HostSettings,
        rereads: Mapping[Topic, Reread],
        load: Callable[[libvirt.virConnect], None],
        read: Callable[[libvirt.virConnect], None],
        look: Callable[[libvirt.virConnect], None],
        rescan: Callable[[], None],
    ) -> None:
        self.link = Link(uri, settings, self)
        self.ready = threading.Event()  # set while the host is reachable and has been read
        self.turns = 0  # how often the link came or went
        self.pulse = Pulse(self.link)
        self.watches = Watches()
        self.expected = Expected()
        self.on_event: Callbacks[[Event]] = Callbacks()
        self.on_ready: Callbacks[[]] = Callbacks()
        self._load = load
        self._read = read
        by_clock = [Reconciler(settings.reconcile_interval, lambda: self._with_link(look), "rereading everything")]
        if settings.storage_refresh_interval:
            interval = settings.storage_refresh_interval
            by_clock.append(
                Reconciler(interval, lambda: rescan() if self.ready.is_set() else None, "looking for volumes")
            )
        self._workers = Workers(rereads, by_clock)

    def start(self) -> None:
        self._workers.start()
        self.link.start()
        self.pulse.start()

    def stop(self) -> None:
        self.pulse.stop()
        self.link.stop()
        self._workers.stop()

    def want(self, topic: Topic, key: str) -> None:
        """Ask for a reread of one thing; returns at once."""
        self._workers.want(topic, key)

    def reconcile(self) -> None:
        """Reread everything: libvirt announces only part of what changes."""
        self._with_link(self._read)

    def _with_link(self, work: Callable[[libvirt.virConnect], None]) -> None:
        if self.ready.is_set():
            with self.link.reading() as connection:
                work(connection)

    def connected(self, connection: libvirt.virConnect) -> None:
        self._load(connection)
        self._read(connection)
        self.pulse.felt()
        self.turns += 1
        self.ready.set()
        self.on_ready.tell()

    def lost(self) -> None:
        if self.ready.is_set():
            self.turns += 1
            self.ready.clear()

    def event(self, event: Event) -> None:
        if event.kind not in _NO_CHANGE and not self.expected.covers(event):
            self._workers.want(event.topic, event.key)
        self.watches.deliver(event)
        self.on_event.tell(event)
