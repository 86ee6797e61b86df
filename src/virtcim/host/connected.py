"""A host as such: what it is, whether it can be reached, and whether what is known of it may be told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import libvirt

from virtcim.host.divisions import Divisions
from virtcim.host.errors import HostError
from virtcim.host.events import Event, Topic
from virtcim.host.keeper import Keeper
from virtcim.host.link import STOP_PATIENCE
from virtcim.host.locks import Locks
from virtcim.host.records import HostFacts, unknown_facts
from virtcim.host.settings import HostSettings
from virtcim.host.tables import Table
from virtcim.host.watches import Watch
from virtcim.model.capabilities import Capabilities

OnEvent = Callable[[Any, Event], None]

PLATFORMS = {"qemu": "KVM", "lxc": "LXC", "xen": "Xen", "test": "Test"}


class Connected:
    """One libvirt URI, kept connected and read by its keeper."""

    def __init__(self, uri: str, settings: HostSettings, keeper: Keeper) -> None:
        scheme = uri.partition(":")[0].partition("+")[0]
        self.uri = uri
        self.settings = settings
        self.naming = settings.naming
        self.platform = PLATFORMS.get(scheme, scheme.capitalize())
        self.facts: HostFacts = unknown_facts(uri)
        self.link = keeper.link
        self.ready = keeper.ready
        self.reconcile = keeper.reconcile
        self.expected = keeper.expected
        self._keeper = keeper
        self._locks = Locks()

    def __repr__(self) -> str:
        return f"<Host {self.link.shown_uri}>"

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def uuid(self) -> str:
        return self.facts.uuid

    @property
    def capabilities(self) -> Capabilities:
        return self.facts.capabilities

    def start(self) -> None:
        """Connect in the background; `ready` is set once everything has been read."""
        self._keeper.start()

    def leave(self) -> None:
        """Begin to stop; returns at once."""
        self._keeper.leave()

    def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Returns within so many seconds even if libvirt hangs."""
        self._keeper.stop(patience)

    @property
    def reachable(self) -> bool:
        return self.ready.is_set()

    @property
    def age(self) -> float:
        """Seconds since libvirt last answered, as far as that is longer than usual: else 0."""
        return self._keeper.pulse.age if self._keeper.turns else 0.0

    @property
    def readable(self) -> bool:
        """Whether what is known may be told: it is reachable, or hangs for no longer than `stale_limit`."""
        limit = self.settings.stale_limit
        if not limit:
            return self.reachable
        return (self.reachable or (self.known and self.link.silent)) and self.age <= limit

    def unreadable(self) -> HostError:
        """Why nothing is told."""
        if self.reachable or self.link.silent:
            return self.link.unreachable(f"it has not answered for {self.age:.0f} s")
        return self.link.unreachable()

    @property
    def known(self) -> bool:
        """Whether it has been read at least once; until then what appears was there before."""
        return self._keeper.turns > 0

    @property
    def reason(self) -> str:
        """Why the host is not reachable; empty when it is."""
        return "" if self.reachable else self.link.reason

    def watch(self, uuid: str) -> AbstractContextManager[Watch]:
        """The events of a domain while the block runs."""
        return self._keeper.watches.watch(uuid)

    def on_event(self, callback: OnEvent) -> None:
        """Call back (host, event) in the thread of libvirt's event loop, where nothing may wait or call libvirt."""
        self._keeper.on_event.add(partial(callback, self))

    def on_ready(self, callback: Callable[[Any], None]) -> None:
        """Call back (host) each time that it has been connected and read, in a thread that must not be kept."""
        self._keeper.on_ready.add(partial(callback, self))

    def on_turn(self, callback: Callable[[], None]) -> None:
        """Call back each time that the host has come or gone, or what it is has changed."""
        self._keeper.on_turn.add(callback)

    def _take_facts(self, facts: HostFacts) -> bool:
        """Whether it is called otherwise than it was; facts that are the same stay the same object."""
        before = self.facts
        if facts != before:
            self.facts = facts
        return (before.name, before.uuid) != (facts.name, facts.uuid)

    def _divide(self, divisions: Divisions, domains: Table[Any, Any], connection: libvirt.virConnect) -> None:
        """Read how the host is divided; its domains are made again where that says anything new of it."""
        version, before = divisions.version, self.facts
        self.facts = divisions.read(connection, before)
        if self.facts is not before:
            domains.remake_all([one.key for one in domains.snapshot.all])
        if divisions.version != version:
            self._keeper.on_turn.tell()

    def reread_soon(self, uuid: str) -> None:
        """Have a domain read again; returns at once."""
        self._keeper.want(Topic.DOMAIN, uuid)

    def lock(self, uuid: str) -> threading.RLock:
        """The lock of who edits a domain."""
        return self._locks.of(uuid)
