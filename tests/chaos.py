"""kill -9 of the server at random moments under load: `python -m tests.chaos [rounds] [seed]`, or `make chaos`.

Prints what was acknowledged, kept, delivered and repeated. The exit status is 1 if anything acknowledged is missing, or
if a listener's sequence has a gap.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import pywbem
from tests.broker.listeners import Listener, listening
from tests.profiles.test_dsp1054_server import Process, subscribe

ROUNDS, SEED = 200, 1
LONGEST = 1.0  # seconds between a start and its kill
_GONE = (pywbem.ConnectionError, pywbem.HTTPError, pywbem.TimeoutError)


class Load:
    """Clients that create and delete filters and change states as long as the server answers."""

    def __init__(self, server: Process) -> None:
        self.server = server
        self.created: set[str] = set()
        self.deleted: set[str] = set()
        self.changes = 0
        self.refusals: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._write, self._write, self._change)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            name = f"{threading.get_ident()}-{number}"
            given = {"Name": name, "Query": "SELECT * FROM CIM_InstCreation", "QueryLanguage": "DMTF:CQL"}
            try:
                cim = pywbem.WBEMConnection(self.server.url, default_namespace="interop", timeout=10)
                path = cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationFilter", given))
                self.created.add(name)
                if number % 3 == 0:
                    self.deleted.add(name)  # whether it was done is unknown when the server dies meanwhile
                    cim.DeleteInstance(path)
            except _GONE:
                self._over.wait(0.05)
            except pywbem.Error as error:
                self.refusals.append(str(error))

    def _change(self) -> None:
        while not self._over.is_set():
            try:
                self.server.toggle()
                self.changes += 1
            except _GONE:
                self._over.wait(0.05)
            except pywbem.Error as error:
                self.refusals.append(str(error))


def gaps(listener: Listener) -> tuple[int, int, list[str]]:
    """Changes of state that came, how many indications came again, and what is missing of their sequences."""
    heard: dict[str, list[int]] = {}
    changes = set()
    for one in listener.indications:
        if "EnabledState" in one["ChangedPropertyNames"]:
            changes.add(one["IndicationIdentifier"])
        heard.setdefault(one["SequenceContext"], []).append(int(one["SequenceNumber"]))
    count = sum(map(len, heard.values()))
    different = sum(len(set(numbers)) for numbers in heard.values())
    missing = [
        f"{context}: {sorted(set(range(max(numbers) + 1)) - set(numbers))}"
        for context, numbers in heard.items()
        if set(numbers) != set(range(max(numbers) + 1))
    ]
    return len(changes), count - different, missing


def settle(listener: Listener) -> None:
    before = -1
    while before != len(listener.bodies):
        before = len(listener.bodies)
        time.sleep(2.0)


def main(rounds: int = ROUNDS, seed: int = SEED) -> int:
    """Exit status."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="virtcim-chaos-", dir="/var/tmp") as state, listening() as listener:
        server = Process(Path(state), indication_retry_interval="0.2", indication_retry_attempts="50")
        subscribe(server, listener.url)
        with Load(server) as load:
            for _ in range(rounds):
                time.sleep(chance.uniform(0.0, LONGEST))
                server.kill()
                server.start()
        settle(listener)
        kept = {path["Name"] for path in server.cim.EnumerateInstanceNames("CIM_IndicationFilter")}
        subscriptions = len(server.cim.EnumerateInstanceNames("CIM_IndicationSubscription"))
        server.stop()
        lost = load.created - load.deleted - kept
        told, again, missing = gaps(listener)
    print(f"{rounds} rounds of kill -9, seed {seed}: {load.changes} changes, {told} of them told, {again} twice")
    print(f"{len(load.created)} filters acknowledged, {len(load.deleted)} of them deleted, {len(lost)} lost")
    print(f"{subscriptions} of 1 subscription kept; {len(load.refusals)} unforeseen refusals {load.refusals[:3]}")
    print(f"sequences with a gap: {missing or 'none'}")
    return 1 if lost or missing or subscriptions != 1 or load.refusals or told < load.changes else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
