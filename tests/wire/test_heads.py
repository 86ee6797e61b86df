"""Requests with a header that came before on their connection: answered at once, and as if nothing had come before."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.wire.raw_http import Wire, request
from tests.wire.samples import operation, system
from tests.wire.secure import ask, basic, front, password_file, settings

from virtcim.broker.call import Answer, Call, Form, MethodAnswer
from virtcim.front import Front
from virtcim.wire.heads import LONGEST, MOST, Heads

SCOPE: dict[str, Any] = {"headers": [(b"content-length", b"4")]}
HEADER = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n"


def learnt(piece: bytes = HEADER + b"body", length: int = 4, scope: dict[str, Any] = SCOPE) -> Heads:
    heads = Heads()
    heads.learn(piece, length, scope)
    return heads


@pytest.mark.parametrize("piece", [HEADER, HEADER + b"body"], ids=["header alone", "with its body"])
def test_a_header_is_known_alone_and_with_a_body_of_its_length(piece: bytes) -> None:
    heads = learnt(piece)
    for data in (HEADER, HEADER + b"four"):
        known = heads.find(data)
        assert known is not None
        assert (known.scope["headers"], known.start, known.size) == (SCOPE["headers"], len(HEADER), len(HEADER) + 4)


@pytest.mark.parametrize(
    "data",
    [b"", b"body", HEADER[:-1], HEADER + b"fo", HEADER + b"fours", HEADER.replace(b"/ ", b"/x "), HEADER * 2],
    ids=["nothing", "no header", "part of it", "part of the body", "more", "another header", "twice"],
)
def test_other_data_is_parsed(data: bytes) -> None:
    assert learnt().find(data) is None


@pytest.mark.parametrize(
    ("piece", "length", "headers"),
    [
        pytest.param(HEADER + b"bo", 4, SCOPE["headers"], id="half a body"),
        pytest.param(HEADER + b"body", 4, [], id="chunked"),
        pytest.param(HEADER + b"body", 4, [*SCOPE["headers"], (b"expect", b"100-continue")], id="waits for 100"),
        pytest.param(b"\r\n\r\n" + HEADER + b"body", 4, SCOPE["headers"], id="blank lines first"),
        pytest.param(b"X" * LONGEST + HEADER + b"body", 4, SCOPE["headers"], id="long"),
    ],
)
def test_what_is_not_learnt(piece: bytes, length: int, headers: list[tuple[bytes, bytes]]) -> None:
    assert learnt(piece, length, {"headers": headers}).find(piece) is None


def test_few_headers_are_kept() -> None:
    heads = Heads()
    pieces = [b"POST /%d HTTP/1.1\r\n\r\nbody" % number for number in range(MOST + 1)]
    for piece in pieces:
        heads.learn(piece, 4, SCOPE)
    assert [heads.find(piece) is not None for piece in pieces] == [False] * MOST + [True]


class Lasting:
    """A dispatch whose answers hold as long as `holds`."""

    def __init__(self) -> None:
        self.holds = True
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer | MethodAnswer:
        self.calls.append(call)
        return Answer(Form.INSTANCE, [system(f"asked by {call.user}")], holds=lambda: self.holds)


class Client:
    """One connection; header and body go out in one piece, or in two as most libraries send them."""

    def __init__(self, url: str, apart: bool = False) -> None:
        parts = urlsplit(url)
        opened = socket.create_connection((parts.hostname, parts.port), timeout=10)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire = Wire(opened)
        self._apart = apart

    def ask(self, number: int, **headers: str) -> tuple[int, dict[str, str], bytes]:
        sent = request(operation().replace(b'ID="7"', b'ID="%d"' % (1000 + number)), headers)
        start = sent.find(b"\r\n\r\n") + 4 if self._apart else 0
        for piece in filter(None, (sent[:start], sent[start:])):
            self.wire.send(piece)
            time.sleep(0.02 if self._apart else 0)
        response, body = self.wire.reply()
        fields = {name.lower(): value for name, value in response.getheaders() if name.lower() != "date"}
        return response.status, fields, body


@contextmanager
def clients(served: Front, apart: bool = False) -> Iterator[Client]:
    client = Client(served.urls[0], apart)
    try:
        yield client
    finally:
        client.wire.close()


@pytest.mark.parametrize("apart", [False, True], ids=["one piece", "two pieces"])
@pytest.mark.parametrize(
    "headers", [{}, {"Accept-Language": "en"}, {"Accept": "*/*", "Accept-Encoding": "gzip, identity;q=0"}],
    ids=["plain", "language", "gzip"],
)  # fmt: skip
def test_replies_are_the_same_but_for_the_id(apart: bool, headers: dict[str, str]) -> None:
    lasting = Lasting()
    with front(settings(), lasting) as served, clients(served, apart) as client:
        first = client.ask(0, **headers)
        again = [client.ask(number, **headers) for number in range(1, 4)]
        assert len(lasting.calls) == 1
        lasting.holds = False
        last = client.ask(4, **headers)
    assert len(lasting.calls) == 2
    assert first[0] == 200
    if "Accept-Encoding" not in headers:
        for number, found in enumerate([*again, last], 1):
            assert found == (200, first[1], first[2].replace(b'ID="1000"', b'ID="%d"' % (1000 + number)))
    assert b"content-language" in repr(first[1]).encode() or "Accept-Language" not in headers


def test_each_is_counted() -> None:
    with front(settings(open_metrics=True), Lasting()) as served, clients(served) as client:
        for number in range(5):
            client.ask(number)
        told = ask(served.urls[0], method="GET", path="/metrics").body.decode()
    assert 'virtcim_requests_total{operation="GetInstance",status="0"} 5.0' in told
    assert 'virtcim_request_seconds_count{operation="GetInstance"} 5.0' in told


def secure(directory: Path, **more: object) -> dict[str, object]:
    access = directory / "access"
    access.write_text("users: {alice: reader}", encoding="utf-8")
    return {"authentication": "file", "password_file": password_file(directory), "access_file": access, **more}


def changed_password(directory: Path) -> None:
    password_file(directory, {"alice": "another", "bob": "bricks"})


def lost_role(directory: Path) -> None:
    (directory / "access").write_text("users: {bob: reader}", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [(changed_password, 401, b""), (lost_role, 200, b'ERROR CODE="2"')],
    ids=["password", "role"],
)
def test_each_is_judged(tmp_path: Path, change: Callable[[Path], None], status: int, text: bytes) -> None:
    lasting = Lasting()
    with front(settings(**secure(tmp_path)), lasting) as served, clients(served) as client:
        alice, bob = basic("alice", "wonder:land"), basic("bob", "bricks")
        for number in range(3):
            assert client.ask(number, **alice)[0] == 200
        assert len(lasting.calls) == 1
        assert client.ask(3, **basic("alice", "wrong"))[0] == 401
        denied = client.ask(4, **bob)
        assert b'ERROR CODE="2"' in denied[2]
        change(tmp_path)
        served.reload()
        after = client.ask(5, **alice)
    assert after[0] == status
    assert text in after[2]
    assert b"asked by" not in after[2]
    assert len(lasting.calls) == 1


def test_who_guesses_is_locked_out_with_the_right_password_too(tmp_path: Path) -> None:
    made = settings(**secure(tmp_path, lockout_failures=1, password_cache=0))
    with front(made, Lasting()) as served, clients(served) as client:
        assert client.ask(0, **basic("alice", "wonder:land"))[0] == 200
        assert client.ask(1, **basic("alice", "wrong"))[0] == 401
        assert client.ask(2, **basic("alice", "wonder:land"))[0] == 401


def test_a_server_that_stops_says_so() -> None:
    with front(settings(), Lasting()) as served, clients(served) as client:
        assert [client.ask(number)[0] for number in range(2)] == [200, 200]
        served._entrance.stop_calls()
        assert client.ask(2)[0] == 503


def test_the_header_is_compared_with_each_body() -> None:
    """The same header, but another operation in a body of the same length."""
    body = operation()
    other = body.replace(b"GetInstance", b"GetQualify!"[:11])
    with front(settings(), Lasting()) as served, clients(served) as client:
        assert [client.ask(number)[0] for number in range(2)] == [200, 200]
        client.wire.send(request(other))
        response, _ = client.wire.reply()
    assert (response.status, len(other)) == (400, len(body))


def test_an_idle_connection_ends_in_time() -> None:
    with front(settings(keep_alive=1), Lasting()) as served, clients(served) as client:
        began = time.monotonic()
        for number in range(4):
            assert client.ask(number)[0] == 200
            time.sleep(0.4)
        assert client.wire.ended()
    assert 2.0 < time.monotonic() - began < 5.0


def test_a_body_that_does_not_come_is_not_waited_for_for_ever() -> None:
    with front(settings(body_timeout=1), Lasting()) as served, clients(served) as client:
        assert client.ask(0)[0] == 200
        sent = request(operation())
        client.wire.send(sent[: sent.find(b"\r\n\r\n") + 4])
        assert client.wire.reply()[0].status == 408


def test_what_comes_in_pieces_of_any_size_is_read() -> None:
    lasting = Lasting()
    with front(settings(), lasting) as served, clients(served) as client:
        client.ask(0)
        sent = request(operation())
        for cut in (1, 10, sent.find(b"\r\n\r\n") + 2, sent.find(b"\r\n\r\n") + 4, len(sent) - 1):
            for piece in (sent[:cut], sent[cut:] + sent + sent[:5], sent[5:]):
                client.wire.send(piece)
                time.sleep(0.01)
            for _ in range(3):
                response, body = client.wire.reply()
                assert response.status == 200
                assert b"asked by" in body
