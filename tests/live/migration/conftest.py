"""Two hosts, a server that drives both, what it tells, and a guest that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.live.conftest import Guest
from tests.live.migration.moving import (
    LINUX,
)
from tests.live.migration.two_hosts import Bed, bed
from tests.profiles.eventful import Eventful, eventful_running
from tests.profiles.migrating import (
    Mover,
)

from virtcim.broker.schema import Schema
from virtcim.host.settings import MigrationSettings


@pytest.fixture(scope="module")
def place() -> Iterator[Bed]:
    with bed() as found:
        yield found


@pytest.fixture(scope="module")
def server(kvm_schema: Schema, place: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventful]:
    """One that drives both hosts."""
    files = {"socket_directory": str(place.shared), "pki_directory": str(place.place / "pki" / "bed-a")}
    migration = MigrationSettings(**files)
    state = tmp_path_factory.mktemp("state")
    with eventful_running(
        kvm_schema,
        place.uri("a"),
        state,
        more=(place.uri("b"),),
        uuids=True,
        migration=migration,
        shutdown_timeout=20.0,
    ) as found:
        yield found


@pytest.fixture
def ear(server: Eventful) -> Iterator[Callable[[], list[Any]]]:
    """ear() -> what has been told of systems and of jobs since the test began."""
    server.settle(0.2)
    about = ("Virt_ComputerSystem", "CIM_ConcreteJob")
    queries = [f"SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA {one}" for one in about]
    subscriptions = [server.subscribe(query) for query in queries]
    before = len(server.listener.bodies)
    yield lambda: server.listener.indications[before:]
    for path in subscriptions:
        server.delete(path)


@pytest.fixture(scope="module")
def mover(server: Eventful) -> Mover:
    return Mover(server)


@pytest.fixture(scope="module")
def linux(place: Bed, guest_image: Guest) -> Bed:
    """A guest that can be asked how long it has been up; wherever it is."""
    place.define_linux("linux", guest_image)
    place.uptime(LINUX)
    return place
