"""Requests as bytes on a socket of one's own, and replies read from it one by one."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.wire.samples import HEADERS, Served, operation

GOOD = operation()


def request(
    body: bytes = GOOD, change: Mapping[str, str | None] | None = None, line: str = "POST /cimom HTTP/1.1"
) -> bytes:
    """A correct request with its length; `change` replaces headers, None leaves one out."""
    headers = {"Host": "x", **HEADERS, "Content-Length": str(len(body)), **(change or {})}
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
    return f"{line}\r\n{fields}\r\n".encode() + body


class Wire:
    """One connection; `reply` reads the next response."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._reader = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reply(self) -> tuple[http.client.HTTPResponse, bytes]:
        """Errors: http.client.RemoteDisconnected when the server has closed."""
        response = http.client.HTTPResponse(_Same(self._reader))  # type: ignore[arg-type]
        response.begin()
        return response, response.read()

    def ended(self) -> bool:
        """Whether the server has closed, with nothing more sent."""
        return self._reader.read() == b""

    def close(self) -> None:
        self._reader.close()
        self.sock.close()


class _Same:
    """What HTTPResponse takes for a socket: it makes its file of it and closes that, which must not close ours."""

    def __init__(self, reader: object) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> object:
        reader = self._reader

        class Kept:
            def __getattr__(self, name: str) -> object:
                return getattr(reader, name)

            def close(self) -> None:
                pass

        return Kept()


@contextmanager
def wire(served: Served) -> Iterator[Wire]:
    """A connection to the server."""
    parts = urlsplit(served.url)
    opened = Wire(socket.create_connection((parts.hostname, parts.port), timeout=10))
    try:
        yield opened
    finally:
        opened.close()
