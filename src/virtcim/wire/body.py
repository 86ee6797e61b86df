"""Reading the body of a request within the limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from virtcim.wire.faults import HTTPFault
from virtcim.wire.limits import Limits

Receive = Callable[[], Awaitable[Any]]

# So much of a body that is too large is read and dropped, for the client to get to see the 413.
MAX_DROPPED = 128 * 1024 * 1024


class Disconnected(Exception):
    """The client went away in the middle of its request."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limits: Limits, complete: bool = False) -> bytes:
    """The whole body; raises HTTPFault 400, 408, 411 or 413, or Disconnected. `complete`: it is known to be there."""
    announced = _announced_length(headers)
    if complete and (announced is None or announced <= limits.max_request_bytes):
        return await _read(receive, limits)
    deadline = _Deadline(limits.body_timeout)
    try:
        if announced is not None and announced > limits.max_request_bytes:
            if b"expect" not in headers:
                await _drop(receive)
            raise too_large(limits)
        return await _read(receive, limits)
    except asyncio.CancelledError as error:
        deadline.check()
        raise HTTPFault(408, None, f"the body did not arrive within {limits.body_timeout:g} s") from error
    finally:
        deadline.end()


class _Deadline:
    """Cancels its task when so many seconds are over; every request has one, so it is simpler than asyncio.timeout."""

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._passed = False
        self._timer = loop.call_later(seconds, self._pass)

    def _pass(self) -> None:
        self._passed = True
        if self._task is not None:
            self._task.cancel()

    def check(self) -> None:
        """Go on if the deadline was what cancelled the task. Errors: CancelledError if it was somebody else."""
        if not self._passed or (self._task is not None and self._task.uncancel()):
            raise asyncio.CancelledError

    def end(self) -> None:
        self._timer.cancel()


def _announced_length(headers: Mapping[bytes, bytes]) -> int | None:
    length = headers.get(b"content-length")
    if length is None:
        if b"chunked" not in headers.get(b"transfer-encoding", b"").lower():
            raise HTTPFault(411, None, "neither Content-Length nor a chunked Transfer-Encoding is given")
        return None
    if not length.isdigit():
        raise HTTPFault(400, None, f"Content-Length is {length.decode('latin-1')}")
    return int(length)


def too_large(limits: Limits) -> HTTPFault:
    """The fault for a body above the limit."""
    return HTTPFault(413, None, f"the body is larger than {limits.max_request_bytes} bytes")


async def _next(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message.get("body", b""), message.get("more_body", False)


async def _read(receive: Receive, limits: Limits) -> bytes:
    body, more = await _next(receive)
    if not more and len(body) <= limits.max_request_bytes:
        return body
    parts, size = [body], len(body)
    while more and size <= limits.max_request_bytes:
        body, more = await _next(receive)
        parts.append(body)
        size += len(body)
    if size > limits.max_request_bytes:
        if more:
            await _drop(receive)
        raise too_large(limits)
    return b"".join(parts)


async def _drop(receive: Receive) -> None:
    dropped, more = 0, True
    while more and dropped <= MAX_DROPPED:
        body, more = await _next(receive)
        dropped += len(body)
