"""A client as those of libvirt-cim are, of a server to read from and of one to change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pywbem
from tests.conftest import StartServer, connect, running_server
from tests.docs.old_client import OldClient


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> StartServer:
    """As start_server; all servers share one directory and so one compiled schema."""
    state_dir = tmp_path_factory.mktemp("state")
    return lambda **settings: running_server(state_dir, **settings)


@pytest.fixture
def client(start: StartServer) -> Iterator[OldClient]:
    """A client of a server that the test has for itself."""
    with start() as server, connect(server.url) as connection:
        yield OldClient(connection)


@pytest.fixture(scope="module")
def reader(shared_conn: pywbem.WBEMConnection) -> OldClient:
    return OldClient(shared_conn)
