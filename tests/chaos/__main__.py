"""`python -m tests.chaos [ROUNDS] [SEED]`, or `make chaos`: prints counts; the exit status is 1 if anything is lost."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from signal import SIGKILL

import libvirt
import pywbem
from tests import runs
from tests.broker.listeners import Listener, listening
from tests.broker.postgres import Postgres, running_postgres
from tests.chaos.load import GUEST, POOL, VOLUME, Load, Record
from tests.chaos.verdict import Heard, heard, lost, untold
from tests.live.host.private_libvirtd import PrivateLibvirtd, private_libvirtd
from tests.profiles.processes import Process, subscribe

ROUNDS, SEED = 200, 1
LONGEST = 2.0  # seconds between two deaths
SYSTEMS = "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ComputerSystem"
ENDED = (7, 8, 9, 10)  # JobState
SETTINGS = {
    "indication_retry_interval": "0.2",
    "indication_retry_attempts": "100",
    "shutdown_timeout": "3",
    "job_retention": "100000",
    "reconcile_interval": "5",
}


@dataclass
class Stage:
    """Two servers on one PostgreSQL and one libvirtd, and a listener."""

    servers: list[Process]
    postgres: Postgres
    libvirtd: PrivateLibvirtd
    listener: Listener
    record: Record = field(default_factory=Record)
    outages: list[tuple[float, float]] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)

    def kill(self, who: str, chance: random.Random) -> None:
        """kill -9; everything is up again when this returns."""
        begun = time.monotonic()
        if who == "server":
            server = chance.choice(self.servers)
            server.kill()
            server.start()
        elif who == "libvirtd":
            self.libvirtd.signal(SIGKILL)
            self.libvirtd.wait()
        else:
            self.postgres.crash()
            self.postgres.start()
        self.outages.append((begun, time.monotonic()))
        self.deaths[who] += 1


@contextmanager
def stage() -> Iterator[Stage]:
    with (
        private_libvirtd() as libvirtd,
        running_postgres() as postgres,
        listening() as listener,
    ):
        servers: list[Process] = []
        directory = runs.place("chaos")
        try:
            for name in ("first", "second"):
                servers.append(Process(directory / name, connect=libvirtd.uri, store=postgres.url, **SETTINGS))
            yield Stage(servers, postgres, libvirtd, listener)
        finally:
            for server in servers:
                server.stop()


def settle(listener: Listener) -> None:
    before = -1
    while before != len(listener.bodies):
        before = len(listener.bodies)
        time.sleep(4.0)


def run(it: Stage, rounds: int, seed: int, say: Callable[[str], None] = lambda _: None) -> None:
    """The rounds, then quiet."""
    chance = random.Random(seed)
    with_worker(it.libvirtd.uri)
    subscribe(it.servers[1], it.listener.url, SYSTEMS)
    victims = ["server", "libvirtd", "postgresql"]
    with Load(it.servers, it.libvirtd.uri, it.record):
        for number in range(rounds):
            time.sleep(chance.uniform(0.0, LONGEST))
            it.kill(victims[number % 3] if number < 3 else chance.choice(victims), chance)
            if number % 10 == 9:
                say(f"{number + 1} rounds, {len(it.record.changes)} changes, {len(it.listener.bodies)} heard")
        time.sleep(LONGEST)
    settle(it.listener)


def with_worker(uri: str) -> None:
    """A guest that runs, and does not do as it is told; and the image that all guests are on, in a storage pool."""
    connection = libvirt.open(uri)
    pool = connection.storagePoolDefineXML(POOL)
    pool.setAutostart(1)
    pool.create()
    pool.createXML(VOLUME)
    connection.defineXML(GUEST.format(name="worker", uuid="", title="worker")).create()
    connection.close()


def remaining(uri: str) -> dict[str, str]:
    """The guests that are there, with their titles."""
    connection = libvirt.open(uri)
    found = {one.name(): one.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None) for one in connection.listAllDomains()}
    connection.close()
    return {name: title for name, title in found.items() if name.startswith("guest-")}


def kept(it: Stage) -> dict[str, set[str]]:
    cim = it.servers[0].cim
    names = {
        classname: {path["Name"] for path in cim.EnumerateInstanceNames(classname)}
        for classname in ("CIM_IndicationFilter", "CIM_ListenerDestinationCIMXML")
    }
    links = cim.EnumerateInstanceNames("CIM_IndicationSubscription")
    return names | {"CIM_IndicationSubscription": {path["Filter"]["Name"] for path in links}}


def lost_jobs(it: Stage) -> list[str]:
    """Jobs that a client was told of and that are not there or have not ended; one server is left, and starts anew."""
    it.servers[1].stop()
    it.servers[0].kill()
    it.servers[0].start()
    missing = []
    for path in it.record.jobs:
        try:
            state = it.servers[0].cim.GetInstance(path)["JobState"]
        except pywbem.CIMError as error:
            missing.append(f"{path['InstanceID']}: {error.status_code_name}")
        else:
            missing += [] if state in ENDED else [f"{path['InstanceID']}: JobState {state}"]
    return missing


def judge(it: Stage, got: Heard) -> tuple[list[str], list[str]]:
    """The counts, and what is wrong."""
    wrong = [f"{classname} lost: {sorted(names)[:5]}" for classname, names in lost(it.record, kept(it)).items()]
    wrong += [f"job lost: {text}" for text in lost_jobs(it)]
    wrong += list(untold(it.record, got, it.outages, remaining(it.libvirtd.uri)))
    wrong += [f"sequence with a gap: {name}" for name in got.gaps]
    wrong += [f"refused: {text}" for text in it.record.refusals]
    acknowledged = {name: len(found) for name, found in it.record.created.items()}
    down = sum(done - begun for begun, done in it.outages)
    told = sum(len(one.told) for one in got.stories.values())
    counts = [
        f"killed: {dict(it.deaths)}; something was down for {down:.0f} s",
        f"acknowledged: {acknowledged}, {len(it.record.jobs)} jobs",
        f"{len(it.record.changes)} changes committed in libvirt; told, some of them together: {told}",
        f"{got.count} requests heard, {got.repeated} of them again",
    ]
    return counts, wrong


WORDS = ("unforeseen", "no indications could be made", "internal error", "Timeout (")


def faults(server: Process) -> list[str]:
    """What the server itself took for a fault of the program, and whether it had to be ended."""
    lines = (server.state / "stderr").read_text().splitlines()
    return [line for line in lines if any(word in line for word in WORDS)]


def main(rounds: int = ROUNDS, seed: int = SEED) -> int:
    """Exit status."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    begun = time.monotonic()
    with stage() as it:
        run(it, rounds, seed, print)
        counts, wrong = judge(it, heard(it.listener.indications))
        wrong += [f"{server.state.name}: {line}" for server in it.servers for line in faults(server)]
    print(f"{rounds} rounds of kill -9, seed {seed}, {time.monotonic() - begun:.0f} s")
    print("\n".join(counts))
    print("\n".join(wrong[:200]) or "nothing lost, nothing told twice")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
