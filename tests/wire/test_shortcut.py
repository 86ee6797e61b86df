"""Calls of methods with a header that came before: a thread answers them without a task, and as if with one."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.wire.raw_http import Wire, request
from tests.wire.samples import method_call, operation, system
from tests.wire.secure import ask, basic, front, password_file, settings

from virtcim.broker.call import Answer, Call, CIMError, Form, MethodAnswer, Status
from virtcim.front import Front
from virtcim.wire.app import App

METHOD_HEADERS = {"CIMMethod": "Start", "CIMObject": "root/virt:Virt_System"}
METHOD = request(method_call(), METHOD_HEADERS)
READ = request(operation())
Behave = Callable[[], MethodAnswer]


class Slow:
    """Methods end when they are let go; each does what `behave` does."""

    def __init__(self, behave: Behave = lambda: MethodAnswer(0, "uint32")) -> None:
        self.behave = behave
        self.begun, self.release = threading.Semaphore(0), threading.Event()
        self.release.set()

    def __call__(self, call: Call) -> Answer | MethodAnswer:
        if call.target is None:
            return Answer(Form.INSTANCE, [system("read")])
        self.begun.release()
        assert self.release.wait(30)
        return self.behave()


@contextmanager
def client(served: Front, sent: bytes = METHOD) -> Iterator[Wire]:
    """A connection on which a method has been called: its header is known from now on."""
    parts = urlsplit(served.urls[0])
    opened = Wire(socket.create_connection((parts.hostname, parts.port), timeout=10))
    try:
        opened.send(sent)
        assert opened.reply()[0].status == 200
        yield opened
    finally:
        opened.close()


def refused() -> MethodAnswer:
    raise CIMError(Status.ACCESS_DENIED, "not for you")


def broken() -> MethodAnswer:
    raise RuntimeError("a fault of the program")


BEHAVIOURS: dict[str, Behave] = {
    "success": lambda: MethodAnswer(0, "uint32"),
    "a reason": lambda: MethodAnswer(5, "uint32", (), "it is off"),
    "an error": refused,
    "a fault": broken,
}


@pytest.mark.parametrize("behave", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_replies_are_the_same(behave: Behave, monkeypatch: pytest.MonkeyPatch) -> None:
    found, tasks = [], []
    respond = App._respond

    async def counted(*given: Any) -> None:
        tasks.append(given)
        await respond(*given)

    monkeypatch.setattr(App, "_respond", counted)
    with front(settings(), Slow(behave)) as served, client(served) as wire:
        for piece in (METHOD.replace(b"Host: x", b"Host: y"), METHOD, METHOD):  # the first one's header is new
            wire.send(piece)
            response, body = wire.reply()
            fields = sorted((name.lower(), value) for name, value in response.getheaders() if name.lower() != "date")
            found.append((response.status, fields, body))
    assert found[0] == found[1] == found[2]
    assert len(tasks) == 2  # of the two headers


def test_each_is_counted() -> None:
    with front(settings(open_metrics=True), Slow()) as served, client(served) as wire:
        for _ in range(3):
            wire.send(METHOD)
            wire.reply()
        told = ask(served.urls[0], method="GET", path="/metrics").body.decode()
        assert served._app.in_flight == 0
    assert 'virtcim_requests_total{operation="Start",status="0"} 4.0' in told


def test_each_is_audited(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "virtcim.audit")
    with front(settings(), Slow(refused)) as served, client(served) as wire:
        wire.send(METHOD)
        wire.reply()
    assert [record.getMessage() for record in caplog.records if record.name == "virtcim.audit"] == ["Start"] * 2


def test_one_that_outlasts_the_server_is_audited(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "virtcim.audit")
    slow = Slow()
    with front(settings(stop_timeout=1), slow) as served, client(served) as wire:
        slow.release.clear()
        wire.send(METHOD)
        assert slow.begun.acquire(timeout=10)
        assert slow.begun.acquire(timeout=10)
    caplog.clear()
    slow.release.set()
    deadline = time.monotonic() + 10
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [record.getMessage() for record in caplog.records if record.name == "virtcim.audit"] == ["Start"]


def test_what_comes_behind_waits_for_its_turn() -> None:
    slow = Slow()
    with front(settings(), slow) as served, client(served) as wire:
        slow.release.clear()
        wire.send(METHOD)
        wire.send(READ * 2 + METHOD)
        time.sleep(0.05)
        wire.send(READ[:40])
        wire.send(READ[40:])
        slow.release.set()
        replies = [wire.reply()[1] for _ in range(5)]
    assert [b"METHODRESPONSE" in body and b"IMETHOD" not in body for body in replies] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_a_refusal_waits_as_well() -> None:
    slow = Slow()
    with front(settings(), slow) as served, client(served) as wire:
        slow.release.clear()
        wire.send(METHOD)
        wire.send(b"hello\r\n\r\n")
        slow.release.set()
        assert [wire.reply()[0].status for _ in range(2)] == [200, 400]


def test_who_leaves_is_not_missed() -> None:
    slow = Slow()
    with front(settings(), slow) as served:
        with client(served) as wire:
            slow.release.clear()
            wire.send(METHOD)
            assert slow.begun.acquire(timeout=10)
            assert slow.begun.acquire(timeout=10)
        slow.release.set()
        deadline = time.monotonic() + 10
        while served._app.in_flight:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with client(served) as wire:
            wire.send(METHOD)
            assert wire.reply()[0].status == 200


def test_a_call_may_take_longer_than_a_connection_may_be_idle() -> None:
    slow = Slow()
    with front(settings(keep_alive=1), slow) as served, client(served) as wire:
        slow.release.clear()
        threading.Timer(1.5, slow.release.set).start()
        wire.send(METHOD)
        assert wire.reply()[0].status == 200
        assert wire.ended()


@pytest.mark.parametrize("behind", [b"", READ], ids=["nothing more", "more behind"])
def test_a_server_that_stops_answers_first(behind: bytes) -> None:
    slow = Slow()
    with front(settings(), slow) as served, client(served) as wire:
        slow.release.clear()
        wire.send(METHOD)
        assert slow.begun.acquire(timeout=10)
        assert slow.begun.acquire(timeout=10)
        wire.send(behind)
        stopper = threading.Thread(target=served.stop)
        stopper.start()
        time.sleep(0.1)
        slow.release.set()
        assert wire.reply()[0].status == 200
        if behind:
            assert wire.reply()[0].status == 503
        assert wire.ended()
        stopper.join(30)
        assert not stopper.is_alive()


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [(b"Start", b"Sturt", 400), (b"</CIM>", b"</XIM>", 400)],
    ids=["another method", "no XML"],
)
def test_a_body_that_does_not_fit_is_refused(old: bytes, new: bytes, status: int) -> None:
    header, end, body = METHOD.partition(b"\r\n\r\n")
    with front(settings(), Slow()) as served, client(served) as wire:
        wire.send(header + end + body.replace(old, new))
        assert wire.reply()[0].status == status


def test_who_has_a_share_gets_no_more_than_that(tmp_path: Path) -> None:
    slow, access = Slow(), tmp_path / "access"
    access.write_text("users: {alice: administrator}", encoding="utf-8")
    made = settings(authentication="file", password_file=password_file(tmp_path), access_file=access, workers=2)
    sent = request(method_call(), {**METHOD_HEADERS, **basic("alice", "wonder:land")})
    with front(made, slow) as served, client(served, sent) as one, client(served, sent) as other:
        slow.release.clear()
        for wire in (one, other):
            wire.send(sent)
        for _ in range(3):
            assert slow.begun.acquire(timeout=10)
        assert not slow.begun.acquire(timeout=0.2)
        slow.release.set()
        assert [wire.reply()[0].status for wire in (one, other)] == [200, 200]
        assert not served._app._gate._queues
