"""A server that drives two hosts of the test driver, and a system that stays where it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.migrating import DISK, Mover, moving

from virtcim.host.inventory import Vm


@pytest.fixture(scope="module")
def mover(tmp_path_factory: pytest.TempPathFactory, node_uri: str) -> Iterator[Mover]:
    with moving(tmp_path_factory.mktemp("state"), node_uri, "test:///default", shutdown_timeout=5.0) as found:
        yield found


@pytest.fixture(scope="module")
def still(mover: Mover) -> Vm:
    """A system that stays where it is, off."""
    return mover.define("still", devices=DISK)
