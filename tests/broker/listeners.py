"""Listeners of CIM-XML indications for tests: a good one, and every kind of bad one."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pywbem
from pywbem._tupleparse import TupleParser
from pywbem._tupletree import xml_to_tupletree_sax

ANSWER = (
    b'<?xml version="1.0" encoding="utf-8"?><CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="1"'
    b' PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication">%s</EXPMETHODRESPONSE>'
    b"</SIMPLEEXPRSP></MESSAGE></CIM>"
)
GOOD = ANSWER % b"<IRETURNVALUE/>"
REFUSAL = ANSWER % b'<ERROR CODE="1" DESCRIPTION="full"/>'


class Listener:
    """Takes requests in `bodies`, with times in `times`; answers by `mode`, which may be changed at any time.

    Modes: good, empty (200 without a body), 500, error (ERROR in the answer), slow (half a second), silent (no answer),
    drop (closes without an answer), endless (a body that does not end), redirect.
    """

    def __init__(self, mode: str = "good", port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.mode = mode
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.connections = 0
        self._closed = threading.Event()
        self._context = context
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/listener"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._closed.set()
        for one in [self._socket, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in list(self._threads):
            thread.join(5)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._socket.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
            except OSError:
                continue
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = {}
                while (line := stream.readline().strip()) != b"":
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.strip().lower()] = value.strip()
                if "content-length" not in headers:
                    return  # no request
                length = int(headers["content-length"])
                body = stream.read(length)
                if len(body) < length:
                    return  # the sender died over it
                self.times.append(time.monotonic())
                self.headers.append(headers)
                self.bodies.append(body)
                if not self._answer(connection):
                    return

    def _answer(self, connection: socket.socket) -> bool:
        mode = self.mode
        if mode == "drop":
            return False
        if mode == "silent":
            self._closed.wait(30)
            return False
        if mode == "slow":
            self._closed.wait(0.5)
        if mode == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n")
            while not self._closed.wait(0.01):
                connection.sendall(b" " * 1024)
        status = {"500": b"500 Internal Server Error", "redirect": b"302 Found\r\nLocation: http://127.0.0.1:1/"}
        content = {"500": b"", "redirect": b"", "empty": b"", "error": REFUSAL}.get(mode, GOOD)
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status.get(mode, b"200 OK"), len(content))
        connection.sendall(head + content)
        return True

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Until so many requests have come."""
        deadline = time.monotonic() + seconds
        while len(self.bodies) < count:
            assert time.monotonic() < deadline, f"{len(self.bodies)} of {count} requests came within {seconds} s"
            time.sleep(0.005)

    @property
    def indications(self) -> list[pywbem.CIMInstance]:
        """What has come, as pywbem reads it."""
        return [indication(body) for body in self.bodies]


def indication(body: bytes) -> pywbem.CIMInstance:
    """The indication in an export request, read by pywbem's own parser."""
    tree = xml_to_tupletree_sax(body, "export request")
    request = TupleParser().parse_cim(tree)[2][2][2]
    return request[2][0][1]


@contextmanager
def listening(mode: str = "good", **arguments: object) -> Iterator[Listener]:
    listener = Listener(mode, **arguments)  # type: ignore[arg-type]
    try:
        yield listener
    finally:
        listener.close()
