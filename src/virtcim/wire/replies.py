"""What goes back over HTTP: a reply of CIM-XML in chunks, or a fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import quote

from virtcim.messages import OWNER, Message, discreet, entry_of
from virtcim.wire.compress import SMALLEST, gzipped
from virtcim.wire.faults import HTTPFault
from virtcim.wire.kept import sliced
from virtcim.wire.terms import LANGUAGE, Terms

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
Header = tuple[bytes, bytes]

REASON, REASON_ID = b"wbem-reason", b"wbem-reason-id"
STALE = (b"warning", b'110 virtcim "Response is Stale"')
REASON_LENGTH = 500  # characters of a reason, before escaping
_XML_HEADERS = [(b"content-type", b'application/xml; charset="utf-8"'), (b"cimoperation", b"MethodResponse")]
_FIELDS = [b"".join(b"%b: %b\r\n" % one for one in _XML_HEADERS)]
_FIELDS.append(_FIELDS[0] + b"content-language: %b\r\n" % LANGUAGE)  # where a language is asked for
# After these the rest of the request may still be on its way, so the connection cannot be used again.
_CLOSING = frozenset({408, 411, 413})
DEFAULT_TERMS = Terms()
TURN = 0.001  # seconds after which others get theirs


@dataclass(frozen=True, slots=True)
class Reply:
    """A response in chunks, the first of which can no longer fail; `status` is the CIM status, 0 for success.

    `length` in bytes, where that is known. `after` is to be done once it is sent.
    """

    chunks: Iterator[bytes]
    status: int = 0
    headers: tuple[Header, ...] = ()
    length: int | None = None
    after: Callable[[], None] | None = None

    def is_sent(self) -> None:
        """Have done what is to come after, once the loop is through with sending."""
        if self.after is not None:
            asyncio.get_running_loop().call_soon(self.after)


class Caveats(NamedTuple):
    """What holds for answers: how many seconds old they may be, and how many of several hosts they lack."""

    age: float = 0.0
    lost: int = 0


def caveat_headers(caveats: Caveats) -> tuple[Header, ...]:
    """Warning (RFC 7234) 110, with Age, for an answer from memory while libvirt is silent, 199 if it lacks hosts."""
    age, lost = caveats
    stale = ((b"age", b"%d" % age), STALE) if age else ()
    return (*stale, (b"warning", b'199 virtcim "Incomplete: hosts out of reach: %d"' % lost)) if lost else stale


def reason_header(reason: str) -> tuple[Header, ...]:
    """The header that says in words why a method refused: %-escaped UTF-8, cut to REASON_LENGTH characters.

    And one with OwningEntity and MessageID of the message that the words are.
    """
    if not reason:
        return ()
    words = (REASON, quote(discreet(reason)[:REASON_LENGTH], errors="replace").encode())
    if not isinstance(reason, Message):
        return (words,)
    return words, (REASON_ID, f"{OWNER}:{entry_of(reason).id}".encode())


async def send_reply(send: Send, reply: Reply, terms: Terms = DEFAULT_TERMS) -> bool:
    """Send a reply: with its length when it is one chunk, or for HTTP/1.0, which has no other way.

    Answers whether it was large: more than a chunk.
    """
    alone, short, chunks = _begun(reply.chunks)
    headers = [*_XML_HEADERS, *reply.headers]
    if terms.language:
        headers.append((b"content-language", LANGUAGE))
    if terms.gzip or terms.encrypted:
        chunks = chain.from_iterable(map(sliced, chunks))
    if terms.gzip and not short:
        headers.append((b"content-encoding", b"gzip"))
        chunks = gzipped(chunks)
    if alone or (terms.version == "1.0" and (reply.length is None or terms.gzip)):
        await _send_whole(send, headers, b"".join(chunks))
    else:
        await _send_chunks(send, headers, chunks, None if terms.gzip else reply.length)
    return not alone


def is_plain(asked: Terms) -> bool:
    """Whether a reply may go out as it is, with its length."""
    return asked.version == "1.1" and not asked.gzip


def whole(body: bytes, status: int = 0, headers: tuple[Header, ...] = ()) -> Reply:
    """A reply in one chunk."""
    return Reply(iter((body,)), status, headers, len(body))


def at_once(reply: Reply, asked: Terms) -> tuple[bytes, Iterator[bytes]]:
    """The fields of a plain reply of known length with the end of the header, and the body."""
    more = b"".join([b"%b: %b\r\n" % header for header in reply.headers])
    return b"%b%bcontent-length: %d\r\n\r\n" % (_FIELDS[asked.language], more, reply.length or 0), reply.chunks


def _begun(chunks: Iterator[bytes]) -> tuple[bool, bool, Iterator[bytes]]:
    """Whether there is only one chunk, whether that is too short for packing, and all chunks: nobody else has any."""
    first, second = next(chunks), next(chunks, None)
    if second is None:
        return True, len(first) < SMALLEST, iter((first,))
    return False, False, chain((first,), (second,), chunks)


async def _send_whole(send: Send, headers: list[Header], body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_chunks(send: Send, headers: list[Header], chunks: Iterator[bytes], length: int | None) -> None:
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    began = time.perf_counter()
    # An error from here on leaves the reply without its end, which no client takes for success.
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
    await send({"type": "http.response.body", "body": b""})


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
