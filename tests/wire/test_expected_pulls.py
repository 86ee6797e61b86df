"""Pulls whose reply was made ahead: given without asking what is behind, and the same as if that had been asked."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.wire.raw_http import Wire, request
from tests.wire.samples import operation, parameter, system
from tests.wire.secure import basic, front, password_file, settings

from virtcim.broker.batches import Batch, Batches
from virtcim.broker.call import Answer, Call, Form, Item, MethodAnswer
from virtcim.broker.pull import Owner, PullLimits, Sessions
from virtcim.config import Settings
from virtcim.front import Front

_CONTEXT = re.compile(rb'(?<=NAME="EnumerationContext" PARAMTYPE="string"><VALUE>)[\w-]+')
_NAME = re.compile(rb'NAME="Name"><KEYVALUE[^>]*>(\w+)<')
ITEMS, COUNT = 10, 2
ALL = [[b"vm%d" % number for number in range(first, first + COUNT)] for first in range(0, ITEMS, COUNT)]


class Enumerating:
    """Sessions over systems of one run, and how many pulls were asked of it."""

    def __init__(self) -> None:
        self.sessions, self.pulls, self.state = Sessions(PullLimits()), 0, "as it is"

    def __call__(self, call: Call) -> Answer | MethodAnswer:
        owner, context = Owner(call.namespace, call.user), str(call.parameters.get("EnumerationContext"))
        if call.name == "OpenEnumerateInstancePaths":
            runs = [Batch(partial(_systems, at), at, self.state, ITEMS // 2) for at in (0, ITEMS // 2)]
            whole = Batch(partial(_systems, 0), "all", self.state, parts=partial(iter, runs))
            return self.sessions.open(owner, Answer(Form.INSTANCE_PATH, Batches([whole])), 60, 0)
        if call.name == "CloseEnumeration":
            self.sessions.close(owner, context)
            return Answer(Form.NOTHING)
        self.pulls += 1
        return self.sessions.pull(owner, Form.INSTANCE_PATH, context, int(str(call.parameters["MaxObjectCount"])))


def _systems(first: int) -> Iterable[Item]:
    return [system(f"vm{number}") for number in range(first, first + ITEMS // 2)]


class Client:
    """A connection on which one enumeration has been pulled: its headers and its portions are known from now on."""

    def __init__(self, served: Front, wire: Wire, headers: Mapping[str, str]) -> None:
        self.served = served
        self._wire = wire
        self._headers = headers
        self._sent = 100
        assert _names(self.all()) == ALL

    def ask(self, name: str, context: bytes = b"", count: int | None = None) -> bytes:
        given = parameter(f"<VALUE>{context.decode()}</VALUE>", "EnumerationContext") if context else ""
        given += "" if count is None else parameter(f"<VALUE>{count}</VALUE>", "MaxObjectCount")
        self._sent += 1
        asked = operation(given, name).replace(b'ID="7"', b'ID="%d"' % self._sent)
        self._wire.send(request(asked, {"CIMMethod": name, "CIMObject": "root/virt", **self._headers}))
        body = self._wire.reply()[1]
        assert b'ID="%d"' % self._sent in body
        return body

    def open(self) -> bytes:
        return _context(self.ask("OpenEnumerateInstancePaths"))

    def pull(self, context: bytes, count: int = COUNT) -> bytes:
        return self.ask("PullInstancePaths", context, count)

    def all(self) -> list[bytes]:
        context, found = self.open(), []
        while context:
            found.append(self.pull(context))
            context = _context(found[-1])
        return found


def _context(body: bytes) -> bytes:
    found = _CONTEXT.search(body)
    return found[0] if found else b""


def _names(replies: list[bytes]) -> list[list[bytes]]:
    return [_NAME.findall(body) for body in replies]


@contextmanager
def client(behind: Enumerating, made: Settings, headers: Mapping[str, str]) -> Iterator[Client]:
    with front(made, behind) as served:
        parts = urlsplit(served.urls[0])
        wire = Wire(socket.create_connection((parts.hostname, parts.port), timeout=10))
        try:
            found = Client(served, wire, headers)
            behind.pulls = 0
            yield found
        finally:
            wire.close()


def test_only_the_first_and_the_last_are_asked_for() -> None:
    behind = Enumerating()
    with client(behind, settings(), {}) as one:
        assert _names(one.all()) == ALL
        assert behind.pulls == 2
        assert len(behind.sessions) == 0


def test_another_count_is_asked_for() -> None:
    behind = Enumerating()
    with client(behind, settings(), {}) as one:
        context = _context(one.pull(one.open()))
        assert _NAME.findall(one.pull(context, COUNT + 1)) == [b"vm2", b"vm3", b"vm4"]
        assert behind.pulls == 2


def test_a_context_serves_once() -> None:
    behind = Enumerating()
    with client(behind, settings(), {}) as one:
        context = _context(one.pull(one.open()))
        following = _context(one.pull(context))
        assert b'ERROR CODE="21"' in one.pull(context)
        assert _NAME.findall(one.pull(following)) == [b"vm4", b"vm5"]


def test_what_was_closed_is_not_given() -> None:
    behind = Enumerating()
    with client(behind, settings(), {}) as one:
        context = _context(one.pull(one.open()))
        one.ask("CloseEnumeration", context)
        assert b'ERROR CODE="21"' in one.pull(context)


def test_a_change_shows_in_the_next_enumeration() -> None:
    behind = Enumerating()
    with client(behind, settings(), {}) as one:
        behind.state = "changed"
        assert _names(one.all()) == ALL
        assert behind.pulls == len(ALL)  # nothing of it was kept


@pytest.mark.parametrize(("role", "begins"), [("administrator", b"<IRET"), ("writer", b'<ERROR CODE="2"')])
def test_who_needs_a_role_is_judged_each_time(tmp_path: Path, role: str, begins: bytes) -> None:
    behind, access = Enumerating(), tmp_path / "access"
    access.write_text("users: {alice: administrator}", encoding="utf-8")
    made = settings(authentication="file", password_file=password_file(tmp_path), access_file=access)
    with client(behind, made, basic("alice", "wonder:land")) as one:
        context = _context(one.pull(one.open()))
        access.write_text(
            f"roles: {{writer: [{{operations: ['@write']}}]}}\nusers: {{alice: {role}}}", encoding="utf-8"
        )
        one.served.reload()
        assert begins in one.pull(context)
        assert behind.pulls == 1
