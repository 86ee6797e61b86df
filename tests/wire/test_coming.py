"""Replies made before they are asked for: given once, to the answer that they were made of, and few of them."""

from __future__ import annotations

from virtcim.broker.call import Answer, Form
from virtcim.wire.coming import MOST, Coming, Made


def made(size: int, namespace: str = "root/virt") -> Made:
    return Made(Answer(Form.INSTANCE_PATH), namespace, [b"x" * size], size)


def test_given_once_and_to_its_answer_alone() -> None:
    coming, one = Coming(), made(10)
    coming.put(one)
    assert coming.take(Answer(Form.INSTANCE_PATH), "root/virt") is None
    assert coming.take(one.answer, "root/virt") is one
    assert coming.take(one.answer, "root/virt") is None
    assert coming.size == 0


def test_not_given_for_another_name_of_the_namespace() -> None:
    coming, one = Coming(), made(10)
    coming.put(one)
    assert coming.take(one.answer, "root/cimv2") is None


def test_the_oldest_give_way() -> None:
    coming = Coming()
    replies = [made(MOST // 3) for _ in range(5)]
    for one in replies:
        coming.put(one)
        coming.put(one)
        assert coming.size <= MOST
    assert [coming.take(one.answer, "root/virt") is one for one in replies] == [False, False, True, True, True]
    coming.put(replies[0])
    coming.clear()
    assert (coming.take(replies[0].answer, "root/virt"), coming.size) == (None, 0)
