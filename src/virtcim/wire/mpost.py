"""M-POST: the CIM headers of request and reply under a number that `Man` declares (RFC 2774; DSP0200 clause 6.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from virtcim.wire.faults import HTTPFault
from virtcim.wire.replies import Header, Scope, Send

METHOD = "M-POST"
EXTENSION = "http://www.dmtf.org/cim/mapping/http/v1.0"

_DECLARATION = re.compile(r'\s*"?([^\s";,]+)"?\s*((?:;[^,]*)?)')
_NUMBER = re.compile(r';\s*ns\s*=\s*"?(\d\d)"?\s*(?:;|$)')
_CIM = (b"cim", b"pgerrordetail", b"wbem")
# Where another M-POST may begin: its request line, or as much of it as has come.
_ANOTHER = re.compile(
    rb"M-POST (?=\S+ HTTP/1\.[01]\r?\n|\S*(?: H?T?T?P?/?1?\.?[01]?\r?)?\Z)|M(?:-(?:P(?:O(?:ST?)?)?)?)?\Z"
)


def parts(data: bytes) -> Iterator[bytes]:
    """The same bytes, cut where what was looked for begins: if the message before ends there, the next is an M-POST."""
    start = 0
    for match in _ANOTHER.finditer(data):
        if match.start() > start:
            yield data[start : match.start()]
            start = match.start()
    yield data[start:]


def unwrapped(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """The POST that an M-POST stands for, and what sends its reply in kind. Errors: HTTPFault 400 or 510."""
    if scope["http_version"] != "1.1":
        raise HTTPFault(400, None, f"M-POST is not for HTTP/{scope['http_version']}")
    number = _declared(scope["headers"])
    prefix = f"{number}-".encode()
    headers = [(_opened(name, prefix), value) for name, value in scope["headers"]]
    # A CIM header without the number is none (RFC 2774 clause 4).
    kept = [one for one, sent in zip(headers, scope["headers"], strict=True) if one != sent or not _is_cim(one[0])]
    man = f"{EXTENSION} ; ns={number}".encode()

    async def extended(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _reply_headers(message["headers"], prefix, man)}
        await send(message)

    return {**scope, "method": "POST", "headers": kept}, extended


def _declared(headers: list[Header]) -> str:
    """The number under which the CIM extension is declared."""
    declared = ",".join(value.decode("latin-1") for name, value in headers if name == b"man")
    found = {match[1]: match[2] for match in _DECLARATION.finditer(declared)}
    if not found:
        raise HTTPFault(400, None, "M-POST without Man declares no extension")
    unknown = [extension for extension in found if extension != EXTENSION]
    if unknown:
        raise HTTPFault(510, None, f"extension {unknown[0]} is not known")
    number = _NUMBER.search(found[EXTENSION])
    if number is None:
        raise HTTPFault(400, None, "Man names no number of two digits for the CIM headers, as in ns=73")
    return number[1]


def _opened(name: bytes, prefix: bytes) -> bytes:
    return name.removeprefix(prefix) if _is_cim(name.removeprefix(prefix)) else name


def _is_cim(name: bytes) -> bool:
    return name.startswith(_CIM)


def _reply_headers(headers: list[Header], prefix: bytes, man: bytes) -> list[Header]:
    own = [(prefix + name if _is_cim(name) else name, value) for name, value in headers]
    return [*own, (b"ext", b""), (b"cache-control", b"no-cache"), (b"man", man)]
