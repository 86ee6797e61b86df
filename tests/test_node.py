"""The embedded node: what a first-time user finds in it, and that libvirt accepts all of it."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt
import pytest
from lxml import etree

from virtcim.config import embedded_node
from virtcim.resources import data_file

DOMAINS = [name.text for name in etree.parse(data_file("node.xml")).findall("domain/name")]

STATES = {
    "web1": libvirt.VIR_DOMAIN_RUNNING,
    "mail1": libvirt.VIR_DOMAIN_PAUSED,
    "desktop1": libvirt.VIR_DOMAIN_SHUTOFF,
    "archive1": libvirt.VIR_DOMAIN_SHUTOFF,
    "legacy1": libvirt.VIR_DOMAIN_CRASHED,
    "probe1": libvirt.VIR_DOMAIN_RUNNING,
}


@pytest.fixture(scope="module")
def node() -> Iterator[libvirt.virConnect]:
    connection = libvirt.open(embedded_node())
    yield connection
    connection.close()


def test_it_is_a_small_data_centre(node: libvirt.virConnect) -> None:
    assert len(node.listAllDomains()) >= 6
    assert len(node.listAllNetworks()) >= 3
    pools = node.listAllStoragePools()
    assert len(pools) >= 3
    assert all(pool.listAllVolumes() for pool in pools)
    assert node.numOfDevices(None) > 0
    _, memory_mib, cpus, *_ = node.getInfo()
    assert (cpus, memory_mib) == (32, 256 * 1024)


@pytest.mark.parametrize(("name", "state"), STATES.items(), ids=STATES)
def test_domains_are_in_different_states(node: libvirt.virConnect, name: str, state: int) -> None:
    assert node.lookupByName(name).state()[0] == state


def test_one_is_suspended_to_disk_and_one_transient(node: libvirt.virConnect) -> None:
    domains = node.listAllDomains()
    assert [domain.name() for domain in domains if domain.hasManagedSaveImage()] == ["archive1"]
    assert [domain.name() for domain in domains if not domain.isPersistent()] == ["probe1"]


@pytest.mark.parametrize("name", DOMAINS)
def test_every_domain_is_valid(node: libvirt.virConnect, name: str) -> None:
    domain = node.lookupByName(name)
    if not domain.isPersistent():
        return
    document = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
    node.defineXMLFlags(document, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


@pytest.mark.parametrize("name", DOMAINS)
def test_what_a_domain_uses_exists(node: libvirt.virConnect, name: str) -> None:
    document = etree.fromstring(node.lookupByName(name).XMLDesc())
    for network in document.iterfind("devices/interface/source[@network]"):
        assert node.networkLookupByName(network.get("network", "")).isActive()
    for disk in document.iterfind("devices/disk/source[@volume]"):
        assert node.storagePoolLookupByName(disk.get("pool", "")).storageVolLookupByName(disk.get("volume", ""))
    for source in document.iterfind("devices/disk/source"):
        if path := source.get("file") or source.get("dev"):
            assert node.storageVolLookupByPath(path).path() == path


def test_macs_and_uuids_are_unique() -> None:
    tree = etree.parse(data_file("node.xml"))
    macs = [mac.get("address") for mac in tree.findall("domain/devices/interface/mac")]
    uuids = [uuid.text for uuid in tree.findall(".//uuid")]
    assert len(set(macs)) == len(macs)
    assert len(set(uuids)) == len(uuids)
