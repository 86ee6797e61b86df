"""The durable state: SQLite and a real PostgreSQL; what was written is there after the process is gone."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path as File

import pytest
import sqlalchemy as sa
from tests.broker.postgres import Postgres
from tests.broker.stored import FILTER, HANDLER, OpenStore, link

from virtcim.broker.call import CIMError, ClassPath, Instance, Path, Properties, Status
from virtcim.broker.provider import Stored
from virtcim.broker.store import KeptJob, Store, digest, sqlite_url
from virtcim.broker.store_database import StoreError
from virtcim.broker.store_json import BadDocument, dumps, loads, path_of
from virtcim.broker.store_leases import Leases
from virtcim.broker.store_queue import DELIVERY, Draft
from virtcim.broker.store_tables import METADATA

VALUES: Properties = {
    "null": None,
    "boolean": True,
    "big": 2**64 - 1,
    "real": 0.1,
    "infinite": -math.inf,
    "text": 'ü "quoted" \\ \n line',
    "list": [1, None, "x", []],
    "path": link(FILTER, HANDLER).path,
    "class": ClassPath("CIM_X", "root/virt"),
    "embedded": Instance("CIM_X", {"Inner": Instance("CIM_Y", {"A": [Path("CIM_Z", (), None)]})}),
}


def test_values_come_back_as_they_were() -> None:
    assert loads(dumps(VALUES)) == VALUES
    assert list(loads(dumps(VALUES))) == list(VALUES)
    assert math.isnan(float(str(loads(dumps({"real": math.nan}))["real"])))


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"sock": 1}}', '{"a": {"path": [1]}}', '{"a": {"real": "x"}}'])
def test_a_document_of_no_sense_is_refused(text: str) -> None:
    with pytest.raises(BadDocument):
        loads(text)


def test_a_path_of_no_sense_is_refused() -> None:
    with pytest.raises(BadDocument):
        path_of('{"class": ["a", "b"]}')


def test_instances_outlive_the_process(open_store: OpenStore) -> None:
    first, second = Stored(FILTER, VALUES), Stored(HANDLER, {"Destination": "http://x"})
    open_store().change((), (first, second))
    store = open_store()
    assert [(one.path, one.properties) for one in store.instances()] == [
        (FILTER, VALUES),
        (HANDLER, {"Destination": "http://x"}),
    ]
    store.change((first,), (Stored(FILTER, {"Query": "new"}),))
    store.change((second,), ())
    assert [one.properties for one in open_store().instances()] == [{"Query": "new"}]


def test_a_change_is_whole_or_nothing(open_store: OpenStore) -> None:
    store = open_store()
    store.change((), (Stored(FILTER, {}),))
    with pytest.raises(CIMError) as refused:
        store.change((), (Stored(HANDLER, {}), Stored(FILTER, {})))
    assert refused.value.status is Status.ALREADY_EXISTS
    assert [one.path for one in store.instances()] == [FILTER]


def draft(number: int, destination: str = "d", subscription: str = "s") -> Draft:
    return Draft(destination, subscription, "http://x", 1.5, lambda _context, _number: b"body %d" % number)


def test_queues_keep_their_order(open_store: OpenStore) -> None:
    store = open_store()
    store.queue.enqueue([draft(1), draft(2), draft(3, "other"), draft(4)])
    store.queue.enqueue([])
    queue = open_store().queue.queued("d", 10)
    assert [one.body for one in queue] == [b"body 1", b"body 2", b"body 4"]
    store.queue.failed(queue[0])
    store.queue.dequeue([queue[1].id])
    assert [(one.body, one.attempts) for one in store.queue.queued("d", 1)] == [(b"body 1", 1)]
    assert sorted(store.queue.waiting()) == ["d", "other"]
    store.queue.dequeue([one.id for one in store.queue.queued("d", 10)])
    assert store.queue.waiting() == ["other"]


def test_a_number_in_the_queue_is_never_used_twice(open_store: OpenStore) -> None:
    store = open_store()
    store.queue.enqueue([draft(1)])
    (first,) = store.queue.queued("d", 1)
    store.queue.dequeue([first.id])
    store.queue.enqueue([draft(2)])
    assert store.queue.queued("d", 1)[0].id > first.id


def test_a_subscription_takes_its_queue_with_it(open_store: OpenStore) -> None:
    store = open_store()
    one, other = link(FILTER, HANDLER), link(FILTER, FILTER)
    store.change((), (one, other))
    queued = [replace(draft(n), subscription=key) for n, key in enumerate((digest(one.path), digest(other.path)))]
    store.queue.enqueue(queued)
    store.change((one,), ())
    assert [left.body for left in store.queue.queued("d", 10)] == [b"body 1"]


def test_jobs_are_kept_and_dropped(open_store: OpenStore) -> None:
    store = open_store()
    one, other = KeptJob("a", 4, 1.5, {"owner": FILTER, "percent": 7}), KeptJob("b", 7, 0.5, {})
    for job in (one, other, replace(one, state=7, changed=2.5)):
        store.keep_job(job)
    assert store.absent() == []
    assert store.drop_job("b")
    assert not store.drop_job("never there")
    store.keep_job(other)
    again = open_store()
    assert again.take_jobs(again.absent()) == [other, replace(one, state=7, changed=2.5)]
    assert (again.absent(), again.take_jobs([])) == ([], [])


def test_the_migrations_make_what_the_tables_say(open_store: OpenStore) -> None:
    engine = open_store().database.engine
    found = sa.MetaData()
    found.reflect(engine)
    for table in METADATA.sorted_tables:
        made = found.tables[table.name]
        assert {(c.name, c.nullable, c.primary_key) for c in made.columns} == {
            (c.name, c.nullable, c.primary_key) for c in table.columns
        }
        assert {index.name for index in table.indexes} <= {index.name for index in made.indexes}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "Could not parse"),
        ("oracle9://x/y", "oracle9"),
        ("postgresql://user:secret@127.0.0.1:1/none", "refused"),
        ("sqlite:////proc/none/virtcim.db", "none"),
    ],
)
def test_a_store_that_cannot_be_opened_says_why(url: str, words: str) -> None:
    with pytest.raises((StoreError, OSError)) as refused:
        Store(url)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


WRITER = """
import os, sys
from virtcim.broker.call import Path
from virtcim.broker.provider import Stored
from virtcim.broker.store import Store
store = Store(sys.argv[1])
for number in range(10000):
    store.change((), (Stored(Path("C", (("Name", str(number)),), "interop"), {}),))
    print(number, flush=True)
"""


def test_nothing_acknowledged_is_lost_by_kill_9(open_store: OpenStore) -> None:
    store = open_store()
    url = store.database.engine.url.render_as_string(hide_password=False)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [next(writer.stdout).strip() for _ in range(50)]
    writer.kill()
    acknowledged += [line.strip() for line in writer.stdout]
    writer.wait()
    writer.stdout.close()
    kept = {str(one.path.key("Name")) for one in store.instances()}
    assert set(acknowledged) <= kept
    assert len(kept) <= len(acknowledged) + 1


def test_postgresql_comes_back(postgres: Postgres) -> None:
    store = Store(postgres.url)
    try:
        store.change((), (Stored(FILTER, {}),))
        postgres.kill()
        with pytest.raises(CIMError) as failed:
            store.change((), (Stored(HANDLER, {}),))
        assert failed.value.status is Status.FAILED
        postgres.start()
        assert [one.path for one in store.instances()] == [FILTER]
        store.change((Stored(FILTER, {}),), ())
    finally:
        store.close()


def test_a_destination_that_comes_again_counts_anew(open_store: OpenStore) -> None:
    store, seen = open_store(), list[tuple[str, int]]()
    one = Stored(HANDLER, {})

    def body(context: str, number: int) -> bytes:
        seen.append((context, number))
        return b""

    def tell() -> None:
        numbered = Draft(digest(HANDLER), "s", "http://x", 1.5, body)
        store.queue.enqueue([numbered, numbered])

    store.change((), (one,))
    tell()
    store.change((one,), ())
    store.change((), (one,))
    tell()
    assert [number for _, number in seen] == [0, 1, 0, 1]
    assert len({context for context, _ in seen}) == 2


def test_a_store_that_nobody_has_written_to_is_no_file(tmp_path: File) -> None:
    file = tmp_path / "state" / "virtcim.db"
    store = Store(sqlite_url(file.parent))
    leases = Leases(store, lambda: [DELIVERY], lambda _: None, lambda _: None)
    leases.look()
    store.queue.tidy([])
    read = (store.instances(), store.changed_since(0), store.absent(), store.queue.waiting(), store.queue.told("place"))
    assert read == ([], (0, []), [], [], [])
    assert (store.queue.queued("to", 10), store.drop_job("none"), leases.held(DELIVERY)) == ([], False, 1)
    assert not file.exists()
    store.keep_job(KeptJob("job", 4, 1.0, {}))
    other = Store(sqlite_url(file.parent))
    assert other.absent() == [store.server]
    again = Leases(other, lambda: [DELIVERY], lambda _: None, lambda _: None)
    again.look()
    assert again.held(DELIVERY) == 2  # what was held before anything was written has been written
    for one in (leases, again):
        one.stop()
    for each in (store, other):
        each.close()


def test_a_file_that_cannot_be_made_is_told_of_when_something_is_written(tmp_path: File) -> None:
    store = Store(sqlite_url(tmp_path / "state"))
    (tmp_path / "state" / "virtcim.db").mkdir()
    with pytest.raises(CIMError) as caught:
        store.keep_job(KeptJob("job", 4, 1.0, {}))
    assert caught.value.status is Status.FAILED
    assert "virtcim.db" in caught.value.message
