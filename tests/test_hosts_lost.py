"""What answers say of hosts that they lack."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import pytest
from bench.client import Target
from bench.messages import Service
from tests.conftest import running_server
from tests.host.conftest import minimal, wait_until

from virtcim.host import inventory

SYSTEM = "Test_ComputerSystem"


def ask(server: Any) -> tuple[str | None, bytes]:
    """The header Warning of an enumeration of virtual systems, and its body."""
    head, _, body = Service(Target.of(server.url)).enumerate(SYSTEM).partition(b"\r\n\r\n")
    given = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    connection.request("POST", "/cimom", body, given)
    response = connection.getresponse()
    found = response.getheader("warning"), response.read()
    connection.close()
    return found


def test_an_answer_that_lacks_a_host_says_so_until_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "GRACE", 0.1)
    here, away = tmp_path / "here.xml", tmp_path / "away.xml"
    here.write_text(f"<node>{minimal('present')}</node>")
    uris = f"test://{here}", f"test://{away}"
    with running_server(tmp_path / "state", connect=uris, naming="uuid") as server:
        for _ in range(3):  # the last from what is kept
            warning, body = ask(server)
            assert warning == '199 virtcim "Incomplete: hosts out of reach: 1"'
            assert b"present" in body
        away.write_text(f"<node>{minimal('returned')}</node>")
        wait_until(lambda: ask(server)[0] is None, 20)
        assert b"returned" in ask(server)[1]


def test_without_its_only_host_a_server_has_no_answer_to_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtcim.__main__.FIRST_READ", 0.1)
    with running_server(tmp_path / "state", connect=f"test://{tmp_path}/away.xml") as server:
        warning, body = ask(server)
        assert warning is None
        assert b"<ERROR CODE=" in body
