"""The process: signals, reloading, the service manager, and how log records are written."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.schemas import share
from tests.wire.secure import Authority, ask, basic, password_file

from virtcim import logs
from virtcim.notify import READY, Manager

PATIENCE = 60  # seconds


class Listener:
    """Stands in for the service manager."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(PATIENCE)

    def wait_for(self, state: str) -> list[str]:
        """The message that has the state; those before it are passed over."""
        while True:
            told = self.socket.recv(4096).decode().splitlines()
            if state in told:
                return told


@contextmanager
def running(directory: Path, settings: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], Listener, str]]:
    """A server in a process of its own, and its URL, once it has said that it is ready."""
    (directory / "settings.yaml").write_text(settings, encoding="utf-8")
    listener = Listener(directory / "notify")
    command = [sys.executable, "-m", "virtcim", "serve", "--config", str(directory / "settings.yaml")]
    given = {
        "NOTIFY_SOCKET": str(directory / "notify"),
        "VIRTCIM_STATE_DIR": str(share(directory / "state")),
        **environ,
    }
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            command, env={**os.environ, **given}, text=True, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            listener.wait_for(READY)
            assert process.stdout is not None
            url = process.stdout.readline().split()[3].removesuffix(".")
            yield process, listener, url
        finally:
            process.kill()
            listener.socket.close()


def test_a_service_from_start_to_end(tmp_path: Path) -> None:
    with running(tmp_path, "listen: ['http://127.0.0.1:0']", WATCHDOG_USEC="2000000") as (process, listener, url):
        assert ask(url).status == 200
        listener.wait_for("WATCHDOG=1")
        listener.wait_for("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        listener.wait_for("STOPPING=1")
        assert process.wait(PATIENCE) == 0
    with pytest.raises(ConnectionRefusedError):
        ask(url)


def test_reload(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.server()
    settings = f"""
listen: ['https://127.0.0.1:0']
tls_certificate: {own.certificate}
tls_key: {own.key}
authentication: file
password_file: {password_file(tmp_path)}
log_format: json
"""
    trusting = authority.trusting()
    with running(tmp_path, settings) as (process, listener, url):
        assert ask(url, basic("bob", "bricks"), trusting).status == 200
        password_file(tmp_path, {"carol": "new"})
        (tmp_path / "settings.yaml").write_text(settings + "log_level: debug\nmax_connections: 5", encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        assert listener.wait_for("RELOADING=1")[1].startswith("MONOTONIC_USEC=")
        listener.wait_for(READY)
        assert ask(url, basic("bob", "bricks"), trusting).status == 401
        assert ask(url, basic("carol", "new"), trusting).status == 200
        (tmp_path / "settings.yaml").write_text("listn: x", encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        listener.wait_for(READY)
        assert ask(url, basic("carol", "new"), trusting).status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    written = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    lines = [json.loads(line) for line in written if line.startswith("{")]  # libvirt warns in words of its own
    messages = [line["message"] for line in lines]
    assert "changed settings that take a restart: max_connections" in messages
    assert any(text.startswith("the settings cannot be used") and "listn" in text for text in messages)
    assert any(line["logger"] == "virtcim.audit" and line["user"] == "bob" for line in lines)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("listen: ['https://127.0.0.1:0']\ntls_certificate: /absent\ntls_key: /absent", "/absent"),
        ("authentication: file\npassword_file: /absent", "/absent"),
        ("access_file: /absent", "/absent"),
        ("listen: ['http://192.0.2.1:5988']", "insecure_listen"),
    ],
)
def test_start_that_fails_says_why(tmp_path: Path, settings: str, reason: str) -> None:
    (tmp_path / "settings.yaml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "virtcim", "serve", "--config", str(tmp_path / "settings.yaml")]
    environ = {**os.environ, "VIRTCIM_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_password_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "virtcim", "password", str(tmp_path / "users"), "alice"]
    environ = {**os.environ, "VIRTCIM_NEW_PASSWORD": "wonder"}
    subprocess.run(command, env=environ, timeout=PATIENCE, check=True)
    assert (tmp_path / "users").read_text().startswith("alice:$argon2id$")


@pytest.mark.parametrize(
    ("environ", "watchdog"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "3000000"}, 3),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "x"}, 0),
    ],
)
def test_watchdog(environ: dict[str, str], watchdog: float) -> None:
    assert Manager(environ).watchdog == watchdog


def test_manager_that_is_not_there_is_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Manager({}).tell(READY)
    assert not caplog.records
    Manager({"NOTIFY_SOCKET": str(tmp_path / "absent")}).tell(READY)
    assert "cannot tell the service manager READY=1" in caplog.text


def test_manager_in_the_abstract_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0virtcim-test-{os.getpid()}")
        Manager({"NOTIFY_SOCKET": f"@virtcim-test-{os.getpid()}"}).alive()
        assert listening.recv(100) == b"WATCHDOG=1"


def record(message: str, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("virtcim.audit", logging.INFO, "", 0, message, (), more.pop("exc_info", None))
    made.__dict__.update(more)
    return made


def test_text_is_one_line_whatever_comes() -> None:
    line = logs.TextFormatter().format(record("a\nb\x1b[0m\u2028c", fields={"user": 'x"\ny'}))
    assert line.endswith(' INFO virtcim.audit: a\\x0ab\\x1b[0m\\x2028c user="x\\"\\ny"')
    assert len(line.splitlines()) == 1


def test_json_has_all() -> None:
    try:
        raise KeyError("x")
    except KeyError:
        shown = json.loads(logs.JsonFormatter().format(record("a\nb", fields={"user": "x"}, exc_info=sys.exc_info())))
    assert (shown["message"], shown["level"], shown["logger"], shown["user"]) == ("a\nb", "info", "virtcim.audit", "x")
    assert shown["time"].endswith("+00:00")
    assert "KeyError: 'x'" in shown["traceback"]


def test_set_up_again_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    before = len(root.handlers)
    logs.set_up("info", "text")
    logs.set_up("debug", "json")
    assert len(root.handlers) == before + 1
    assert isinstance(root.handlers[-1].formatter, logs.JsonFormatter)
    assert root.level == logging.DEBUG
