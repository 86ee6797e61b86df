"""Answers of pulled enumerations that are made before they are asked for: the same as if nobody had looked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.broker.replies import Reply

from virtcim.broker.batches import Batch, Batches
from virtcim.broker.call import Answer, CIMError, Form, Status
from virtcim.broker.pull import Owner, PullLimits, Sessions

ME = Owner("root/virt", "me")


def ahead(answer: Answer) -> Answer | None:
    """What is made ahead of the next pull."""
    found = answer.ahead() if answer.ahead else None
    return None if found is None else found[1]


def numbers(first: int, end: int) -> Any:
    """Stand for items, of which sessions look at nothing."""
    return range(first, end)


def runs(sizes: list[int], known: bool = True) -> list[Batch]:
    """Runs of numbers that go on from one to the next, in one large batch."""
    ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]
    parts = [
        Batch(partial(numbers, end - size, end), end, "as it is", size if known else None)
        for end, size in zip(ends, sizes, strict=True)
    ]
    return [Batch(partial(numbers, 0, sum(sizes)), "all", "as it is", parts=lambda: parts)]


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), max_size=6),
    loose=st.integers(0, 3),
    counts=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=30),
    known=st.booleans(),
)
def test_looking_ahead_changes_nothing(
    sizes: list[int], loose: int, counts: list[tuple[int, bool]], known: bool
) -> None:
    total = sum(sizes)
    items = Batches([*runs(sizes, known), Batch(partial(numbers, total, total + loose))])
    sessions = Sessions(PullLimits())
    reply = Reply(sessions.open(ME, Answer(Form.INSTANCE, items), 60, 1))
    found = reply.items
    for count, looks in counts:
        if reply.ended:
            break
        coming = ahead(reply.answer) if looks else None
        reply = Reply(sessions.pull(ME, Form.INSTANCE, reply.context, count))
        assert len(reply.items) == min(count, total + loose - len(found))
        found += reply.items
        assert coming is None or count != len(Reply(coming).items) or coming is reply.answer
    assert found == list(range(total + loose))[: len(found)]
    assert reply.ended is (len(found) == total + loose)


def test_what_is_made_ahead_is_given_in_turn() -> None:
    sessions = Sessions(PullLimits())
    first = sessions.open(ME, Answer(Form.INSTANCE, Batches(runs([2, 2, 2]))), 60, 2)
    found = first.ahead() if first.ahead else None
    assert found is not None
    context, answer, give = found
    assert context == Reply(first).context
    assert [list(answer.items), list(answer.items)] == [[2, 3], [2, 3]]  # as often as somebody looks
    assert give() is answer
    with pytest.raises(CIMError) as error:
        give()
    assert error.value.status is Status.INVALID_ENUMERATION_CONTEXT
    assert Reply(sessions.pull(ME, Form.INSTANCE, Reply(answer).context, 9)).items == [4, 5]


def test_what_was_closed_is_not_given() -> None:
    sessions = Sessions(PullLimits())
    first = sessions.open(ME, Answer(Form.INSTANCE, Batches(runs([2, 2, 2]))), 60, 2)
    found = first.ahead() if first.ahead else None
    assert found is not None
    sessions.close(ME, found[0])
    with pytest.raises(CIMError) as error:
        found[2]()
    assert error.value.status is Status.INVALID_ENUMERATION_CONTEXT


def test_portions_of_few_items_are_one_batch_of_which_a_change_is_another_state() -> None:
    found = []
    for states in ("aaa", "aaa", "aba"):
        parts = [Batch(partial(numbers, 2 * at, 2 * at + 2), at, state, 2) for at, state in enumerate(states)]
        items = Batches([Batch(partial(numbers, 0, 6), "all", states, parts=partial(iter, parts))])
        answer = Sessions(PullLimits()).open(ME, Answer(Form.INSTANCE, items), 60, 5)
        assert isinstance(answer.items, Batches)
        (batch,) = answer.items.batches
        assert list(batch.items()) == list(numbers(0, 5))
        found.append((batch.place, batch.state))
    assert found[0] == found[1] != found[2]
    assert found[1][0] == found[2][0]


def test_only_what_cannot_change_is_looked_at_ahead() -> None:
    made: list[int] = []

    def making() -> Iterator[Any]:
        for one in range(4, 9):
            made.append(one)
            yield one

    sessions = Sessions(PullLimits())
    first = sessions.open(ME, Answer(Form.INSTANCE, Batches([*runs([2, 2]), Batch(making)])), 60, 1)
    coming = ahead(first)
    assert coming is not None
    assert list(coming.items) == [1]
    context = Reply(first).context
    reply = sessions.pull(ME, Form.INSTANCE, context, 3)  # up to the end of what has a place
    assert list(reply.items) == [1, 2, 3]
    assert ahead(reply) is None
    assert len(made) == 1  # to know that it is not the end


def test_an_error_ahead_comes_when_it_is_asked_for() -> None:
    def broken() -> Iterator[Batch]:
        yield Batch(partial(numbers, 0, 2), 2, "as it is", 2)
        raise CIMError(Status.FAILED, "no more")

    sessions = Sessions(PullLimits())
    answer = Answer(Form.INSTANCE, Batches([Batch(lambda: iter(()), "all", "as it is", parts=broken)]))
    first = sessions.open(ME, answer, 60, 1)
    assert ahead(first) is None
    assert len(sessions) == 1
    with pytest.raises(CIMError, match="no more"):
        sessions.pull(ME, Form.INSTANCE, Reply(first).context, 1)
    assert len(sessions) == 0


def test_nothing_is_made_ahead_of_a_session_that_is_gone() -> None:
    sessions = Sessions(PullLimits())
    first = sessions.open(ME, Answer(Form.INSTANCE, Batches(runs([5]))), 60, 1)
    sessions.close(ME, Reply(first).context)
    assert ahead(first) is None


def test_what_is_made_ahead_of_a_session_that_closes_is_not_given() -> None:
    sessions = Sessions(PullLimits())
    first = sessions.open(ME, Answer(Form.INSTANCE, Batches(runs([5]))), 60, 1)
    coming = ahead(first)
    assert coming is not None
    sessions.close(ME, Reply(first).context)
    for context in (Reply(first).context, Reply(coming).context):
        with pytest.raises(CIMError) as error:
            sessions.pull(ME, Form.INSTANCE, context, 1)
        assert error.value.status is Status.INVALID_ENUMERATION_CONTEXT
