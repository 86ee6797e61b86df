"""A server for each module whose clients make namespaces of their own, and such a client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import pywbem
from tests.conftest import running_server
from tests.namespaces.spaces import client, fill


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_server(tmp_path_factory.mktemp("state")) as server:
        yield server


@pytest.fixture
def conn(own_server: Any) -> Iterator[pywbem.WBEMConnection]:
    with client(own_server.url) as connection:
        yield connection


@pytest.fixture
def lab(conn: pywbem.WBEMConnection) -> pywbem.WBEMConnection:
    """A client whose default namespace has been made and filled."""
    fill(conn)
    return conn
