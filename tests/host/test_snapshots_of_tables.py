"""Snapshots of a table beside plain dictionaries, through any history: what they hold, in which order, and for ever."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random
from types import FrameType
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.host.test_tables import Fact, Thing

from virtcim.host.indexes import SMALL, Draft, Index
from virtcim.host.tables import Snapshot, Table


class Model:
    """What a table is to hold: a dictionary in the order in which things came."""

    def __init__(self) -> None:
        self.table: Table[Fact, Thing] = Table(_thing, lambda old, new: None)
        self.facts: dict[str, Fact] = {}
        self.held: list[tuple[Snapshot[Thing], list[Fact]]] = []

    def put(self, key: str, name: str, value: int) -> None:
        self.facts[key] = Fact(key, name, value)
        self.table.put(key, self.facts[key], self.table.ticket())

    def remove(self, key: str) -> None:
        self.facts.pop(key, None)
        self.table.put(key, None, self.table.ticket())

    def replace(self, facts: dict[str, Fact]) -> None:
        new = sorted((fact for key, fact in facts.items() if key not in self.facts), key=lambda fact: fact.name)
        stayed = {key: facts[key] for key in self.facts if key in facts}
        self.facts = {**stayed, **{fact.key: fact for fact in new}}
        self.table.replace(facts.values(), self.table.ticket())

    def hold(self) -> None:
        """Remember what the snapshot tells, to see later that it still does."""
        self.held.append((self.table.snapshot, list(self.facts.values())))

    def check(self) -> None:
        self.hold()
        for snapshot, facts in self.held:
            _check(snapshot, facts)


def _thing(record: Fact, old: Thing | None) -> Thing:
    return old if old is not None and old.record == record else Thing(record)


def _check(snapshot: Snapshot[Thing], facts: list[Fact]) -> None:
    assert [thing.record for thing in snapshot.all] == facts
    assert snapshot.by_key == {thing.key: thing for thing in snapshot.all}
    assert len(snapshot.by_key) == len(facts)
    assert {thing.key: snapshot.by_key.get(thing.key) for thing in snapshot.all} == dict(snapshot.by_key)
    assert set(snapshot.by_name) == {fact.name for fact in facts}
    assert all(thing.name == name and thing in snapshot.all for name, thing in snapshot.by_name.items())
    assert "nobody" not in snapshot.by_key
    assert snapshot.by_name.get("nobody") is None
    assert list(map(list, snapshot.runs)) == list(_runs(snapshot.all))


def _runs(things: tuple[Thing, ...]) -> Iterator[list[Thing]]:
    run: list[Thing] = []
    for thing in things:
        if run and crc32(thing.key.encode()) % 32 == 0:
            yield run
            run = []
        run.append(thing)
    if run:
        yield run


# Every fourth of these begins a run, where one in 32 does of all that there are.
KEYS = [str(n) for n in range(700) if crc32(b"%d" % n) % 32 == 0 or n % 9 == 0][:60]
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "replace", "hold"]), st.sampled_from(KEYS), st.integers(0, 5)),
    max_size=60,
)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(KEYS), unique=True), STEPS)
def test_a_snapshot_holds_what_there_was(first: list[str], steps: list[tuple[str, str, int]]) -> None:
    model = Model()
    model.replace({key: Fact(key, f"n{key}") for key in first})
    for what, key, value in steps:
        match what:
            case "put":
                model.put(key, f"n{value}-{key}" if value % 2 else f"n{key}", value)
            case "remove":
                model.remove(key)
            case "replace":
                kept = {one: fact for one, fact in model.facts.items() if (int(one) + value) % 5}
                model.replace({**kept, key: Fact(key, f"n{value}", value)})
            case "hold":
                model.hold()
    model.check()


def test_thousands_come_change_and_go() -> None:
    """As many as are spread over many dictionaries, and fewer again, down to none."""
    random, model = Random(7), Model()
    model.replace({str(n): Fact(str(n), f"n{n}") for n in range(3000)})
    for number in range(6000):
        key = str(random.randrange(6000))
        if random.random() < (0.3 if number < 3000 else 0.7):
            model.remove(key)
        else:
            model.put(key, f"n{random.randrange(2)}-{key}", number)
        if number % 1000 == 0:
            model.hold()
    for key in random.sample(list(model.facts), len(model.facts) - 3):
        model.remove(key)
    model.check()
    assert len(model.table.snapshot.by_key.buckets) < len(model.held[0][0].by_key.buckets)


@pytest.mark.parametrize("count", [0, 1, SMALL, SMALL + 1, 1000, 10_000])
def test_no_dictionary_of_an_index_is_large(count: int) -> None:
    draft: Draft[int] = Draft(Index())
    for number in range(count):
        draft.put(str(number), number)
    index = draft.index()
    assert dict(index) == {str(number): number for number in range(count)}
    assert max(map(len, index.buckets)) <= 2 * max(SMALL, len(index.buckets))


def test_a_name_of_two_is_that_of_who_got_it_last_and_then_of_who_still_has_it() -> None:
    model = Model()
    model.put("a", "A", 0)
    model.put("b", "B", 0)
    model.put("c", "C", 0)
    model.put("a", "B", 1)
    assert model.table.snapshot.by_name["B"].key == "a"
    model.put("a", "A", 2)
    assert {name: thing.key for name, thing in model.table.snapshot.by_name.items()} == {"A": "a", "B": "b", "C": "c"}


def test_remaking_one_twice_makes_it_once() -> None:
    made: list[Fact] = []

    def make(record: Fact, old: Thing | None) -> Thing:
        made.append(record)
        return Thing(record)

    table: Table[Fact, Thing] = Table(make, lambda old, new: None)
    table.put("a", Fact("a", "A"), table.ticket())
    table.remake_all(["a", "a", "nobody"])
    assert len(made) == 2
    assert [thing.key for thing in table.snapshot.all] == ["a"]


def _steps(count: int) -> int:
    """How many objects are referred to anew by one more that comes, is changed and goes, beside so many."""
    table: Table[Fact, Thing] = Table(_thing, lambda old, new: None)
    table.replace([Fact(f"k{n}", f"n{n}") for n in range(count)], table.ticket())
    copied = 0
    for fact in (Fact("new", "new"), Fact("new", "other"), None):
        before = table.snapshot
        table.put("new", fact, table.ticket())
        copied += sum(len(now) for now in _others(table.snapshot, before))
    return copied


def _others(snapshot: Snapshot[Thing], before: Snapshot[Thing]) -> Iterator[Any]:
    for name in ("by_key", "by_name"):
        now, was = getattr(snapshot, name).buckets, getattr(before, name).buckets
        yield now
        yield from (one for one in now if not any(one is other for other in was))
    yield snapshot.runs
    yield from (one for one in snapshot.runs if not any(one is other for other in before.runs))


def test_a_change_copies_little_of_many() -> None:
    assert _steps(10_000) < 4_000  # of 60,000


def test_a_change_takes_as_many_calls_among_many() -> None:
    def calls(count: int) -> int:
        table: Table[Fact, Thing] = Table(_thing, lambda old, new: None)
        table.replace([Fact(f"k{n}", f"n{n}") for n in range(count)], table.ticket())
        made = 0

        def note(frame: FrameType, event: str, argument: object) -> None:
            nonlocal made
            made += event == "call"

        sys.setprofile(note)
        table.put("new", Fact("new", "new"), table.ticket())
        table.put("new", None, table.ticket())
        sys.setprofile(None)
        return made

    assert calls(1000) == calls(10)


def test_runs_that_are_not_touched_are_the_very_ones() -> None:
    table: Table[Fact, Thing] = Table(_thing, lambda old, new: None)
    table.replace([Fact(str(n), f"{n:05d}") for n in range(2000)], table.ticket())
    for key, fact in (("500", Fact("500", "00500", 1)), ("501", None), ("new", Fact("new", "new"))):
        before = table.snapshot.runs
        table.put(key, fact, table.ticket())
        now = table.snapshot.runs
        assert len(set(map(id, now)) - set(map(id, before))) <= 1
    assert sum(map(len, now)) == 2000
