"""The profiles over the embedded node, through the real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest
from tests import schemas
from tests.profiles.client import Client, running_client
from tests.profiles.everything import everything_running
from tests.profiles.management import Manager, managing

from virtcim.broker.schema import Schema

StartClient = Callable[..., AbstractContextManager[Client]]


@pytest.fixture(scope="session")
def repository() -> Schema:
    """The classes, with leaves for the test driver and for QEMU."""
    return schemas.loaded("Test", "KVM")


@pytest.fixture(scope="session")
def start_client(repository: Schema) -> StartClient:
    """start_client(*uris, **host settings) -> context of a client over a world of its own."""
    return partial(running_client, repository)


@pytest.fixture(scope="session")
def shared(start_client: StartClient, node_uri: str) -> Iterator[Client]:
    """A client over the embedded node, for tests that only read."""
    with start_client(node_uri) as client:
        yield client


@pytest.fixture
def client(start_client: StartClient, node_uri: str) -> Iterator[Client]:
    """A client over a node of the test's own."""
    with start_client(node_uri, shutdown_timeout=5.0) as client:
        yield client


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, node_uri: str) -> Iterator[Client]:
    """All profiles over a node that nobody changes any more."""
    with everything_running(tmp_path_factory.mktemp("state"), node_uri) as client:
        yield client


@pytest.fixture
def manager(repository: Schema, node_uri: str) -> Iterator[Manager]:
    """A client of the management service over a node of the test's own."""
    with managing(repository, node_uri, detach_timeout=2.0) as manager:
        yield manager
