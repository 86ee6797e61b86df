"""Local users: who the kernel says is at the other end of the Unix socket, and what that socket is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests import runs
from tests.wire.samples import method_call
from tests.wire.secure import (
    PASSWORDS,
    ask,
    basic,
    front,
    password_file,
    settings,
)

from virtcim.wire import auth, listening
from virtcim.wire.caller import Caller

ALICE = basic("alice", PASSWORDS["alice"])
METHOD = {"CIMMethod": "Start", "CIMObject": "root/virt:Virt_System"}


def test_local_root_needs_no_password(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    made = settings(listen=f"unix:{path}", authentication="file", password_file=password_file(tmp_path))
    with front(made) as served:
        assert served.urls == [f"unix:{path}"]
        assert served.web_urls == []
        assert path.stat().st_mode & 0o777 == 0o660
        reply = ask(served.urls[0], METHOD, body=method_call())
        assert b"RETURNVALUE" in reply.body
    assert not path.exists()


@pytest.mark.parametrize(
    ("uid", "name", "trusted"), [(0, "root", True), (1, "daemon", False), (4_000_000, None, False)]
)
def test_local_users_are_who_the_kernel_says(uid: int, name: str | None, trusted: bool) -> None:
    assert auth._local_user(uid) == Caller(name or str(uid), "unix", trusted)


AS_DAEMON = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.wire.secure import ask
from tests import runs
from tests.wire.samples import method_call
os.setuid(1)
print(ask(sys.argv[1], {METHOD!r}, body=method_call()).body.decode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_local_user_has_the_roles_of_that_user(tmp_path: Path) -> None:
    path = runs.directory() / "socket"
    with front(settings(listen=f"unix:{path}")) as served:
        os.chmod(path, 0o666)
        done = subprocess.run(
            [sys.executable, "-c", AS_DAEMON, served.urls[0]], capture_output=True, text=True, timeout=60, check=True
        )
    assert "the roles of daemon do not allow this Start" in done.stdout


def test_socket_of_a_dead_server_is_replaced_and_of_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with front(settings(listen=f"unix:{path}")) as served:
        with pytest.raises(OSError, match=f"cannot listen on unix:{path}: Address already in use"):
            listening.Doors(served.urls, {}).bind()
        assert ask(served.urls[0]).status == 200
    path.write_text("not a socket", encoding="utf-8")
    with pytest.raises(OSError, match="no socket"):
        listening.Doors([f"unix:{path}"], {}).bind()
    assert path.read_text(encoding="utf-8") == "not a socket"


def test_unknown_group_of_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-group"):
        listening.Doors([f"unix:{tmp_path}/socket"], {}, "no-such-group").bind()
