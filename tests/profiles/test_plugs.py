"""Where interfaces are plugged in, summed up over a host: right after any changes, and as cheap among many systems."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import libvirt
import pytest
from bench.guests import write_test_node
from tests.profiles.switching import Switching, switching_client

from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import switches_plugs
from virtcim.profiles.plugs import Plugged, plugged

CONNECTION = "CIM_EthernetPortAllocationSettingData"
INTERFACES = (
    "<interface type='bridge'><source bridge='br0'/></interface>",
    "<interface type='bridge'><source bridge='br1'/><virtualport type='openvswitch'/></interface>",
    "<interface type='network'><source network='default'/></interface>",
    "<interface type='direct'><source dev='eth0' mode='vepa'/></interface>",
    "<interface type='bridge'><source bridge='br0'/><link state='down'/></interface>",
)
GUEST = (
    "<domain type='test'><name>{0}</name><memory>4096</memory><os><type>hvm</type></os><devices>{1}</devices></domain>"
)
SLACK = 10  # steps; those of a whole look are several for each system


@contextmanager
def hosts_of(uri: str) -> Iterator[Hosts]:
    hosts = Hosts([uri], HostSettings(reconcile_interval=3600.0))
    hosts.start()
    try:
        assert hosts.wait(30)
        yield hosts
    finally:
        hosts.stop()


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_the_sums_are_those_of_a_new_look(node_uri: str, seed: int) -> None:
    chosen = random.Random(seed)
    with hosts_of(node_uri) as hosts:
        host = hosts.hosts[0]
        for turn in range(120):
            with host.link.reading() as connection:
                changed(connection, chosen, f"guest{chosen.randint(0, 9)}")
            if turn % chosen.randint(1, 9) == 0:
                host.reconcile()
                followed, new = plugged(host), Plugged()
                assert followed.sums(host.domains) == new.sums(host.domains)
                assert followed.taps == new.taps
        assert new.sums(host.domains).bridges.keys() == {"br0", "br1"}


def changed(connection: libvirt.virConnect, chosen: random.Random, name: str) -> None:
    """Define a guest with some interfaces, start it, end it or undefine it: what fails changes nothing."""
    interfaces = "".join(chosen.sample(INTERFACES, 2))
    changes: list[Callable[[], object]] = [
        lambda: connection.defineXML(GUEST.format(name, interfaces)),
        lambda: connection.defineXML(GUEST.format(name, interfaces)),
        lambda: connection.lookupByName(name).create(),
        lambda: connection.lookupByName(name).destroy(),
        lambda: connection.lookupByName(name).undefine(),
    ]
    try:
        chosen.choice(changes)()
    except libvirt.libvirtError:
        return


def steps(work: Callable[[], object]) -> int:
    """How many functions the work calls in this thread."""
    called = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return called


def node_of(file: Path, guests: int) -> str:
    uri = write_test_node(file, guests)
    bridged = file.read_text().replace("<interface type='user'>", "<interface type='bridge'><source bridge='br0'/>")
    file.write_text(bridged)
    return uri


def after_a_change(switching: Switching) -> dict[str, int]:
    """How many steps it takes to read what hangs off a system and its switch, each after another system has changed."""
    host, client = switching.host, switching.client
    connection = switching.wires("bench00001")[0].path
    works: dict[str, Callable[[], object]] = {
        "a connection": lambda: client.get(connection),
        "its switch": lambda: client.across(connection, "CIM_ElementAllocatedFromPool"),
        "the pool it is from": lambda: client.across(connection, "CIM_ResourceAllocationFromPool"),
        "the switch of a plug": lambda: switches_plugs.own_switches(host),
    }
    found = {}
    for name, work in works.items():
        work()
        with host.link.reading() as libvirtd:
            domain = libvirtd.lookupByName("bench00000")
            domain.setAutostart(not domain.autostart())
        host.refresh(domain.UUIDString())
        found[name] = steps(work)
    return found


def test_after_a_change_it_takes_no_more_steps_among_many_systems(repository: Schema, tmp_path: Path) -> None:
    with switching_client(repository, node_of(tmp_path / "few.xml", 4)) as few:
        expected = after_a_change(few)
    with switching_client(repository, node_of(tmp_path / "many.xml", 60)) as many:
        found = after_a_change(many)
    assert all(0 < found[name] <= expected[name] + SLACK for name in expected), (expected, found)
