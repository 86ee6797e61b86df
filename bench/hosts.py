"""`python -m bench.hosts`: one server in front of many hosts, some of which go away, hang, and come back."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import libvirt
from tests.live.host.private_libvirtd import CAN_RUN, private_libvirtd

from bench.__main__ import working_directory
from bench.client import Connection
from bench.fleet import Fleet
from bench.messages import checked, instance_names
from bench.rows import SYSTEM
from bench.servers import Running, running

PATIENCE = 180.0  # seconds
LOOK = 0.1
TICKS = os.sysconf("SC_CLK_TCK")
_REACHABLE = re.compile(r"^virtcim_hosts\{state=\"reachable\"\} (\d+)", re.MULTILINE)
_EACH = re.compile(r"^virtcim_host_reachable\{[^}]*\} 1", re.MULTILINE)


@dataclass(frozen=True)
class Process:
    """What a process takes, by proc(5)."""

    pid: int

    @property
    def cpu(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    @property
    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Trial:
    """One server over the hosts of a fleet; `say` is told of each figure."""

    def __init__(self, server: Running, fleet: Fleet, guests: int, rest: float, log: Path) -> None:
        self._server, self._fleet, self._guests, self._rest, self._log = server, fleet, guests, rest, log
        self._hosts = len(fleet.uris)
        self._process = Process(server.process.pid)
        self._lines = 0

    def figures(self) -> Iterator[tuple[str, str]]:
        """What and how much, in the order in which it is done."""
        yield "until it serves", _seconds(time.perf_counter() - self._server.started)
        yield "until all hosts are read", _seconds(self._until(self._hosts) - self._server.started)
        yield "processor time of that", _seconds(self._process.cpu)
        yield from self._size()
        yield from self._requests()
        yield from self._at_rest("all hosts up")
        some = range(0, self._hosts, 10)
        yield from self._trouble("closed", self._fleet.close, some)
        yield from self._trouble("hanging", self._fleet.hang, some)
        yield from self._trouble("all closed", self._fleet.close, range(self._hosts))
        yield from self._stop()

    def _size(self) -> Iterator[tuple[str, str]]:
        yield "threads, open files, memory", self._taken()

    def _taken(self) -> str:
        return f"{self._process.threads}, {self._process.files}, {self._server.memory:.0f} MB"

    def _reachable(self) -> int:
        url = f"http://{self._server.service.target.host}:{self._server.service.target.port}/metrics"
        with urllib.request.urlopen(url, timeout=60) as reply:
            text = reply.read().decode()
        found = _REACHABLE.search(text)
        return int(found[1]) if found else len(_EACH.findall(text))

    def _until(self, reachable: int) -> float:
        """When so many hosts are reachable, by time.perf_counter()."""
        deadline = time.perf_counter() + PATIENCE
        while (found := self._reachable()) != reachable:
            if time.perf_counter() > deadline:
                raise RuntimeError(f"{found} hosts are reachable, not {reachable}")
            time.sleep(LOOK)
        return time.perf_counter()

    def _requests(self) -> Iterator[tuple[str, str]]:
        service = self._server.service
        with closing(Connection(service.target)) as connection:
            names = service.names(SYSTEM)
            found = instance_names(checked(connection.send(names)))
            whole = service.enumerate(SYSTEM)
            yield f"EnumerateInstances {SYSTEM} ({len(found)})", _median(lambda: connection.timed(whole)[0], 7)
            yield "GetInstance of a system", _median(lambda: connection.timed(service.get(found[-1]))[0], 100)

    def _at_rest(self, when: str) -> Iterator[tuple[str, str]]:
        before = self._process.cpu
        time.sleep(self._rest)
        yield f"processor at rest, {when}", f"{(self._process.cpu - before) / self._rest:.1%} of one"

    def _trouble(self, what: str, do: Callable[[range], None], some: range) -> Iterator[tuple[str, str]]:
        """Some hosts are lost, are away for a while, and come back."""
        self._new_lines()
        began = time.perf_counter()
        do(some)
        lost = self._until(self._hosts - len(some)) - began
        yield f"{len(some)} hosts {what}: until noticed", _seconds(lost)
        if len(some) < self._hosts:
            yield from self._requests()
        opened = self._fleet.connections
        yield from self._at_rest(f"{len(some)} hosts {what}")
        yield "attempts to connect, a second", f"{(self._fleet.connections - opened) / self._rest:.1f}"
        yield from self._size()
        began = time.perf_counter()
        self._fleet.open(some)
        yield f"{len(some)} hosts {what}, back: until all are read", _seconds(self._until(self._hosts) - began)
        yield "lines in the log", str(self._new_lines())

    def _new_lines(self) -> int:
        before, self._lines = self._lines, self._log.read_text(encoding="utf-8").count("\n")
        return self._lines - before

    def _stop(self) -> Iterator[tuple[str, str]]:
        self._fleet.hang(range(0, self._hosts, 10))
        time.sleep(1)
        yield from self._size()
        began = time.perf_counter()
        self._server.process.send_signal(signal.SIGTERM)
        self._server.process.wait(60)
        yield "until it has stopped, with hosts hanging", _seconds(time.perf_counter() - began)


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _median(timed: Callable[[], float], rounds: int) -> str:
    return f"{statistics.median([timed() for _ in range(rounds)]) * 1000:.2f} ms"


def _command(uris: Sequence[str], directory: Path) -> list[str]:
    """Our server over all the hosts, with defaults otherwise."""
    settings = {"connect": list(uris), "naming": "uuid", "listen": ["http://127.0.0.1:0"]}
    file = directory / "virtcim.yaml"
    file.write_text(json.dumps({**settings, "state_dir": str(directory / "state")}), encoding="utf-8")
    return [sys.executable, "-m", "virtcim", "serve", "--config", str(file)]


@click.command()
@click.option("--hosts", default=300, show_default=True)
@click.option("--guests", default=10, show_default=True, help="Guests of each, all off.")
@click.option("--rest", default=30.0, show_default=True, help="Seconds in which nobody asks, measured each time.")
def main(hosts: int, guests: int, rest: float) -> None:
    """Measure one server in front of many hosts: what it takes, and what it does when hosts go away."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    if not CAN_RUN:
        raise click.ClickException("a libvirtd of its own needs root, libvirtd, virtlogd, unshare and nsenter")
    with working_directory() as directory, private_libvirtd(directory / "libvirtd") as daemon:
        fleet = Fleet(directory, daemon.path / "run/libvirt/libvirt-sock", hosts, guests)
        fleet.open(range(hosts))
        with running(_command(fleet.uris, directory), directory / "virtcim.log") as server:
            click.echo(f"{hosts} hosts of {guests} guests")
            for what, figure in Trial(server, fleet, guests, rest, directory / "virtcim.log").figures():
                click.echo(f"| {what:60} | {figure:>24} |")
        fleet.end()


if __name__ == "__main__":
    main()
