"""A raw HTTP/1.1 client that costs little beside what it measures: bytes out, bytes in."""

from __future__ import annotations

import base64
import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 5988, "https": 5989}
TIMEOUT = 300.0
BUFFER = 256 * 1024


class BadReply(Exception):
    """A reply that is not what was asked for; the message holds its beginning."""


@dataclass(frozen=True)
class Target:
    """A WBEM server: where it is and who asks."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    path: str = "/cimom"

    @classmethod
    def of(cls, url: str, user: str = "", password: str = "") -> Target:
        """From http[s]://[user:password@]host[:port][/path]; raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"{url} is no http or https URL")
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        user, password = user or parts.username or "", password or parts.password or ""
        return cls(parts.scheme, parts.hostname, port, user, password, parts.path or "/cimom")

    def request(self, headers: Sequence[str], body: bytes) -> bytes:
        """A whole HTTP request."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        if self.user:
            token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            lines.append(f"Authorization: Basic {token}")
        lines += [*headers, f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    def connect(self) -> socket.socket:
        sock = socket.create_connection((self.host, self.port), timeout=TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.scheme == "https":
            # A bench of a server one names oneself: its certificate is rarely one that a machine knows.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context.wrap_socket(sock, server_hostname=self.host)
        return sock


class Connection:
    """One connection kept open."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._socket = target.connect()
        self._file = self._socket.makefile("rb", buffering=BUFFER)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, request: bytes) -> bytes:
        """The body of the reply. Errors: BadReply, OSError."""
        self._socket.sendall(request)
        length, chunked = self._header()
        if chunked:
            return b"".join(iter(self._chunk, b""))
        return bytes(self._file.read() if length is None else self._file.read(length))

    def timed(self, request: bytes) -> tuple[float, bytes]:
        """Seconds until the whole reply was there, and its body."""
        start = time.perf_counter()
        body = self.send(request)
        return time.perf_counter() - start, body

    def _header(self) -> tuple[int | None, bool]:
        status = self._file.readline()
        length, chunked = None, False
        while (line := self._file.readline()) not in (b"\r\n", b"\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"transfer-encoding":
                chunked = b"chunked" in value.lower()
        if status.split()[1:2] != [b"200"]:
            raise BadReply(f"{status!r} {self._file.read(min(length or 0, 500))!r}")
        return length, chunked

    def _chunk(self) -> bytes:
        size = int(self._file.readline().partition(b";")[0], 16)
        data = bytes(self._file.read(size))
        self._file.readline()
        return data


class _Caller:
    """One of several clients at once: sends its requests in turn, over a socket that never waits."""

    def __init__(self, target: Target, requests: Sequence[bytes]) -> None:
        self.socket = target.connect()
        self._requests = requests
        self._next = 0
        self._got = b""
        self._wanted = 0

    def send(self) -> None:
        self.socket.sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def receive(self) -> bool:
        """Whether a reply is complete."""
        self._got += self.socket.recv(BUFFER)
        if not self._wanted:
            head, end, _ = self._got.partition(b"\r\n\r\n")
            if not end:
                return False
            if not head.startswith(b"HTTP/1.1 200") or b"content-length:" not in head.lower():
                raise BadReply(repr(head[:500]))
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._wanted = len(head) + 4 + int(length)
        if len(self._got) < self._wanted:
            return False
        self._got, self._wanted = b"", 0
        return True


def throughput(target: Target, requests: Sequence[bytes], clients: int, seconds: float) -> float:
    """Replies a second to so many clients at once, each with one request under way all the time."""
    callers = [_Caller(target, requests[number::clients]) for number in range(clients)]
    done, start = 0, time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.send()
        while time.perf_counter() - start < seconds:
            for key, _ in selector.select(1.0):
                if key.data.receive():
                    done += 1
                    key.data.send()
    elapsed = time.perf_counter() - start
    for caller in callers:
        caller.socket.close()
    return done / elapsed
