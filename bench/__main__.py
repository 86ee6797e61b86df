"""`python -m bench`: makes its guests, starts the servers, measures every row, prints the table, writes JSON."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import libvirt
from tests.live.host.private_libvirtd import CAN_RUN, private_libvirtd

from bench import endurance, indications, rows
from bench.client import Connection
from bench.guests import name_of, qemu_guest, write_test_node
from bench.messages import checked
from bench.report import Row, machine, table, write_json
from bench.rows import SETTING, SYSTEM, Side
from bench.servers import Floor, Running, floor, virtcim
from bench.timing import clocked, medians

FEW = 10
MEMORY = {"guests": 120.0, "many": 400.0}  # MB
INTERVAL = 30.0  # the default of reconcile_interval


class Bench:
    """The sizes, and what has been measured so far."""

    def __init__(self, directory: Path, guests: int, many: int, rounds: int, seconds: float, requests: int) -> None:
        self.directory = directory
        self.guests = guests
        self.many = many
        self.rounds = rounds
        self.seconds = seconds
        self.requests = requests
        self.rows: list[Row] = []

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
        with virtcim(uri, self.directory) as server:
            few = self._answered(server, FEW)
            side = self.side(server, bottom, FEW)
            row, seconds = rows.defining(side, connection, "KVM")
            self.add(row)
        self._define(connection, range(FEW, self.guests))
        (naive,) = medians([clocked(lambda: rows.listing(connection))], self.rounds)
        with virtcim(uri, self.directory) as server:
            self.add(self._starting(self._answered(server, self.guests), few, naive))
            self._guests(self.side(server, bottom, self.guests), connection, naive, seconds)
        connection.close()

    def _define(self, connection: libvirt.virConnect, numbers: range) -> None:
        for number in numbers:
            connection.defineXML(qemu_guest(name_of(number), number))

    def _answered(self, server: Running, n: int) -> float:
        """Seconds from the start of the process to the first complete answer. Errors: RuntimeError when it is not."""
        connection = Connection(server.service.target)
        body = checked(connection.send(server.service.enumerate(SYSTEM)))
        took = time.perf_counter() - server.started
        connection.close()
        if body.count(b"<INSTANCENAME ") < n:
            raise RuntimeError(f"the first answer has {body.count(b'<INSTANCENAME ')} of {n} systems")
        return took

    def _starting(self, took: float, few: float, naive: float) -> Row:
        work = f"start to first complete answer ({few:.2f} s with {FEW} guests)"
        ratio = took / (1.2 * naive + 1)
        return Row(work, f"{self.guests:,}", took, ratio, 1, "<= 1.2 L + 1 s", libvirt=naive)

    def _guests(self, side: Side, connection: libvirt.virConnect, naive: float, few: float) -> None:
        service = side.service
        self.add(*rows.enumeration(side, f"EnumerateInstances {SYSTEM}", service.enumerate(SYSTEM), naive))
        self.add(*rows.enumeration(side, f"EnumerateInstances {SETTING}", service.enumerate(SETTING)))
        self.add(*rows.single(side))
        self.add(*rows.variations(side))
        self.add(rows.crowd(side, self.seconds))
        row, many = rows.defining(side, connection, "KVM")
        self.add(row)
        flat = f"flat (<= {rows.FLAT} x)"
        self.add(Row(f"{row.work} beside {FEW}", row.n, many, many / few, rows.FLAT, flat))
        self.add(rows.memory(side, MEMORY["guests"]))
        self.add(endurance.row(side, self.requests))
        self.add(*rows.noticing(side, connection, 4 * self.rounds, INTERVAL))

    # On libvirt's test driver

    def on_test_driver(self, bottom: Floor) -> None:
        few = self._test_driver(bottom, FEW, rows.single)
        many = self._test_driver(bottom, self.many, self._many)
        self.add(*rows.flat(few, many))

    def _test_driver(self, bottom: Floor, n: int, measure: Callable[[Side], list[Row]]) -> list[Row]:
        uri = write_test_node(self.directory / f"node{n}.xml", n)
        with virtcim(uri, self.directory) as server:
            self._answered(server, n)
            return measure(self.side(server, bottom, n))

    def _many(self, side: Side) -> list[Row]:
        self.add(*rows.enumeration(side, f"EnumerateInstanceNames {SYSTEM}", side.service.names(SYSTEM)))
        self.add(*(single := rows.single(side)))
        self.add(rows.pulled(side))
        self.add(rows.memory(side, MEMORY["many"]))
        return single


@contextmanager
def working_directory() -> Iterator[Path]:
    """One that libvirt's daemons may enter as well."""
    with tempfile.TemporaryDirectory(prefix="virtcim-bench-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@click.command()
@click.option("--guests", default=1000, show_default=True, help="Guests of libvirtd.")
@click.option("--many", default=10_000, show_default=True, help="Guests of the test driver.")
@click.option("--rounds", default=25, show_default=True, help="Samples of each median.")
@click.option("--seconds", default=15.0, show_default=True, help="How long clients at once are measured.")
@click.option("--requests", default=100_000, show_default=True, help="Random requests between two looks at memory.")
@click.option("--json", "file", type=click.Path(path_type=Path), default=Path("bench.json"), show_default=True)
@click.option("--only", type=click.Choice(["libvirtd", "test", "indications"]), help="Only these rows.")
def main(guests: int, many: int, rounds: int, seconds: float, requests: int, file: Path, only: str | None) -> None:
    """Measure virtcim beside libvirt and beside a server that does nothing."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    started = machine()
    with working_directory() as directory, floor(directory) as server, closing(Floor(server)) as bottom:
        bench = Bench(directory, guests, many, rounds, seconds, requests)
        if only in (None, "libvirtd"):
            if not CAN_RUN:
                raise click.ClickException("a libvirtd of its own needs root, libvirtd, virtlogd, unshare and nsenter")
            with private_libvirtd(directory / "libvirtd") as daemon:
                bench.on_libvirtd(daemon.uri, bottom)
        if only in (None, "test"):
            bench.on_test_driver(bottom)
        if only in (None, "indications"):
            for row in indications.rows(directory, write_test_node(directory / "few.xml", FEW), many, rounds):
                bench.add(row)
    click.echo(f"\n{started}\n\n{table(bench.rows)}")
    write_json(file, bench.rows, started=started, guests=guests, many=many, rounds=rounds)


if __name__ == "__main__":
    main()
