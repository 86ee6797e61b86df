"""What was made of systems that nobody asks for any more is gone at once, not when the garbage collector comes."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.guests import write_test_node

from virtcim.host.documents import TREES
from virtcim.host.inventory import Host, Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles.elements import configurations, devices, settings
from virtcim.profiles.warm import WARM

SYSTEMS = 2 * WARM


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    hosts = Hosts([write_test_node(tmp_path / "node.xml", SYSTEMS)], HostSettings(reconcile_interval=3600.0))
    hosts.start()
    assert hosts.wait(30)
    yield hosts.hosts[0]
    hosts.stop()


def there() -> Counter[str]:
    return Counter(type(one).__name__ for one in gc.get_objects())


def test_what_is_cooled_needs_no_garbage_collector(host: Host) -> None:
    gc.collect()
    gc.disable()
    try:
        before = there()
        for vm in host.vms:
            for configuration in configurations(vm):
                assert all(setting.resource.view for setting in settings(configuration))
            assert devices(vm)
        after = there()
    finally:
        gc.enable()
    assert 0 < after["Configuration"] - before["Configuration"] <= 2 * WARM
    assert 0 < after["Setting"] - before["Setting"] <= WARM / SYSTEMS * made(host)
    assert 0 < after["Domain"] - before["Domain"] <= TREES


def made(host: Host) -> int:
    """How many settings all systems have."""
    return sum(len(settings(configuration)) for vm in host.vms for configuration in configurations(vm))
