"""The table that replaces itself: who wins when reads end in another order than they began."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtcim.host.tables import Table


@dataclass(frozen=True)
class Fact:
    key: str
    name: str
    value: int = 0


@dataclass(frozen=True, eq=False)
class Thing:
    record: Fact

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def name(self) -> str:
        return self.record.name


Changes = list[tuple[Thing | None, Thing | None]]


@pytest.fixture
def changes() -> Changes:
    return []


@pytest.fixture
def table(changes: Changes) -> Table[Fact, Thing]:
    def make(record: Fact, old: Thing | None) -> Thing:
        return old if old is not None and old.record == record else Thing(record)

    return Table(make, lambda old, new: changes.append((old, new)))


def values(table: Table[Fact, Thing]) -> dict[str, int]:
    return {key: thing.record.value for key, thing in table.snapshot.by_key.items()}


def test_what_says_nothing_new_keeps_object_and_snapshot(table: Table[Fact, Thing], changes: Changes) -> None:
    table.replace([Fact("a", "A"), Fact("b", "B")], table.ticket())
    before = table.snapshot
    table.replace([Fact("b", "B"), Fact("a", "A")], table.ticket())
    table.put("a", Fact("a", "A"), table.ticket())
    assert table.snapshot is before
    assert len(changes) == 2


def test_a_change_replaces_one_object_and_bumps_the_version(table: Table[Fact, Thing], changes: Changes) -> None:
    table.replace([Fact("a", "A"), Fact("b", "B")], table.ticket())
    before = table.snapshot
    new = table.put("a", Fact("a", "A", 1), table.ticket())
    assert table.snapshot.by_key["b"] is before.by_key["b"]
    assert table.snapshot.version == before.version + 1
    assert changes[-1] == (before.by_key["a"], new)
    assert before.by_key["a"].record.value == 0


def test_a_read_that_began_earlier_does_not_undo_a_later_one(table: Table[Fact, Thing]) -> None:
    early, late = table.ticket(), table.ticket()
    table.put("a", Fact("a", "A", 2), late)
    assert values(table) == {"a": 2}
    kept = table.put("a", Fact("a", "A", 1), early)
    assert kept is not None
    assert kept.record.value == 2


def test_a_bulk_read_keeps_what_was_read_or_removed_meanwhile(table: Table[Fact, Thing]) -> None:
    table.replace([Fact("a", "A"), Fact("b", "B")], table.ticket())
    bulk = table.ticket()
    table.put("a", Fact("a", "A", 9), table.ticket())
    table.put("b", None, table.ticket())
    table.put("c", Fact("c", "C", 3), table.ticket())
    table.replace([Fact("a", "A"), Fact("b", "B"), Fact("d", "D")], bulk)
    assert values(table) == {"a": 9, "c": 3, "d": 0}


def test_a_bulk_read_beats_every_read_that_began_before_it(table: Table[Fact, Thing]) -> None:
    early = table.ticket()
    table.replace([Fact("a", "A", 5)], table.ticket())
    table.put("a", Fact("a", "A", 1), early)
    table.put("z", Fact("z", "Z"), early)
    table.replace([], early)
    assert values(table) == {"a": 5}


def test_a_name_that_moves_to_another_object_is_found_there(table: Table[Fact, Thing]) -> None:
    table.replace([Fact("a", "first"), Fact("b", "second")], table.ticket())
    table.put("a", Fact("a", "third"), table.ticket())
    table.put("b", Fact("b", "first"), table.ticket())
    table.put("a", Fact("a", "second"), table.ticket())
    assert {name: thing.key for name, thing in table.snapshot.by_name.items()} == {"second": "a", "first": "b"}


def test_remake_asks_make_again(changes: Changes) -> None:
    mark = [0]

    def make(record: Fact, old: Thing | None) -> Thing:
        return Thing(Fact(record.key, record.name, mark[0]))

    table: Table[Fact, Thing] = Table(make, lambda old, new: changes.append((old, new)))
    table.put("a", Fact("a", "A"), table.ticket())
    mark[0] = 7
    table.remake("a")
    assert values(table) == {"a": 7}
    assert table.remake("nobody") is None


Step = tuple[str, str, int | None]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "remove", "all"]), st.integers(0, 3))))
def test_names_and_keys_agree_after_any_history(steps: list[Step]) -> None:
    table: Table[Fact, Thing] = Table(lambda record, old: Thing(record), lambda old, new: None)
    for key, what, value in steps:
        fact = Fact(key, f"n{value}{key}", value or 0)
        match what:
            case "put":
                table.put(key, fact, table.ticket())
            case "remove":
                table.put(key, None, table.ticket())
            case "all":
                table.replace([fact], table.ticket())
    snapshot = table.snapshot
    assert {thing.name: thing for thing in snapshot.by_key.values()} == dict(snapshot.by_name)
    assert {thing.key: thing for thing in snapshot.all} == dict(snapshot.by_key)
