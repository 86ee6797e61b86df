"""The ASGI application: a POST of CIM-XML in, a call dispatched, CIM-XML out (DSP0200 clauses 6 to 8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import quote

from virtcim.broker.call import Answer, Call, CIMError, MethodAnswer, Status
from virtcim.wire.body import Disconnected, Receive, read_body
from virtcim.wire.decode import decode
from virtcim.wire.encode import Encoder
from virtcim.wire.faults import HTTPFault, RefusedCall
from virtcim.wire.headers import check_media, cim_headers
from virtcim.wire.limits import DEFAULT_LIMITS, Limits
from virtcim.wire.paths import Classes

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
Dispatch = Callable[[Call], Answer | MethodAnswer]
Blocking = Callable[[Call], bool]

log = logging.getLogger(__name__)

# Methods of HTTP that have a meaning, but none here; what is not among them is unknown and answered by 501.
_KNOWN_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"})
_XML_HEADERS = [(b"content-type", b'application/xml; charset="utf-8"'), (b"cimoperation", b"MethodResponse")]
# After these the rest of the request may still be on its way, so the connection cannot be used again.
_CLOSING = frozenset({408, 411, 413})


class App:
    """The ASGI callable. `dispatch` answers or raises CIMError; calls for which `blocking` holds run in a thread."""

    def __init__(
        self, dispatch: Dispatch, blocking: Blocking, classes: Classes, limits: Limits, host: str | None = None
    ) -> None:
        self._dispatch = dispatch
        self._blocking = blocking
        self._limits = limits
        self._encoder = Encoder(classes, host)
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="call")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request; other protocols are not spoken."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not spoken here")
        try:
            chunks = await self._answer(scope, receive)
        except HTTPFault as fault:
            log.info("refused a request from %s: %s", scope.get("client"), fault)
            await _send_fault(send, scope, fault)
        except Disconnected:
            log.info("%s disconnected in the middle of a request", scope.get("client"))
        else:
            await _send_chunks(send, chunks, scope["http_version"])

    def close(self) -> None:
        """End the threads once the calls in them are done."""
        self._pool.shutdown()

    async def _answer(self, scope: Scope, receive: Receive) -> Iterator[bytes]:
        """The response in chunks, the first of which can no longer fail."""
        _check_method(scope["method"])
        headers = dict(scope["headers"])
        if scope["http_version"] == "1.1" and b"host" not in headers:
            raise HTTPFault(400, None, "Host is missing")
        check_media(headers)
        expected = cim_headers(headers)
        body = await read_body(receive, headers, self._limits)
        try:
            call = decode(body, expected, self._limits.max_depth)
        except RefusedCall as refused:
            return self._encoder.error_reply(refused.call, refused.error)
        if self._blocking(call):
            return await asyncio.get_running_loop().run_in_executor(self._pool, partial(self._run_whole, call))
        return self._run(call)

    def _run_whole(self, call: Call) -> Iterator[bytes]:
        """In a thread: taking the items may block as well, so all are taken there."""
        return iter(list(self._run(call)))

    def _run(self, call: Call) -> Iterator[bytes]:
        try:
            return _started(self._encoded(call))
        except CIMError as error:
            return self._encoder.error_reply(call, error)
        except Exception:
            log.exception("%s in %s failed", call.name, call.namespace)
            return self._encoder.error_reply(call, CIMError(Status.FAILED, "internal error"))

    def _encoded(self, call: Call) -> Iterator[bytes]:
        answer = self._dispatch(call)
        if isinstance(answer, MethodAnswer):
            return self._encoder.method_reply(call, answer)
        return self._encoder.reply(call, answer)


def _started(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, the first one made already: an error up to there becomes a proper reply."""
    return chain((next(chunks),), chunks)


def _check_method(method: str) -> None:
    if method == "POST":
        return
    if method in _KNOWN_METHODS:
        raise HTTPFault(405, None, f"{method} is not supported, POST is")
    raise HTTPFault(501, None, f"{method} is not supported, POST is")


async def _send_chunks(send: Send, chunks: Iterator[bytes], http_version: str) -> None:
    first = next(chunks)
    second = next(chunks, None)
    if second is not None and http_version == "1.0":
        first, second = b"".join((first, second, *chunks)), None
    if second is None:
        headers = [*_XML_HEADERS, (b"content-length", b"%d" % len(first))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _XML_HEADERS})
    # An error from here on leaves the reply without its end, which no client takes for success.
    for chunk in chain((first, second), chunks):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _send_fault(send: Send, scope: Scope, fault: HTTPFault) -> None:
    body = b"" if scope["method"] == "HEAD" else fault.detail.encode(errors="replace") + b"\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if fault.cimerror is not None:
        headers += [(b"cimerror", fault.cimerror.encode()), (b"pgerrordetail", quote(fault.detail[:1000]).encode())]
    if fault.status == 405:
        headers.append((b"allow", b"POST"))
    if fault.status in _CLOSING:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make_app(
    dispatch: Dispatch,
    blocking: Blocking,
    classes: Classes,
    limits: Limits = DEFAULT_LIMITS,
    host: str | None = None,
) -> App:
    """The ASGI application. `classes` gives a class by its name, in whatever namespace; `host` is named in paths."""
    return App(dispatch, blocking, classes, limits, host)
