"""What changes by itself: traffic through the interfaces of guests, what DHCP has handed out, how busy processors are.

It is read for all guests at once: with each reconcile, and in the background when somebody looks at figures that are
older than FRESH. Whoever looks gets what is known then and waits for nothing, so that the next look shows more. What
metrics need beyond that costs a question to each QEMU, so it is read along only while somebody wants it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import libvirt

from virtcim.host.crew import crew
from virtcim.host.errors import HostError, Kind, translated, unsupported
from virtcim.host.listeners import Callbacks
from virtcim.host.loads import Loads, Meter, Statistics
from virtcim.host.measures import Measured, Measures, Needs, groups_for
from virtcim.host.reading import if_told, where_supported
from virtcim.host.sampling import Sampler
from virtcim.host.states import cim_datetime, moment, now

log = logging.getLogger(__name__)

FRESH = 1.0  # seconds
WANTED = 60.0  # seconds that metrics are read along after somebody has asked for them
PATIENCE = 5.0  # seconds that one who needs figures of this moment waits for libvirt
_FLAGS = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
_GROUPS = libvirt.VIR_DOMAIN_STATS_INTERFACE | libvirt.VIR_DOMAIN_STATS_VCPU
_UNTOLD = (Kind.NOT_SUPPORTED, Kind.INVALID_STATE, Kind.NOT_FOUND)  # no leases, no DHCP, gone meanwhile
_V6 = libvirt.VIR_IP_ADDR_TYPE_IPV6


@dataclass(frozen=True)
class Traffic:
    """What went through one interface, seen from its guest: bytes, packets, and those that failed or were dropped."""

    received: int
    received_packets: int
    receive_errors: int
    receive_drops: int
    sent: int
    sent_packets: int
    send_errors: int
    send_drops: int


@dataclass(frozen=True)
class Lease:
    """An address that DHCP has handed out in a network; `expires` is a CIM datetime."""

    network: str
    mac: str
    address: str
    prefix: int
    is_v6: bool
    hostname: str | None
    expires: str


@dataclass(frozen=True)
class Sample:
    """Figures of one moment (CIM datetime); traffic by UUID of the domain and name of its device on the host."""

    taken: str = ""
    traffic: Mapping[tuple[str, str], Traffic] = field(default_factory=dict)
    leases: Mapping[str, tuple[Lease, ...]] = field(default_factory=dict)  # by MAC address in lower case
    loads: Loads = field(default_factory=Loads)
    measured: Measured | None = None  # while nobody asks for metrics


class Link(Protocol):
    def reading(self) -> AbstractContextManager[libvirt.virConnect]: ...


class Figures:
    """The latest sample of a host, and taking the next one; `on_read` is told of each, `needs` is asked before."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sample = Sample()
        self._meter = Meter()
        self._measures = Measures()
        self._at = 0.0  # by time.monotonic()
        self._wanted_until = 0.0
        self._closely = False  # whether the sample was taken so
        self.needs: Callable[[], Needs] = Needs
        self.on_read: Callbacks[[]] = Callbacks()
        self.sampler = Sampler(self._on_time)
        self._taking = threading.Lock()
        self._readings = 0
        self._read_once = threading.Condition()

    def latest(self) -> Sample:
        """What is known now; when that is old, it is read again meanwhile."""
        if not self._is_fresh() and self._taking.acquire(blocking=False):
            crew.do(self._take)
        return self._sample

    @property
    def known(self) -> Sample:
        """What is known now, whether anybody wants more or not."""
        return self._sample

    @property
    def age(self) -> float:
        """Seconds since the last reading."""
        return time.monotonic() - self._at

    def closely(self) -> Sample:
        """As `latest`, with all that metrics need as soon as that is known."""
        self._wanted_until = time.monotonic() + WANTED
        return self.latest()

    def measure(self) -> Sample:
        """As `closely`, not older than FRESH, unless libvirt keeps silent: waits until it has been read."""
        deadline = time.monotonic() + PATIENCE
        for _ in range(2):  # what is under way may have begun before
            before = self._readings
            sample = self.closely()
            if self._is_fresh():
                return sample
            self._wait_beyond(before, deadline - time.monotonic())
        return self._sample

    def _wait_beyond(self, reading: int, patience: float) -> None:
        with self._read_once:
            self._read_once.wait_for(lambda: self._readings > reading, max(0.0, patience))

    def read(self, connection: libvirt.virConnect) -> None:
        """Take a sample."""
        none: list[tuple[libvirt.virDomain, dict[str, Any]]] = []
        needs = self.needs()
        wanted = self.is_wanted() or needs.always
        groups = _GROUPS | (groups_for(needs) if wanted else 0)
        statistics = if_told(connection, partial(_statistics, groups=groups), none)
        at, leases = time.time(), if_told(connection, _leases, Sample().leases)
        if_told(connection, lambda link: self._meter.read(link, statistics), None)
        measure = partial(self._measures.read, statistics=statistics, at=at, needs=needs)
        measured = if_told(connection, measure, None) if wanted else None
        if not wanted:
            self._measures.forget()
        self._sample = Sample(now(), dict(_each_traffic(statistics)), leases, self._meter.loads, measured)
        self._at, self._closely = time.monotonic(), wanted
        self.on_read.tell()

    def is_wanted(self) -> bool:
        """Whether somebody has asked for metrics of late."""
        return time.monotonic() < self._wanted_until

    def _is_fresh(self) -> bool:
        return (self._closely or not self.is_wanted()) and time.monotonic() - self._at <= FRESH

    def _on_time(self) -> None:
        """Read what is aggregated, if anything is."""
        if self.needs().always:
            self.measure()

    def _take(self) -> None:
        try:
            with self._link.reading() as connection:
                self.read(connection)
        except HostError as error:
            log.debug("figures cannot be read: %s", error.message)
        finally:
            self._taking.release()
            with self._read_once:
                self._readings += 1
                self._read_once.notify_all()


def _each_traffic(statistics: Statistics) -> Iterator[tuple[tuple[str, str], Traffic]]:
    for domain, values in statistics:
        for number in range(values.get("net.count", 0)):
            name = values.get(f"net.{number}.name")
            if name is not None and f"net.{number}.rx.bytes" in values:
                yield (domain.UUIDString(), name), _through(values, f"net.{number}")


def _statistics(connection: libvirt.virConnect, groups: int) -> list[tuple[libvirt.virDomain, dict[str, Any]]]:
    try:
        return connection.getAllDomainStats(groups, _FLAGS)
    except libvirt.libvirtError as error:
        if unsupported(error):
            return []
        raise


def _through(values: Mapping[str, Any], prefix: str) -> Traffic:
    names = [f"{prefix}.{way}.{what}" for way in ("rx", "tx") for what in ("bytes", "pkts", "errs", "drop")]
    return Traffic(*(int(values.get(name, 0)) for name in names))


def _leases(connection: libvirt.virConnect) -> Mapping[str, tuple[Lease, ...]]:
    found: dict[str, tuple[Lease, ...]] = {}
    flag = libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE
    for network in where_supported(lambda: connection.listAllNetworks(flag)):
        for lease in _leases_of(network):
            found[lease.mac] = (*found.get(lease.mac, ()), lease)
    return found


def _leases_of(network: libvirt.virNetwork) -> list[Lease]:
    try:
        return [_lease(network.name(), one) for one in network.DHCPLeases() if one.get("mac")]
    except libvirt.libvirtError as error:
        if translated(error).kind not in _UNTOLD:
            raise
        return []


def _lease(network: str, values: Mapping[str, Any]) -> Lease:
    return Lease(
        network=network,
        mac=str(values["mac"]).lower(),
        address=str(values["ipaddr"]),
        prefix=int(values["prefix"]),
        is_v6=values["type"] == _V6,
        hostname=values.get("hostname") or None,
        expires=cim_datetime(moment(values["expirytime"])),
    )
