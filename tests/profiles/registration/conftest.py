"""Clients that see registered profiles: over plain objects, and over the embedded node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.client import OURS, Client, make_client
from tests.profiles.registration.registered import World, system_profile

from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import dsp1033
from virtcim.profiles.registration import load_facts
from virtcim.resources import profiles_dir


@pytest.fixture
def small(repository: Schema) -> Client:
    """Plain objects, where libvirt plays no part."""
    world: Any = World()
    profiles = [system_profile()]
    return make_client(repository, world, [*profiles, dsp1033.make(load_facts(profiles_dir()), profiles, world)])


@pytest.fixture(scope="module")
def node(repository: Schema, node_uri: str) -> Iterator[Client]:
    """The embedded node with the real profiles."""
    world = Hosts([node_uri], HostSettings())
    world.start()
    assert world.wait(30)
    yield make_client(repository, world, [*OURS, dsp1033.make(load_facts(profiles_dir()), OURS, world)])
    world.stop()
