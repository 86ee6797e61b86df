"""Open vSwitch with its user-space datapath, where the kernel has none: started for a test run, stopped after it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

RUN = Path("/run/openvswitch")
SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


def vsctl(*arguments: str) -> str:
    """What ovs-vsctl answers. Errors: CalledProcessError."""
    done = subprocess.run(
        ["ovs-vsctl", "--timeout=10", *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


@contextmanager
def running(directory: Path) -> Iterator[None]:
    """One that answers already is used and left alone; else one of our own runs on a database in the directory."""
    if not shutil.which("ovs-vswitchd"):
        pytest.skip("Open vSwitch is not installed")
    if _answers():
        yield
        return
    if os.geteuid() != 0:
        pytest.skip("only root can start Open vSwitch")
    pids = _start(directory)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(int(pid.read_text()), signal.SIGTERM)


def _answers() -> bool:
    try:
        vsctl("show")
    except subprocess.SubprocessError:
        return False
    return True


def _start(directory: Path) -> list[Path]:
    RUN.mkdir(exist_ok=True)
    database, socket = directory / "conf.db", RUN / "db.sock"
    pids = [directory / "server.pid", directory / "switch.pid"]
    _run("ovsdb-tool", "create", str(database), str(SCHEMA))
    _run("ovsdb-server", str(database), f"--remote=punix:{socket}", f"--pidfile={pids[0]}", "--detach",
         f"--log-file={directory / 'server.log'}")  # fmt: skip
    vsctl("--no-wait", "init")
    _run("ovs-vswitchd", f"unix:{socket}", f"--pidfile={pids[1]}", "--detach", f"--log-file={directory / 'vs.log'}")
    return pids


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.skip(f"Open vSwitch does not start here: {' '.join(command)}: {done.stderr}")
