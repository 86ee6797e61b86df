"""What indications cost: delivery to one listener, matching among many subscriptions, and having many of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pywbem

from bench.client import Connection
from bench.messages import Service, checked
from bench.report import Row
from bench.servers import Running, virtcim
from bench.timing import clocked, medians
from virtcim.broker import schema
from virtcim.broker.call import Instance, Properties
from virtcim.broker.call import Path as CimPath
from virtcim.broker.delivery import Deliverer, Policy, Retry
from virtcim.broker.delivery_http import Listeners
from virtcim.broker.indications import Indications
from virtcim.broker.indications_lifecycle import Notice, stamp
from virtcim.broker.provider import INTEROP, VIRT
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store, sqlite_url
from virtcim.broker.store_queue import Draft
from virtcim.resources import mof_dir
from virtcim.wire.export import ExportEncoder

RATE = 2000  # indications a second to one listener
FEW = 10
FLAT = 1.5
SYSTEMS = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"
JOBS = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA CIM_ConcreteJob"
DESTINATION = CimPath("CIM_ListenerDestinationCIMXML", (("Name", "d"),), INTEROP)


class Filter:
    """As the engine wants one."""

    language, namespaces = "DMTF:CQL", (VIRT,)

    def __init__(self, name: str, query: str) -> None:
        self.name = name
        self.query = query


@contextmanager
def listener() -> Iterator[str]:
    """The URL of one that takes everything at once."""
    with subprocess.Popen([sys.executable, "-m", "bench.listener"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


def subscription(name: str) -> CimPath:
    return CimPath("CIM_IndicationSubscription", (("Filter", name),), INTEROP)


def started() -> Notice:
    """A guest that was started, of which nothing but the state differs."""
    names = ("Name", "ElementName", "Description", "OtherIdentifyingInfo", "IdentifyingDescriptions", "Caption")
    plain: Properties = dict.fromkeys(names[:3], "a guest of the usual kind")
    now, before = (Instance("KVM_ComputerSystem", {**plain, "EnabledState": state}) for state in (2, 3))
    properties: Properties = {"SourceInstance": now, "PreviousInstance": before, **stamp()}
    return Notice(VIRT, Instance("KVM_ComputerSystemModifiedIndication", properties))


class Bench:
    """An engine and a deliverer over a store in a file."""

    def __init__(self, directory: Path) -> None:
        self.schema: Schema = schema.load(mof_dir(), directory / "schema", ["KVM"])
        self.store = Store(sqlite_url(directory))
        self.engine = Indications(self.schema, self.store, ExportEncoder(self.schema.get), "virtcim:bench")
        self.arrived = threading.Semaphore(0)
        listeners = Listeners(10.0)
        policy = Policy(
            lambda _: True, lambda one: listeners.link(one.url), lambda _: self.arrived.release(), lambda *_: None
        )
        self.deliverer = Deliverer(self.store.queue, Retry, policy)
        self.engine.start(self.deliverer.wake)
        self.deliverer.start()

    def close(self) -> None:
        self.engine.stop()
        self.deliverer.stop()
        self.store.close()

    def subscribe(self, number: int, query: str, url: str) -> None:
        self.engine.subscribe(subscription(f"{number}"), [Filter(f"{number}", query)], DESTINATION, url, None)

    def await_all(self, count: int) -> None:
        for _ in range(count):
            if not self.arrived.acquire(timeout=60):
                raise RuntimeError("the listener does not get everything")


def delivery(bench: Bench, count: int) -> Row:
    """A queue that is full when it begins."""
    with listener() as url:
        body = bench.engine._body(started().indication, "filter", "context", 0)
        for _ in range(count // 100):
            drafts = [Draft("d", "s", url, time.time(), lambda _context, _number: body) for _ in range(100)]
            bench.store.queue.enqueue(drafts)
        begun = time.perf_counter()
        bench.deliverer.resume()
        bench.await_all(count)
        rate = count / (time.perf_counter() - begun)
    return _rate("queued indications delivered to one listener", count, rate)


def whole_way(bench: Bench, count: int) -> Row:
    """From the cause to the listener: made, matched, encoded, queued on disk, delivered."""
    with listener() as url:
        bench.deliverer.resume()
        bench.subscribe(0, SYSTEMS, url)
        begun = time.perf_counter()
        for _ in range(count):
            bench.engine.note(lambda: [started()])
        bench.await_all(count)
        rate = count / (time.perf_counter() - begun)
        bench.engine.unsubscribe(subscription("0"))
    return _rate("indications made and delivered to one listener", count, rate)


def _rate(work: str, count: int, rate: float) -> Row:
    return Row(work, f"{count:,}", rate, rate / RATE, 1, f">= {RATE} /s", unit="/s", at_least=True)


def matching(bench: Bench, many: int, rounds: int) -> Row:
    """One filter selects; the others watch another class."""
    notice = started()
    bench.subscribe(0, SYSTEMS, "http://127.0.0.1:9/")

    def match() -> float:
        """Seconds of the processor's time: nothing else of the process is to count."""
        begun = time.thread_time()
        for _ in range(100):
            list(bench.engine._addressed(notice))
        return time.thread_time() - begun

    (alone,) = medians([match], rounds)
    for number in range(1, many):
        bench.subscribe(number, JOBS, "http://127.0.0.1:9/")
    (crowded,) = medians([match], rounds)
    return Row("match of an indication, beside 1", f"{many:,}", crowded / 100, crowded / alone, FLAT, _flat())


def _flat() -> str:
    return f"flat (<= {FLAT} x)"


# Through the whole server


class Client:
    """Creates subscriptions, each with a filter of its own, all to one destination."""

    def __init__(self, server: Running) -> None:
        target = server.service.target
        self.cim = pywbem.WBEMConnection(f"http://{target.host}:{target.port}", default_namespace=INTEROP)
        self.target = target
        self.names = Service(target, INTEROP).names("CIM_IndicationSubscription")
        given = {"Name": "bench", "Destination": "http://127.0.0.1:9/"}
        self.to = self.cim.CreateInstance(pywbem.CIMInstance("CIM_ListenerDestinationCIMXML", given))
        self.count = 0

    def create(self) -> None:
        """A filter and a subscription."""
        self.count += 1
        spaces = pywbem.CIMProperty("SourceNamespaces", [VIRT])
        given = {"Name": f"f{self.count}", "Query": JOBS, "QueryLanguage": "DMTF:CQL", "SourceNamespaces": spaces}
        watched = self.cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationFilter", given))
        both = {"Filter": watched, "Handler": self.to}
        self.cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationSubscription", both))

    def each(self) -> float:
        """Seconds that one of all subscriptions takes in an enumeration of their names."""
        connection = Connection(self.target)
        found = checked(connection.send(self.names)).count(b'<INSTANCENAME CLASSNAME="CIM_IndicationSubscription"')
        if found != self.count:
            raise RuntimeError(f"{found} of {self.count} subscriptions")
        seconds = connection.timed(self.names)[0]
        connection.close()
        return seconds / found


def having(few: Client, lots: Client, many: int, rounds: int) -> Iterator[Row]:
    """What one more costs, and what reading them costs each."""
    for client, count in ((few, FEW), (lots, many)):
        while client.count < count:
            client.create()
    base, grown = medians([clocked(few.create), clocked(lots.create)], rounds)
    yield Row(f"create a filter and a subscription, beside {FEW}", f"{many:,}", grown, grown / base, FLAT, _flat())
    while few.count < 10 * FEW:  # so that the request itself counts little
        few.create()
    base, grown = medians([few.each, lots.each], rounds)
    work = f"enumerate names of subscriptions, each, beside {few.count}"
    yield Row(work, f"{many:,}", grown, grown / base, FLAT, _flat())


def rows(directory: Path, uri: str, many: int, rounds: int) -> Iterator[Row]:
    """All of them."""
    for name in ("engine", "few", "lots"):
        (directory / name).mkdir()
    bench = Bench(directory / "engine")
    try:
        yield delivery(bench, max(many, 500))
        yield whole_way(bench, max(many, 500))
        yield matching(bench, many, rounds)
    finally:
        bench.close()
    with virtcim(uri, directory / "few") as few, virtcim(uri, directory / "lots") as lots:
        yield from having(Client(few), Client(lots), many, rounds)
