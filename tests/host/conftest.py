"""Fixtures on the embedded node: libvirt's test driver in this process, every test a node of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import libvirt
import pytest

from virtcim.config import embedded_node
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.settings import HostSettings

NEVER = 3600.0  # seconds: no reconcile within a test, unless the test asks for one


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """The embedded node, read."""
    hosts = Hosts([embedded_node()], HostSettings(reconcile_interval=NEVER))
    hosts.start()
    try:
        assert hosts.wait(10), hosts.hosts[0].reason
        yield hosts
    finally:
        hosts.stop()


@pytest.fixture
def host(hosts: Hosts) -> Host:
    return hosts.hosts[0]


def named(host: Host, name: str) -> Vm:
    vm = host.vm_named(name)
    assert vm is not None, f"no domain {name}"
    return vm


def behind(host: Host, name: str) -> libvirt.virDomain:
    """libvirt's own handle, to change a domain without the verbs."""
    with host.link.reading() as connection:
        return connection.lookupByName(name)


def wait_until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.002)


def minimal(name: str, extra: str = "") -> str:
    """The smallest document that the test driver defines."""
    return (
        f"<domain type='test'><name>{name}</name>{extra}<memory>65536</memory>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
