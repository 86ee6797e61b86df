"""What is made in the background: the first read of pools and capabilities asks libvirt nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.counting import counted_calls

from virtcim.host.inventory import Host, Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles.ahead import Ahead
from virtcim.profiles.pools import pools_of
from virtcim.profiles.pools_capabilities import offer_of

TIMEOUT = 10.0  # seconds


@pytest.fixture
def hosts(node_uri: str, tmp_path: Path) -> Iterator[Hosts]:
    """A host that is not there, and the embedded node."""
    absent = f"qemu+unix:///system?socket={tmp_path}/none"
    hosts = Hosts([absent, node_uri], HostSettings(reconcile_interval=3600.0))
    ahead = Ahead(hosts)
    ahead.start()
    hosts.start()
    try:
        yield hosts
    finally:
        hosts.stop()
        ahead.stop()


def prepared(host: Host) -> bool:
    """Whether its pools are there before anybody has asked for them."""
    deadline = time.monotonic() + TIMEOUT
    while "_resource_pools" not in vars(host) and time.monotonic() < deadline:
        time.sleep(0.01)
    return "_resource_pools" in vars(host)


def test_made_before_anybody_asks(hosts: Hosts) -> None:
    host = hosts.hosts[1]
    assert prepared(host)
    active = [vm for vm in host.vms if vm.active]
    assert active
    assert all("_taken" in vars(vm) for vm in active)
    with counted_calls() as calls:
        assert offer_of(host).max_vcpus > 0
        assert pools_of(host)
    assert not {"virConnectGetMaxVcpus", "virConnectGetDomainCapabilities"} & calls.counted.keys()


def test_made_anew_with_each_connection(hosts: Hosts) -> None:
    host = hosts.hosts[1]
    assert prepared(host)
    del vars(host)["_resource_pools"]
    host.ready.clear()
    with host.link.reading() as connection:
        host._keeper.connected(connection)
    assert prepared(host)


def test_a_host_that_is_away_keeps_nobody_waiting(node_uri: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is gone again before its turn comes: no word of it, and the next one is prepared."""
    gone, there = (Hosts([node_uri], HostSettings(reconcile_interval=3600.0)) for _ in range(2))
    ahead = Ahead(gone)
    there.on_ready(ahead.want)
    for hosts in (gone, there):
        hosts.start()
        assert hosts.wait(TIMEOUT)
    gone.stop()
    ahead.start()
    try:
        assert prepared(there.hosts[0])
    finally:
        there.stop()
        ahead.stop()
    assert not caplog.records
