"""The figures of all hosts, and which of them are read again while somebody looks at them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from virtcim.host.figures import FRESH
from virtcim.host.listeners import Count
from virtcim.host.system import Host

FEW = 8  # hosts that are all read again as soon as somebody looks at figures that are not fresh
PACE = 0.25  # seconds between two looks at which so many of more hosts are read again, those first that are oldest
AT_ONCE = 5


class Gauges:
    """Numbers that grow with the figures of any host: `samples` with each reading, `loads` when processors differ."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._samples, self._loads = Count(), Count()
        self._guests = {host: host.gauges.known.loads.guests for host in hosts}
        self._next = 0.0  # by time.monotonic()
        for host in hosts:
            host.gauges.on_read.add(partial(self._read, host))

    @property
    def samples(self) -> int:
        """Looking brings the next ones on."""
        self._look()
        return self._samples.value

    @property
    def loads(self) -> int:
        """Looking brings the next ones on."""
        self._look()
        return self._loads.value

    def _read(self, host: Host) -> None:
        guests = host.gauges.known.loads.guests
        if guests != self._guests[host]:
            self._guests[host] = guests
            self._loads.grow()
        self._samples.grow()

    def _look(self) -> None:
        if len(self._hosts) <= FEW:
            wanted = [host for host in self._hosts if host.readable]
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + PACE
            old = [host for host in self._hosts if host.reachable and host.gauges.age > FRESH and not host.age]
            wanted = sorted(old, key=lambda host: -host.gauges.age)[:AT_ONCE]
        else:
            return
        for host in wanted:
            host.gauges.latest()
