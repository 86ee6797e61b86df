"""What goes back over HTTP: a reply of CIM-XML in chunks, or a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import quote

from virtcim.wire.faults import HTTPFault

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
Header = tuple[bytes, bytes]

REASON = b"wbem-reason"
REASON_LENGTH = 500  # characters of a reason, before escaping
_XML_HEADERS = [(b"content-type", b'application/xml; charset="utf-8"'), (b"cimoperation", b"MethodResponse")]
# After these the rest of the request may still be on its way, so the connection cannot be used again.
_CLOSING = frozenset({408, 411, 413})


@dataclass(frozen=True, slots=True)
class Reply:
    """A response in chunks, the first of which can no longer fail; `status` is the CIM status, 0 for success."""

    chunks: Iterator[bytes]
    status: int = 0
    headers: tuple[Header, ...] = ()


def reason_header(reason: str) -> tuple[Header, ...]:
    """The header that says in words why a method refused: %-escaped UTF-8, cut to REASON_LENGTH characters."""
    return ((REASON, quote(reason[:REASON_LENGTH], errors="replace").encode()),) if reason else ()


async def send_reply(send: Send, reply: Reply, terms: Terms = DEFAULT_TERMS) -> None:
    """Send a reply: with its length when it is one chunk, or for HTTP/1.0, which has no other way."""
    chunks = reply.chunks
    first = next(chunks)
    second = next(chunks, None)
    headers = [*_XML_HEADERS, *reply.headers]
    if terms.language:
        headers.append((b"content-language", LANGUAGE))
    if terms.gzip and (second is not None or len(first) >= SMALLEST):
        headers.append((b"content-encoding", b"gzip"))
        chunks = gzipped(chain((first,) if second is None else (first, second), chunks))
        first = next(chunks) if second is not None else b"".join(chunks)
    if second is None or terms.version == "1.0":
        whole = first if second is None else b"".join((first, *((second,) if not terms.gzip else ()), *chunks))
        headers.append((b"content-length", b"%d" % len(whole)))
async def send_fault(send: Send, scope: Scope, fault: HTTPFault) -> None:
    """Send the status, headers and words of a fault."""
    body = b"" if scope["method"] == "HEAD" else fault.detail.encode(errors="replace") + b"\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    headers += [(name.encode(), value.encode()) for name, value in fault.headers]
    if fault.cimerror is not None:
        headers += [(b"cimerror", fault.cimerror.encode()), (b"pgerrordetail", quote(fault.detail[:1000]).encode())]
    if fault.status == 405:
        headers.append((b"allow", b"POST"))
    if fault.status in _CLOSING:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
