"""One connection, several requests: replies in the order of the requests, whatever comes after; HTTP/1.0; upgrades."""

from __future__ import annotations

import http.client
import threading
import time

import pytest
from tests.wire.raw_http import request, wire
from tests.wire.samples import Served, method_call, operation, system

from virtcim.broker.call import Answer, Call, Form, MethodAnswer


def numbered(number: int) -> bytes:
    return operation().replace(b'ID="7"', b'ID="%d"' % number)


def slow() -> bytes:
    """A method call: calls of methods run in a thread, and the test's answer takes a while."""
    body = method_call(name="GetInstance")
    return request(body, {"CIMObject": "root/virt:Virt_System"})


def slowly(call: Call) -> Answer | MethodAnswer:
    if call.target is None:
        return Answer(Form.NOTHING)
    time.sleep(0.3)
    return MethodAnswer(0, "uint32")


def test_replies_come_in_order(served: Served) -> None:
    served.answer = slowly
    with wire(served) as connection:
        connection.send(slow() + b"".join(request(numbered(number)) for number in range(20)))
        assert b"<METHODRESPONSE" in connection.reply()[1]
        for number in range(20):
            response, body = connection.reply()
            assert response.status == 200
            assert b'ID="%d"' % number in body


def test_long_replies_do_not_mix(served: Served) -> None:
    served.answer = lambda _call: Answer(Form.INSTANCE_NAME, [system(f"vm{number}") for number in range(2000)])
    with wire(served) as connection:
        connection.send(b"".join(request(numbered(number)) for number in range(5)))
        for number in range(5):
            _, body = connection.reply()
            assert b'ID="%d"' % number in body
            assert body.count(b"<INSTANCENAME") == 2000


GARBAGE = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "unknown method": (b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "broken chunk": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "large header": (b"POST / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"x" * 30_000), 431),
}


@pytest.mark.parametrize(("garbage", "status"), GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize("waiting", [0, 2], ids=["behind one", "behind three"])
def test_refusal_waits_for_replies(served: Served, garbage: bytes, status: int, waiting: int) -> None:
    served.answer = slowly
    with wire(served) as connection:
        connection.send(slow() + request() * waiting + garbage)
        for _ in range(1 + waiting):
            assert connection.reply()[0].status == 200
        assert connection.reply()[0].status == status
        assert connection.ended()


def test_half_a_header_behind_a_slow_reply(served: Served) -> None:
    """The header's time runs out while the method of the request before it still runs."""
    begun, release = threading.Event(), threading.Event()

    def answer(_call: Call) -> MethodAnswer:
        begun.set()
        assert release.wait(10)
        return MethodAnswer(0, "uint32")

    served.answer = answer
    with wire(served) as connection:
        connection.send(slow() + b"POST /cimom HTTP/1.1\r\nHo")
        assert begun.wait(10)
        time.sleep(1.3)  # header_timeout is 1 s
        release.set()
        assert connection.reply()[0].status == 200
        assert connection.reply()[0].status == 408
        assert connection.ended()


def test_close_is_kept_to(served: Served) -> None:
    with wire(served) as connection:
        connection.send(request(change={"Connection": "close"}) + request())
        response, _ = connection.reply()
        assert (response.status, response.headers["Connection"]) == (200, "close")
        assert connection.ended()


@pytest.mark.parametrize("keep", [None, "keep-alive"])
def test_http_1_0(served: Served, keep: str | None) -> None:
    with wire(served) as connection:
        connection.send(request(change={"Host": None, "Connection": keep}, line="POST /cimom HTTP/1.0"))
        response, body = connection.reply()
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == len(body)
        assert connection.ended()


def test_upgrade_is_not_taken(served: Served) -> None:
    """curl --http2 asks for h2c; the connection goes on with HTTP/1.1."""
    asking = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    with wire(served) as connection:
        for _ in range(3):
            connection.send(request(change=asking))
            assert connection.reply()[0].status == 200
        connection.send(request(change=asking) * 2)
        assert [connection.reply()[0].status for _ in range(2)] == [200, 200]
        connection.send(b"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n" + request())
        assert connection.reply()[0].status in (400, 405)
        assert connection.ended()
    assert len(served.calls) == 5


def test_refused_early_then_served(served: Served) -> None:
    """The body of a refused request is read past, and is not taken for a request."""
    body = request() * 50
    with wire(served) as connection:
        connection.send(request(body, {"CIMOperation": "Foo"}) + request())
        assert connection.reply()[0].status == 400
        assert connection.reply()[0].status == 200
    assert len(served.calls) == 1


def test_client_that_leaves_with_replies_outstanding(served: Served) -> None:
    served.answer = lambda _call: Answer(Form.INSTANCE_NAME, [system(f"vm{number}") for number in range(5000)])
    with wire(served) as connection:
        connection.send(b"".join(request(numbered(number)) for number in range(30)))
        connection.reply()
    served.answer = lambda _call: Answer(Form.NOTHING)
    assert served.post(operation())[0].status == 200


def test_two_lengths(served: Served) -> None:
    """What one server takes for one request and another for two is refused (RFC 9112 clause 6.3)."""
    for more in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        data = request().replace(b"\r\n\r\n", f"\r\n{more}\r\n\r\n".encode(), 1)
        with wire(served) as connection:
            connection.send(data)
            try:
                assert connection.reply()[0].status == 400
            except http.client.RemoteDisconnected:
                pytest.fail(f"closed without a reply: {more}")
    assert not served.calls
