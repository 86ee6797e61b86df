"""A domain that two hosts of one server have: it goes where it came from before it comes where it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest
from tests.host.conftest import NEVER

from virtcim.host.inventory import Hosts, Underway, Vm
from virtcim.host.settings import HostSettings
from virtcim.host.system import Host

XML = "<domain type='test'><name>mover</name><uuid>{}</uuid><memory>1024</memory><os><type>hvm</type></os></domain>"
UUID = "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8eabcd"


@pytest.fixture
def hosts(node_uri: str) -> Iterator[Hosts]:
    found = Hosts([node_uri, "test:///default"], HostSettings(reconcile_interval=NEVER, naming="uuid"))
    found.start()
    assert found.wait(30)
    yield found
    for host in found.hosts:
        forget(host)
    found.stop()


def define(host: Host, *, start: bool = False) -> Vm | None:
    with host.link.borrow() as connection:
        domain = connection.defineXML(XML.format(UUID))
        if start:
            domain.create()
    return host.refresh(UUID)


def forget(host: Host) -> None:
    with host.link.borrow() as connection:
        for domain in connection.listAllDomains():
            if domain.UUIDString() == UUID:
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
    host.refresh(UUID)


def shown(hosts: Hosts) -> list[bool]:
    return [host.vm(UUID) is not None for host in hosts.hosts]


def test_it_goes_before_it_comes(hosts: Hosts) -> None:
    here, there = hosts.hosts
    told: list[tuple[Host, bool]] = []

    def hear(host: Host, _topic: object, _old: object, new: Vm | None) -> None:
        told.append((host, new is not None and new.active))

    for host in hosts.hosts:
        host.on_change(partial(hear, host))
    define(here, start=True)
    assert define(there, start=True) is None
    there.reconcile()
    assert shown(hosts) == [True, False]
    forget(here)
    deadline = time.monotonic() + 10
    while shown(hosts) != [False, True] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert shown(hosts) == [False, True]
    assert [host for host, active in told if active][-1] is there


def test_a_definition_is_at_both_unless_it_is_on_its_way(hosts: Hosts) -> None:
    here, there = hosts.hosts
    define(here)
    here.set_underway(UUID, Underway(5, 19, 10))
    assert define(there) is None
    here.set_underway(UUID, None)
    assert there.refresh(UUID) is not None
    assert shown(hosts) == [True, True]


def test_names_tell_hosts_apart_no_further(node_uri: str) -> None:
    """With names as keys nothing is held back."""
    found = Hosts([node_uri, "test:///default"], HostSettings(reconcile_interval=NEVER))
    found.start()
    assert found.wait(30)
    try:
        define(found.hosts[0], start=True)
        assert define(found.hosts[1], start=True) is not None
    finally:
        for host in found.hosts:
            forget(host)
        found.stop()
