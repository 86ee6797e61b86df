"""Who looks at the graphical consoles of domains: libvirt tells who comes and goes, not who is there.

Who was there before libvirt was connected is looked up once, on this machine only, among its TCP connections.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from typing import Protocol

import libvirt

from virtcim.host.addresses import Peer, established
from virtcim.host.events import Event, EventKind

_GONE = libvirt.VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT
_STOPPED = libvirt.VIR_DOMAIN_EVENT_STOPPED
_GRAPHICS = re.compile(r"<graphics [^>]*>")
_PORT = re.compile(r"(?:port|tlsPort|websocket)='(\d+)'")


class Shown(Protocol):
    """A domain as far as it matters who looks at it."""

    @property
    def uuid(self) -> str: ...
    @property
    def active(self) -> bool: ...
    @property
    def state_xml(self) -> str: ...


class Viewers:
    """Those of all domains of a host. Nothing is kept of domains that nobody looks at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, frozenset[Peer]] = {}
        self._before: Mapping[int, frozenset[Peer]] = {}

    def begin(self, local: bool) -> None:
        """libvirt is connected: what was known is history. Until `settle` domains are asked about the ones found."""
        with self._lock:  # an event that comes meanwhile is later than what is read here
            self._known = {}
            self._before = established() if local else {}

    def settle(self) -> None:
        """Every domain has been asked about: ports may become those of others from now on."""
        with self._lock:
            self._before = {}

    def of(self, domain: Shown) -> tuple[Peer, ...]:
        """In order."""
        if not domain.active:
            return ()
        with self._lock:
            if self._before and domain.uuid not in self._known:
                self._put(domain.uuid, frozenset(self._earlier(domain)))
            return tuple(sorted(self._known.get(domain.uuid, ())))

    def _earlier(self, domain: Shown) -> Iterator[Peer]:
        for element in _GRAPHICS.findall(domain.state_xml):
            for port in _PORT.findall(element):
                yield from self._before.get(int(port), ())

    def take(self, event: Event) -> bool:
        """Whether something has changed by an event."""
        if event.kind is EventKind.LIFECYCLE and event.values[:1] == (_STOPPED,):
            with self._lock:
                return self._known.pop(event.key, None) is not None
        if event.kind is not EventKind.GRAPHICS:
            return False
        phase, *told = event.values
        peer = Peer(*told)
        with self._lock:
            before = self._known.get(event.key, frozenset())
            after = before - {peer} if phase == _GONE else before | {peer}
            self._put(event.key, after)
            return after != before

    def _put(self, uuid: str, peers: frozenset[Peer]) -> None:
        if peers or self._before:  # none is remembered as long as it would be looked up again
            self._known[uuid] = peers
        else:
            self._known.pop(uuid, None)
