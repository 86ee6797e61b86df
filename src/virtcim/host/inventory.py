"""Every host system this server drives: the world that profiles read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from virtcim.host.connected import OnEvent
from virtcim.host.errors import HostError, Kind
from virtcim.host.leaving import Leaving
from virtcim.host.listeners import OnChange
from virtcim.host.moves import Moves
from virtcim.host.settings import HostSettings
from virtcim.host.states import Underway
from virtcim.host.system import Host, Network, NodeDevice, Pool, Vm, Volume

__all__ = ["Host", "Hosts", "Network", "NodeDevice", "Pool", "Underway", "Vm", "Volume"]


class Hosts:
    """The hosts of the given libvirt URIs, in that order."""

    def __init__(self, uris: Sequence[str], settings: HostSettings) -> None:
        self.settings = settings
        self.hosts = tuple(Host(uri, settings) for uri in uris)
        self._moves = Moves(self.hosts if settings.naming == "uuid" else ())
        self._leaving = Leaving(self.hosts)

    @property
    def naming(self) -> str:
        """What systems are called by in keys: "name" or "uuid"."""
        return self.settings.naming

    @property
    def version(self) -> int:
        """Grows whenever anything known of any host changes."""
        return sum([host.version for host in self.hosts])

    def start(self) -> None:
        """Connect to all hosts in the background."""
        for host in self.hosts:
            host.start()

    def stop(self) -> None:
        for host in self.hosts:
            host.gauges.sampler.stop()
            host.stop()

    def wait(self, timeout: float) -> bool:
        """Wait until every host has been read; False when some could not be within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        return all(host.ready.wait(max(0.0, deadline - time.monotonic())) for host in self.hosts)

    @property
    def age(self) -> float:
        """Seconds since the host answered that has been silent for longest; 0 when all answer."""
        return max([host.age for host in self.hosts])

    def reachable(self) -> tuple[Host, ...]:
        """The hosts of which may be told; HostError(UNREACHABLE) when there is none."""
        hosts = tuple([host for host in self.hosts if host.readable])
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
        by_uuid = self.naming == "uuid"
        found = [vm for host in self.hosts if (vm := host.vm(token.lower()) if by_uuid else host.vm_named(token))]
        reachable = [vm for vm in found if vm.host.readable]
        if found and not reachable:
            raise found[0].host.unreadable()
        if not found:
            self.reachable()
        return reachable

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
