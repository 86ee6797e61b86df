"""What the log says of a host that is away."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

STILL = 60.0  # seconds after which it is said once more that a host is away, and why


class Outage:
    """A host that is lost is in the log when that happens, once more if it stays away, and when it is back."""

    def __init__(self, shown_uri: str) -> None:
        self._shown_uri = shown_uri
        self._since: float | None = None  # by time.monotonic()
        self._said = ""

    def began(self, reason: str) -> None:
        """It was lost."""
        self._since, self._said = time.monotonic(), reason
        log.warning("libvirt at %s: %s", self._shown_uri, reason)

    def goes_on(self, reason: str) -> None:
        """It cannot be connected; the first reasons of an outage are what every outage has."""
        if self._since is None:
            self.began(reason)
        elif reason != self._said and time.monotonic() - self._since > STILL:
            self._said = reason
            log.warning("libvirt at %s is still away: %s", self._shown_uri, reason)
        else:
            log.debug("libvirt at %s: %s", self._shown_uri, reason)

    def ended(self) -> None:
        """It is connected."""
        since, self._since = self._since, None
        away = "" if since is None else f" after {time.monotonic() - since:.0f} s"
        log.info("connected to libvirt at %s%s", self._shown_uri, away)
