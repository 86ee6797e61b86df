"""What a host can do without: a part of libvirt that fails is left out, a link that is lost is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import libvirt
import pytest

from virtcim.host import objects
from virtcim.host.events import Topic
from virtcim.host.figures import Figures
from virtcim.host.netside import NetSide
from virtcim.host.reading import if_told


@dataclass
class Opened:
    """A link that is there already."""

    connection: libvirt.virConnect

    @contextmanager
    def reading(self) -> Iterator[libvirt.virConnect]:
        yield self.connection


def failing(connection: libvirt.virConnect) -> list[str]:
    connection.nwfilterLookupByName("there is none")
    return ["unreached"]


def test_a_part_that_fails_is_left_out(node_uri: str) -> None:
    connection = libvirt.open(node_uri)
    assert if_told(connection, failing, ["nothing"]) == ["nothing"]
    connection.close()


def test_a_lost_link_is_told(node_uri: str) -> None:
    connection = libvirt.open(node_uri)
    connection.close()
    with pytest.raises(libvirt.libvirtError):
        if_told(connection, failing, ["nothing"])


def test_interfaces_come_and_go(node_uri: str) -> None:
    """The test driver has no filters and no leases, which is no fault."""
    connection = libvirt.open(node_uri)
    heard: list[tuple[Topic, object, object]] = []
    netside, figures = NetSide(lambda *what: heard.append(what)), Figures(Opened(connection))
    netside.read(connection)
    figures.read(connection)
    assert netside.filters == ()
    assert {one.name for one in netside.interfaces} == {one.name for one in objects.read_interfaces(connection)}
    version, count = netside.version, len(heard)
    netside.read(connection)
    assert (netside.version, len(heard)) == (version, count)
    connection.interfaceDefineXML("<interface type='ethernet' name='eth9'><start mode='none'/></interface>")
    netside.read(connection)
    assert netside.interface_named("eth9") is not None
    assert heard[-1][0] is Topic.INTERFACE
    connection.close()
