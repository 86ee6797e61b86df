"""Encodings of batches: kept packed, unpacked while they are asked for all the time, and of a length known before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.wire.samples import CLASSES, system

from virtcim.broker.batches import Batch, Batches
from virtcim.broker.call import Answer, Call, Form, Item
from virtcim.wire import kept
from virtcim.wire.batched import FEW
from virtcim.wire.encode import Encoder
from virtcim.wire.kept import SLICE, Blocks

LARGE = b"0123456789abcdef" * (SLICE // 8)


def taken(blocks: Blocks, place: str = "place") -> bytes:
    block = blocks.get(place, "state")
    assert block is not None
    assert block.size == len(LARGE)
    return b"".join(blocks.slices(place, block))


@pytest.mark.parametrize("times", [1, 2, 5])
def test_it_is_the_same_each_time(times: int) -> None:
    blocks = Blocks(10 * len(LARGE))
    blocks.put("place", "state", LARGE)
    for _ in range(times):
        assert taken(blocks) == LARGE
    blocks.cool()
    assert taken(blocks) == LARGE
    assert blocks.size < len(LARGE) // 10


def test_what_was_made_anew_is_not_told_from_the_old() -> None:
    blocks = Blocks(10 * len(LARGE))
    blocks.put("place", "state", LARGE)
    for _ in range(3):
        taken(blocks)
    other = LARGE.replace(b"0", b"-")
    blocks.put("place", "state", other)
    assert [taken(blocks) == other for _ in range(3)] == [True] * 3
    assert blocks.get("place", "another state") is None


def test_what_is_kept_unpacked_has_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "HOT", 2 * len(LARGE))
    blocks = Blocks(10 * len(LARGE))
    for number in range(4):
        blocks.put(f"{number}", "state", LARGE)
    for _ in range(3):
        for number in range(4):
            assert taken(blocks, f"{number}") == LARGE
    assert len(blocks._hot) == 2
    blocks.cool()
    assert not blocks._hot


def runs(count: int, loose: int = 0) -> Batches:
    """Some hundred systems in batches, and loose ones after them."""
    made = [[system(f"{run} {number}") for number in range(100)] for run in range(count)]
    parts = [Batch(lambda run=run: run, ("run", number), number) for number, run in enumerate(made)]  # type: ignore[misc]

    def all_of_them() -> Iterator[Item]:
        return (one for run in made for one in run)

    whole = Batch(all_of_them, "whole", 1, parts=lambda: parts)
    return Batches(iter((whole, Batch(lambda: [system(f"loose {number}") for number in range(loose)]))))


@pytest.mark.parametrize("loose", [0, FEW, FEW + 1])
@pytest.mark.parametrize("count", [1, 60], ids=["one chunk", "several"])
def test_the_length_is_known_of_what_is_kept(count: int, loose: int) -> None:
    encoder, call = Encoder(CLASSES.__getitem__, "host"), Call("1", "Some", "root/virt", {})
    replies = [encoder.reply(call, Answer(Form.NAMED_INSTANCE, runs(count, loose))) for _ in range(1)]
    first = b"".join(replies[0])
    assert replies[0].length is None
    for _ in range(4):
        again = encoder.reply(call, Answer(Form.NAMED_INSTANCE, runs(count, loose)))
        assert again.length == (len(first) if loose <= FEW else None)
        assert b"".join(again) == first
        assert first.count(b"<VALUE.NAMEDINSTANCE>") == 100 * count + loose
