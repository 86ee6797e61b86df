"""Two WBEM servers side by side: `python bench/compare.py --ours URL --theirs URL --class CIM_ComputerSystem`.

The same requests in turn to both, over a raw HTTP client; medians, and how many times as long theirs takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from bench.client import BadReply, Connection, Target
from bench.messages import Failed, Service, checked, instance_names
from bench.timing import medians

HEADINGS = ("work", "ours", "theirs", "theirs / ours")


@dataclass(frozen=True)
class Side:
    """One of the servers, and the class as it is named there."""

    name: str
    service: Service
    connection: Connection
    classname: str

    def first(self) -> str:
        """The INSTANCENAME of the first instance. Errors: Failed when there is none."""
        names = instance_names(checked(self.connection.send(self.service.names(self.classname))))
        if not names:
            raise Failed(f"there is no {self.classname}")
        return names[0]


Request = Callable[[Side], bytes]
WORKS: dict[str, Request] = {
    "EnumerateInstanceNames": lambda side: side.service.names(side.classname),
    "EnumerateInstances": lambda side: side.service.enumerate(side.classname),
    "GetInstance": lambda side: side.service.get(side.first()),
    "AssociatorNames": lambda side: side.service.intrinsic("AssociatorNames", ObjectName=side.first()),
    "Associators": lambda side: side.service.intrinsic("Associators", ObjectName=side.first()),
}


def measured(work: str, make: Request, sides: tuple[Side, Side], rounds: int) -> tuple[str, ...]:
    """A line of the table; it says which server answered with an error, where one did."""
    requests = []
    for side in sides:
        try:
            request = make(side)
            checked(side.connection.send(request))
        except (Failed, BadReply) as error:
            return f"{work} {sides[0].classname}", f"{side.name}: {error}", "", ""
        requests.append(request)

    def timed(side: Side, request: bytes) -> Callable[[], float]:
        return lambda: side.connection.timed(request)[0]

    ours, theirs = medians([timed(*pair) for pair in zip(sides, requests, strict=True)], rounds)
    return f"{work} {sides[0].classname}", f"{ours * 1000:.2f} ms", f"{theirs * 1000:.2f} ms", f"{theirs / ours:.1f}"


def lines(ours: Service, theirs: Service, classes: tuple[str, ...], rounds: int) -> Iterator[tuple[str, ...]]:
    """The table's lines. A class may be given as OURS=THEIRS."""
    first, second = Connection(ours.target), Connection(theirs.target)
    for given in classes:
        here, _, there = given.partition("=")
        sides = Side("ours", ours, first, here), Side("theirs", theirs, second, there or here)
        for work, make in WORKS.items():
            yield measured(work, make, sides, rounds)
    first.close()
    second.close()


@click.command()
@click.option("--ours", required=True, metavar="URL")
@click.option("--theirs", required=True, metavar="URL")
@click.option("--class", "classes", multiple=True, required=True, help="Class, or OURS=THEIRS; repeatable.")
@click.option("--namespace", default="root/virt", show_default=True)
@click.option("--their-namespace", help="Where it is another one.")
@click.option("--user", default="")
@click.option("--password", default="", envvar="VIRTCIM_PASSWORD")
@click.option("--rounds", default=25, show_default=True, help="Samples of each median.")
def main(
    ours: str,
    theirs: str,
    classes: tuple[str, ...],
    namespace: str,
    their_namespace: str | None,
    user: str,
    password: str,
    rounds: int,
) -> None:
    """Measure two WBEM servers with the same requests."""
    first = Service(Target.of(ours, user, password), namespace)
    second = Service(Target.of(theirs, user, password), their_namespace or namespace)
    found = [HEADINGS, *lines(first, second, classes, rounds)]
    widths = [max(len(line[column]) for line in found) for column in range(len(HEADINGS))]
    for line in found:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
