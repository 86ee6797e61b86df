"""The server below CIM-XML: sizes, times, streaming, broken connections, HTTP methods that the parser does not know."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from tests.wire.samples import HEADERS, Served, method_call, operation, parameter, system

from virtcim.broker.call import Answer, Call, CIMError, Form, MethodAnswer, Status
from virtcim.wire.server import HttpServer

GOOD = operation()
FIELDS = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())


def head(
    length: int | None = None, more: str = "", line: str = "POST /cimom HTTP/1.1", host: str = "Host: x\r\n"
) -> bytes:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"{line}\r\n{host}{FIELDS}{size}{more}\r\n".encode()


def connected(served: Served) -> socket.socket:
    parts = urlsplit(served.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def exchange(served: Served, data: bytes, end: bool = False) -> bytes:
    """What the server sends until it closes, or until the reply to a complete request has come."""
    with closing(connected(served)) as sock:
        sock.sendall(data)
        if end:
            sock.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
            if b"</CIM>" in received:
                break
        return received


REFUSALS = {
    "M-POST in HTTP/1.0": (head(len(GOOD), line="M-POST /cimom HTTP/1.0") + GOOD, 400),
    "unknown method": (head(line="FOO / HTTP/1.1"), 501),
    "no HTTP": (b"hello\r\n\r\n", 400),
    "no length": (head(), 411),
    "length is no number": (head(more="Content-Length: x\r\n"), 400),
    "no host": (head(len(GOOD), "Connection: close\r\n", host="") + GOOD, 400),
    "large field": (head(0, more=f"X: {'x' * 30_000}\r\n"), 431),
    "many fields": (head(0, more="X-Y: z\r\n" * 9000), 431),
    "announced too large": (head(50_000_000, more="Expect: 100-continue\r\n"), 413),
    "chunked too large": (
        head(more="Transfer-Encoding: chunked\r\n") + b"f4240\r\n" + b" " * 1_000_000 + b"\r\n1\r\n \r\n0\r\n\r\n",
        413,
    ),
}


@pytest.mark.parametrize(("data", "status"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refused(served: Served, data: bytes, status: int) -> None:
    reply = exchange(served, data)
    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert b"cimerror" not in reply.lower()
    assert b"cimprotocolversion" not in reply.lower()
    assert not served.calls


def test_endless_header_is_cut_off(served: Served) -> None:
    with closing(connected(served)) as sock:
        sock.sendall(head()[:-2] + b"X: ")
        for _ in range(6):
            sock.sendall(b"x" * 10_000)
            time.sleep(0.02)
        assert sock.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_body_of_50_megabytes(served: Served) -> None:
    response, detail = served.post(operation(parameter(f"<VALUE>{'x' * 50_000_000}</VALUE>")))
    assert response.status == 413
    assert b"1000000 bytes" in detail
    assert not served.calls


def test_body_just_below_the_limit(served: Served) -> None:
    response, _ = served.post(operation(parameter(f"<VALUE>{'x' * 990_000}</VALUE>")))
    assert response.status == 200


@pytest.mark.parametrize("data", [b"", head()[:50], head(len(GOOD)) + GOOD[:50]], ids=["nothing", "header", "body"])
def test_slow_request(served: Served, data: bytes) -> None:
    started = time.monotonic()
    assert exchange(served, data).startswith(b"HTTP/1.1 408 ")
    assert 0.8 < time.monotonic() - started < 5


def test_request_cut_in_half_is_not_dispatched(served: Served) -> None:
    with closing(connected(served)) as sock:
        sock.sendall(head(len(GOOD)) + GOOD[:100])
    response, _ = served.post(GOOD)
    assert response.status == 200
    assert len(served.calls) == 1


def test_chunked_request(served: Served) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (GOOD[:33], GOOD[33:]))
    reply = exchange(served, head(more="Transfer-Encoding: chunked\r\n") + chunks + b"0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert len(served.calls) == 1


def test_expect_continue(served: Served) -> None:
    with closing(connected(served)) as sock:
        sock.sendall(head(len(GOOD), more="Expect: 100-continue\r\n"))
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(GOOD)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_connection_is_kept(served: Served) -> None:
    parts = urlsplit(served.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        large = {**HEADERS, "CIMOperation": "Foo"}
        for body, headers, status in (
            (GOOD, HEADERS, 200),
            (b"<CIM", HEADERS, 400),
            (b" " * 900_000, large, 400),
            (GOOD, HEADERS, 200),
        ):
            connection.request("POST", "/", body, dict(headers))
            response = connection.getresponse()
            response.read()
            assert response.status == status
        assert connection.sock is not None
    assert len(served.calls) == 2


def many(count: int) -> Answer:
    return Answer(Form.NAMED_INSTANCE, [system(f"vm{number}") for number in range(count)])


def test_long_reply_is_streamed(served: Served) -> None:
    served.answer = lambda _call: many(2000)
    response, body = served.post(GOOD)
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert body.count(b"<VALUE.NAMEDINSTANCE>") == 2000
    assert body.endswith(b"</CIM>\n")


def test_long_reply_to_http_1_0_has_a_length(served: Served) -> None:
    served.answer = lambda _call: many(2000)
    with closing(connected(served)) as sock:
        sock.sendall(head(len(GOOD), line="POST / HTTP/1.0") + GOOD)
        reply = b"".join(iter(lambda: sock.recv(65536), b""))
    header, _, body = reply.partition(b"\r\n\r\n")
    assert b"chunked" not in header
    assert b"content-length: %d" % len(body) in header.lower()


def failing(count: int, error: Exception) -> Answer:
    def items() -> Iterator[object]:
        yield from (system(f"vm{number}") for number in range(count))
        raise error

    return Answer(Form.NAMED_INSTANCE, items())


@pytest.mark.parametrize("method", [False, True], ids=["on the loop", "in a thread"])
@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (CIMError(Status.NOT_FOUND, 'no "vm1" <here>\n'), b'CODE="6"', b'"no &quot;vm1&quot; &lt;here&gt;&#10;"'),
        (KeyError("secret"), b'CODE="1"', b'"internal error"'),
    ],
    ids=["CIM error", "bug"],
)
@pytest.mark.parametrize("items", [0, 5], ids=["at once", "after items"])
def test_error_is_a_proper_reply(
    served: Served,
    error: Exception,
    code: bytes,
    text: bytes,
    items: int,
    method: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(_call: Call) -> Answer:
        if items:
            return failing(items, error)
        raise error

    served.answer = answer
    body = GOOD
    change = {}
    if method:
        body = method_call(name="GetInstance")
        change = {"CIMObject": "root/virt:Virt_System"}
    response, reply = served.post(body, change)
    assert response.status == 200
    assert response.headers["CIMOperation"] == "MethodResponse"
    assert code in reply
    assert text in reply
    assert (b"<METHODRESPONSE" in reply) == method
    assert b"VALUE.NAMEDINSTANCE" not in reply
    assert b"secret" not in reply
    assert ("secret" in caplog.text) == isinstance(error, KeyError)


def test_late_error_breaks_the_reply(served: Served) -> None:
    served.answer = lambda _call: failing(2000, CIMError(Status.FAILED, "gone"))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        served.post(GOOD)


def test_blocking_calls_do_not_hold_up_reads(served: Served) -> None:
    begun, release = threading.Event(), threading.Event()

    def answer(call: Call) -> Answer | MethodAnswer:
        if call.target is None:
            return Answer(Form.INSTANCE, [system()])
        begun.set()
        assert release.wait(10)
        return MethodAnswer(0, "uint32")

    served.answer = answer
    body = method_call(name="GetInstance")
    replies: list[bytes] = []
    thread = threading.Thread(
        target=lambda: replies.append(served.post(body, {"CIMObject": "root/virt:Virt_System"})[1])
    )
    thread.start()
    try:
        assert begun.wait(10)
        assert served.post(GOOD)[0].status == 200
        assert not replies
    finally:
        release.set()
        thread.join(10)
    assert b"RETURNVALUE" in replies[0]


async def no_application(*_: object) -> None:
    """Of a server that does not get as far as a request."""


def test_start_fails_where_the_port_is_taken(served: Served) -> None:
    server = HttpServer(no_application, [served.url])
    with pytest.raises(OSError, match=f"cannot listen on {served.url}"):
        server.start()
    server.stop()


@pytest.mark.parametrize("url", ["https://h:1", "h:80", "http://", "http://h:x", "http://h:99999", "http://h/path"])
def test_url_to_listen_on(url: str) -> None:
    with pytest.raises(ValueError, match="h"):
        HttpServer(no_application, [url])


def test_several_urls_and_a_clean_stop(caplog: pytest.LogCaptureFixture) -> None:
    served = Served()
    caplog.set_level(logging.ERROR)

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 204})  # type: ignore[operator]
        await send({"type": "http.response.body"})  # type: ignore[operator]

    server = HttpServer(app, ["http://127.0.0.1:0", "http://localhost:0", "http://*:0"])
    server.start()
    urls = server.urls
    assert all(urlsplit(url).port for url in urls)
    for url in (urls[0], urls[1], urls[2].replace("*", "127.0.0.1")):
        served.url = url
        assert served.post(GOOD)[0].status == 204
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        served.post(GOOD)
    assert not caplog.records
