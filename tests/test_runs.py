"""Runs of the tests beside and after each other: what is of a run that is alive stays, what a dead one left goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import runs

ROOT = Path(__file__).parents[1]
OTHER = "from tests import runs; print(runs.place('left'), flush=True); input()"


def test_a_run_that_is_killed_leaves_nothing_for_long() -> None:
    """Another's directory stays as long as it lives."""
    mine = runs.directory()
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    place = Path(other.stdout.readline().strip())
    word = place.parent.name.removeprefix(runs.LEAD)
    assert runs.is_alive(word)
    assert runs.is_alive(runs.WORD)
    runs._sweep()
    assert place.is_dir()
    other.kill()
    other.communicate()
    assert not runs.is_alive(word)
    runs._sweep()
    assert not place.parent.exists()
    assert mine.is_dir()


def test_a_run_that_ends_takes_its_directory_with_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OTHER], cwd=ROOT, input="\n", capture_output=True, text=True, check=True
    )
    assert not Path(done.stdout.strip()).parent.exists()


def test_places_differ() -> None:
    assert runs.place("a") != runs.place("a")
    assert not runs.is_alive("nobody")
