"""When domains were started, which libvirt does not tell: seen by this server, or read off what QEMU left behind."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt

from virtcim.host.events import Topic

_PID_FILES = Path("/run/libvirt/qemu")  # of the system's libvirtd on this machine
_LOCAL = re.compile(r"qemu(\+unix)?:///system")
_RUN = re.compile(r"<domain\s[^>]*?\bid=['\"](\d+)")


def run_of(state_xml: str) -> int:
    """The number that libvirt gave the run of a domain that its document is of; -1 while it is off."""
    found = _RUN.match(state_xml)
    return int(found[1]) if found else -1


def written_at(connection: libvirt.virConnect) -> Callable[[str], float | None]:
    """What tells when the domain of a name was started, in seconds since 1970; None where that cannot be seen."""
    return _written if _LOCAL.match(connection.getURI()) else lambda _: None


def _written(name: str) -> float | None:
    try:
        return (_PID_FILES / f"{name}.pid").stat().st_mtime
    except OSError:  # another libvirtd, or just gone
        return None


class Starts:
    """Those that this server was there for: seconds since 1970, by UUID and number of the run."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def of(self, uuid: str, run: int) -> float | None:
        known = self._seen.get(uuid)
        return known[1] if known and known[0] == run else None

    def changed(self, topic: Topic, old: Any, new: Any) -> None:
        """Domains that are read for the first time were started at some time before."""
        if topic is not Topic.DOMAIN:
            return
        if new is None or not new.active:
            self._seen.pop((new or old).uuid, None)
        elif old is not None or new.host.reachable:
            run = run_of(new.state_xml)
            if old is None or not old.active or run_of(old.state_xml) != run:
                self._seen[new.uuid] = run, time.time()
