"""The shell of a test guest, through its serial port."""

from __future__ import annotations

import os
import select
import termios
import time
import tty

import libvirt
from lxml import etree


class Console:
    """Runs commands in a running guest that has said GUEST-READY."""

    def __init__(self, domain: libvirt.virDomain) -> None:
        source = etree.fromstring(domain.XMLDesc()).find("devices/serial/source")
        assert source is not None
        self._file = os.open(str(source.get("path")), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._file, termios.TCSANOW)
        self._count = 0

    def close(self) -> None:
        os.close(self._file)

    def wait_for(self, text: str, seconds: float) -> str:
        """What the guest says up to and with the text. Errors: TimeoutError with what it said instead."""
        deadline, said = time.monotonic() + seconds, ""
        while text not in said:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._file], [], [], max(0.0, left))
            if not ready or left < 0:
                raise TimeoutError(f"the guest does not say {text!r} in {seconds:g} s but {said[-2000:]!r}")
            said += os.read(self._file, 4096).decode(errors="replace")
        return said

    def type(self, command: str) -> None:
        """Enter a command, and do not wait for it."""
        os.write(self._file, f"{command}\n".encode())

    def run(self, command: str, seconds: float = 20.0) -> tuple[int, str]:
        """The exit status of a command, and what it said."""
        self._count += 1
        end = f"END-{self._count}-"
        # The echo of the line shows the quotes, so that only the answer matches.
        os.write(self._file, f"{command}; echo 'END-'{self._count}-$?-\n".encode())
        said = self.wait_for(end, seconds)
        rest = said.partition(end)[2]
        if "-" not in rest:
            rest += self.wait_for("-", 5)
        return int(rest.partition("-")[0]), said
