"""Requests whose header has come before on their connection: answered by us, without a parser and a task for each."""

from __future__ import annotations

from asyncio import Future, TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from virtcim.wire.heads import Heads, Parts, Ready
from virtcim.wire.limits import DEFAULT_LIMITS


class Shortcut(HttpToolsProtocol):
    """A connection with what uvicorn need not do for some of its requests."""

    limits = DEFAULT_LIMITS
    ready: Ready | None = None
    last_heard = 0.0  # by the clock of the loop
    _put_off = b""  # a header that has come before, until its body is there; what comes before a reply has gone out
    _awaited: Future[None] | None = None  # done when the reply that a thread makes has gone out
    _heads: Heads
    _timer: TimerHandle | None = None

    @property
    def answering(self) -> bool:
        """Has a request arrived whole whose reply is not all sent?"""
        if self._awaited is not None:
            return True
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def shortened(self, data: bytes) -> bytes:
        """What is left when a request with a header that has come before is answered at once, or by a thread.

        Where only the header has come, the body is waited for.
        """
        data, self._put_off = self._put_off + data, b""
        if self._awaited is not None:
            self._put_off = data
            self.flow.pause_reading()
            return b""
        known = self._heads.find(data)
        if known is None or self.ready is None or not self._is_free():
            return data
        if len(data) == known.start:
            self._put_off = data
            self._start_timer(self.limits.body_timeout)
            return b""
        self._stop_timer()
        reply = self.ready(known.scope, data[known.start :], self._answer)
        if reply is None:
            return data
        if isinstance(reply, tuple):
            self._send(reply)
        else:
            self._awaited = self.loop.create_future()
            self.server_state.tasks.add(self._awaited)  # type: ignore[arg-type]  # it is waited for, as tasks are
        return b""

    def shutdown(self) -> None:
        header, self._put_off = self._put_off, b""
        if self._awaited is not None:
            self._awaited.add_done_callback(lambda _: self.transport.close())
            return
        if header:
            self.parse(header)
        super().shutdown()

    def parse(self, data: bytes) -> None:
        """Go the long way."""
        raise NotImplementedError

    def too_slow(self) -> None:
        """What was waited for has not come in time."""
        raise NotImplementedError

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self.too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def timeout_keep_alive_handler(self) -> None:
        """The connection ends unless something has been answered in a shorter way since the timer was set."""
        left = self.last_heard + self.timeout_keep_alive - self.loop.time()
        if left > 0 or self._put_off or self._awaited is not None:
            wait = max(left, 1.0)
            self.timeout_keep_alive_task = self.loop.call_later(wait, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _is_free(self) -> bool:
        """Whether nothing is under way, and the client takes what it is sent."""
        done = self.cycle is not None and self.cycle.response_complete and self.cycle.keep_alive
        return done and not self.flow.write_paused and not self.transport.is_closing()

    def _answer(self, reply: Parts) -> None:
        """Send what a thread has made, and go on with what has come meanwhile."""
        awaited, self._awaited = self._awaited, None
        if not self.transport.is_closing():
            self._send(reply)
            self.last_heard = self.loop.time()
            self.flow.resume_reading()
            if self._put_off:
                self.data_received(b"")
        if awaited is not None and not awaited.done():  # cancelled when the server would wait no longer
            self.server_state.tasks.discard(awaited)
            awaited.set_result(None)

    def _send(self, reply: Parts) -> None:
        fields = b"".join([b"%b: %b\r\n" % field for field in self.server_state.default_headers])
        self.transport.write(b"HTTP/1.1 200 OK\r\n" + fields + reply[0] + next(reply[1]))
        for piece in reply[1]:
            self.transport.write(piece)
        self.server_state.total_requests += 1
