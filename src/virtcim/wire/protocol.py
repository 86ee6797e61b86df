"""uvicorn's HTTP/1.1 protocol with what it lacks: limits on headers and slow clients, proper refusals, the peer."""

from __future__ import annotations

import re
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from virtcim.wire.caller import Peer, peer_of
from virtcim.wire.limits import DEFAULT_LIMITS

_LINGER = 1.0  # seconds that a refused client has for reading the refusal
_REQUEST_LINE = re.compile(rb"[\r\n]*([A-Z][A-Z-]*) \S+ HTTP/1\.([01])\r?\n")


class HeaderTooLargeError(Exception):
    """The header of a request is above the limit; caught by uvicorn, which then calls send_400_response."""


class Protocol(HttpToolsProtocol):
    """One connection. `on_lost` is called when it is gone; the scope of each request has "peer"."""

    limits = DEFAULT_LIMITS
    _in_message = False
    _in_header = False
    _first_bytes = b""  # of the message
    _header_size = 0  # of what the parser has not told of yet
    _fields_size = 0
    _refused = False
    _timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None
    _peer = Peer()
    on_lost: Callable[[], None] = staticmethod(lambda: None)
    last_heard = 0.0  # by the clock of the loop

    @property
    def answering(self) -> bool:
        """Has a request arrived whole whose reply is not all sent?"""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = peer_of(transport)
        self.last_heard = self.loop.time()
        self._start_timer(self.limits.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        super().connection_lost(exc)
        self.on_lost()

    def data_received(self, data: bytes) -> None:
        self.last_heard = self.loop.time()
        if self._refused:
            return
        if not self._in_message:
            self._first_bytes = data[:1000]
        began_in_header = self._in_header
        super().data_received(data)
        if began_in_header and self._in_header and not self._refused:
            self._unfinished_header(len(data))

    def _unfinished_header(self, size: int) -> None:
        """The parser tells of a header field only once it is complete, so that an endless one is counted here."""
        self._header_size += size
        if self._header_size > self.limits.max_header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_message = self._in_header = True
        self._header_size = self._fields_size = 0
        if self._timer is None:
            self._start_timer(self.limits.header_timeout)
        super().on_message_begin()
        self.scope["peer"] = self._peer  # type: ignore[typeddict-unknown-key]

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._fields_size += len(name) + len(value)
        if self._fields_size > self.limits.max_header_bytes:
            raise HeaderTooLargeError

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_message = False
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and self._timer is None:
            # Answered before the body had come, which is then dropped: but not for ever.
            self._start_timer(self.limits.body_timeout)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Called for whatever the parser cannot read: among it, methods that it does not know, such as M-POST."""
        line = _REQUEST_LINE.match(self._first_bytes)
        if self._fields_size > self.limits.max_header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif line and line[1].decode() not in HTTPMethod.__members__ and line[2] == b"1":
            # DSP0200 clause 6.2: without a CIMError header, so that a client of M-POST tries again with POST.
            self._refuse(HTTPStatus.NOT_IMPLEMENTED)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer by a status alone and close, in a way that lets the client read the answer first."""
        self._refused = True
        self._stop_timer()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, status.phrase.encode())
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(_LINGER, self.transport.close)
        else:
            self.transport.close()

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_message and not self._in_header:
            self.transport.abort()
        elif not self._refused:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
