"""Several servers on one PostgreSQL: instances that they share, leases, and one sequence for each destination."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.broker.postgres import Postgres, empty

from virtcim.broker.call import CIMError, Path, Status
from virtcim.broker.provider import Stored
from virtcim.broker.store import KeptJob, Store
from virtcim.broker.store_leases import Leases
from virtcim.broker.store_queue import DELIVERY, Beside, Draft, LeaseLost, Told
from virtcim.broker.store_shelf import Shelf

FILTER = Path("CIM_IndicationFilter", (("Name", "f"), ("SystemName", "s")), "interop")
HANDLER = Path("CIM_ListenerDestinationCIMXML", (("Name", "h"),), "interop")
OpenStore = Callable[[], Store]


def link(watched: Path, handler: Path) -> Stored:
    keys = (("Filter", watched), ("Handler", handler))
    path = Path("CIM_IndicationSubscription", keys, "interop")
    return Stored(path, {"Filter": watched, "Handler": handler})


def draft(number: int) -> Draft:
    return Draft("d", "s", "http://x", 1.5, lambda _context, _number: b"body %d" % number)


@pytest.fixture
def open_shared(postgres: Postgres) -> Iterator[OpenStore]:
    """Each store as a server of its own has it."""
    opened: list[Store] = []

    def open_it() -> Store:
        opened.append(Store(postgres.url))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()
    empty(postgres.url)


def test_shelves_of_two_servers_agree(open_shared: OpenStore) -> None:
    """What one has changed the other sees at the next look, and in any case before it changes something itself."""
    first, second = Shelf(open_shared()), Shelf(open_shared())
    told: list[tuple[list[Path], list[Path]]] = []
    second.on_foreign(lambda old, new: told.append(([one.path for one in old], [one.path for one in new])))
    one, changed = Stored(FILTER, {"Query": "a"}), Stored(FILTER, {"Query": "b"})
    first.add(one)
    assert second.find(FILTER) is None
    with pytest.raises(CIMError) as refused:
        second.add(Stored(FILTER, {}))
    assert refused.value.status is Status.ALREADY_EXISTS
    assert second.of_class("CIM_IndicationFilter")[0].properties == {"Query": "a"}
    first.replace(one, changed)
    first.add(link(FILTER, HANDLER))
    second.catch_up()
    assert second.find(FILTER).properties == {"Query": "b"}  # type: ignore[union-attr]
    assert len(second.referring(FILTER)) == 1
    second.add(Stored(HANDLER, {}))
    first.catch_up()
    assert first.find(HANDLER) is not None
    first.remove(changed)
    with pytest.raises(CIMError) as refused:
        second.remove(second.find(FILTER))  # type: ignore[arg-type]
    assert refused.value.status is Status.NOT_FOUND
    bond = link(FILTER, HANDLER).path
    assert told == [([], [FILTER]), ([FILTER], [FILTER, bond]), ([FILTER], [])]


def test_who_missed_too_much_reads_everything(open_shared: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtcim.broker.store.CHANGES_KEPT", 3)
    first, second = Shelf(open_shared()), Shelf(open_shared())
    paths = [Path("CIM_IndicationFilter", (("Name", str(number)),), "interop") for number in range(10)]
    for path in paths:
        first.add(Stored(path, {}))
    second.catch_up()
    assert [one.path for one in second.of_class("CIM_IndicationFilter")] == paths


class Holder:
    """A server as far as leases go."""

    def __init__(self, store: Store, *wanted: str) -> None:
        self.store = store
        self.wanted = list(wanted)
        self.told: list[str] = []
        self.leases = Leases(
            store, lambda: self.wanted, lambda name: self.told.append(f"+{name}"), lambda n: self.told.append(f"-{n}")
        )

    def look(self) -> None:
        self.leases.look()


def test_a_lease_has_one_holder_and_passes_on(open_shared: OpenStore) -> None:
    first, second = Holder(open_shared(), "a", "b"), Holder(open_shared(), "a")
    try:
        first.look()
        second.look()
        assert (sorted(first.told), second.told) == (["+a", "+b"], [])
        assert sorted(first.store.database.servers()) == sorted([first.store.server, second.store.server])
        first.wanted.remove("a")
        first.look()
        second.look()
        assert second.told == ["+a"]
        assert (first.leases.held("a"), first.leases.held("b"), second.leases.held("a")) == (None, 1, 2)
        second.leases.stop()
        first.wanted.append("a")
        first.look()
        assert first.leases.held("a") == 3
    finally:
        first.leases.stop()
        second.leases.stop()


def test_who_has_lost_a_lease_tells_nothing_more(open_shared: OpenStore) -> None:
    """Even if it does not know yet: its connection is gone, and another server has the lease."""
    first, second = Holder(open_shared(), "a", DELIVERY), Holder(open_shared(), "a", DELIVERY)
    try:
        first.look()
        assert first.leases._connection is not None
        first.leases._connection.invalidate()
        second.look()
        held = first.leases.held("a")
        assert held == 1
        told = Told("digest", "a", "domain", "uuid", b"")
        with pytest.raises(LeaseLost):
            first.store.queue.enqueue([draft(1)], Beside({"digest": told}, leases={"a": held}))
        assert (first.store.queue.waiting(), first.store.queue.told("a")) == ([], [])
        second.store.queue.enqueue([draft(2)], Beside({"digest": told}, leases={"a": 2}))
        assert second.store.queue.told("a") == [told]
        first.look()
        assert first.told == ["+a", f"+{DELIVERY}", "-a", f"-{DELIVERY}"] or set(first.told[2:]) == {
            "-a",
            f"-{DELIVERY}",
        }
    finally:
        first.leases.stop()
        second.leases.stop()


def test_what_others_have_not_begun_to_tell_of_is_known(open_shared: OpenStore) -> None:
    """Of a lease that a server holds, as long as nothing is kept under it and the server is there."""
    first, second = Holder(open_shared(), "host:a", DELIVERY), open_shared()
    try:
        first.look()
        assert second.queue.untold("host:", "rest") == ["host:a"]
        assert first.store.queue.untold("host:", "rest") == []
        told = Told("digest", "host:a", "rest", "", b"")
        first.store.queue.enqueue([], Beside({"digest": told}, leases={"host:a": 1}))
        assert second.queue.untold("host:", "rest") == []
        first.store.queue.enqueue([], Beside(forgotten={"host:a"}, leases={"host:a": 1}))
        assert second.queue.untold("host:", "rest") == ["host:a"]
    finally:
        first.leases.stop()
    deadline = time.monotonic() + 5
    while second.queue.untold("host:", "rest") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert second.queue.untold("host:", "rest") == []


def test_two_servers_number_one_sequence(open_shared: OpenStore) -> None:
    stores = [open_shared(), open_shared()]
    seen: list[tuple[str, int]] = []

    def numbered() -> Draft:
        return Draft("d", "s", "http://x", 1.5, lambda context, number: seen.append((context, number)) or b"")  # type: ignore[func-returns-value]

    def produce(store: Store) -> None:
        for _ in range(20):
            store.queue.enqueue([numbered(), numbered()])

    holder = Holder(stores[0], DELIVERY)
    holder.look()
    threads = [threading.Thread(target=produce, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holder.leases.stop()
    assert sorted(number for _, number in seen) == list(range(80))
    assert len({context for context, _ in seen}) == 1


def test_jobs_of_a_server_that_is_alive_are_its_own(open_shared: OpenStore) -> None:
    first, second = Holder(open_shared(), DELIVERY), open_shared()
    first.look()
    job = KeptJob("1", 4, 1.0, {})
    assert first.store.keep_job(job)
    assert second.absent() == []
    first.leases.stop()
    deadline = time.monotonic() + 5
    while not second.absent() and time.monotonic() < deadline:
        time.sleep(0.02)
    gone = second.absent()
    assert gone == [first.store.server]
    taken: list[list[KeptJob]] = []
    others = [threading.Thread(target=lambda: taken.append(open_shared().take_jobs(gone))) for _ in range(4)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert sorted(taken, key=len) == [[], [], [], [job]]
    assert not first.store.keep_job(job)
    assert not first.store.drop_job("1")


def test_jobs_are_taken_by_who_drives_their_host(open_shared: OpenStore) -> None:
    """Those of no host by anybody; what is kept of a job later leaves it where it is."""
    first, second = open_shared(), open_shared()
    jobs = [KeptJob(place or "none", 4, number, {}, place) for number, place in enumerate(("", "here", "there"))]
    for one in jobs:
        assert first.keep_job(one)
    assert first.keep_job(replace(jobs[2], place="here"))
    assert [one.id for one in second.take_jobs([first.server], {"here"})] == ["none", "here"]
    assert second.take_jobs([first.server], set()) == []
    assert second.take_jobs([first.server]) == [jobs[2]]
