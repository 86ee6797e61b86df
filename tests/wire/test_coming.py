"""Replies made before they are asked for: given once, to the call that was expected, and few of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from virtcim.broker.call import Answer, Call, Form, Value
from virtcim.wire.coming import MOST, Coming, Made

LAST = Call("1", "PullInstancePaths", "root/virt", {"EnumerationContext": "before", "MaxObjectCount": "5"}, user="me")


def made(size: int, context: str = "now") -> Made:
    answer = Answer(Form.INSTANCE_PATH)
    return Made(LAST, (context, answer, lambda: answer), [b"x" * size], size)


def following(context: Value = "now", **others: str) -> Call:
    """The last call with another context and message ID, and with other parameters."""
    return replace(LAST, message_id="2", parameters={**LAST.parameters, "EnumerationContext": context, **others})


def test_given_once_and_to_its_answer_alone() -> None:
    coming, one = Coming(), made(10)
    coming.put(one)
    assert coming.find(following()) is one.ahead
    assert coming.take(following(), one.ahead[1]) is one
    assert (coming.find(following()), coming.take(following(), one.ahead[1]), coming.size) == (None, None, 0)
    coming.put(one)
    assert (coming.take(following(), Answer(Form.INSTANCE_PATH)), coming.size) == (None, 0)


OTHERS = {
    "another context": following("then"),
    "no text as context": following(["now"]),
    "another count": following(MaxObjectCount="6"),
    "a parameter more": following(Other="x"),
    "a parameter less": replace(LAST, parameters={"EnumerationContext": "now"}),
    "another form": replace(following(), name="PullInstancesWithPath"),
    "another user": replace(following(), user="somebody"),
    "another name of the namespace": replace(following(), namespace="root/cimv2"),
}


@pytest.mark.parametrize("call", OTHERS.values(), ids=OTHERS)
def test_another_call_was_not_expected(call: Call) -> None:
    coming = Coming()
    coming.put(made(10))
    assert coming.find(call) is None


def test_not_given_for_another_name_of_the_namespace() -> None:
    coming, one = Coming(), made(10)
    coming.put(one)
    assert coming.take(replace(following(), namespace="root/cimv2"), one.ahead[1]) is None


def test_the_oldest_give_way() -> None:
    coming = Coming()
    replies = [made(MOST // 3, str(number)) for number in range(5)]
    for one in replies:
        coming.put(one)
        coming.put(one)
        assert coming.size <= MOST
    left = [coming.take(following(one.ahead[0]), one.ahead[1]) is one for one in replies]
    assert left == [False, False, True, True, True]
    coming.put(replies[0])
    coming.clear()
    assert (coming.find(following("0")), coming.size) == (None, 0)
