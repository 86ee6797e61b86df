"""Guessing slows down, by user and by address; passwords found right are remembered for a while."""

from __future__ import annotations

import pytest

from virtcim.wire import remembered, throttle
from virtcim.wire.remembered import Proof, Remembered
from virtcim.wire.throttle import Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failed(made: Throttle, times: int, user: str = "alice", address: str = "a") -> None:
    for _ in range(times):
        made.failed(user, address)


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 0), (2, 0), (3, 1), (4, 2), (5, 4), (8, 32), (9, 60), (500, 60)], ids=str
)
def test_wait_doubles_up_to_the_longest(clock: Clock, failures: int, wait: float) -> None:
    made = Throttle(3, 60, clock)
    failed(made, failures)
    assert made.wait("alice", "a") == wait


def test_wait_passes(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    failed(made, 4)
    clock.now += 1.5
    assert made.wait("alice", "a") == 0.5
    clock.now += 1
    assert made.wait("alice", "a") == 0


def test_silence_is_forgiven(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    failed(made, 9)
    clock.now += 61
    failed(made, 1)
    assert made.wait("alice", "a") == 0


def test_others_do_not_wait(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    failed(made, 9)
    assert made.wait("alice", "b") == 0
    assert made.wait("bob", "a") == 0


def test_one_address_with_many_names_waits(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    for number in range(3 * throttle.ADDRESS_SHARE):
        assert made.wait("nobody yet", "a") == 0
        failed(made, 1, f"user{number}")
    assert made.wait("nobody yet", "a") == 1
    assert made.wait("user1", "b") == 0


def test_many_addresses_with_one_name_make_it_wait_where_it_is_not_known(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    for number in range(3 * throttle.USER_SHARE):
        failed(made, 1, address=str(number))
    assert made.wait("alice", "elsewhere") == 1
    assert made.wait("alice", "elsewhere", known=True) == 0
    assert made.wait("bob", "elsewhere") == 0


def test_knowing_does_not_help_where_guesses_come_from(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    failed(made, 5)
    assert made.wait("alice", "a", known=True) == 4


def test_success_forgives_the_user_there(clock: Clock) -> None:
    made = Throttle(3, 60, clock)
    failed(made, 2)
    made.succeeded("alice", "a")
    failed(made, 2)
    assert made.wait("alice", "a") == 0


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "ENTRIES", 50)
    made = Throttle(3, 60, clock)
    for number in range(1000):
        made.failed(f"user{number}", "a")
    assert len(made._entries) == 50
    assert made.wait("anybody", "a") == 60


GOOD = Proof("alice", "secret", "hash", "a")


def test_remembered_for_a_while(clock: Clock) -> None:
    made = Remembered(10, clock)
    assert not made.knows(GOOD)
    made.add(GOOD)
    assert made.knows(GOOD)
    clock.now += 10
    assert not made.knows(GOOD)


@pytest.mark.parametrize(
    "other",
    [
        GOOD._replace(password="Secret"),
        GOOD._replace(user="bob"),
        GOOD._replace(stored="new hash"),
        GOOD._replace(address="b"),
        Proof("alices", "ecret", "hash", "a"),
    ],
    ids=["password", "user", "changed", "address", "shifted"],
)
def test_only_the_same_is_known(clock: Clock, other: Proof) -> None:
    made = Remembered(10, clock)
    made.add(GOOD)
    assert not made.knows(other)


def test_nothing_is_remembered_in_the_clear_or_without_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 5)
    made = Remembered(10, clock)
    for number in range(20):
        made.add(GOOD._replace(user=f"u{number}"))
    assert len(made._until) == 5
    assert "secret" not in repr(vars(made))
