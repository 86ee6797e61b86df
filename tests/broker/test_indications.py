"""The engine: filters compiled, subscriptions found by class, indications made once and queued in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import pytest
from tests.broker.listeners import indication

from virtcim.broker.call import CIMError, Instance, Path, Properties, Status
from virtcim.broker.indications import Indications
from virtcim.broker.indications_filter import compile_filter
from virtcim.broker.indications_lifecycle import Notice, stamp
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store, digest, sqlite_url
from virtcim.broker.store_leases import Leases
from virtcim.broker.store_queue import DELIVERY
from virtcim.wire.export import ExportEncoder

VIRT, CQL, WQL = "root/virt", "DMTF:CQL", "WQL"
ANY = "SELECT * FROM CIM_InstIndication"
SYSTEM = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"


@dataclass(frozen=True)
class Filter:
    query: str
    language: str = CQL
    name: str = "f"
    namespaces: tuple[str, ...] = (VIRT,)


def destination(name: str = "d") -> Path:
    return Path("CIM_ListenerDestinationCIMXML", (("Name", name),), "interop")


def subscription(name: str = "s") -> Path:
    return Path("CIM_IndicationSubscription", (("Filter", name),), "interop")


def system(**properties: object) -> Instance:
    return Instance("KVM_ComputerSystem", {"Name": "vm", "ElementName": "vm", **properties})  # type: ignore[dict-item]


def modified(now: Instance, before: Instance, classname: str = "KVM_ComputerSystemModifiedIndication") -> Notice:
    properties: Properties = {"SourceInstance": now, "PreviousInstance": before, **stamp()}
    return Notice(VIRT, Instance(classname, properties))


STARTED = modified(system(EnabledState=2), system(EnabledState=3))
RENAMED = modified(system(EnabledState=2, ElementName="new"), system(EnabledState=2))
DEVICE = modified(Instance("KVM_Processor", {"EnabledState": 2}), Instance("KVM_Processor", {}), "CIM_InstModification")
CREATED = Notice(VIRT, Instance("KVM_ComputerSystemCreatedIndication", {"SourceInstance": system(EnabledState=3)}))
ALERT = Notice(VIRT, Instance("CIM_AlertIndication", {"OwningEntity": "virtcim", "MessageID": "VIRTCIM0203"}))


class Rig:
    def __init__(self, schema: Schema, store: Store) -> None:
        self.store = store
        self.engine = Indications(schema, store, ExportEncoder(schema.get), "virtcim:test")
        self.woken: list[str] = []
        Leases(store, lambda: [DELIVERY], lambda _: None, lambda _: None).look()
        self.engine.start(self.woken.append)

    def subscribe(self, *filters: Filter, name: str = "s", to: str = "d", until: float | None = None) -> None:
        self.engine.subscribe(subscription(name), filters, destination(to), f"http://{to}", until)

    def tell(self, *notices: Notice) -> None:
        self.engine.note(lambda: notices)

    def queued(self, to: str = "d") -> list[Any]:
        """What is queued once all has been worked off."""
        self.engine.stop()
        return [indication(one.body) for one in self.store.queue.queued(digest(destination(to)), 100_000)]


@pytest.fixture
def make_rig(repository: Schema, tmp_path: File) -> Iterator[Callable[[], Rig]]:
    rigs: list[Rig] = []

    def make() -> Rig:
        rigs.append(Rig(repository, Store(sqlite_url(tmp_path))))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.engine.stop()
        rig.store.close()


@pytest.fixture
def rig(make_rig: Callable[[], Rig]) -> Rig:
    return make_rig()


@pytest.mark.parametrize(
    ("query", "language", "told"),
    [
        (ANY, CQL, "SRDC"),
        ("SELECT * FROM CIM_Indication", CQL, "SRDCA"),
        (SYSTEM, CQL, "SR"),
        (
            f"{SYSTEM} AND SourceInstance.CIM_System::EnabledState <> PreviousInstance.CIM_System::EnabledState",
            CQL,
            "S",
        ),
        ('SELECT * FROM CIM_InstModification WHERE SourceInstance ISA "CIM_ComputerSystem"', WQL, "SR"),
        ("SELECT * FROM __InstanceModificationEvent WITHIN 5 WHERE TargetInstance ISA 'KVM_Processor'", WQL, "D"),
        ("SELECT * FROM KVM_ComputerSystemModifiedIndication\n", WQL, "SR"),
        ("SELECT * FROM KVM_ComputerSystemCreatedIndication", "CIM:CQL", "C"),
        ("SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA CIM_ConcreteJob", CQL, ""),
        ("SELECT * FROM CIM_AlertIndication WHERE OwningEntity = 'virtcim' AND MessageID LIKE 'VIRTCIM02.*'", CQL, "A"),
        ("SELECT * FROM CIM_InstModification WHERE PreviousInstance ISA CIM_LogicalDevice", CQL, "D"),
        ("SELECT * FROM CIM_InstModification m WHERE m.SourceInstance ISA CIM_Processor", CQL, "D"),
        (f"{ANY} WHERE SourceInstance ISA CIM_Processor OR SourceInstance ISA CIM_ComputerSystem", CQL, "SRDC"),
        (f"{ANY} WHERE NOT SourceInstance ISA CIM_ComputerSystem", CQL, "D"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_filters_select(rig: Rig, query: str, language: str, told: str) -> None:
    rig.subscribe(Filter(query, language))
    notices = dict(zip("SRDCA", (STARTED, RENAMED, DEVICE, CREATED, ALERT), strict=True))
    rig.tell(*notices.values())
    wanted = [notices[letter].indication.classname for letter in told]
    assert [one.classname for one in rig.queued()] == wanted


def test_other_namespaces_are_not_watched(rig: Rig) -> None:
    rig.subscribe(Filter(ANY, namespaces=("interop",)))
    rig.tell(STARTED)
    assert rig.queued() == []


@pytest.mark.parametrize(
    ("language", "query", "status", "words"),
    [
        (CQL, "SELECT FROM", Status.INVALID_QUERY, "line 1, column 8"),
        (CQL, "SELECT * FROM CIM_ComputerSystem", Status.INVALID_QUERY, "no indication class"),
        (CQL, "SELECT * FROM CIM_Nothing", Status.INVALID_QUERY, "CIM_Nothing"),
        (CQL, f"{ANY} WHERE SourceInstance ISA CIM_Nothing", Status.INVALID_QUERY, "CIM_Nothing"),
        (CQL, f"{ANY} WHERE Nonsense = 1", Status.INVALID_QUERY, "Nonsense"),
        (CQL, "SELECT * FROM " + "x" * 1_000_000, Status.INVALID_QUERY, "longer"),
        (CQL, "SELECT IndicationTime AS T FROM CIM_Indication", Status.QUERY_FEATURE_NOT_SUPPORTED, "column 8"),
        ("SQL", ANY, Status.QUERY_LANGUAGE_NOT_SUPPORTED, "SQL"),
        ("DMTF:CQLT", ANY, Status.QUERY_LANGUAGE_NOT_SUPPORTED, "CQLT"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_bad_queries_are_refused(repository: Schema, language: str, query: str, status: Status, words: str) -> None:
    with pytest.raises(CIMError) as refused:
        compile_filter(repository, language, query)
    assert refused.value.status is status
    assert words in refused.value.message


def test_a_select_list_narrows_what_is_sent(rig: Rig) -> None:
    query = "SELECT SourceInstance.EnabledState, PreviousInstance FROM CIM_InstModification"
    rig.subscribe(Filter(query))
    rig.tell(STARTED)
    (one,) = rig.queued()
    assert list(one["SourceInstance"].properties) == ["EnabledState"]
    assert one["PreviousInstance"]["Name"] == "vm"
    assert "SourceInstanceHost" not in one
    assert one["IndicationFilterName"] == "f"


def test_a_destination_counts_what_it_gets(rig: Rig) -> None:
    """Across filters; two filters tell it twice, and each destination has its own sequence."""
    rig.subscribe(Filter(ANY, name="one"), name="s1")
    rig.subscribe(Filter(SYSTEM, name="two"), name="s2")
    rig.subscribe(Filter(SYSTEM, name="two"), name="s3", to="other")
    rig.tell(STARTED, CREATED, RENAMED)
    got = rig.queued()
    assert [one["SequenceNumber"] for one in got] == [0, 1, 2, 3, 4]
    assert [one["IndicationFilterName"] for one in got].count("one") == 3
    assert len({one["SequenceContext"] for one in got}) == 1
    others = rig.queued("other")
    assert [one["SequenceNumber"] for one in others] == [0, 1]
    assert others[0]["SequenceContext"] != got[0]["SequenceContext"]


def test_a_new_start_counts_anew(make_rig: Callable[[], Rig]) -> None:
    contexts = []
    for count in (1, 2):
        rig = make_rig()
        rig.subscribe(Filter(ANY))
        rig.tell(STARTED)
        got = rig.queued()
        assert len(got) == count
        assert got[-1]["SequenceNumber"] == 0
        contexts.append(got[-1]["SequenceContext"])
    assert len(set(contexts)) == 2


def test_a_collection_tells_once_for_each_filter(rig: Rig) -> None:
    rig.subscribe(Filter(ANY, name="one"), Filter(SYSTEM, name="two"))
    rig.tell(STARTED)
    assert sorted(one["IndicationFilterName"] for one in rig.queued()) == ["one", "two"]


def test_nobody_is_told_after_the_end(rig: Rig) -> None:
    rig.subscribe(Filter(ANY), until=time.time() - 1)
    rig.subscribe(Filter(ANY), name="gone")
    rig.engine.unsubscribe(subscription("gone"))
    rig.engine.unsubscribe(subscription("never there"))
    rig.tell(STARTED)
    assert rig.queued() == []


def test_a_subscription_that_changes_its_filter(rig: Rig) -> None:
    for name in ("s1", "s2"):
        rig.subscribe(Filter(ANY), name=name)
    for name in ("s1", "s2"):
        rig.subscribe(Filter(SYSTEM), name=name)
    rig.tell(CREATED, STARTED)
    assert len(rig.queued()) == 2


def test_a_cause_that_fails_does_not_stop_the_others(rig: Rig) -> None:
    rig.subscribe(Filter(ANY))
    rig.engine.note(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    rig.tell(STARTED)
    assert len(rig.queued()) == 1


def test_the_last_indication_is_known(rig: Rig) -> None:
    rig.subscribe(Filter(ANY))
    rig.tell(STARTED)
    rig.queued()
    found = rig.engine.subscription(subscription())
    assert found is not None
    assert found.last[0] == STARTED.indication.properties["IndicationIdentifier"]


def test_ten_thousand_subscriptions_to_others_cost_nothing(rig: Rig) -> None:
    """Found by class: the time of a match does not grow with those that watch something else."""

    def time_of_matches() -> float:
        begun = time.perf_counter()
        for _ in range(300):
            list(rig.engine._addressed(STARTED))
        return time.perf_counter() - begun

    rig.subscribe(Filter(SYSTEM, name="the one"))
    alone = time_of_matches()
    job = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA CIM_ConcreteJob"
    for number in range(10_000):
        rig.subscribe(Filter(job, name=f"{number}"), name=f"{number}")
    assert time_of_matches() < alone * 3 + 0.05
