"""Domains that libvirt's own tools move to other hosts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

from virtcim.host.errors import HostError
from virtcim.host.events import Event, EventKind
from virtcim.host.states import emigrating
from virtcim.host.system import Host
from virtcim.host.underway import standing

LOOK = 0.5  # seconds between two looks, as libvirt does not announce that a move has been given up


class Leaving:
    """They show that they leave, for as long as libvirt is at it."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        for host in hosts:
            host.on_event(self._happened)

    def _happened(self, host: Host, event: Event) -> None:
        """In the thread of libvirt's event loop."""
        vm = host.vm(event.key) if event.kind is EventKind.MIGRATION_ITERATION else None
        if vm is not None and vm.underway is None:
            threading.Thread(target=_follow, args=(host, vm.uuid), name="follow a move", daemon=True).start()


def _follow(host: Host, uuid: str) -> None:
    mark = emigrating()
    with host.lock(uuid):
        vm = host.vm(uuid)
        if vm is None or vm.underway is not None:
            return
        host.set_underway(uuid, mark)
    with suppress(HostError):  # libvirt is away, and what it has is read again when it is back
        while _is_moving(host, uuid):
            threading.Event().wait(LOOK)
    latest = host.vm(uuid)
    if latest is None or latest.underway is mark:
        host.set_underway(uuid, None)


def _is_moving(host: Host, uuid: str) -> bool:
    now = standing(host, uuid)
    return now is not None and now.job is not None
