"""The compiled classes, which all servers of a run of the tests share: to compile them takes a second each time."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

from tests import runs

from virtcim.broker import schema
from virtcim.broker.schema import Schema
from virtcim.resources import mof_dir


@cache
def compiled() -> Path:
    """The directory that has them."""
    directory = runs.directory() / "schema"
    schema.load(mof_dir(), directory)
    return directory


def loaded(*platforms: str) -> Schema:
    """The classes, with leaves for the platforms."""
    return schema.load(mof_dir(), compiled(), platforms)


def share(state_dir: Path) -> Path:
    """Let a server whose state will be there find them; the directory."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (state_dir / "cache").symlink_to(compiled())
    return state_dir
