"""`python -m bench`: makes its guests, starts the servers, measures every row, prints the table, writes JSON."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import libvirt
from tests.live.host.private_libvirtd import CAN_RUN, private_libvirtd

from bench import endurance, indications, rows, singles
from bench.client import Connection
from bench.guests import name_of, qemu_guest, write_test_node
from bench.report import Row, machine, table, write_json
from bench.rows import SETTING, SYSTEM, Side
from bench.servers import Floor, Running, floor, virtcim
from bench.timing import clocked, medians

FEW = 10
MEMORY = {"guests": 120.0, "many": 400.0}  # MB
SECOND_START = 3.0  # seconds
READING = 120.0  # seconds in which all guests have to be known
PAUSE = 0.02  # seconds between two looks whether they are
GROUPS = {
    "libvirtd": ("define", "start", "enumerate", "single", "variations", "crowd", "memory", "endurance", "change"),
    "test": ("start", "enumerate", "single", "pull", "memory"),
    "indications": (),
}
CHOICES = tuple(dict.fromkeys((*GROUPS, *(group for groups in GROUPS.values() for group in groups))))


class Bench:
    """The sizes, and what has been measured so far."""

    def __init__(
        self,
        directory: Path,
        guests: int,
        many: int,
        rounds: int,
        seconds: float,
        requests: int,
        interval: float,
        only: Sequence[str],
    ) -> None:
        self.directory = directory
        self.only = frozenset(only)
        self.guests = guests
        self.many = many
        self.rounds = rounds
        self.seconds = seconds
        self.requests = requests
        self.interval = interval
        self.rows: list[Row] = []

    def wants(self, place: str, *groups: str) -> bool:
        """Whether any of the groups was asked for, of all when none is named."""
        return not self.only or place in self.only or not self.only.isdisjoint(groups or GROUPS[place])

    def add(self, *found: Row) -> None:
        for row in found:
            self.rows.append(row)
            click.echo(f"{row.work}, N {row.n}: ratio {row.ratio:.2f}, {row.target}")

    def side(self, server: Running, bottom: Floor, n: int) -> Side:
        return Side(server, bottom, n, self.rounds)

    # On a libvirtd of its own

    def on_libvirtd(self, uri: str, bottom: Floor) -> None:
        connection = libvirt.open(uri)
        self._define(connection, range(FEW))
        few, seconds = self._few(uri, bottom, connection) if self.wants("libvirtd", "define", "start") else (0.0, 0.0)
        self._define(connection, range(FEW, self.guests))
        (naive,) = medians([clocked(lambda: rows.listing(connection))], self.rounds)
        settings = self.directory / "settings.yaml"
        settings.write_text(f"reconcile_interval: {self.interval}\n")
        with virtcim(uri, self.directory, "--config", str(settings)) as server:
            took = self._answered(server, self.guests)
            if self.wants("libvirtd", "start"):
                self.add(self._starting(took, few, naive))
            self._guests(self.side(server, bottom, self.guests), connection, naive, seconds)
        connection.close()

    def _few(self, uri: str, bottom: Floor, connection: libvirt.virConnect) -> tuple[float, float]:
        """Seconds of the start with few guests, and of defining and destroying one."""
        with virtcim(uri, self.directory) as server:
            took = self._answered(server, FEW)
            if not self.wants("libvirtd", "define"):
                return took, 0.0
            row, seconds = rows.defining(self.side(server, bottom, FEW), connection, "KVM")
            self.add(row)
            return took, seconds

    def _define(self, connection: libvirt.virConnect, numbers: range) -> None:
        for number in numbers:
            connection.defineXML(qemu_guest(name_of(number), number))

    def _answered(self, server: Running, n: int) -> float:
        """Seconds from the start of the process to the first complete answer. Errors: RuntimeError when none comes.

        A server whose libvirt takes long serves what it knows meanwhile.
        """
        connection = Connection(server.service.target)
        request = server.service.enumerate(SYSTEM)
        while (found := _systems_in(connection.send(request))) < n:
            if time.perf_counter() - server.started > READING:
                raise RuntimeError(f"after {READING:g} s the answer has {found} of {n} systems")
            time.sleep(PAUSE)
        took = time.perf_counter() - server.started
        connection.close()
        return took

    def _starting(self, took: float, few: float, naive: float) -> Row:
        work = f"start to first complete answer ({few:.2f} s with {FEW} guests)"
        ratio = took / (1.2 * naive + 1)
        return Row(work, f"{self.guests:,}", took, ratio, 1, "<= 1.2 L + 1 s", libvirt=naive)

    def _guests(self, side: Side, connection: libvirt.virConnect, naive: float, few: float) -> None:
        service, requests = side.service, self.requests
        works: dict[str, Callable[[], Iterable[Row]]] = {
            "enumerate": lambda: (
                *rows.enumeration(side, f"EnumerateInstances {SYSTEM}", service.enumerate(SYSTEM), naive),
                *rows.enumeration(side, f"EnumerateInstances {SETTING}", service.enumerate(SETTING)),
            ),
            "single": lambda: (*singles.rows(side)[0], *singles.after_a_change(side, connection)),
            "variations": lambda: rows.variations(side),
            "crowd": lambda: [rows.crowd(side, self.seconds)],
            "define": lambda: self._defining(side, connection, few),
            "memory": lambda: [rows.memory(side, MEMORY["guests"])],
            "endurance": lambda: [endurance.row(side, requests)],
            "change": lambda: rows.noticing(side, connection, self.rounds, self.interval),
        }
        self._measure("libvirtd", works)

    def _measure(self, place: str, works: Mapping[str, Callable[[], Iterable[Row]]]) -> None:
        for group, work in works.items():
            if self.wants(place, group):
                self.add(*work())

    def _defining(self, side: Side, connection: libvirt.virConnect, few: float) -> Iterator[Row]:
        row, many = rows.defining(side, connection, "KVM")
        yield row
        yield Row(f"{row.work} beside {FEW}", row.n, many, many / few, rows.FLAT, f"flat (<= {rows.FLAT} x)")

    # On libvirt's test driver

    def on_test_driver(self, bottom: Floor) -> None:
        if self.wants("test", "start"):
            self.add(self._second_start())
        if self.wants("test", "enumerate", "single", "pull", "memory"):
            with self._test_driver(bottom, self.many) as many:
                self._many(many)

    @contextmanager
    def _test_driver(self, bottom: Floor, n: int) -> Iterator[Side]:
        directory = self.directory / f"test{n}"
        directory.mkdir()
        uri = write_test_node(directory / "node.xml", n)
        with virtcim(uri, directory) as server:
            self._answered(server, n)
            yield self.side(server, bottom, n)

    def _second_start(self) -> Row:
        """Of a server whose classes are compiled already; the fastest of three."""
        uri, found = write_test_node(self.directory / f"node{FEW}.xml", FEW), []
        for _ in range(3):
            with virtcim(uri, self.directory) as server:
                found.append(self._answered(server, FEW))
        target = f"<= {SECOND_START:g} s"
        return Row("second start, to an answer", f"{FEW}", min(found), min(found) / SECOND_START, 1, target, unit="s")

    def _many(self, side: Side) -> None:
        works: dict[str, Callable[[], Iterable[Row]]] = {
            "enumerate": lambda: rows.enumeration(side, f"EnumerateInstanceNames {SYSTEM}", side.service.names(SYSTEM)),
            "single": lambda: self._beside_few(side),
            "pull": lambda: [rows.pulled(side)],
            "memory": lambda: [rows.memory(side, MEMORY["many"])],
        }
        self._measure("test", works)

    def _beside_few(self, side: Side) -> Iterable[Row]:
        with self._test_driver(side.floor, FEW) as small:
            few, many = singles.rows(small, side)
        return *many, *singles.flat(few, many)


def _systems_in(reply: bytes) -> int:
    """How many there are in an answer; none in one that says that libvirt is away."""
    return reply.count(b"<INSTANCENAME ")


@contextmanager
def working_directory() -> Iterator[Path]:
    """One that libvirt's daemons may enter as well."""
    with tempfile.TemporaryDirectory(prefix="virtcim-bench-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@click.command()
@click.option("--guests", default=1000, show_default=True, help="Guests of libvirtd.")
@click.option("--many", default=10_000, show_default=True, help="Guests of the test driver.")
@click.option("--rounds", default=100, show_default=True, help="Samples of each median.")
@click.option("--seconds", default=15.0, show_default=True, help="How long clients at once are measured.")
@click.option("--requests", default=100_000, show_default=True, help="Random requests between two looks at memory.")
@click.option("--interval", default=30.0, show_default=True, help="Seconds of reconcile_interval with libvirtd.")
@click.option("--json", "file", type=click.Path(path_type=Path), default=Path("bench.json"), show_default=True)
@click.option("--only", type=click.Choice(CHOICES), multiple=True, help="Only these rows; may be repeated.")
def main(file: Path, only: tuple[str, ...], **sizes: Any) -> None:
    """Measure virtcim beside libvirt and beside a server that does nothing."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    started = machine()
    with working_directory() as directory, floor(directory) as server, closing(Floor(server)) as bottom:
        bench = Bench(directory, only=only, **sizes)
        if bench.wants("libvirtd"):
            if not CAN_RUN:
                raise click.ClickException("a libvirtd of its own needs root, libvirtd, virtlogd, unshare and nsenter")
            with private_libvirtd(directory / "libvirtd") as daemon:
                bench.on_libvirtd(daemon.uri, bottom)
        if bench.wants("test"):
            bench.on_test_driver(bottom)
        if bench.wants("indications"):
            for row in indications.rows(
                directory, write_test_node(directory / "few.xml", FEW), bench.many, bench.rounds
            ):
                bench.add(row)
    click.echo(f"\n{started}\n\n{table(bench.rows)}")
    write_json(file, bench.rows, started=started, guests=bench.guests, many=bench.many, rounds=bench.rounds)


if __name__ == "__main__":
    main()
