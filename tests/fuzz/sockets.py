"""Mutated requests to a server over real connections, and whether what comes back is allowed."""

from __future__ import annotations

import http.client
import re
import socket
from collections import Counter
from random import Random
from urllib.parse import quote, urlsplit

from tests.fuzz.corpus import MAKE_SPACE, REQUESTS, Request
from tests.fuzz.mutate import mutated

TIMEOUT = 30.0  # seconds: a server that says nothing for so long hangs
# 501 is what DSP0200 wants for versions and methods that are not supported; 503 is not expected from one client.
ALLOWED = frozenset({200, 400, 405, 406, 408, 411, 413, 415, 431, 501, 510})
_CALLED = re.compile(rb'<(I?METHODCALL) NAME="([\w.-]+)"')
_NAMESPACE = re.compile(rb'<NAMESPACE NAME="([\w./-]+)"', re.ASCII)
_TARGET = re.compile(rb'</LOCALNAMESPACEPATH><(?:CLASSNAME|INSTANCENAME)[^<>]*NAME="([\w.-]+)"')
_INTERNAL = re.compile(rb'<ERROR CODE="1" DESCRIPTION="internal error"')
_NASTY_FIELDS = (
    b"Content-Length: 99999999999999999999",
    b"Content-Length: -1",
    b"Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Accept: \xff",
    b"Accept-Encoding: gzip;q=x, identity;q=0",
    b"Accept-Language: *;q=0",
    b"CIMProtocolVersion: 9.9",
    b"CIMBatch: ",
    b"Man: http://www.dmtf.org/cim/mapping/http/v1.0 ; ns=12",
    b"Upgrade: h2c\r\nConnection: Upgrade",
    b"Expect: 100-continue",
    b"Authorization: Basic " + b"A" * 500,
    b"X: " + b"y" * 70_000,
    b" folded",
    b"No-Colon",
    b"\x00: \x01",
)
_LINES = (
    b"GET / HTTP/1.1",
    b"M-POST /cimom HTTP/1.1",
    b"POST http://[ HTTP/1.1",
    b"POST * HTTP/1.0",
    b"\x16\x03\x01",
    b"POST /",
)


class Found(Exception):
    """An input that does what none may; the message has it."""


class Prober:
    """Sends, one connection for as many requests as the server keeps it for."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._kept: http.client.HTTPConnection | None = None
        self._bodies = [one.body for one in REQUESTS]
        self.statuses: Counter[int] = Counter()
        self._check(self._proper(MAKE_SPACE, MAKE_SPACE.body))

    def probe(self, random: Random) -> None:
        """Send one request. Errors: Found when something is wrong with the answer."""
        request = random.choice(REQUESTS)
        body = mutated(random, [request.body] if random.random() < 0.8 else self._bodies)
        if random.random() < 0.3:
            self._check(self._raw(random, request, body))
        else:
            self._check(self._proper(request, body))

    def _check(self, fault: str | None) -> None:
        if fault is not None:
            self.close()
            raise Found(fault)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _proper(self, request: Request, body: bytes) -> str | None:
        """HTTP as it should be around a body that is not."""
        headers = {"Content-Type": "application/xml", "CIMOperation": "MethodCall", **_named(request, body)}
        if self._kept is None:
            self._kept = http.client.HTTPConnection(*self._address, timeout=TIMEOUT)
        try:
            self._kept.request("POST", "/cimom", body, headers)
            response = self._kept.getresponse()
            return self._judged(response.status, response.read(), body)
        except TimeoutError:
            return f"no answer within {TIMEOUT} s: {body[:20_000]!r}"
        except (http.client.HTTPException, OSError) as error:
            # A connection that was closed between two requests is opened anew.
            self.close()
            return (
                None if isinstance(error, (ConnectionError, http.client.RemoteDisconnected)) else f"{error!r}: {body!r}"
            )

    def _raw(self, random: Random, request: Request, body: bytes) -> str | None:
        """Bytes that are nearly HTTP; the answer may be a refusal, or the end of the connection."""
        data = _spoilt(random, request, body)
        with socket.create_connection(self._address, timeout=TIMEOUT) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                received = b"".join(iter(lambda: sock.recv(65536), b""))
            except TimeoutError:
                return f"no answer within {TIMEOUT} s: {data[:20_000]!r}"
            except OSError:
                return None  # refused, and closed before all was sent
        found = re.match(rb"HTTP/1\.[01] (\d{3}) ", received)
        if not received or received.startswith(b"HTTP/1.1 100 "):
            return None
        return self._judged(int(found[1]) if found else 0, received, data)

    def _judged(self, status: int, received: bytes, sent: bytes) -> str | None:
        self.statuses[status] += 1
        if status not in ALLOWED:
            return f"HTTP {status}: {sent[:20_000]!r}"
        return f"an internal error: {sent[:20_000]!r}" if _INTERNAL.search(received) else None


def _named(request: Request, body: bytes) -> dict[str, str]:
    """The CIM headers that go with what the body has become, as far as that can be told."""
    called = _CALLED.search(body)
    path = "/".join(name.decode() for name in _NAMESPACE.findall(body.partition(b"</LOCALNAMESPACEPATH>")[0]))
    target = _TARGET.search(body) if called and called[1] == b"METHODCALL" else None
    return {
        "CIMMethod": quote(called[2]) if called else request.method,
        "CIMObject": quote(f"{path}:{target[1].decode('latin-1')}" if target else path or request.object),
    }


def _spoilt(random: Random, request: Request, body: bytes) -> bytes:
    lines = [
        b"POST /cimom HTTP/1.1" if random.random() < 0.7 else random.choice(_LINES),
        b"Host: x",
        b"Content-Type: application/xml",
        b"CIMOperation: MethodCall",
        b"CIMMethod: " + request.method.encode(),
        b"CIMObject: " + request.object.encode(),
        b"Content-Length: %d" % len(body),
    ]
    for _ in range(random.randint(0, 2)):
        lines.insert(random.randint(1, len(lines)), random.choice(_NASTY_FIELDS))
    if random.random() < 0.3:
        del lines[random.randrange(len(lines))]
    data = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if random.random() < 0.2:
        changed = bytearray(data)
        changed[random.randrange(min(len(changed), 300))] = random.randrange(256)
        data = bytes(changed)
    return data * random.choice((1, 1, 1, 3))
