"""Telling the service manager how the process is (sd_notify(3)); nothing happens where none listens."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


class Manager:
    """The service manager that the environment names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog: float = int(usec) / 1e6 if ours and usec.isdecimal() else 0.0

    def tell(self, *states: str) -> None:
        """Send states, such as READY and "STATUS=...". A manager that has gone away is no reason to end."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.sendto("\n".join(states).encode(), self._address)
        except OSError as error:
            log.warning("cannot tell the service manager %s: %s", " ".join(states), error)

    def reloading(self) -> None:
        """Say that settings are being read again; READY must follow."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def alive(self) -> None:
        """Say that the server is not stuck."""
        self.tell(ALIVE)
