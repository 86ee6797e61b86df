"""A listener that does no more than take requests: `python -m bench.listener` prints its port."""

from __future__ import annotations

import socket
import sys

CONTENT = (
    b'<?xml version="1.0" encoding="utf-8"?><CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="1"'
    b' PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE/>'
    b"</EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(CONTENT), CONTENT)
LENGTH = b"content-length:"


def serve(connection: socket.socket) -> None:
    """Answer each request of a connection once it is there as a whole."""
    kept = b""
    while piece := connection.recv(1 << 16):
        kept += piece
        while (size := whole(kept)) is not None and len(kept) >= size:
            kept = kept[size:]
            connection.sendall(ANSWER)


def whole(kept: bytes) -> int | None:
    """The size of the first request; None while its header has not ended."""
    head = kept.partition(b"\r\n\r\n")
    if not head[1]:
        return None
    length = head[0].lower().partition(LENGTH)[2].partition(b"\r\n")[0]
    return len(head[0]) + 4 + int(length)


def main() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{server.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            serve(connection)


if __name__ == "__main__":
    main()
