"""Connections to libvirt: one that several threads use, and those of one's own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import libvirt

log = logging.getLogger(__name__)

CLOSE_PATIENCE = 3.0  # seconds for the calls of a lost connection to return
HANDLES = 64  # of domains, with each connection of one's own


class Own:
    """A connection of one's own, and handles of the domains that were defined on it last: each once."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.connection = connection
        self._domains: dict[str, libvirt.virDomain] = {}

    def keep(self, domain: libvirt.virDomain) -> None:
        """Have a handle at hand; what it knows of the domain is as old as it is."""
        while len(self._domains) >= HANDLES:
            del self._domains[next(iter(self._domains))]
        self._domains[domain.UUIDString()] = domain

    def domain(self, uuid: str) -> libvirt.virDomain:
        """A handle of the domain, which may be gone; one that is not at hand is looked up. Errors: libvirtError."""
        return self._domains.pop(uuid, None) or self.connection.lookupByUUIDString(uuid)


class Shared:
    """Closed when none is inside a call on it: libvirt frees what is closed.

    Closing by hand is needed because libvirt-python never lets go of a connection that has a close callback.
    """

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.connection = connection
        self.unsubscribe: Callable[[], None] = lambda: None  # undoes the subscription to events
        self._users = 0
        self._unused = threading.Condition()

    @contextmanager
    def used(self) -> Iterator[None]:
        with self._unused:
            self._users += 1
        try:
            yield
        finally:
            with self._unused:
                self._users -= 1
                self._unused.notify_all()

    def close(self) -> None:
        """Gives up when somebody does not come back: then it stays open."""
        with self._unused:
            if not self._unused.wait_for(lambda: not self._users, CLOSE_PATIENCE):
                log.warning("a call to libvirt does not return; its connection is left open")
                return
            with suppress(libvirt.libvirtError):  # a dead connection says so when it is closed
                self.connection.unregisterCloseCallback()
            with suppress(libvirt.libvirtError):
                self.connection.close()
