"""Connections from their arrival: how many there may be, who gives way, and TLS before HTTP begins."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import cast

from virtcim.wire.caller import Peer, peer_of
from virtcim.wire.limits import Limits
from virtcim.wire.protocol import Protocol
from virtcim.wire.tls import Tls

log = logging.getLogger(__name__)

_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"


class Connections:
    """All connections of a server. When one too many arrives, one that waits for its client gives way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[Arrival, None] = {}
        self.given_up = 0
        self.refused = 0

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, arrival: Arrival) -> bool:
        """Take a connection in; False when every other one has a request being answered."""
        if len(self._open) >= self._most and not self._make_room():
            self.refused += 1
            return False
        self._open[arrival] = None
        return True

    def forget(self, arrival: Arrival) -> None:
        self._open.pop(arrival, None)

    def close_unready(self) -> None:
        """Drop those that have not got as far as HTTP."""
        for arrival in [one for one in self._open if one.protocol is None]:
            arrival.drop()

    def _make_room(self) -> bool:
        """Of the addresses that wait, the one with most connections gives up what it has not used for longest."""
        waiting = [one for one in self._open if not one.answering]
        if not waiting:
            return False
        crowd = Counter(one.address for one in self._open)
        chosen = min(waiting, key=lambda one: (-crowd[one.address], one.last_heard))
        log.debug("too many connections: one of %s gives way", chosen.address)
        self.given_up += 1
        self.forget(chosen)
        chosen.drop()
        return True


class Arrival(asyncio.Protocol):
    """A connection that has arrived; when TLS is agreed on, where it is spoken, `make` makes what goes on with it."""

    def __init__(self, make: Callable[[], Protocol], connections: Connections, tls: Tls | None, limits: Limits) -> None:
        self._make = make
        self._connections = connections
        self._tls = tls
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._early = b""
        self._lost = False
        self._raw: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._came = self._loop.time()
        self.protocol: Protocol | None = None
        self.address = ""

    @property
    def answering(self) -> bool:
        """Is a request, which has arrived whole, being answered?"""
        return self.protocol is not None and self.protocol.answering

    @property
    def last_heard(self) -> float:
        return self._came if self.protocol is None else self.protocol.last_heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = cast(asyncio.Transport, transport)
        self.address = peer_of(transport).address
        if not self._connections.admit(self):
            self._refuse(self._raw)
        elif self._tls is None:
            self._go_on(self._raw)
        else:
            self._raw.pause_reading()
            self._task = self._loop.create_task(self._secure(self._raw, self._tls))

    def data_received(self, data: bytes) -> None:
        """What comes between the end of the handshake and the next step."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._connections.forget(self)

    def drop(self) -> None:
        """Close at once."""
        if self._raw is not None:
            self._raw.abort()

    def _refuse(self, transport: asyncio.Transport) -> None:
        if self._tls is None:
            transport.write(_FULL)
        transport.close()

    async def _secure(self, raw: asyncio.Transport, tls: Tls) -> None:
        try:
            # The first look after a change reads files, which may be slow.
            context = await self._loop.run_in_executor(None, tls.get)
            secured = await self._loop.start_tls(
                raw, self, context, server_side=True, ssl_handshake_timeout=self._limits.header_timeout
            )
        except OSError as error:
            log.info("no TLS with %s: %s", self.address, error)
            self._connections.forget(self)
            raw.abort()
            return
        if secured is not None and not self._lost:
            self._go_on(secured)

    def _go_on(self, transport: asyncio.Transport) -> None:
        peer: Peer = peer_of(transport)
        self.protocol = protocol = self._make()
        protocol.begin(peer, lambda: self._connections.forget(self))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._early:
            protocol.data_received(self._early)
            self._early = b""
