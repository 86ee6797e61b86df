"""Who may come in: passwords, certificates, the Unix socket; what a stranger is told; pages beside CIM-XML."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.wire.samples import method_call
from tests.wire.secure import (
    GOOD,
    PASSWORDS,
    ask,
    ask_on,
    basic,
    connection,
    front,
    password_file,
    settings,
)

from virtcim.broker.call import MethodAnswer
from virtcim.front import Front
from virtcim.messages import message
from virtcim.wire import auth

ALICE = basic("alice", PASSWORDS["alice"])
METHOD = {"CIMMethod": "Start", "CIMObject": "root/virt:Virt_System"}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A front with passwords, which never locks anybody out."""
    made = settings(
        authentication="file",
        password_file=password_file(tmp_path_factory.mktemp("auth")),
        lockout_failures=100_000,
    )
    with front(made) as served:
        yield served


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


STRANGERS = {
    "nothing": ({}, "a user name and password are needed"),
    "wrong password": (basic("alice", "bricks"), "wrong user name or password"),
    "unknown user": (basic("eve", "wonder:land"), "wrong user name or password"),
    "empty password": (basic("alice", ""), "wrong user name or password"),
    "no user": (basic("", "x"), "the credentials name no user"),
    "no colon": ({"Authorization": "Basic " + encoded(b"alice")}, "the credentials name no user"),
    "no base64": ({"Authorization": "Basic !!!"}, "the credentials are not base64"),
    "Latin-1": ({"Authorization": "Basic " + encoded(b"al\xefce:x")}, "wrong user name or password"),
    "NUL": ({"Authorization": "Basic " + encoded(b"alice\0:x")}, "wrong user name or password"),
    "Digest": ({"Authorization": 'Digest username="alice"'}, "only Basic authentication is supported"),
    "Bearer": ({"Authorization": "Bearer abc"}, "only Basic authentication is supported"),
    "empty": ({"Authorization": ""}, "only Basic authentication is supported"),
    "long": (basic("x" * 20_000, "y"), "wrong user name or password"),
}


@pytest.mark.parametrize(("headers", "text"), STRANGERS.values(), ids=STRANGERS.keys())
def test_strangers_are_turned_away(secured: Front, headers: dict[str, str], text: str) -> None:
    reply = ask(secured.urls[0], headers)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith('Basic realm="virtcim"')
    assert reply.body.decode().strip() == text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/cimom", b"<CIM"),
        ("POST", "/cimom", b""),
        ("POST", "/anything", GOOD),
        ("GET", "/", b""),
        ("GET", "/metrics", b""),
        ("PUT", "/healthz", b""),
    ],
)
def test_nothing_else_is_looked_at_before(secured: Front, method: str, path: str, body: bytes) -> None:
    assert ask(secured.urls[0], {"CIMOperation": "Nonsense"}, method=method, path=path, body=body).status == 401


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        (ALICE, b"alice"),
        ({"Authorization": "basic  " + encoded(b"alice:wonder:land") + " "}, b"alice"),
        (basic("bob", "bricks"), b"bob"),
    ],
)
def test_known_users_come_in(secured: Front, headers: dict[str, str], user: bytes) -> None:
    reply = ask(secured.urls[0], headers)
    assert reply.status == 200
    assert b"<VALUE>" + user + b"</VALUE>" in reply.body


def test_role_decides(secured: Front, caplog: pytest.LogCaptureFixture) -> None:
    reply = ask(secured.urls[0], {**ALICE, **METHOD}, body=method_call())
    assert reply.status == 200
    assert b'CODE="2"' in reply.body
    (record,) = [one for one in caplog.records if one.name == "virtcim.audit"]
    fields = record.__dict__["fields"]
    assert (fields["user"], fields["from"], fields["call"]) == ("alice", "127.0.0.1", "Start")


def test_refusal_is_logged_without_the_password(secured: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask(secured.urls[0], basic("alice", "guessed-word"))
    (record,) = [one for one in caplog.records if one.name == "virtcim.audit"]
    fields = record.__dict__["fields"]
    assert (fields["user"], fields["from"], fields["result"]) == ("alice", "127.0.0.1", "refused")
    assert "guessed-word" not in caplog.text + str([one.__dict__ for one in caplog.records])


def test_refused_body_is_dropped_and_the_connection_goes_on(secured: Front) -> None:
    with closing(connection(secured.urls[0])) as made:
        assert ask_on(made, body=b" " * 500_000).status == 401
        assert ask_on(made, ALICE).status == 200


def test_health_is_open_and_says_little(secured: Front) -> None:
    reply = ask(secured.urls[0], method="GET", path="/healthz")
    assert (reply.status, json.loads(reply.body)) == (200, {"status": "ok"})
    assert ask(secured.urls[0], method="HEAD", path="/healthz").body == b""


def test_metrics_are_for_known_users(secured: Front) -> None:
    ask(secured.urls[0], ALICE)
    ask(secured.urls[0], {**ALICE, "CIMMethod": "X" * 50})
    reply = ask(secured.urls[0], ALICE, method="GET", path="/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    lines = reply.body.decode().splitlines()
    assert any(line.startswith('virtcim_requests_total{operation="GetInstance",status="0"}') for line in lines)
    assert any(line.startswith('virtcim_request_seconds_bucket{le="0.001",operation="GetInstance"}') for line in lines)
    assert any(line.startswith('virtcim_http_faults_total{status="400"}') for line in lines)
    assert any(line.startswith("virtcim_connections ") for line in lines)
    assert "XXXX" not in reply.body.decode()


def test_metrics_need_a_role(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("users: {alice: reader}", encoding="utf-8")
    made = settings(authentication="file", password_file=password_file(tmp_path), access_file=tmp_path / "access")
    with front(made) as served:
        assert ask(served.urls[0], ALICE, method="GET", path="/metrics").status == 200
        assert ask(served.urls[0], basic("bob", "bricks"), method="GET", path="/metrics").status == 403


def test_metrics_may_be_opened(tmp_path: Path) -> None:
    made = settings(authentication="file", password_file=password_file(tmp_path), open_metrics=True)
    with front(made) as served:
        assert ask(served.urls[0], method="GET", path="/metrics").status == 200
        assert ask(served.urls[0]).status == 401


def test_guessing_is_slowed_down_and_right_passwords_do_not_help_then(tmp_path: Path) -> None:
    made = settings(authentication="file", password_file=password_file(tmp_path), lockout_failures=3)
    with front(made) as served:
        url = served.urls[0]
        for _ in range(3):
            assert ask(url, basic("alice", "x")).body.strip() == b"wrong user name or password"
            assert ask(url, basic("eve", "x")).body.strip() == b"wrong user name or password"
        for headers in (ALICE, basic("alice", "y"), basic("eve", "x")):
            reply = ask(url, headers)
            assert reply.status == 401
            assert reply.body.strip() == b"too many failures, try again later"
            assert int(reply.headers["Retry-After"]) >= 1
        assert ask(url, basic("bob", "bricks")).status == 200


def test_changed_password_counts_at_once(tmp_path: Path) -> None:
    made = settings(authentication="file", password_file=password_file(tmp_path))
    with front(made) as served:
        assert ask(served.urls[0], ALICE).status == 200
        password_file(tmp_path, {"alice": "new"})
        served.reload()
        assert ask(served.urls[0], ALICE).status == 401
        assert ask(served.urls[0], basic("alice", "new")).status == 200


def test_too_many_checks_are_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class Slow:
        def check(self, user: str, password: str) -> bool:
            return release.wait(30) and user == password

        def stored(self, user: str) -> str:
            return ""

    rules = auth.AuthRules(anonymous=False, passwords=[Slow()], checks=2)
    monkeypatch.setattr(Front, "_rules", lambda *_: rules)
    replies: list[int] = []
    with front(settings()) as served:
        url = served.urls[0]
        threads = [threading.Thread(target=lambda: replies.append(ask(url, basic("a", "a")).status)) for _ in range(2)]
        for thread in threads:
            thread.start()
        while served._authenticator._waiting < 2:
            assert any(thread.is_alive() for thread in threads)
        put_off = ask(url, basic("a", "a"))
        assert (put_off.status, put_off.headers["Retry-After"]) == (503, "1")
        assert ask(url, method="GET", path="/healthz").status == 200
        release.set()
        for thread in threads:
            thread.join(30)
    assert replies == [200, 200]


def test_anybody_comes_in_where_nobody_is_asked() -> None:
    with front(settings()) as served:
        for headers in ({}, ALICE, basic("eve", "x")):
            assert ask(served.urls[0], headers).status == 200
        assert b"RETURNVALUE" in ask(served.urls[0], METHOD, body=method_call()).body


@pytest.mark.parametrize(
    ("reason", "header"),
    [
        ("", None),
        ("vm1 is off", "vm1%20is%20off"),
        ("Grüße\r\nX: y", "Gr%C3%BC%C3%9Fe%0D%0AX%3A%20y"),
        ("\ud800", "%3F"),
        ("ß" * 2000, "%C3%9F" * 500),
    ],
    ids=["none", "words", "line end", "surrogate", "long"],
)
def test_reason_of_a_refusal_is_a_header(reason: str, header: str | None) -> None:
    with front(settings(), lambda _: MethodAnswer(5, "uint32", (), reason)) as served:
        reply = ask(served.urls[0], METHOD, body=method_call())
    assert reply.headers["WBEM-Reason"] == header
    assert "WBEM-Reason-ID" not in reply.headers
    assert b">5</VALUE>" in reply.body


def test_id_of_a_refusal_is_a_header() -> None:
    answer = MethodAnswer(5, "uint32", (), message("VS_GONE", "x@y at qemu://root@far/"))
    with front(settings(), lambda _: answer) as served:
        reply = ask(served.urls[0], METHOD, body=method_call())
    assert reply.headers["WBEM-Reason-ID"] == "virtcim:VIRTCIM0402"
    assert reply.headers["WBEM-Reason"] == "virtual%20system%20x%40y%20at%20qemu%3A//far/%20is%20gone"
