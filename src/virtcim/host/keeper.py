"""What keeps a host's inventory fresh: it follows the link, turns events into rereads, and reconciles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

import libvirt

from virtcim.host.crew import Repeated, Turn
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.expected import Expected
from virtcim.host.link import Link
from virtcim.host.listeners import Callbacks
from virtcim.host.pulse import Pulse
from virtcim.host.refresher import Refreshers, Reread, attempt
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
        turn: Turn,
    ) -> None:
        self.link = Link(uri, settings, self, turn)
        self.ready = threading.Event()  # set while the host is reachable and has been read
        self.turns = 0  # how often the link came or went
        self.pulse = Pulse(self.link, turn)
        self.watches = Watches()
        self.expected = Expected(rereads[Topic.DOMAIN].ticket)
        self.on_event: Callbacks[[Event]] = Callbacks()
        self.on_ready: Callbacks[[]] = Callbacks()
        self.on_turn: Callbacks[[]] = Callbacks()
        self._load = load
        self._read = read
        self._refreshers = Refreshers(rereads, lambda: self.link.verbs)
        self._by_clock = [
            Repeated(interval, partial(attempt, work, what), turn.first(interval))
            for interval, work, what in (
                (settings.reconcile_interval, lambda: self._with_link(look), "rereading everything"),
                (settings.storage_refresh_interval, lambda: self._if_ready(rescan), "looking for volumes"),
            )
            if interval
        ]

    def start(self) -> None:
        self.pulse.start()
        for one in self._by_clock:
            one.start()
        self.link.start()

    def leave(self) -> None:
        """Begin to stop; returns at once."""
        for stop in (self.pulse.stop, self._refreshers.stop, *(one.stop for one in self._by_clock)):
            stop()
        self.link.leave()

    def stop(self, patience: float) -> None:
        """Returns within so many seconds even if libvirt hangs."""
        self.leave()
        self.link.stop(patience)

    def want(self, topic: Topic, key: str) -> None:
        """Ask for a reread of one thing; returns at once."""
        self._refreshers.want(topic, key)

    def wanted(self, topic: Topic, key: str) -> bool:
        """Whether a thing is about to be read again."""
        return self._refreshers.wanted(topic, key)

    def reconcile(self) -> None:
        """Reread everything: libvirt announces only part of what changes."""
        self._with_link(self._read)

    def _if_ready(self, work: Callable[[], None]) -> None:
        if self.ready.is_set():
            work()

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
        self.on_turn.tell()
        self.on_ready.tell()

    def lost(self) -> None:
        if self.ready.is_set():
            self.turns += 1
            self.ready.clear()
            self.on_turn.tell()

    def event(self, event: Event) -> None:
        if event.kind not in _NO_CHANGE and not self.expected.covers(event):
            self._refreshers.want(event.topic, event.key)
        self.watches.deliver(event)
        self.on_event.tell(event)
