"""A bench whose work a test holds on to, and a client of the server that does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.dsp1103.work import Bench, Client, bench_profile

from virtcim.broker.jobs import Jobs
from virtcim.broker.schema import Schema


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.go.set()


@pytest.fixture
def client(repository: Schema, bench: Bench) -> Client:
    return Client(repository, bench, Jobs(60, str), bench_profile(bench))
