"""Connections from their arrival: how many there may be, who gives way, and TLS before HTTP begins."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from virtcim.wire.limits import Limits
from virtcim.wire.listening import UNIX, Door
from virtcim.wire.protocol import Protocol
from virtcim.wire.tls import Tls

log = logging.getLogger(__name__)

_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
_BREATH = 0.2  # seconds
_FAREWELL = 1.0  # seconds that a client has to agree to the end of TLS


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
        for arrival in [one for one in self._open if not one.ready]:
            arrival.drop()

    def close_all(self) -> None:
        """Drop whatever is left."""
        for arrival in list(self._open):
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


class Arrival:
    """A connection from its acceptance on; `protocol` goes on with it once TLS is agreed on, where it is spoken."""

    def __init__(self, sock: socket.socket, address: str, came: float) -> None:
        self.sock = sock
        self.address = address
        self._came = came
        self.protocol: Protocol | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Has HTTP begun?"""
        return self.protocol is not None and self.protocol.transport is not None

    @property
    def answering(self) -> bool:
        """Is a request, which has arrived whole, being answered?"""
        return self.protocol is not None and self.protocol.answering

    @property
    def last_heard(self) -> float:
        return self.protocol.last_heard if self.protocol and self.ready else self._came

    def drop(self) -> None:
        """Close at once."""
        if self.protocol is not None and self.ready:
            self.protocol.transport.abort()
        elif self.task is not None:
            self.task.cancel()


class Reception:
    """Accepts connections at doors; `make` makes the protocol of each."""

    def __init__(self, make: Callable[[], Protocol], connections: Connections, limits: Limits) -> None:
        self._make = make
        self._connections = connections
        self._limits = limits
        self._loop = asyncio.get_running_loop()

    async def accept(self, door: Door) -> None:
        """Take in whoever comes, until cancelled."""
        door.sock.setblocking(False)
        while True:
            try:
                sock, address = await self._loop.sock_accept(door.sock)
            except OSError as error:  # too many files are open, or the client has gone again
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(_BREATH)
                continue
            self._admit(sock, str(address[0]) if isinstance(address, tuple) else UNIX, door.tls)

    def _admit(self, sock: socket.socket, address: str, tls: Tls | None) -> None:
        arrival = Arrival(sock, address, self._loop.time())
        if self._connections.admit(arrival):
            arrival.task = self._loop.create_task(self._go_on(arrival, tls))
        elif tls is None:
            self._refuse(sock)
        else:
            sock.close()

    def _refuse(self, sock: socket.socket) -> None:
        """Say why, in a way that lets the client read it."""
        with suppress(OSError):
            sock.send(_FULL)
            sock.shutdown(socket.SHUT_WR)
        self._loop.call_later(_BREATH, sock.close)

    async def _go_on(self, arrival: Arrival, tls: Tls | None) -> None:
        def protocol() -> Protocol:
            arrival.protocol = self._make()
            arrival.protocol.on_lost = partial(self._connections.forget, arrival)
            return arrival.protocol

        try:
            # The first look after a change of the files reads them, which may be slow.
            context = await self._loop.run_in_executor(None, tls.get) if tls else None
            times = {"ssl_handshake_timeout": self._limits.header_timeout, "ssl_shutdown_timeout": _FAREWELL}
            await self._loop.connect_accepted_socket(protocol, arrival.sock, ssl=context, **(times if tls else {}))
        except OSError as error:
            log.info("no connection with %s: %s", arrival.address, error)
        finally:
            if not arrival.ready:
                self._connections.forget(arrival)
                arrival.sock.close()
