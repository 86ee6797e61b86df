"""The command line as a process: `virtcim` of this environment, run to its end or served."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VIRTCIM = str(Path(sys.executable).with_name("virtcim"))
SERVES = re.compile(r"serves (\S+?)\.? ")
START = 60.0  # seconds that a first start may take, which compiles the schema


def environment() -> dict[str, str]:
    """The environment without settings of the server in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VIRTCIM_")}


def virtcim(*arguments: str, code: int = 0) -> str:
    """Run a command to its end; what it prints."""
    done = subprocess.run(
        [VIRTCIM, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment()
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


class Served:
    """A server as a process; `url` once it has said that it serves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.began = time.monotonic()
        self.said: list[str] = []
        self.url = ""

    def wait(self) -> float:
        """Wait until it serves; the seconds that took."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if found := SERVES.search(line):
                self.url = found[1]
                return time.monotonic() - self.began
        raise AssertionError(f"it does not serve: {''.join(self.said)}")

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal, and wait; exit status and all that was printed since it served."""
        assert self.process.stdout is not None
        self.process.send_signal(number)
        rest = self.process.stdout.read()
        return self.process.wait(20), rest


@contextmanager
def serving(state_dir: Path, *flags: str) -> Iterator[Served]:
    """`virtcim serve` on a free port, with what it prints; killed at the end if it is still there."""
    command = [VIRTCIM, "serve", "--listen", "http://127.0.0.1:0", "--state-dir", str(state_dir), *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(), start_new_session=True
    )
    served = Served(process)
    try:
        yield served
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
