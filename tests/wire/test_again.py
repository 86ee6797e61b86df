"""Replies kept for requests that come again: while the answer holds, for who may see all of it, within a budget."""

from __future__ import annotations

from typing import Any

import pytest
from tests.wire.samples import CLASSES, system

from virtcim.broker.call import EVERYTHING, Answer, Call, Form
from virtcim.wire.again import LARGEST, SHARED, Again
from virtcim.wire.encode import Encoder
from virtcim.wire.kept import OVERHEAD


def shared() -> dict[str, Any]:
    return {SHARED: True}


def kept(again: Again, memo: dict[str, Any], body: bytes = b"body") -> None:
    again.put(memo, lambda: True, body)


def test_what_nobody_can_ask_for_again_is_not_kept() -> None:
    again, memo = Again(1000), dict[str, Any]()
    again.put(memo, lambda: True, b"body")
    assert (again.get(memo), again.size) == (None, 0)


def test_what_does_not_hold_is_not_told() -> None:
    again, memo, true = Again(1000), shared(), [True]
    again.put(memo, lambda: true[0], b"body")
    assert again.get(memo) == b"body"
    true[0] = False
    assert again.get(memo) is None


def test_the_budget_holds_and_what_was_used_longest_ago_goes() -> None:
    again = Again(3 * (4 + OVERHEAD))
    memos = [shared() for _ in range(4)]
    for memo in memos[:3]:
        kept(again, memo)
    assert again.get(memos[0]) == b"body"
    kept(again, memos[3])
    assert [again.get(memo) for memo in memos] == [b"body", None, b"body", b"body"]
    assert again.size == 3 * (4 + OVERHEAD)


def test_large_replies_are_not_kept_and_end_what_was() -> None:
    again, memo = Again(10 * LARGEST), shared()
    kept(again, memo)
    again.put(memo, lambda: True, bytes(LARGEST + 1))
    assert (again.get(memo), again.size) == (None, 0)


@pytest.mark.parametrize("form", [Form.INSTANCE, Form.OBJECT_WITH_PATH, Form.OBJECT_PATH])
def test_the_kept_reply_is_the_same_but_for_the_message_id(form: Form) -> None:
    encoder, memo = Encoder(CLASSES.__getitem__, "host"), shared()
    answer = Answer(form, (system("a"),), EVERYTHING, holds=lambda: True)
    calls = [Call(str(number), "Some", "root/virt", {}, memo=memo) for number in (1, 1, 7)]
    first, second = (b"".join(encoder.reply(call, answer)) for call in calls[:2])
    assert first == second
    assert encoder.again(calls[2]) == first.replace(b'ID="1"', b'ID="7"')
    assert encoder.again(Call("7", "Some", "root/virt", {})) is None


def test_an_answer_that_may_change_by_itself_is_not_kept() -> None:
    encoder, call = Encoder(CLASSES.__getitem__, "host"), Call("1", "Some", "root/virt", {}, memo=shared())
    for _ in range(3):
        assert b"".join(encoder.reply(call, Answer(Form.INSTANCE, (system("a"),))))
    assert encoder.again(call) is None


def test_longer_replies_take_less_than_they_are() -> None:
    again, memo = Again(LARGEST), shared()
    kept(again, memo, b"like before " * 1000)
    assert again.get(memo) == b"like before " * 1000
    assert again.size < 1000
