"""How busy processors are, those of guests and those of the host: the time that they ran between two readings."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import libvirt

from virtcim.host.errors import Kind, translated

SHORTEST = 0.5  # seconds that two readings are apart at least: the clock of the kernel may tick only 100 times a second
_IDLE = ("idle", "iowait")
_UNTOLD = (Kind.NOT_SUPPORTED, Kind.INVALID, Kind.NOT_FOUND)  # or the processor is offline
Statistics = Iterable[tuple[libvirt.virDomain, Mapping[str, Any]]]
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Loads:
    """Percent of the last interval, by UUID of the domain and number of its processor, and by number on the host."""

    guests: Mapping[tuple[str, int], int] = field(default_factory=dict)
    host: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Clock:
    """Nanoseconds since some moment: how long something ran, and how long it could have."""

    busy: int
    passed: int


class Meter:
    """What two readings in a row make of the clocks of processors."""

    def __init__(self) -> None:
        self._at = 0.0  # by time.monotonic()
        self._guests: Mapping[tuple[str, int], _Clock] = {}
        self._host: Mapping[int, _Clock] = {}
        self.loads = Loads()

    def read(self, connection: libvirt.virConnect, statistics: Statistics) -> None:
        """Take a reading; one that comes too soon after another is left out."""
        if time.monotonic() - self._at < SHORTEST:
            return
        guests, host = dict(_clocks(statistics, time.monotonic_ns())), dict(_host_clocks(connection))
        self.loads = Loads(dict(_percents(self._guests, guests)), dict(_percents(self._host, host)))
        self._guests, self._host, self._at = guests, host, time.monotonic()


def _percents(before: Mapping[K, _Clock], after: Mapping[K, _Clock]) -> Iterator[tuple[K, int]]:
    """Of those that are in both readings; a guest that was started anew begins anew."""
    for key, now in after.items():
        then = before.get(key, now)
        busy, passed = now.busy - then.busy, now.passed - then.passed
        if passed > 0 and busy >= 0:
            yield key, min(100, round(100 * busy / passed))


def _clocks(statistics: Statistics, now: int) -> Iterator[tuple[tuple[str, int], _Clock]]:
    for domain, values in statistics:
        for number in range(values.get("vcpu.maximum", 0)):
            busy = values.get(f"vcpu.{number}.time")
            if busy is not None:
                yield (domain.UUIDString(), number), _Clock(busy, now)


def _host_clocks(connection: libvirt.virConnect) -> Iterator[tuple[int, _Clock]]:
    """Nothing where the driver does not tell."""
    try:
        _, online, _ = connection.getCPUMap(0)
        for number, there in enumerate(online):
            values = connection.getCPUStats(number, 0) if there else {}
            if "idle" in values:
                total = sum(values.values())
                yield number, _Clock(total - sum(values.get(name, 0) for name in _IDLE), total)
    except libvirt.libvirtError as error:
        if translated(error).kind not in _UNTOLD:
            raise
