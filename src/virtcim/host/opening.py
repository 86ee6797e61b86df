"""Opening a connection to libvirt, and its URI as it may be shown."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

import libvirt

LOOK = 0.2  # seconds between two looks whether there is still hope


def redacted(uri: str) -> str:
    """The URI without what must not be shown: the password of the user part and password-like parameters."""
    without_password = re.sub(r"(://[^/@:?#]*):[^/]*@", r"\1@", uri)
    return re.sub(r"([?&](?:password|passwd|secret|token)=)[^&#]*", r"\1***", without_password, flags=re.IGNORECASE)


class Opening:
    """Opens connections to a URI; libvirt would wait for a frozen daemon for ever.

    What libvirt did not finish in time the next one waits for, so that a daemon which stays frozen holds one thread.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._pending: Future[libvirt.virConnect] | None = None

    def within(self, seconds: float, hopeless: Callable[[], bool] = lambda: False) -> libvirt.virConnect:
        """A connection of one's own. Not for several threads at a time.

        Errors: libvirtError; TimeoutError after so many seconds, or as soon as it is `hopeless`.
        """
        opened = self._pending = self._pending or self._begin()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not hopeless():
            if wait((opened,), min(left, LOOK)).done:
                self._pending = None
                return opened.result()
        raise TimeoutError(f"no answer within {seconds:g} s")

    def _begin(self) -> Future[libvirt.virConnect]:
        opened: Future[libvirt.virConnect] = Future()
        threading.Thread(target=_open_into, args=(self._uri, opened), name="libvirt-open", daemon=True).start()
        return opened


def open_within(uri: str, seconds: float, hopeless: Callable[[], bool] = lambda: False) -> libvirt.virConnect:
    """A connection of one's own; see Opening."""
    return Opening(uri).within(seconds, hopeless)


def _open_into(uri: str, opened: Future[libvirt.virConnect]) -> None:
    try:
        opened.set_result(libvirt.open(uri))
    except libvirt.libvirtError as error:
        opened.set_exception(error)
