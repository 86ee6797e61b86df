"""Whether libvirt still answers: asked all the time, so that nobody else has to find out by waiting."""

from __future__ import annotations

import logging
import time

from virtcim.host.crew import Repeated, Turn
from virtcim.host.errors import HostError
from virtcim.host.link import Link

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two questions
BEATS = 50.0  # questions a second to all hosts together
SILENCE = 2.0  # seconds without an answer to a question that was due, after which what is known counts as stale


class Pulse:
    """Asks libvirt something that costs nothing; `age` is how long ago it last answered."""

    def __init__(self, link: Link, turn: Turn) -> None:
        self._link = link
        self._answered = time.monotonic()
        beat = turn.at_most(BEATS, BEAT)
        self._patience = beat + SILENCE
        # While libvirt hangs, so does the question, for as long as libvirt pleases: it is not waited for.
        self._beats = Repeated(beat, self._ask, turn.first(beat))
        self.start, self.stop = self._beats.start, self._beats.stop

    @property
    def age(self) -> float:
        """Seconds since libvirt last answered, 0 when that was but a moment ago."""
        age = time.monotonic() - self._answered
        return age if age > self._patience else 0.0

    def felt(self) -> None:
        """libvirt has just answered somebody."""
        self._answered = time.monotonic()

    def _ask(self) -> None:
        try:
            with self._link.reading() as connection:
                connection.getLibVersion()
            self.felt()
        except HostError as error:
            log.debug("no pulse: %s", error.message)
