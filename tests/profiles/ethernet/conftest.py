"""Clients of switches, adapters and connections over the embedded node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.switching import Switching, switching_client

from virtcim.broker.schema import Schema


@pytest.fixture(scope="session")
def node(repository: Schema, node_uri: str) -> Iterator[Switching]:
    """For tests that only read."""
    with switching_client(repository, node_uri) as found:
        yield found


@pytest.fixture
def switching(repository: Schema, node_uri: str) -> Iterator[Switching]:
    with switching_client(repository, node_uri) as found:
        yield found
