"""Hostile clients: slow, silent, endless, deep, many, nonsense; a well-behaved client is served all the while."""

from __future__ import annotations

import random
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.wire.samples import HEADERS, operation, parameter
from tests.wire.secure import GOOD, Authority, ask, ask_on, basic, connection, front, password_file, settings

from virtcim.front import Front

CONNECTIONS = 64
REQUESTS = 10  # of the well-behaved client, for each kind of attack
ALICE = basic("alice", "wonder:land")
BOB = basic("bob", "bricks")  # one who is known, and hostile
FIELDS = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
HEAD = f"POST /cimom HTTP/1.1\r\nHost: x\r\n{FIELDS}"
# What a header by itself cannot be refused for.
KNOWN = HEAD + f"Authorization: {BOB['Authorization']}\r\n"

BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE CIM [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%b">' % (c + 1, b"&%c;" % c * 10) for c in range(97, 107))
    + b'<!ENTITY x SYSTEM "file:///etc/passwd">]><CIM CIMVERSION="2.0" DTDVERSION="2.0">&k;&x;</CIM>'
)
BODIES = {
    "empty": b"",
    "no XML": b"\0\xff" * 5000,
    "billion laughs": BILLION,
    "deep": b"<CIM>" * 100_000,
    "deep in a value": operation(parameter("<VALUE.ARRAY>" * 5000 + "</VALUE.ARRAY>" * 5000)),
    "wide": b"<CIM " + b" ".join(b'a%d=""' % number for number in range(20_000)) + b"/>",
    "unfinished": GOOD[:-20],
    "twice": GOOD + GOOD,
    "other encoding": GOOD.decode().encode("utf-16"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = settings(
        authentication="file",
        password_file=password_file(tmp_path_factory.mktemp("hostile")),
        lockout_failures=100_000,
        max_connections=CONNECTIONS,
        max_in_flight=16,
        max_in_flight_per_user=8,
        max_request_bytes=1_000_000,
        header_timeout=2,
        body_timeout=2,
        write_timeout=2,
    )
    with front(made) as running:
        yield running


def address(served: Front) -> tuple[str, int]:
    parts = urlsplit(served.urls[0])
    return parts.hostname or "", parts.port or 0


def opened(served: Front) -> socket.socket:
    return socket.create_connection(address(served), timeout=20)


def behaves_well(served: Front, context: ssl.SSLContext | None = None) -> None:
    """Requests on fresh connections, and on one that is kept, all answered."""
    for _ in range(REQUESTS):
        assert ask(served.urls[0], ALICE, context).status == 200
    with closing(connection(served.urls[0], context)) as kept:
        for _ in range(REQUESTS):
            assert ask_on(kept, ALICE).status == 200


@contextmanager
def attackers(attack: Callable[[threading.Event], None], count: int) -> Iterator[None]:
    """Threads that attack until the block ends."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            with suppress(OSError):
                attack(over)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies_that_are_no_requests(served: Front, body: bytes) -> None:
    assert ask(served.urls[0], ALICE, body=body).status == 400
    behaves_well(served)


def test_a_thousand_idle_connections(served: Front) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(closing(opened(served)))
        assert len(served.connections) <= CONNECTIONS
        behaves_well(served)
    assert served.connections.given_up >= 1000 - CONNECTIONS
    behaves_well(served)


def half_open(served: Front, over: threading.Event) -> None:
    """Everything but the end of the header, and then silence."""
    with closing(opened(served)) as sock:
        sock.sendall(KNOWN.encode())
        over.wait(5)


def slow_header(served: Front, over: threading.Event) -> None:
    with closing(opened(served)) as sock:
        for byte in (KNOWN + "X: " + "x" * 1000).encode():
            sock.send(bytes([byte]))
            if over.wait(0.05):
                return


def slow_body(served: Front, over: threading.Event) -> None:
    """By one who is not even known: the body is not waited for."""
    with closing(opened(served)) as sock:
        sock.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n".encode())
        while not over.wait(0.05):
            sock.send(b" ")


def never_reads(served: Front, over: threading.Event) -> None:
    """Asks again and again, and takes no reply."""
    with closing(opened(served)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = f"{HEAD}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
        while not over.wait(0.01):
            sock.sendall(request * 50)


def oversized(served: Front, over: threading.Event) -> None:
    with closing(opened(served)) as sock:
        sock.sendall(f"{KNOWN}Content-Length: 999999999\r\n\r\n".encode())
        while not over.wait(0.01):
            sock.sendall(b" " * 65536)


def endless_header(served: Front, over: threading.Event) -> None:
    with closing(opened(served)) as sock:
        sock.sendall(HEAD.encode() + b"X: ")
        while not over.wait(0.001):
            sock.sendall(b"x" * 65536)


def garbage(served: Front, over: threading.Event) -> None:
    """Eight of these send 200 requests a second and more, on a machine that lets them."""
    with closing(opened(served)) as sock:
        sock.sendall(random.randbytes(random.randrange(1, 4000)))
        over.wait(0.02)


def guesses(served: Front, over: threading.Event) -> None:
    ask(served.urls[0], basic(f"user{random.random()}", "x"))
    over.wait(0.04)


ATTACKS = (half_open, slow_header, slow_body, never_reads, oversized, endless_header, garbage, guesses)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_attack(served: Front, attack: Callable[[Front, threading.Event], None]) -> None:
    with attackers(lambda over: attack(served, over), 8):
        time.sleep(0.5)  # for the attack to be under way
        behaves_well(served)
    behaves_well(served)


def test_two_seconds_of_garbage(served: Front) -> None:
    """A good client is served all the time that 400 requests of garbage take."""
    sent: list[None] = []

    def send(over: threading.Event) -> None:
        garbage(served, over)
        sent.append(None)

    with attackers(send, 8):
        deadline = time.monotonic() + 60
        while len(sent) < 400 and time.monotonic() < deadline:
            behaves_well(served)
    assert len(sent) >= 400


def test_all_attacks_at_once(served: Front) -> None:
    with ExitStack() as stack:
        for attack in ATTACKS:
            stack.enter_context(attackers(lambda over, attack=attack: attack(served, over), 2))  # type: ignore[misc]
        time.sleep(1)
        behaves_well(served)
    deadline = time.monotonic() + 60
    while len(served.connections) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(served.connections) <= 1
    assert served._app.in_flight == 0


def test_handshakes_that_do_not_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.server()
    made = settings(
        listen="https://127.0.0.1:0",
        tls_certificate=own.certificate,
        tls_key=own.key,
        authentication="file",
        password_file=password_file(tmp_path),
        max_connections=CONNECTIONS,
    )
    with front(made) as running, ExitStack() as stack:
        for number in range(300):
            sock = stack.enter_context(closing(opened(running)))
            if number % 2:
                sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert len(running.connections) <= CONNECTIONS
        behaves_well(running, authority.trusting())


def test_over_the_limit_a_busy_server_says_so(tmp_path: Path) -> None:
    release = threading.Event()
    begun = threading.Semaphore(0)

    def slow(call: object) -> object:
        begun.release()
        release.wait(60)
        raise KeyError

    with front(settings(max_connections=2), slow, blocking=True) as running:  # type: ignore[arg-type]
        threads = [threading.Thread(target=ask, args=(running.urls[0],)) for _ in range(2)]
        for thread in threads:
            thread.start()
            assert begun.acquire(timeout=30)
        refused = ask(running.urls[0], method="GET", path="/healthz")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        release.set()
        for thread in threads:
            thread.join(30)
        assert ask(running.urls[0], method="GET", path="/healthz").status == 200
    assert running.connections.refused == 1
