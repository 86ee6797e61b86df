"""A PostgreSQL server of the tests' own, run by a user that is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests import runs

PROGRAMS = ("initdb", "postgres", "pg_ctl", "pg_isready")


def binaries() -> Path:
    """Directory of the server's programs; the test is skipped where there is none."""
    found = shutil.which("initdb")
    places = [*([Path(found).parent] if found else []), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    usable = [place for place in places if all((place / name).exists() for name in PROGRAMS)]
    if not usable:
        tell = pytest.fail if os.environ.get("VIRTCIM_TEST_REQUIRE_LIVE") else pytest.skip
        tell("there are no PostgreSQL server binaries: apt-get install postgresql")
    return usable[-1]


class Postgres:
    """One cluster below a directory; `kill` ends it as a power cut would, `start` brings it back."""

    def __init__(self, directory: Path, port: int) -> None:
        self._bin = binaries()
        self._data = directory / "data"
        self._port = port
        self._user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(directory, self._user, -1)
        self._run("initdb", "-D", str(self._data), "-U", "virtcim", "--auth=trust", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql://virtcim@127.0.0.1:{self._port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(command, user=self._user, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            if self._process is None or self._process.poll() is not None:  # after a crash memory may be in use still
                self._process = self._spawn()
            time.sleep(0.1)

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = ("-c", "listen_addresses=127.0.0.1", "-p", str(self._port), "-k", str(self._data))
        command = [str(self._bin / "postgres"), "-D", str(self._data), *options]
        return subprocess.Popen(command, user=self._user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _answers(self) -> bool:
        if self._process is None:
            return False
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port), "-U", "virtcim"]
        return subprocess.run(ready, check=False).returncode == 0

    def crash(self) -> None:
        """kill -9 of the server itself; what it had started ends when it notices."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data))
            self._process.wait(30)
            self._process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server that runs while the block does; its files are gone afterwards."""
    directory = runs.place("postgres")
    try:
        server = Postgres(directory, free_port())
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def empty(url: str) -> None:
    """A PostgreSQL as it was before any server used it."""
    engine = sa.create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    engine.dispose()
