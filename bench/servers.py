"""The processes measured: ours and the floor, each started for the bench and ended with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import Connection, Target
from bench.messages import Service

_SERVES = re.compile(r"serves (http://[^\s/]+?)\.?(\s|$)")
# What must not reach the servers: settings, and what keeps Python from using byte code as an installed server does.
FOREIGN = ("VIRTCIM_", "PYTHONDONTWRITEBYTECODE")
STOPPING = 15.0  # seconds
IDLE = 5.0  # seconds


@dataclass(frozen=True)
class Running:
    """A server process; `started` is when it was asked to start, by time.perf_counter()."""

    process: subprocess.Popen[str]
    service: Service
    started: float

    @property
    def memory(self) -> float:
        """Resident memory in MB (VmRSS of proc(5))."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[Running]:
    """A server that prints "... serves URL" once it listens. Errors: RuntimeError with its log."""
    started = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True, env=environment)
    assert process.stdout is not None
    try:
        found = next((match for line in process.stdout if (match := _SERVES.search(line))), None)
        if found is None:
            raise RuntimeError(f"{' '.join(command)} did not start: {log.read_text()}")
        yield Running(process, Service(Target.of(found[1])), started)
    finally:
        process.terminate()
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextmanager
def virtcim(uri: str, directory: Path, *settings: str) -> Iterator[Running]:
    """Our server over one libvirt URI; `directory` keeps the compiled classes and the log."""
    command = [sys.executable, "-m", "virtcim", "serve", "--connect", uri, "--listen", "http://127.0.0.1:0"]
    with running([*command, "--state-dir", str(directory / "state"), *settings], directory / "virtcim.log") as server:
        yield server


@contextmanager
def floor(directory: Path) -> Iterator[Running]:
    """The server of constant bytes."""
    with running([sys.executable, "-m", "bench.floor"], directory / "floor.log") as server:
        yield server


class Floor:
    """Asks the floor for bodies of any size with requests as large as the real ones."""

    def __init__(self, server: Running) -> None:
        self.pid = server.process.pid
        self._target = server.service.target
        self._connection = Connection(self._target)
        self._used = time.monotonic()

    def request(self, like: bytes, size: int) -> bytes:
        """A request of the same body as `like`, answered by `size` bytes."""
        target = Target(self._target.scheme, self._target.host, self._target.port, path=f"/{size}")
        return target.request(_headers(like), like.partition(b"\r\n\r\n")[2])

    def timed(self, like: bytes, size: int) -> float:
        """Seconds of one answer."""
        request = self.request(like, size)
        if time.monotonic() - self._used > IDLE:  # by now it may have been closed
            self._connection.close()
            self._connection = Connection(self._target)
        self._used = time.monotonic()
        return self._connection.timed(request)[0]

    @property
    def target(self) -> Target:
        return self._target

    def close(self) -> None:
        self._connection.close()


def _headers(request: bytes) -> list[str]:
    """The header lines of a request but for those that Target.request makes itself."""
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return [line for line in lines if not line.lower().startswith(("host:", "content-length:", "authorization:"))]
