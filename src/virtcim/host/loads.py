"""How busy processors are, those of guests and those of the host: the time that they ran between two readings."""

from __future__ import annotations

import time
from collections import Counter
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
    """Percent of the last interval, by UUID of the domain and number of its processor, and by number on the host.

    `whole`: percent of all processors of the host; `times`: nanoseconds of all of them since the host was started, by
    libvirt's words; `processors`: how many are online. `interval`: how long the last one was, in seconds.
    """

    guests: Mapping[tuple[str, int], int] = field(default_factory=dict)
    host: Mapping[int, int] = field(default_factory=dict)
    whole: float | None = None
    times: Mapping[str, int] = field(default_factory=dict)
    processors: int = 0
    interval: float = 0.0


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
        guests, told = dict(_clocks(statistics, time.monotonic_ns())), list(_host_times(connection))
        host = {number: _host_clock(values) for number, values in told}
        busy = dict(_percents(self._guests, guests))
        self.loads = Loads(
            # Where nothing has changed, the same object is what readers know it by.
            self.loads.guests if busy == self.loads.guests else busy,
            dict(_percents(self._host, host)),
            _percent(_sum(self._host), _sum(host)) if self._host.keys() == host.keys() else None,
            dict(sum((Counter(values) for _, values in told), Counter())),
            len(told),
            time.monotonic() - self._at if self._at else 0.0,
        )
        self._guests, self._host, self._at = guests, host, time.monotonic()


def _percents(before: Mapping[K, _Clock], after: Mapping[K, _Clock]) -> Iterator[tuple[K, int]]:
    """Of those that are in both readings; a guest that was started anew begins anew."""
    for key, now in after.items():
        percent = _percent(before.get(key, now), now)
        if percent is not None:
            yield key, round(percent)


def _percent(then: _Clock, now: _Clock) -> float | None:
    busy, passed = now.busy - then.busy, now.passed - then.passed
    return min(100.0, 100 * busy / passed) if passed > 0 and busy >= 0 else None


def _sum(clocks: Mapping[int, _Clock]) -> _Clock:
    return _Clock(sum(one.busy for one in clocks.values()), sum(one.passed for one in clocks.values()))


def _clocks(statistics: Statistics, now: int) -> Iterator[tuple[tuple[str, int], _Clock]]:
    for domain, values in statistics:
        for number in range(values.get("vcpu.maximum", 0)):
            busy = values.get(f"vcpu.{number}.time")
            if busy is not None:
                yield (domain.UUIDString(), number), _Clock(busy, now)


def _host_clock(values: Mapping[str, int]) -> _Clock:
    total = sum(values.values())
    return _Clock(total - sum(values.get(name, 0) for name in _IDLE), total)


def _host_times(connection: libvirt.virConnect) -> Iterator[tuple[int, Mapping[str, int]]]:
    """Of each processor that is online; nothing where the driver does not tell."""
    try:
        _, online, _ = connection.getCPUMap(0)
        for number, there in enumerate(online):
            values = connection.getCPUStats(number, 0) if there else {}
            if "idle" in values:
                yield number, values
    except libvirt.libvirtError as error:
        if translated(error).kind not in _UNTOLD:
            raise
