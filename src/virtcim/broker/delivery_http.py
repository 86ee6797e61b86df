"""One attempt to hand an indication to a listener: an HTTP POST of the ready request (DSP0200 clause 6)."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from base64 import b64encode
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Protocol
from urllib.parse import urlsplit

HEADERS = {
    "Content-Type": 'application/xml; charset="utf-8"',
    "Accept": "application/xml",
    "CIMExport": "MethodRequest",
    "CIMExportMethod": "ExportIndication",
}
MAX_ANSWER = 64 * 1024  # bytes of an answer that are looked at
CONNECT_SECONDS = 5.0
_ERROR = re.compile(rb"<ERROR\s[^>]*?CODE\s*=\s*[\"'](\d+)[\"']")


class Undelivered(Exception):
    """The listener did not take it; the message says why."""


class Link(Protocol):
    """A connection to one listener, kept between indications."""

    def post(self, body: bytes) -> None:
        """Hand over a request. Errors: Undelivered."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Listeners:
    """How listeners are reached. `ca` is a file of certificates to trust instead of the system's, "" for those."""

    timeout: float = 10.0
    ca: str = ""

    def link(self, url: str, user: str = "", password: str = "") -> Link:
        """A link to the listener at an http or https URL; its certificate is verified."""
        return HttpLink(url, self.timeout, self.ca, (user, password))


class HttpLink:
    """One kept-alive connection. A request is written in one piece: at thousands a second each call counts."""

    def __init__(self, url: str, timeout: float, ca: str, credentials: tuple[str, str]) -> None:
        split = urlsplit(url)
        self._timeout = timeout
        self._ca = ca
        self._secure = split.scheme == "https"
        self._context: ssl.SSLContext | None = None
        self._address = split.hostname or "", split.port or (443 if self._secure else 80)
        headers = {"Host": split.netloc.rpartition("@")[2], **HEADERS}
        if credentials[0]:
            headers["Authorization"] = f"Basic {b64encode(':'.join(credentials).encode()).decode()}"
        target = (split.path or "/") + (f"?{split.query}" if split.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
            "Content-Length: ",
        ]
        self._head = "\r\n".join(lines).encode("utf-8")
        self._socket: socket.socket | None = None

    def close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def post(self, body: bytes) -> None:
        """Hand over a request: 200 without ERROR is taken for success. Errors: Undelivered."""
        deadline = time.monotonic() + self._timeout
        with ExitStack() as unfinished:
            unfinished.callback(self.close)  # the rest of an answer must not be taken for that to the next request
            try:
                status, content = self._exchange(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), deadline)
            except (OSError, HTTPException, ValueError) as error:
                raise Undelivered(str(error) or type(error).__name__) from error
            unfinished.pop_all()
        if status != 200:
            raise Undelivered(f"the listener answers HTTP status {status}")
        refusal = _ERROR.search(content)
        if refusal:
            raise Undelivered(f"the listener answers ERROR {refusal[1].decode()}")

    def _exchange(self, request: bytes, deadline: float) -> tuple[int, bytes]:
        connection = self._connected()
        connection.sendall(request)
        with closing(HTTPResponse(connection, method="POST")) as answer:
            answer.begin()
            content = _content(answer, deadline)
            if answer.will_close:
                self.close()
            return answer.status, content

    def _connected(self) -> socket.socket:
        """The connection of the last request, unless the listener has closed it since."""
        if self._socket is not None and select.select([self._socket], (), (), 0)[0]:
            self.close()
        if self._socket is None:
            self._socket = self._connect()
        return self._socket

    def _connect(self) -> socket.socket:
        with ExitStack() as unfinished:
            plain = socket.create_connection(self._address, min(CONNECT_SECONDS, self._timeout))
            unfinished.enter_context(plain)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(self._timeout)
            made = self._secured(plain) if self._secure else plain
            unfinished.pop_all()
            return made

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._ca or None)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context.wrap_socket(plain, server_hostname=self._address[0])


def _content(answer: HTTPResponse, deadline: float) -> bytes:
    """The body, which neither its size nor its pace may make endless."""
    content = b""
    while piece := answer.read1(8192):
        content += piece
        if len(content) > MAX_ANSWER:
            raise Undelivered(f"the listener answers more than {MAX_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise Undelivered("the listener does not come to the end of its answer")
    return content
