"""The rows about one instance and the devices of one system, each beside the floor, all on one processor."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import libvirt

from bench import changes
from bench.client import Connection
from bench.messages import Service, checked
from bench.placement import one_processor
from bench.report import Row
from bench.rows import DEVICES, FLAT, SMALL, Side, systems, timed
from bench.timing import Timed, medians

SPREAD = 200  # systems asked about
MORE = 10  # samples for each of a longer row
SEEN = 10.0  # seconds in which a change is seen
WORKS: dict[str, Callable[[Service, str], bytes]] = {
    "GetInstance": lambda service, name: service.get(name),
    "Associators system -> devices": lambda service, name: service.associators(name, DEVICES),
    "AssociatorNames system -> devices": lambda service, name: service.associator_names(name, DEVICES),
}


@dataclass(frozen=True)
class _Asked:
    """A server asked about some of its systems in turn."""

    side: Side
    connection: Connection
    names: Sequence[str]

    @classmethod
    def of(cls, side: Side) -> _Asked:
        found = systems(side)
        return cls(side, side.connect(), random.Random(7).sample(found, min(SPREAD, len(found))))

    def requests(self, work: str) -> list[bytes]:
        """One about each system; the replies are checked, and what is kept of them is kept."""
        requests = [WORKS[work](self.side.service, name) for name in self.names]
        for request in requests:
            checked(self.connection.send(request))
        return requests

    def timed(self, requests: Sequence[bytes]) -> Timed:
        return timed(self.connection, itertools.cycle(requests))


def rows(*sides: Side) -> list[list[Row]]:
    """Of each side, which are asked in turn, as is the floor of the first."""
    asked = [_Asked.of(side) for side in sides]
    found: list[list[Row]] = [[] for _ in sides]
    with one_processor(_processes(sides)):
        for work in WORKS:
            works = [one.timed(one.requests(work)) for one in asked]
            *results, floor = medians([*works, _floor(sides[0], asked[0], work)], MORE * sides[0].rounds)
            for side, result, rows_of_side in zip(sides, results, found, strict=True):
                rows_of_side.append(_beside_floor(work, side, result, floor))
    for one in asked:
        one.connection.close()
    return found


def after_a_change(side: Side, server: libvirt.virConnect) -> Iterator[Row]:
    """The same, each about another system than the one that has just changed; one sample a system."""
    whole = _Asked.of(side)
    changed, asked = whole.names[0], replace(whole, names=whole.names[1:])
    domain = next(domain for domain in server.listAllDomains() if f">{domain.name()}<" in changed)
    look = side.service.get(changed)
    with one_processor(_processes([side])):
        for turn, work in enumerate(WORKS):
            requests = asked.requests(work)
            changes.until_seen(asked.connection, look, partial(changes.retitle, domain, -turn), SEEN)
            result, floor = medians([asked.timed(requests), _floor(side, asked, work)], len(requests) - 1)
            yield _beside_floor(f"{work}, when another has changed", side, result, floor)
    asked.connection.close()


def flat(few: Sequence[Row], many: Sequence[Row]) -> Iterator[Row]:
    """The same rows at a small and a large N."""
    for small, large in zip(few, many, strict=True):
        work = f"{large.work}, {large.n} beside {small.n}"
        yield Row(work, large.n, large.result, large.result / small.result, FLAT, f"flat (<= {FLAT} x)")


def _processes(sides: Sequence[Side]) -> list[int]:
    return [sides[0].floor.pid, *(side.server.process.pid for side in sides)]


def _floor(side: Side, asked: _Asked, work: str) -> Timed:
    like = WORKS[work](side.service, asked.names[0])
    return lambda: side.floor.timed(like, SMALL)


def _beside_floor(work: str, side: Side, result: float, floor: float) -> Row:
    return Row(work, f"{side.n:,}", result, result / floor, 3, "<= 3 F of 3 kB", floor)
