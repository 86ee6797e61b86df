"""Enumeration sessions: any sequence of counts, time, limits, errors and threads."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.broker.replies import Reply

from virtcim.broker.call import Answer, CIMError, Form, Status
from virtcim.broker.pull import Owner, PullLimits, Sessions

ME = Owner("root/virt", "me")


@settings(deadline=None)
@given(total=st.integers(0, 20), counts=st.lists(st.integers(0, 7), max_size=30))
def test_any_sequence_of_counts(total: int, counts: list[int]) -> None:
    sessions = Sessions(PullLimits())
    reply = Reply(sessions.open(ME, Answer(Form.INSTANCE, iter(range(total))), 60, counts[0] if counts else 0))
    items = reply.items
    for count in counts[1:]:
        if reply.ended:
            break
        reply = Reply(sessions.pull(ME, Form.INSTANCE, reply.context, count))
        assert len(reply.items) <= count
        items += reply.items
    assert items == list(range(total))[: len(items)]
    assert reply.ended is (len(items) == total)
    assert len(sessions) == (0 if reply.ended else 1)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(sessions: Sessions, total: int = 9, timeout: float = 60, owner: Owner = ME) -> Any:
    return Reply(sessions.open(owner, Answer(Form.INSTANCE, range(total)), timeout, 0)).context


def test_sessions_expire(clock: Clock) -> None:
    sessions = Sessions(PullLimits(), clock)
    context = opened(sessions, timeout=sessions.seconds(None))
    for _ in range(3):  # every pull, one of nothing as well, starts the time again
        clock.now += 59
        context = Reply(sessions.pull(ME, Form.INSTANCE, context, 0)).context
    clock.now += 61
    assert len(sessions) == 0
    with pytest.raises(CIMError) as error:
        sessions.pull(ME, Form.INSTANCE, context, 1)
    assert error.value.status is Status.INVALID_ENUMERATION_CONTEXT


class Kept:
    """Items that tell when they are gone."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(9))


def test_what_is_forgotten_goes_by_itself() -> None:
    sessions = Sessions(PullLimits())
    items = Kept()
    sessions.open(ME, Answer(Form.INSTANCE, (one for one in items)), 0.1, 1)
    opened(sessions, timeout=60)
    kept = weakref.ref(items)
    del items
    deadline = time.monotonic() + 20
    while len(sessions._sessions) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)  # and nobody touches the sessions
    gc.collect()
    assert kept() is None
    assert len(sessions) == 1
    sessions.end()
    assert len(sessions) == 0
    assert sessions._timer is None


def test_the_timer_waits_for_the_earliest(clock: Clock) -> None:
    sessions = Sessions(PullLimits(), clock)
    for timeout, due in ((60, 60), (30, 30), (90, 30)):
        opened(sessions, timeout=timeout)
        assert sessions._due == due
    sessions.end()


def test_sessions_without_time_limit_where_allowed(clock: Clock) -> None:
    sessions = Sessions(PullLimits(allow_no_timeout=True), clock)
    context = opened(sessions, timeout=sessions.seconds(0))
    clock.now += 1e9
    assert len(Reply(sessions.pull(ME, Form.INSTANCE, context, 9)).items) == 9


@pytest.mark.parametrize(
    ("limits", "users"),
    [
        pytest.param(PullLimits(sessions=3), ["a", "b", "c"], id="of all"),
        pytest.param(PullLimits(sessions_per_user=3), ["me", "me", "me"], id="of a user"),
    ],
)
def test_sessions_are_limited(clock: Clock, limits: PullLimits, users: list[str]) -> None:
    sessions = Sessions(limits, clock)
    for user in users:
        opened(sessions, owner=Owner("root/virt", user))
    with pytest.raises(CIMError) as error:
        opened(sessions)
    assert error.value.status is Status.SERVER_LIMITS_EXCEEDED
    assert opened(sessions, total=0) is None  # what ends at once needs no session
    clock.now += 61
    assert opened(sessions) is not None


def test_a_batch_is_limited() -> None:
    sessions = Sessions(PullLimits(batch=5))
    reply = Reply(sessions.open(ME, Answer(Form.INSTANCE, range(12)), 60, 100))
    assert len(reply.items) == 5
    reply = Reply(sessions.pull(ME, Form.INSTANCE, reply.context, 100))
    assert (reply.items, reply.ended) == ([5, 6, 7, 8, 9], False)


def test_pulls_of_nothing_are_limited() -> None:
    sessions = Sessions(PullLimits(empty_pulls=2))
    context = opened(sessions)
    for count in (0, 0, 1, 0, 0):
        context = Reply(sessions.pull(ME, Form.INSTANCE, context, count)).context
    with pytest.raises(CIMError) as error:
        sessions.pull(ME, Form.INSTANCE, context, 0)
    assert error.value.status is Status.SERVER_LIMITS_EXCEEDED
    assert len(sessions) == 0


def test_an_error_ends_the_session() -> None:
    def failing() -> Iterator[int]:
        yield from (1, 2)
        raise CIMError(Status.FAILED, "gone")

    sessions = Sessions(PullLimits())
    context = Reply(sessions.open(ME, Answer(Form.INSTANCE, failing()), 60, 0)).context
    with pytest.raises(CIMError, match="gone"):
        sessions.pull(ME, Form.INSTANCE, context, 9)
    with pytest.raises(CIMError) as error:
        sessions.pull(ME, Form.INSTANCE, context, 9)
    assert error.value.status is Status.INVALID_ENUMERATION_CONTEXT


class Slow:
    """Items of which the second waits until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def __iter__(self) -> Iterator[int]:
        yield 0
        self.asked.set()
        assert self.let_go.wait(10)
        yield from (1, 2)


class Puller(threading.Thread):
    """A pull in a thread, and what became of it."""

    def __init__(self, sessions: Sessions, context: str) -> None:
        super().__init__()
        self._pull = (sessions, context)
        self.outcome: object = None
        self.start()

    def run(self) -> None:
        sessions, context = self._pull
        try:
            self.outcome = list(sessions.pull(ME, Form.INSTANCE, context, 1).items)
        except CIMError as error:
            self.outcome = error.status

    def ended(self) -> object:
        self.join(10)
        return self.outcome


def test_closing_abandons_a_pull_under_way() -> None:
    sessions, slow = Sessions(PullLimits()), Slow()
    context = Reply(sessions.open(ME, Answer(Form.INSTANCE, slow), 60, 0)).context
    puller = Puller(sessions, context)
    assert slow.asked.wait(10)
    sessions.close(ME, context)
    slow.let_go.set()
    assert puller.ended() is Status.PULL_HAS_BEEN_ABANDONED
    assert len(sessions) == 0


def test_of_two_pulls_at_once_the_second_has_a_void_context() -> None:
    sessions, slow = Sessions(PullLimits()), Slow()
    context = Reply(sessions.open(ME, Answer(Form.INSTANCE, slow), 60, 0)).context
    first = Puller(sessions, context)
    assert slow.asked.wait(10)
    second = Puller(sessions, context)
    slow.let_go.set()
    assert {str(first.ended()), str(second.ended())} == {"[0]", str(Status.INVALID_ENUMERATION_CONTEXT)}
    assert len(sessions) == 1


def test_a_session_under_way_does_not_expire(clock: Clock) -> None:
    sessions, slow = Sessions(PullLimits(), clock), Slow()
    context = Reply(sessions.open(ME, Answer(Form.INSTANCE, slow), 60, 0)).context
    puller = Puller(sessions, context)
    assert slow.asked.wait(10)
    clock.now += 1000
    assert len(sessions) == 1
    slow.let_go.set()
    assert puller.ended() == [0]
