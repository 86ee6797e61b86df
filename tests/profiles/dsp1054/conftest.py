"""Servers with indications over the embedded node: one for each test, or one for a module, cleared after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.profiles.eventful import Eventful, clean, eventful_running

from virtcim.broker.schema import Schema


@pytest.fixture
def client(repository: Schema, node_uri: str, tmp_path: Path) -> Iterator[Eventful]:
    with eventful_running(repository, node_uri, tmp_path) as client:
        yield client


@pytest.fixture(scope="module")
def lasting(repository: Schema, node_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventful]:
    with eventful_running(repository, node_uri, tmp_path_factory.mktemp("state")) as client:
        yield client


@pytest.fixture
def cleared(lasting: Eventful) -> Iterator[Eventful]:
    """The server of the module, without what clients have created before."""
    yield lasting
    clean(lasting)
