"""A short part of `make fuzz`, the same each time; and that the fuzzer finds what is there to be found."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tests.fuzz import run
from tests.fuzz.corpus import REQUESTS
from tests.fuzz.mutate import MUTATIONS
from tests.fuzz.sockets import Found

from virtcim.broker.call import Answer, Call
from virtcim.wire.decode import decode

SEED = 20_260


def test_seeds_are_calls() -> None:
    for request in REQUESTS:
        assert decode(request.body).name == request.method


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
def test_mutations_change_something(mutation: Any) -> None:
    random, bodies = Random(1), [one.body for one in REQUESTS]
    changed = sum(mutation(random, body, bodies) != body for body in bodies)
    assert changed > len(bodies) / 2
    assert isinstance(mutation(random, b"", bodies), bytes)


def test_decode() -> None:
    assert run.fuzz_decode(8_000, SEED) > 400


def test_sockets(server: Any) -> None:
    statuses = run.fuzz_sockets(1_500, SEED, server.url)
    assert statuses[200] > 100
    assert statuses[400] > 300


def test_crash_of_the_decoder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _body: bytes) -> Call:
        raise RecursionError

    monkeypatch.setattr("virtcim.wire.repeated.Decoder.decode", broken)
    with pytest.raises(Found, match="RecursionError"):
        run.fuzz_decode(1, SEED)


def test_internal_error_is_found(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _call: Call) -> Answer:
        raise RuntimeError

    monkeypatch.setattr("virtcim.broker.namespaces.Namespaces.answer", broken)
    with start_server() as server, pytest.raises(Found, match="internal error"):
        run.fuzz_sockets(300, SEED, server.url)
