"""The rows of the table: what is measured, against what, and what is asked of it."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import libvirt

from bench import changes, definition
from bench.client import Connection, throughput
from bench.messages import Service, checked, instance_names, pull_all, value, values
from bench.report import Row
from bench.servers import Floor, Running
from bench.timing import Timed, clocked, medians

SYSTEM, SETTING, DEVICES = "CIM_ComputerSystem", "CIM_ResourceAllocationSettingData", "CIM_SystemDevice"
SMALL = 3000  # bytes of the floor for one instance
CLIENTS = 8
BATCH = 100
SETTLED = 2.5  # seconds after which a server has given back what large replies took
FLAT = 1.5  # how much slower something that should not grow with N may be, for noise
VARIATIONS = {
    "PropertyList of 3": {"PropertyList": values("Name", "ElementName", "EnabledState")},
    "LocalOnly": {"LocalOnly": value("TRUE")},
    "DeepInheritance false": {"DeepInheritance": value("FALSE")},
    "IncludeClassOrigin": {"IncludeClassOrigin": value("TRUE")},
    "IncludeQualifiers": {"IncludeQualifiers": value("TRUE")},
}
# Where a variation is none of every operation, those that have it.
KNOWING = {"LocalOnly": ("EnumerateInstances", "GetInstance"), "DeepInheritance false": ("EnumerateInstances",)}
SPREAD = 20  # systems that variations of what concerns one are asked about


@dataclass(frozen=True)
class Side:
    """A server of ours with so many guests, and the floor beside it."""

    server: Running
    floor: Floor
    n: int
    rounds: int

    @property
    def service(self) -> Service:
        return self.server.service

    def connect(self) -> Connection:
        return Connection(self.service.target)


def listing(connection: libvirt.virConnect) -> None:
    """L: what a server that keeps nothing pays for each enumeration."""
    for domain in connection.listAllDomains():
        domain.XMLDesc()


def enumeration(side: Side, work: str, request: bytes, naive: float | None = None) -> Iterator[Row]:
    """<= 3 F; of systems <= L/20 as well."""
    connection = side.connect()
    size = len(checked(connection.send(request)))
    ours, bottom = (lambda: connection.timed(request)[0]), (lambda: side.floor.timed(request, size))
    result, floor = medians([ours, bottom], side.rounds)
    connection.close()
    name = f"{work} ({size / 1e6:.1f} MB)"
    yield Row(name, f"{side.n:,}", result, result / floor, 3, "<= 3 F", floor)
    if naive is not None:
        yield Row(name, f"{side.n:,}", result, naive / result, 20, "L / result >= 20", libvirt=naive, at_least=True)


def systems(side: Side) -> list[str]:
    """INSTANCENAMEs of the guests."""
    connection = side.connect()
    names = [
        name
        for name in instance_names(checked(connection.send(side.service.names(SYSTEM))))
        if "HostSystem" not in name.partition(">")[0]
    ]
    connection.close()
    return names


def variations(side: Side) -> Iterator[Row]:
    """Other ways to ask for the same, once the answer to each is kept or known not to be."""
    service, found = side.service, systems(side)[:SPREAD]
    yield from _varied(side, "EnumerateInstances", lambda **more: [service.enumerate(SYSTEM, **more)])
    yield from _varied(side, "GetInstance", lambda **more: [service.get(name, **more) for name in found])
    yield from _varied(side, "Associators", lambda **more: [service.associators(one, DEVICES, **more) for one in found])


def _varied(side: Side, operation: str, make: Callable[..., list[bytes]]) -> Iterator[Row]:
    """The variations that an operation knows, each beside the plain request; what is made is asked in turn."""
    connection = side.connect()
    varied = {name: make(**more) for name, more in VARIATIONS.items() if operation in KNOWING.get(name, (operation,))}
    turns = [itertools.cycle(requests) for requests in (make(), *varied.values())]
    for turn, requests in zip(turns, (make(), *varied.values()), strict=True):
        for _ in requests:
            checked(connection.send(next(turn)))
    base, *times = medians([timed(connection, turn) for turn in turns], side.rounds)
    for name, result in zip(varied, times, strict=True):
        yield Row(f"{operation}, {name}", f"{side.n:,}", result, result / base, 3, "<= 3 x plain")
    connection.close()


def timed(connection: Connection, turn: Iterator[bytes]) -> Timed:
    return lambda: connection.timed(next(turn))[0]


def crowd(side: Side, seconds: float, turns: int = 5) -> Row:
    """Requests a second of several clients at once, in turn with the floor."""
    service = side.service
    found = systems(side)
    random.Random(8).shuffle(found)
    requests = [service.get(name) for name in found]
    floors = [side.floor.request(request, SMALL) for request in requests]
    ours, floor = [], []
    for _ in range(turns):
        ours.append(throughput(service.target, requests, CLIENTS, seconds / turns))
        floor.append(throughput(side.floor.target, floors, CLIENTS, seconds / turns))
    result, bottom = sorted(ours)[turns // 2], sorted(floor)[turns // 2]
    target = ">= 60% of the floor"
    return Row(f"GetInstance, {CLIENTS} clients", f"{side.n:,}", result, result / bottom, 0.6, target, bottom,
               unit="/s", at_least=True)  # fmt: skip


def pulled(side: Side) -> Row:
    """All in batches beside all at once."""
    connection = side.connect()
    whole = side.service.enumerate(SYSTEM)
    result, single_one = medians(
        [
            clocked(lambda: pull_all(side.service, connection, SYSTEM, BATCH)),
            lambda: connection.timed(whole)[0],
        ],
        side.rounds,
    )
    connection.close()
    return Row(f"pull in batches of {BATCH}", f"{side.n:,}", result, result / single_one, 1.5, "<= 1.5 x at once")


def defining(side: Side, server: libvirt.virConnect, platform: str) -> tuple[Row, float]:
    """DefineSystem and DestroySystem beside libvirt's own; and their seconds."""
    connection = side.connect()
    ours, theirs, floors = definition.define_and_destroy(
        side.service, connection, server, side.floor, platform, side.rounds
    )
    connection.close()
    row = Row("DefineSystem + DestroySystem", f"{side.n:,}", ours, ours / (2 * theirs + floors), 1,
              "<= 2 L + 2 F; L: define + XMLDesc + undefine", floors / 2, theirs)  # fmt: skip
    return row, ours


def memory(side: Side, limit: float) -> Row:
    """Resident memory at rest after all that was asked: at least all systems, all settings and single ones."""
    connection, service = side.connect(), side.service
    for request in (service.enumerate(SYSTEM), service.enumerate(SETTING), *map(service.get, systems(side)[:200])):
        checked(connection.send(request))
    connection.close()
    time.sleep(SETTLED)
    used = side.server.memory
    return Row("memory (RSS)", f"{side.n:,}", used, used / limit, 1, f"<= {limit:.0f} MB", unit="MB")


def noticing(side: Side, server: libvirt.virConnect, turns: int, interval: float) -> Iterator[Row]:
    """Changes behind the server's back."""
    connection = side.connect()
    by_name = {domain.name(): domain for domain in server.listAllDomains()}
    found = random.Random(9).sample(names := systems(side), min(20, len(names)))
    guests = [(domain, name) for name in found for key, domain in by_name.items() if f">{key}<" in name]
    median = changes.announced(side.service, connection, guests, turns)
    yield Row("change by libvirt to visible", f"{side.n:,}", median, median / 0.05, 1, "median <= 50 ms")
    late = changes.unannounced(side.service, connection, guests[0], interval)
    target = f"<= reconcile_interval ({interval:g} s) and one read"
    yield Row("change without event to visible", f"{side.n:,}", late, late / (interval + 1), 1, target, unit="s")
    connection.close()
