"""What is measured of guests and of the host beyond what is always read: only while somebody asks for metrics.

It comes from the same call as the other figures, which then asks for more of each guest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

import libvirt

from virtcim.host.errors import unsupported
from virtcim.host.loads import SHORTEST, Statistics
from virtcim.host.starts import written_at

log = logging.getLogger(__name__)

_GROUPS = libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BALLOON | libvirt.VIR_DOMAIN_STATS_BLOCK
_CALCULATING = 1  # virDomainDirtyRateStatus: measuring
_DIRTY_SECONDS = 1  # that QEMU looks at the memory of a guest
_DISK = tuple(f"{way}.{what}" for way in ("rd", "wr", "fl") for what in ("reqs", "bytes", "times"))
_WORDS = {"vcpu": {"time", "wait", "delay", "state"}, "block": {*_DISK, "allocation", "capacity", "physical"}}
_SYSTEM = ("cpu", "balloon", "vcpu", "dirtyrate")
Numbers = Mapping[str, int]


@dataclass(frozen=True)
class Needs:
    """What readings are for even while nobody asks: `always` for metrics; `dirty` are UUIDs of domains.

    How fast those write to their memory is found out by a call for each.
    """

    always: bool = False
    dirty: frozenset[str] = frozenset()


def groups_for(needs: Needs) -> int:
    """The statistics of domains that are read along."""
    return _GROUPS | (libvirt.VIR_DOMAIN_STATS_DIRTYRATE if needs.dirty else 0)


@dataclass(frozen=True, slots=True)
class Guest:
    """Of one domain, in libvirt's words for it (cpu.time), its processors (time) and its disks (rd.reqs).

    Processors by number, disks by target; `run` is the domain's ID, `started` in seconds since 1970, if that is known.
    """

    run: int
    started: float | None
    system: Numbers
    vcpus: Mapping[int, Numbers]
    disks: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one domain between two readings: percent of its processors, nanoseconds a request took by target."""

    busy: float | None
    latencies: Mapping[str, int]


@dataclass(frozen=True)
class Measured:
    """All of one moment, in seconds since 1970; guests by UUID. `memory` of the host in KiB by libvirt's words.

    `rates` are those of the last `interval` seconds.
    """

    at: float
    guests: Mapping[str, Guest]
    memory: Numbers
    interval: float = 0.0
    rates: Mapping[str, Rates] = field(default_factory=dict)


class Measures:
    """What readings in a row make of each other."""

    def __init__(self) -> None:
        self._before: Measured | None = None

    def forget(self) -> None:
        """Nobody asks any more."""
        self._before = None

    def read(self, connection: libvirt.virConnect, statistics: Statistics, at: float, needs: Needs) -> Measured:
        """`statistics` were read at a moment, in seconds since 1970."""
        for domain, values in statistics:
            if domain.UUIDString() in needs.dirty and values.get("dirtyrate.calc_status") != _CALCULATING:
                _watch_writing(domain)
        started = written_at(connection)
        guests = {domain.UUIDString(): _guest(domain, values, started(domain.name())) for domain, values in statistics}
        now, before = Measured(at, guests, _memory(connection)), self._before
        if before is not None and at - before.at < SHORTEST:
            return Measured(at, guests, now.memory, before.interval, before.rates)
        if before is not None:
            passed = at - before.at
            now = Measured(at, guests, now.memory, passed, dict(_rates(before.guests, guests, passed)))
        self._before = now
        return now


def _watch_writing(domain: libvirt.virDomain) -> None:
    """The next readings tell what is found out."""
    try:
        domain.startDirtyRateCalc(_DIRTY_SECONDS)
    except libvirt.libvirtError as error:  # gone meanwhile, or an old QEMU
        log.debug("how fast %s writes cannot be measured: %s", domain.name(), error)


def _guest(domain: libvirt.virDomain, values: Mapping[str, Any], started: float | None) -> Guest:
    system: dict[str, int] = {}
    vcpus: dict[str, dict[str, int]] = {}
    disks: dict[str, dict[str, int]] = {}
    for key, value in values.items():
        group, _, rest = key.partition(".")
        number, _, word = rest.partition(".")
        if word in _WORDS.get(group, ()) and number.isdigit():
            (vcpus if group == "vcpu" else disks).setdefault(number, {})[intern(word)] = int(value)
        elif group in _SYSTEM and not number.isdigit() and isinstance(value, int):
            system[intern(key)] = value
    system["vcpu.delay"] = sum(one.get("delay", 0) for one in vcpus.values())
    named = {str(values[f"block.{number}.name"]): found for number, found in disks.items()}
    return Guest(domain.ID(), started, system, {int(number): one for number, one in vcpus.items()}, named)


def _memory(connection: libvirt.virConnect) -> Numbers:
    """Nothing where the driver does not tell."""
    try:
        return {
            name: int(kib) for name, kib in connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS).items()
        }
    except libvirt.libvirtError as error:
        if unsupported(error):
            return {}
        raise


def _rates(before: Mapping[str, Guest], after: Mapping[str, Guest], passed: float) -> Iterator[tuple[str, Rates]]:
    """Of those that are in both readings, in the same run."""
    for uuid, now in after.items():
        then = before.get(uuid)
        if then is not None and then.run == now.run:
            latencies = {name: _latency(then.disks.get(name, {}), disk) for name, disk in now.disks.items()}
            known = {name: found for name, found in latencies.items() if found is not None}
            yield uuid, Rates(_busy(then.system, now.system, passed), known)


def _busy(then: Numbers, now: Numbers, passed: float) -> float | None:
    count = now.get("vcpu.current", 0)
    if not count or "cpu.time" not in then or "cpu.time" not in now:
        return None
    return min(100.0, (now["cpu.time"] - then["cpu.time"]) / (passed * 1e7 * count))


def _latency(then: Numbers, now: Numbers) -> int | None:
    """None when nothing was asked of the disk meanwhile."""
    requests, took = (
        sum(now.get(f"{way}.{what}", 0) - then.get(f"{way}.{what}", 0) for way in ("rd", "wr", "fl"))
        for what in ("reqs", "times")
    )
    return round(took / requests) if requests > 0 and took >= 0 else None
