"""This run of the tests: a directory that other users may look into, and a word for the names of what it makes.

Each run holds a lock on its directory, which the kernel takes back when it dies, in whatever namespace it ran: so the
next one can tell what is left of it, and removes that.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path("/var/tmp")  # QEMU and PostgreSQL run as other users, which may not look into pytest's own directory
LEAD = "virtcim-run-"
WORD = secrets.token_hex(4)
DIRECTORY = ROOT / f"{LEAD}{WORD}"  # there once `directory` has been called


@cache
def directory() -> Path:
    """The directory of this run, which goes with it."""
    with _alone():
        _sweep()
        DIRECTORY.mkdir(mode=0o755)
        DIRECTORY.chmod(0o755)
        fcntl.flock(os.open(DIRECTORY, os.O_RDONLY), fcntl.LOCK_EX)
    atexit.register(_remove, os.getpid())
    return DIRECTORY


def place(what: str) -> Path:
    """A new directory in it."""
    path = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=directory()))
    path.chmod(0o755)
    return path


def is_alive(word: str) -> bool:
    """Whether the run with that word still runs."""
    try:
        held = os.open(ROOT / f"{LEAD}{word}", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False


@contextmanager
def _alone() -> Iterator[None]:
    """No other run begins or cleans up meanwhile."""
    with (ROOT / f".{LEAD}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep() -> None:
    """Remove the directories of runs that have died."""
    for path in ROOT.glob(f"{LEAD}*"):
        if not is_alive(path.name.removeprefix(LEAD)):
            shutil.rmtree(path, ignore_errors=True)


def _remove(process: int) -> None:
    if process == os.getpid():  # not in a child that was forked from it
        shutil.rmtree(DIRECTORY, ignore_errors=True)
