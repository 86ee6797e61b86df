"""One look at all domains, in a few calls however many there are: a fingerprint of each, to know who has changed.

It shows state, vCPUs, autostart, saved images and snapshots of every domain, memory and disks of those that are off.
Only a domain that has snapshots costs a question of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Mapping
from functools import partial
from typing import Any, NamedTuple

import libvirt

from virtcim.host.errors import where_supported
from virtcim.host.snapshot_reading import has_snapshots, snapshot_names

log = logging.getLogger(__name__)

Fingerprints = Mapping[str, int]
_Stats = list[tuple[libvirt.virDomain, dict[str, Any]]]
_OFF = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE
_ON = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
_NOWAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
_CHEAP = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_VCPU
# Of a running domain these would be asked of its QEMU each time.
_OF_DEFINITIONS = libvirt.VIR_DOMAIN_STATS_BALLOON | libvirt.VIR_DOMAIN_STATS_BLOCK
_TRAITS = (
    libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
    libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
    libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
)
_STABLE = ("state.", "vcpu.current", "vcpu.maximum", "balloon.maximum", "balloon.current", "block.count")
_STABLE_ENDS = (".name", ".path", ".capacity")


class Looked(NamedTuple):
    """UUIDs: of all domains, and of those that look as they did the time before."""

    all: tuple[str, ...]
    same: frozenset[str]

    def others(self, known: Container[str]) -> list[str]:
        """Those to be read: they look different, or are not known."""
        return [uuid for uuid in self.all if uuid not in self.same or uuid not in known]


class Looks:
    """Looks at all domains, each compared with the one before."""

    def __init__(self, reread_interval: float, early: bool = False) -> None:
        self._interval = reread_interval
        self._early = early
        self._before: Fingerprints = {}
        self._trusted_until = 0.0  # by time.monotonic()

    def begin(self, connection: libvirt.virConnect) -> None:
        """Everything is about to be read, so that the next look need not do it, where hosts are many."""
        if not self._early:
            return
        self._before = look(connection)
        self._trusted_until = time.monotonic() + self._interval

    def take(self, connection: libvirt.virConnect) -> Looked | None:
        """None when everything is to be read: at the first look, and each `reread_interval` seconds."""
        now, before = look(connection), self._before
        self._before = now
        if time.monotonic() >= self._trusted_until:
            self._trusted_until = time.monotonic() + self._interval
            return None
        return Looked(tuple(now), frozenset(uuid for uuid, mark in now.items() if before.get(uuid) == mark))


def look(connection: libvirt.virConnect) -> Fingerprints:
    """By UUID, of every domain; the number of one that did not change is the same, within this process."""
    names = {domain.UUIDString(): domain.name() for domain in connection.listAllDomains()}
    told: dict[str, tuple[object, ...]] = {}
    for domain, values in (*_stats(connection, _CHEAP, _ON), *_stats(connection, _CHEAP | _OF_DEFINITIONS, _OFF)):
        told[domain.UUIDString()] = tuple(sorted((key, value) for key, value in values.items() if _stable(key)))
    traits = [_having(connection, flag) for flag in _TRAITS]
    kept = {domain.UUIDString(): snapshot_names(domain) for domain in has_snapshots(connection)}
    return {
        uuid: hash((name, told.get(uuid), kept.get(uuid), *(uuid in having for having in traits)))
        for uuid, name in names.items()
    }


def _stable(key: str) -> bool:
    """Whether a figure stays as it is until somebody changes it."""
    return key.startswith(_STABLE) or key.endswith(_STABLE_ENDS)


def _stats(connection: libvirt.virConnect, groups: int, which: int) -> _Stats:
    for flags in (which | _NOWAIT, which):
        found = where_supported(partial(connection.getAllDomainStats, groups, flags))
        if found is not None:
            return found
    return _states(connection, which)


def _states(connection: libvirt.virConnect, which: int) -> _Stats:
    """Where the driver has no such statistics (LXC) it is asked for each state, which is all that it tells cheaply."""
    flag = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE if which == _ON else libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
    found: _Stats = []
    for domain in connection.listAllDomains(flag):
        try:
            found.append((domain, {"state.": domain.state()}))
        except libvirt.libvirtError as error:  # gone meanwhile: it will not be among the names next time
            log.debug("no state of %s: %s", domain.name(), error)
    return found


def _having(connection: libvirt.virConnect, flag: int) -> frozenset[str]:
    found = where_supported(partial(connection.listAllDomains, flag))
    return frozenset(domain.UUIDString() for domain in found or ())
