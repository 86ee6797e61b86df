"""Opening a connection to libvirt, and its URI as it may be shown."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import libvirt


def redacted(uri: str) -> str:
    """The URI without what must not be shown: the password of the user part and password-like parameters."""
    without_password = re.sub(r"(://[^/@:?#]*):[^/]*@", r"\1@", uri)
    return re.sub(r"([?&](?:password|passwd|secret|token)=)[^&#]*", r"\1***", without_password, flags=re.IGNORECASE)


def open_within(uri: str, seconds: float, hopeless: Callable[[], bool] = lambda: False) -> libvirt.virConnect:
    """A connection of one's own; libvirt would wait for a frozen daemon for ever.

    Errors: libvirtError; TimeoutError after so many seconds, or as soon as it is `hopeless`.
    """
    opened: Future[libvirt.virConnect] = Future()
    threading.Thread(target=_open_into, args=(uri, opened), name="libvirt-open", daemon=True).start()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not hopeless():
        try:
            return opened.result(0.2)
        except TimeoutError:
            continue
    raise TimeoutError(f"no answer within {seconds:g} s")


def _open_into(uri: str, opened: Future[libvirt.virConnect]) -> None:
    try:
        opened.set_result(libvirt.open(uri))
    except libvirt.libvirtError as error:
        opened.set_exception(error)
