"""Requests that came before but for their message ID, as clients that poll send them: decoded once and kept."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from virtcim.broker.call import Call
from virtcim.wire.again import SHARED
from virtcim.wire.caller import ANYBODY, Caller
from virtcim.wire.decode import decoded
from virtcim.wire.elements import Size
from virtcim.wire.headers import CIMHeaders

# Up to the ID nothing can hide: a comment or another element before MESSAGE does not match. Nor does an ID that is not
# plain ASCII, which may be no XML.
_ID = re.compile(rb"\s*+(?:<\?xml[^<>]*\?>)?\s*+<CIM\s[^<>]*>\s*+<MESSAGE\s(?:[^<>]*?\s)?ID=([\"'])([ !#-%(-;=?-~]*)\1")
MAX_KEPT = 2048  # requests
MAX_LENGTH = 4096  # bytes of one
DIGEST = 20  # bytes, of which nobody finds two texts with the same ones; a text takes forty times the memory
_METHOD = b"<METHODCALL"  # anywhere
_CHECKED = "checked"  # in Call.memo
_NEVER_AGAIN = "EnumerationContext"  # each is used once, so that it is left out of the text like the message ID
_GAP = b"\0"  # which is in no text that can be decoded
_CONTEXT = re.compile(rb'NAME="EnumerationContext"\s*>\s*<VALUE>([\w-]+)</VALUE>')


class _Known(NamedTuple):
    call: Call
    protocol_version: str


class _Found(NamedTuple):
    """What a body is known by: all of it but the message ID, and the context of an enumeration."""

    key: bytes
    message_id: bytes
    context: bytes | None


class Decoder:
    """Decodes as `decode` does. Methods are not kept: there is no telling what secrets they carry."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def decode(self, body: bytes, headers: CIMHeaders | None = None, caller: Caller = ANYBODY) -> Call:
        """The call of a caller in a request body. Errors: as `decode`."""
        found = _found(body)
        if found is None:
            return _by(caller, decoded(body, headers, self._size)[0])
        known = self._again(found, headers, caller)
        if known is not None:
            return known
        call, version = decoded(body, headers, self._size)
        if call.message_id.encode() == found.message_id:
            self._keep(found, _Known(call, version))
        return _by(caller, call)

    def known(self, body: bytes, headers: CIMHeaders, caller: Caller) -> Call | None:
        """As `decode`, of a text that has come before. Errors: HTTPFault header-mismatch."""
        found = _found(body)
        return None if found is None else self._again(found, headers, caller)

    def _again(self, found: _Found, headers: CIMHeaders | None, caller: Caller) -> Call | None:
        known = self._known.get(found.key)
        if known is None:
            return None
        self._known.move_to_end(found.key)
        call = known.call
        if headers is not None and call.memo.get(_CHECKED) is not headers:
            headers.check(call, known.protocol_version)
            call.memo[_CHECKED] = headers  # equal headers are the same object, as long as they come often
        made = found.message_id.decode(), call.name, call.namespace
        by = caller.user, caller.share
        if found.context is None:
            return Call(*made, call.parameters, None, *by, memo=call.memo)
        return Call(*made, {**call.parameters, _NEVER_AGAIN: found.context.decode()}, None, *by)

    def _keep(self, found: _Found, known: _Known) -> None:
        context = known.call.parameters.get(_NEVER_AGAIN)
        if known.call.target is not None or context != (found.context and found.context.decode()):
            return
        if context is None:
            known.call.memo[SHARED] = True
        self._known[found.key] = known
        if len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)


def _by(caller: Caller, call: Call) -> Call:
    return replace(call, user=caller.user, share=caller.share) if caller.share else call


def calls_method(body: bytes) -> bool:
    """Whether a body may call a method, as all do that call one."""
    return _METHOD in body


def _found(body: bytes) -> _Found | None:
    found = None if len(body) > MAX_LENGTH or calls_method(body) else _ID.match(body)
    if found is None:
        return None
    start, end = found.span(2)
    context = _CONTEXT.search(body, end) if b"<!" not in body else None
    rest = body[end:] if context is None else body[end : context.start(1)] + _GAP + body[context.end(1) :]
    key = blake2b(body[:start] + rest, digest_size=DIGEST).digest()
    return _Found(key, found[2], None if context is None else context[1])
