"""Every host system this server drives: the world that profiles read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import NamedTuple

from virtcim.host.connected import OnEvent
from virtcim.host.crew import Turn
from virtcim.host.errors import HostError, Kind
from virtcim.host.gauges import Gauges
from virtcim.host.leaving import Leaving
from virtcim.host.link import STOP_PATIENCE
from virtcim.host.listeners import Count, OnChange
from virtcim.host.moves import Moves
from virtcim.host.settings import HostSettings
from virtcim.host.states import Underway
from virtcim.host.system import Host, Network, NodeDevice, Pool, Vm, Volume

__all__ = ["Host", "Hosts", "Network", "NodeDevice", "Pool", "Underway", "Vm", "Volume"]

GRACE = 3.0  # seconds that a host may take longer than most, and as long again as these
LOOK = 0.02  # seconds between two looks whether they have been read
STANDING, STANDING_OF_FEW = 0.1, 0.01  # seconds for which it is known which hosts have been silent for too long
FEW = 4  # hosts that are quickly looked at


class Standing(NamedTuple):
    """The hosts of which may be told, and which of all they are; `age`: see Hosts.age. It holds for a version `until`
    a moment (time.monotonic())."""

    hosts: tuple[Host, ...]
    told: tuple[bool, ...]
    age: float
    version: int
    until: float


class Hosts:
    """The hosts of the given libvirt URIs, in that order."""

    def __init__(self, uris: Sequence[str], settings: HostSettings) -> None:
        self.settings = settings
        self.hosts = tuple(Host(uri, settings, Turn(number, len(uris))) for number, uri in enumerate(uris))
        self._changes = Count()
        self.gauges = Gauges(self.hosts)
        self._standing = Standing((), (), 0.0, -1, 0.0)
        for host in self.hosts:
            host.on_change(self._changes.grow)
            host.on_turn(self._changes.grow)
        self._moves = Moves(self.hosts if settings.naming == "uuid" else ())
        self._leaving = Leaving(self.hosts)

    @property
    def naming(self) -> str:
        """What systems are called by in keys: "name" or "uuid"."""
        return self.settings.naming

    @property
    def version(self) -> int:
        """Grows whenever anything known of any host changes."""
        return self._changes.value

    def start(self) -> None:
        """Connect to all hosts in the background."""
        for host in self.hosts:
            host.start()

    def stop(self) -> None:
        """Returns within a few seconds, however many hosts hang."""
        for host in self.hosts:
            host.gauges.sampler.stop()
            host.leave()
        deadline = time.monotonic() + STOP_PATIENCE
        for host in self.hosts:
            host.stop(deadline - time.monotonic())

    def wait(self, timeout: float) -> bool:
        """Wait until every host has been read; False when some could not be within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        return all(host.ready.wait(max(0.0, deadline - time.monotonic())) for host in self.hosts)

    def settle(self, timeout: float) -> None:
        """As `wait`; but who takes much longer than most hosts is not waited for."""
        began, limit, took = time.monotonic(), timeout, 0.0
        while took < limit and (away := sum([not host.reachable for host in self.hosts])):
            if limit == timeout and 2 * away <= len(self.hosts):
                limit = min(timeout, 2 * took + GRACE)
            time.sleep(LOOK)
            took = time.monotonic() - began

    @property
    def standing(self) -> Standing:
        """Of which hosts may be told; of many it is found out each time that one comes or goes, and now and then."""
        kept = self._standing
        if kept.version != self._changes.value or time.monotonic() >= kept.until:
            kept = self._standing = self._look()
        return kept

    def _look(self) -> Standing:
        version = self._changes.value
        until = time.monotonic() + (STANDING if len(self.hosts) > FEW else STANDING_OF_FEW)
        told = tuple([host.readable for host in self.hosts])
        age = max([host.age for host in self.hosts])
        return Standing(tuple(compress(self.hosts, told)), told, age, version, until)

    @property
    def age(self) -> float:
        """Seconds since the host answered that has been silent for longest; 0 when all answer."""
        return self.standing.age

    @property
    def lost(self) -> int:
        """How many of several hosts may not be told of."""
        return len(self.hosts) - len(self.standing.hosts) if len(self.hosts) > 1 else 0

    def reachable(self) -> tuple[Host, ...]:
        """The hosts of which may be told; HostError(UNREACHABLE) when there is none."""
        hosts = self.standing.hosts
        if not hosts:
            told = [host.unreadable().message for host in self.hosts]
            raise HostError(Kind.UNREACHABLE, told[0] if len(told) == 1 else "; ".join(told))
        return hosts

    def vms(self) -> Iterable[Vm]:
        """The domains of all reachable hosts."""
        hosts = self.reachable()
        return hosts[0].vms if len(hosts) == 1 else [vm for host in hosts for vm in host.vms]

    def vm_by_key(self, token: str) -> list[Vm]:
        """The domains called by the token, a name or UUID by `naming`; of several platforms perhaps.

        HostError(UNREACHABLE) when every host that could have it is away.
        """
        found = self._called(token)
        reachable = [vm for vm in found if vm.host.readable]
        if found and not reachable:
            raise found[0].host.unreadable()
        if not found:
            self.reachable()
        return reachable

    def lasts(self, vm: Vm) -> bool:
        """Whether a domain may be told of, and is all that its token leads to."""
        return vm.host.readable and self._called(vm.uuid if self.naming == "uuid" else vm.name) == [vm]

    def _called(self, token: str) -> list[Vm]:
        if self.naming == "uuid":
            uuid = token.lower()
            return [vm for host in self.hosts if (vm := host.vm(uuid))]
        return [vm for host in self.hosts if (vm := host.vm_named(token))]

    def measure(self) -> None:
        """See Figures.measure; all hosts at the same time, but for those that are silent."""
        hosts = [host for host in self.hosts if host.reachable and not host.age]
        for host in hosts:
            host.gauges.closely()
        for host in hosts:
            host.gauges.measure()

    def on_change(self, callback: OnChange) -> None:
        """See Host.on_change."""
        for host in self.hosts:
            host.on_change(callback)

    def on_ready(self, callback: Callable[[Host], None]) -> None:
        """See Host.on_ready."""
        for host in self.hosts:
            host.on_ready(callback)

    def on_event(self, callback: OnEvent) -> None:
        """See Host.on_event."""
        for host in self.hosts:
            host.on_event(callback)
