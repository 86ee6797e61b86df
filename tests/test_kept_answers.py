"""What is kept about systems stays true while everything around them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest
from lxml import etree
from tests.conftest import running_server
from tests.kept import Kept, agree, broker_over, plan
from tests.schemas import share

from virtcim.broker.broker import Broker
from virtcim.broker.call import Answer, Call, CIMError, ClassPath, Item, Properties
from virtcim.broker.provider import VIRT
from virtcim.config import embedded_node
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings, Naming

NODE = "test:///default"  # the same node for every connection of this process
KEPT = "web1"  # it has images by path and by volume, networks and a console
IMAGE = "/srv/images/web1.qcow2"
OTHER = (
    "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os><devices>"
    f"<disk type='file' device='disk'><source file='{IMAGE}'/><target dev='vda'/><shareable/></disk>"
    "<interface type='network'><mac address='52:54:00:10:00:01'/><source network='production'/></interface>"
    "<graphics type='vnc' port='5901'/></devices></domain>"
)
# libvirt refuses two pools of one kind in one place.
SAME_PLACE = (
    "<pool type='netfs'><name>{name}</name><source><host name='192.0.2.30'/><dir path='/export/{name}'/></source>"
    "<target><path>/srv/images</path></target></pool>"
)
VOLUME = "<volume><name>{name}</name><capacity>{size}</capacity></volume>"
HISTORY = ("TimeOfLastStateChange", "LoadPercentage")
Node = libvirt.virConnect
Change = Callable[[Node], object]


@pytest.fixture
def node() -> Iterator[Node]:
    """The embedded node's systems, pools and networks in the shared node, which is as it was afterwards."""
    connection = libvirt.open(NODE)
    for element in etree.parse(embedded_node().removeprefix("test://")).getroot():
        if element.tag in MAKE:
            MAKE[element.tag](connection, element)
    yield connection
    clear(connection)
    connection.close()


def _domain(node: Node, element: etree._Element) -> None:
    node.defineXML(etree.tostring(element).decode()).create()


def _network(node: Node, element: etree._Element) -> None:
    node.networkDefineXML(etree.tostring(element).decode()).create()


def _pool(node: Node, element: etree._Element) -> None:
    volumes = [etree.tostring(one).decode() for one in element.findall("volume")]
    pool = node.storagePoolDefineXML(etree.tostring(element).decode())
    pool.create()
    for volume in volumes:
        pool.createXML(volume)


MAKE = {"domain": _domain, "network": _network, "pool": _pool}


def clear(node: Node) -> None:
    made: list[Any] = [*node.listAllDomains(), *node.listAllNetworks(), *node.listAllStoragePools()]
    for one in made:
        if one.name() not in ("test", "default", "default-pool"):
            with suppress(libvirt.libvirtError):
                one.destroy()
            with suppress(libvirt.libvirtError):
                one.undefine()


# What changes beside the systems


def delete_image(node: Node) -> None:
    node.storagePoolLookupByName("images").storageVolLookupByName("web1.qcow2").delete()
    node.storagePoolLookupByName("fast").destroy()


def make_image(node: Node) -> None:
    node.storagePoolLookupByName("images").createXML(VOLUME.format(name="web1.qcow2", size=2**30))
    node.storagePoolLookupByName("fast").create()


def list_it_three_times(node: Node) -> None:
    for name in ("again", "zagain"):
        pool = node.storagePoolDefineXML(SAME_PLACE.format(name=name))
        pool.create()
        pool.createXML(VOLUME.format(name="web1.qcow2", size=2**31))


def list_it_twice(node: Node) -> None:
    pool = node.storagePoolLookupByName("again")
    pool.destroy()
    pool.undefine()


def edit_network(node: Node) -> None:
    text = node.networkLookupByName("production").XMLDesc()
    assert "id='10'" in text
    node.networkDefineXML(text.replace("id='10'", "id='11'"))
    node.networkLookupByName("backbone").destroy()


def drop_networks(node: Node) -> None:
    for name in ("production", "backbone", "development"):
        network = node.networkLookupByName(name)
        if network.isActive():
            network.destroy()
        network.undefine()


def begin_another(node: Node) -> None:
    """With the same image, network, MAC address and port of a console."""
    node.defineXML(OTHER).create()
    node.lookupByName("other").snapshotCreateXML("<domainsnapshot><name>early</name></domainsnapshot>")


def end_another(node: Node) -> None:
    domain = node.lookupByName("other")
    domain.snapshotLookupByName("early").delete()
    domain.destroy()
    domain.undefine()
    node.lookupByName("web2").destroy()


CHANGES: list[Change] = [
    delete_image, make_image, list_it_three_times, list_it_twice, edit_network, drop_networks, begin_another,
    end_another,
]  # fmt: skip


def test_what_is_kept_of_a_system_is_as_a_server_says_that_starts_now(node: Node, tmp_path: Path) -> None:
    settings = {"connect": NODE, "reconcile_interval": 0.5}
    with running_server(tmp_path / "state", **settings) as server:
        kept = Kept(server.url, plan(share(tmp_path / "plan"), NODE), KEPT)
        assert len(kept) > 400
        for change in CHANGES:
            change(node)
            with running_server(tmp_path / "fresh", **settings) as fresh:
                agree(kept, fresh.url, change.__name__)


# What is kept of a host


@pytest.mark.parametrize("naming", ["name", "uuid"])
def test_nothing_is_kept_of_a_host_that_was_not_known_yet(tmp_path: Path, naming: Naming) -> None:
    """Its name is a guess until it is reached, and its UUID not even that."""
    early, late = (Hosts([embedded_node()], HostSettings(naming=naming)) for _ in range(2))
    brokers = [broker_over(world, share(tmp_path / "state")) for world in (early, late)]
    assert served(brokers[0])
    try:
        for world in (early, late):
            world.start()
            assert world.wait(30)
        assert served(brokers[0]) == served(brokers[1])
    finally:
        for world in (early, late):
            world.stop()


def served(broker: Broker) -> dict[str, Properties]:
    """Every instance but values of metrics, which differ with the time; nothing of classes of what is out of reach."""
    catalog = broker.instances.catalog
    found: dict[str, Properties] = {}
    for classname in {one.classname for one in catalog.instances} | {one.classname for one in catalog.associations}:
        if "Metric" not in classname:
            with suppress(CIMError):
                answer = broker.answer(Call("1", "EnumerateInstances", VIRT, {"ClassName": ClassPath(classname)}))
                assert isinstance(answer, Answer)
                items = [one for one in answer.items if isinstance(one, Item)]
                found |= {str(one.path): without_history(one.properties) for one in items}
    return found


def without_history(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if name not in HISTORY}
