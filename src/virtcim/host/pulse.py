"""Whether libvirt still answers: asked once a second, so that nobody else has to find out by waiting."""

from __future__ import annotations

import logging
import threading
import time

from virtcim.host.errors import HostError
from virtcim.host.link import Link

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two questions
SILENCE = 3.0  # seconds without an answer after which what is known counts as stale


class Pulse:
    """Asks libvirt something that costs nothing; `age` is how long ago it last answered."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._answered = time.monotonic()
        self._stopping = threading.Event()
        # While libvirt hangs so does the thread, for as long as libvirt pleases: it is not waited for.
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    @property
    def age(self) -> float:
        """Seconds since libvirt last answered, 0 when that was but a moment ago."""
        age = time.monotonic() - self._answered
        return age if age > SILENCE else 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def felt(self) -> None:
        """libvirt has just answered somebody."""
        self._answered = time.monotonic()

    def _run(self) -> None:
        while not self._stopping.wait(BEAT):
            try:
                with self._link.reading() as connection:
                    connection.getLibVersion()
                self.felt()
            except HostError as error:
                log.debug("no pulse: %s", error.message)
