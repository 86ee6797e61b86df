"""A server that stops: calls under way are answered, whoever asks meanwhile is told, and then nobody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.wire.samples import HEADERS, method_call, operation, parameter
from tests.wire.secure import GOOD, ask, ask_on, connection, front, settings

from virtcim.broker.call import Answer, Call, Form, MethodAnswer
from virtcim.front import Front

START = {**HEADERS, "CIMMethod": "Start", "CIMObject": "root/virt:Virt_System"}
PULLS = (
    "OpenEnumerateInstances",
    "OpenQueryInstances",
    "PullInstancesWithPath",
    "CloseEnumeration",
    "EnumerationCount",
)
OTHERS = ("EnumerateInstances", "GetClass", "CreateInstance")


class Held:
    """A server with a method call under way, told to stop."""

    def __init__(self, served: Front) -> None:
        self.url = served.urls[0]
        self.kept = connection(self.url)
        self.statuses: list[int] = []
        self.begun, self.release = threading.Event(), threading.Event()

    def answer(self, call: Call) -> Answer | MethodAnswer:
        if call.target is None:
            return Answer(Form.NOTHING)
        self.begun.set()
        assert self.release.wait(30)
        return MethodAnswer(0, "uint32")

    def call(self) -> None:
        self.statuses.append(ask(self.url, START, body=method_call()).status)


@contextmanager
def held(stop_timeout: int = 20) -> Iterator[Held]:
    answers: list[Held] = []
    with front(settings(stop_timeout=stop_timeout), lambda call: answers[0].answer(call)) as served:
        made = Held(served)
        answers.append(made)
        with closing(made.kept):
            assert ask_on(made.kept).status == 200
            caller, stopper = threading.Thread(target=made.call), threading.Thread(target=served.stop)
            caller.start()
            assert made.begun.wait(30)
            stopper.start()
            while not served._app.stopping:
                time.sleep(0.01)
            try:
                yield made
            finally:
                made.release.set()
                caller.join(30)
                stopper.join(30)
                assert not stopper.is_alive()


def test_the_call_under_way_is_answered_and_others_are_told() -> None:
    with held() as server:
        reply = ask_on(server.kept)
        assert (reply.status, reply.headers["Retry-After"], reply.headers["Connection"]) == (503, "5", "close")
        assert reply.headers["CIMError"] is None
        assert ask(server.url, method="GET", path="/healthz").status == 503
        server.release.set()
    assert server.statuses == [200]
    with pytest.raises(ConnectionError):
        ask(server.url)


def test_what_each_operation_gets() -> None:
    context = parameter("<VALUE>x</VALUE>", "EnumerationContext")
    with held() as server:
        for name in PULLS:
            reply = ask(server.url, {**HEADERS, "CIMMethod": name}, body=operation(context, name))
            assert (reply.status, b'<ERROR CODE="28"' in reply.body) == (200, True), name
        for name in OTHERS:
            assert ask(server.url, {**HEADERS, "CIMMethod": name}, body=operation("", name)).status == 503, name
        assert ask(server.url, START, body=method_call()).status == 503
        assert ask(server.url, body=b"nonsense").status == 400


def test_who_does_not_end_is_not_waited_for() -> None:
    with held(stop_timeout=1) as server:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert ask(server.url, body=GOOD).status == 503
            except ConnectionError:
                break
        else:
            pytest.fail("it still listens")
