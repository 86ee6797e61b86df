"""uvicorn's HTTP/1.1 protocol with what it lacks: limits on headers and slow clients, proper refusals, the peer."""

from __future__ import annotations

import re
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from virtcim.wire import mpost
from virtcim.wire.caller import Peer, peer_of
from virtcim.wire.heads import Heads
from virtcim.wire.shortcut import Shortcut

_MPOST = b"M-POST "
_LINGER = 1.0  # seconds that a refused client has for reading the refusal
_REQUEST_LINE = re.compile(rb"[\r\n]*([A-Z][A-Z-]*) \S+ HTTP/1\.([01])\r?\n")


class HeaderTooLargeError(Exception):
    """The header of a request is above the limit; caught by uvicorn, which then calls send_400_response."""


class Protocol(Shortcut):
    """One connection. `on_lost` is called when it is gone.

    The scope of each request has "peer", and "complete" once all of it has arrived.
    """

    _in_message = False
    _in_header = False
    _first_bytes = b""  # of the message
    _header_size = 0  # of what the parser has not told of yet
    _fields_size = 0
    _running: RequestResponseCycle | None = None
    _held = b""  # of a method that is not complete
    _is_mpost = False
    _refused = False
    _refusal: HTTPStatus | None = None  # to be sent after the replies under way
    _write_timer: TimerHandle | None = None
    _peer = Peer()
    _piece = b""  # the first of the message
    on_lost: Callable[[], None] = staticmethod(lambda: None)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = peer_of(transport)
        self._heads = Heads()
        self.last_heard = self.loop.time()
        self._start_timer(self.limits.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        self._end_running()
        super().connection_lost(exc)
        self.on_lost()

    def data_received(self, data: bytes) -> None:
        self.last_heard = self.loop.time()
        if not self._refused:
            data = self.shortened(data)
            if data:
                self.parse(data)

    def parse(self, data: bytes) -> None:
        began_in_header, size = self._in_header, len(data)
        if not self._in_message:
            self._piece = b"" if self._held else data
        self._unset_keepalive_if_required()
        for part in mpost.parts(data):
            if not self._in_message:
                part = self._begun(part)
                self._first_bytes = part[:1000]
            while part and not self._refused:
                part = self._fed(part)
        if began_in_header and self._in_header and not self._refused:
            self._unfinished_header(size)

    def _fed(self, data: bytes) -> bytes:
        """Let the parser have it; what is left is for another one, as this one ends where an upgrade is offered."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._offers_upgrade():
                header = self._header_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                return header + data[offer.args[0] :]
            self.cycle.keep_alive = False  # CONNECT
        except httptools.HttpParserError as error:
            self.send_400_response(str(error))
        return b""

    def _offers_upgrade(self) -> bool:
        """Whether the parser has stopped at a header that is to be read again without its Upgrade."""
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _header_without_upgrade(self) -> bytes:
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
        version = self.parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, fields)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _end_running(self) -> None:
        """Nothing can be sent any more: uvicorn tells only the last of several requests on a connection."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _begun(self, data: bytes) -> bytes:
        """The beginning of a message as the parser knows it: M-POST as POST. Of half the word, nothing yet."""
        data, self._held = self._held + data, b""
        word = data.lstrip(b"\r\n")[: len(_MPOST)]
        if word and len(word) < len(_MPOST) and _MPOST.startswith(word):
            data, self._held = b"", data
        self._is_mpost = word == _MPOST
        return data.replace(_MPOST, b"POST ", 1) if self._is_mpost else data

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
        if self._offers_upgrade():
            return
        self._in_header = False
        self._stop_timer()
        super().on_headers_complete()
        if self._is_mpost:
            self.scope["method"] = mpost.METHOD
            self._is_mpost = False

    def on_message_complete(self) -> None:
        if self._offers_upgrade():
            return
        self._in_message = False
        self._stop_timer()
        self.scope["complete"] = True  # type: ignore[typeddict-unknown-key]
        super().on_message_complete()
        if self.ready is not None and self.cycle.keep_alive:
            self._heads.learn(self._piece, len(self.cycle.body), self.scope)

    def on_response_complete(self) -> None:
        was_last = not self.pipeline
        super().on_response_complete()
        if self._refusal is not None and was_last and not self.transport.is_closing():
            self._send_refusal(self._refusal)
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
        """Answer by a status alone and close, after the replies to what came before."""
        self._refused = True
        self._stop_timer()
        answering = bool(self.pipeline) or self.answering
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()  # the request that is refused
        if answering:
            self._refusal = status
        else:
            self._send_refusal(status)

    def _send_refusal(self, status: HTTPStatus) -> None:
        """Answer and close in a way that lets the client read the answer first."""
        self._unset_keepalive_if_required()
        self._end_running()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, status.phrase.encode())
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(_LINGER, self.transport.close)
        else:
            self.transport.close()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def too_slow(self) -> None:
        self._timer = None
        if self._in_message and not self._in_header:
            self.transport.abort()
        elif not self._refused:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
