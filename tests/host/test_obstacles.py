"""What stands in the way of a domain, between two hosts of the test driver."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt
import pytest
from tests.host.conftest import NEVER

from virtcim.host.inventory import Hosts, Vm
from virtcim.host.obstacles import Arrival, obstacles
from virtcim.host.settings import HostSettings
from virtcim.model.domain import Domain

XML = """<domain type='test'><name>way</name><uuid>3b0a7c1e-52d4-4f0e-9a61-6f1d2c8edcba</uuid><memory>1024</memory>
<os><type>hvm</type></os><devices>{}</devices></domain>"""
POOL = "<pool type='dir'><name>{0}</name><target><path>/srv/{0}</path></target></pool>"
VOLUME = "<volume><name>there.img</name><capacity>1024</capacity></volume>"
NETWORK = "<network><name>resting</name><forward mode='nat'/><ip address='10.9.8.1' netmask='255.255.255.0'/></network>"
FILE = "<disk type='file'><source file='/srv/way/{}'/><target dev='vda'/></disk>"
IN_POOL = "<disk type='volume'><source pool='{}' volume='{}'/><target dev='vda'/></disk>"
PLACE = "domain='0' bus='1' slot='2' function='0'"
PCI = f"<hostdev mode='subsystem' type='pci'><source><address {PLACE}/></source></hostdev>"
MDEV = (
    "<hostdev mode='subsystem' type='mdev' model='vfio-pci'>"
    "<source><address uuid='4b20d080-1b54-4048-85b3-a6a62d165c01'/></source></hostdev>"
)
FUNCTION = f"<interface type='hostdev'><source><address type='pci' {PLACE}/></source></interface>"
PLUGGED = "<interface type='network'><source network='{}'/></interface>"
WAYS: dict[str, tuple[str, dict[str, bool], str]] = {
    "nothing": ("", {}, ""),
    "a file that its pool lists": (FILE.format("there.img"), {}, ""),
    "a file that is copied": (FILE.format("gone.img"), {"copies": True}, ""),
    "a file in no pool": (FILE.replace("/way/", "/elsewhere/").format("x"), {}, ""),
    "a volume": (IN_POOL.format("way", "there.img"), {}, ""),
    "a volume that is not there": (IN_POOL.format("way", "gone.img"), {}, "pool way there has no volume gone.img"),
    "a volume that is copied": (IN_POOL.format("way", "gone.img"), {"copies": True}, ""),
    "a pool that is not there": (IN_POOL.format("none", "x"), {"copies": True}, "no active storage pool none"),
    "a pool that is off": (IN_POOL.format("resting", "x"), {}, "no active storage pool resting"),
    "a device of the host": (PCI, {}, "a pci device of this host"),
    "a mediated device": (MDEV, {}, ""),
    "a function of the host": (FUNCTION, {}, "a network interface of this host"),
    "devices of one that is started there": (PCI, {"running": False}, ""),
    "a network": (PLUGGED.format("default"), {}, ""),
    "a network that is not there": (PLUGGED.format("none"), {}, "no network none there"),
    "a network that is off": (PLUGGED.format("resting"), {}, "network resting there is not active"),
    "a network that is off, as the system": (PLUGGED.format("resting"), {"runs": False, "running": False}, ""),
}


@pytest.fixture(scope="module")
def hosts(node_uri: str) -> Iterator[Hosts]:
    """Two of them; the second has a storage pool with a volume, and a pool and a network that are off."""
    found = Hosts([node_uri, "test:///default"], HostSettings(reconcile_interval=NEVER, naming="uuid"))
    found.start()
    assert found.wait(30)
    with found.hosts[1].link.borrow() as there:
        pool, off = (there.storagePoolDefineXML(POOL.format(name)) for name in ("way", "resting"))
        pool.create()
        pool.createXML(VOLUME)
        network = there.networkDefineXML(NETWORK)
    yield found
    pool.destroy()
    for one in (pool, off, network):
        one.undefine()
    found.stop()


def defined(hosts: Hosts, devices: str) -> Vm:
    with hosts.hosts[0].link.borrow() as here:
        uuid = here.defineXML(XML.format(devices)).UUIDString()
    found = hosts.hosts[0].refresh(uuid)
    assert found is not None
    return found


@pytest.mark.parametrize(("devices", "how", "reason"), WAYS.values(), ids=WAYS)
def test_ways(hosts: Hosts, devices: str, how: dict[str, bool], reason: str) -> None:
    vm = defined(hosts, devices)
    arrival = Arrival(vm.state_document, **{"runs": True, "running": True, **how})
    with hosts.hosts[1].link.borrow() as there:
        found = obstacles(vm, there, arrival)
    assert len(found) == bool(reason)
    assert reason in "".join(one.words for one in found)


def test_another_hypervisor(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    vm = defined(hosts, PLUGGED.format("none"))
    monkeypatch.setattr(vm.host, "facts", vm.host.facts.__class__(**{**vars(vm.host.facts), "hypervisor": "QEMU"}))
    with hosts.hosts[1].link.borrow() as there:
        found = obstacles(vm, there, Arrival(vm.state_document, True, True))
    assert [one.words for one in found] == ["the hypervisor there is TEST, here it is QEMU"]


def test_asking_changes_nothing(hosts: Hosts) -> None:
    vm = defined(hosts, FILE.format("gone.img"))
    before = everything(hosts)
    with hosts.hosts[1].link.borrow() as there:
        obstacles(vm, there, Arrival(Domain.parse(vm.state_xml), True, True))
    assert everything(hosts) == before


def everything(hosts: Hosts) -> list[str]:
    found = []
    for host in hosts.hosts:
        with host.link.borrow() as connection:
            found += [one.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for one in connection.listAllDomains()]
            found += [one.XMLDesc() for one in connection.listAllStoragePools()]
    return sorted(found)
