"""Values made from files, made again when a file changes; a file that became unusable leaves the old value in force."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
PAUSE = 1.0  # seconds between two looks at the files

log = logging.getLogger(__name__)


class Reloaded(Generic[T]):
    """`make(*paths)` at first and whenever one of the files was replaced or written. Errors at first: those of `make`.

    `make` raises OSError or ValueError for files that cannot be used.
    """

    def __init__(self, make: Callable[[], T], paths: Sequence[Path]) -> None:
        self._make = make
        self._paths = tuple(paths)
        self._lock = threading.Lock()
        self._seen = self._look()
        self._looked = time.monotonic()
        self._value = make()

    def get(self) -> T:
        """The value of the files as they are, or were a second ago."""
        if time.monotonic() - self._looked >= PAUSE:
            with self._lock:
                self._look_again()
        return self._value

    def reload(self) -> None:
        """Make the value again, whether or not a file seems to have changed."""
        with self._lock:
            self._seen = self._look()
            self._remake()

    def _look_again(self) -> None:
        self._looked = time.monotonic()
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self._remake()

    def _remake(self) -> None:
        names = ", ".join(map(str, self._paths))
        try:
            self._value = self._make()
        except (OSError, ValueError) as error:
            log.error("%s cannot be used, what was read before stays in force: %s", names, error)
        else:
            log.info("%s read again", names)

    def _look(self) -> tuple[object, ...]:
        return tuple(map(_state, self._paths))


def _state(path: Path) -> object:
    """What differs after a file was written or replaced; None while it is missing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
