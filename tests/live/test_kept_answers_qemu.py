"""What is kept about systems stays true while everything around them changes, with QEMU guests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from xml.etree import ElementTree

import libvirt
import pytest
from pywbem import Uint16
from tests import runs
from tests.conftest import connect, running_server
from tests.kept import Kept, agree, plan
from tests.live import boot_sectors
from tests.live.conftest import wait_until
from tests.live.host.private_libvirtd import CAN_RUN, PrivateLibvirtd, private_libvirtd
from tests.live.rfb import Viewer
from tests.schemas import share

pytestmark = pytest.mark.skipif(not CAN_RUN, reason="needs root and libvirtd, to start one of the test's own")
MIB = 2**20
RUNNING, OFF = "kept-running", "kept-off"
POOL = "<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>"
VOLUME = (
    "<volume><name>{name}</name><capacity>{size}</capacity><target><format type='qcow2'/></target>{backing}</volume>"
)
BACKING = "<backingStore><path>{path}</path><format type='qcow2'/></backingStore>"
NETWORK = (
    "<network><name>kept</name>{uuid}<bridge name='{bridge}'/><domain name='{domain}'/>"
    "<portgroup name='web'/><portgroup name='db'/></network>"
)
NIC = "<interface type='network'><mac address='{mac}'/><source network='kept' portgroup='web'/></interface>"
DISK = (
    "<disk type='{type}' device='disk'><driver name='qemu' type='{format}'/><source {source}/>"
    "<target dev='{dev}' bus='virtio'/><readonly/></disk>"
)
SNAPSHOT = "<domainsnapshot><name>one</name></domainsnapshot>"
SCREEN = "<graphics type='vnc' autoport='yes' listen='0.0.0.0'/>"
LINES = (
    "<serial type='pty'/><serial type='tcp'><source mode='bind' host='0.0.0.0' service='4911'/>"
    "<protocol type='telnet'/></serial>"
)
NODE = "test:///default"
DONE, JOB_STARTED = 0, 4096


def network_xml(domain: str, uuid: str = "") -> str:
    return NETWORK.format(uuid=uuid, bridge=f"vk{runs.WORD}", domain=domain)


class Site:
    """A libvirtd of its own with guests, and what these use."""

    def __init__(self, daemon: PrivateLibvirtd, path: Path) -> None:
        self.daemon, self.path = daemon, path
        self.node = libvirt.open(daemon.uri)
        self.later = ExitStack()

    @property
    def pool(self) -> libvirt.virStoragePool:
        return self.node.storagePoolLookupByName("kept")

    def prepare(self) -> None:
        directory = self.path / "images"
        directory.mkdir()
        self.node.storagePoolDefineXML(POOL.format(name="kept", path=directory)).create()
        base = directory / "base.qcow2"
        for name, backing in (("base", ""), ("data", BACKING.format(path=base)), ("more", ""), ("spare", "")):
            self.pool.createXML(VOLUME.format(name=f"{name}.qcow2", size=8 * MIB, backing=backing))
        self.node.networkDefineXML(network_xml("one.example")).create()
        self.define(RUNNING, "52:54:00:cc:01:01", SCREEN + LINES + self.by_path("data", "vdb")).create()
        disks = self.as_volume("more") + self.by_path("spare", "vdc")
        self.define(OFF, "52:54:00:cc:01:02", disks, boots=False).snapshotCreateXML(SNAPSHOT)

    def define(self, name: str, mac: str, devices: str, boots: bool = True) -> libvirt.virDomain:
        boot = boot_sectors.write(self.path / f"{name}.img", boot_sectors.HALT)
        xml = boot_sectors.domain_xml(name, boot, devices=NIC.format(mac=mac) + devices)
        if not boots:  # an image without room for snapshots
            start = xml.index("<disk type='file'")
            xml = xml[:start] + xml[xml.index("</disk>") + 7 :]
        return self.node.defineXML(xml)

    def by_path(self, name: str, dev: str) -> str:
        return DISK.format(type="file", format="qcow2", source=f"file='{self.path}/images/{name}.qcow2'", dev=dev)

    def as_volume(self, name: str) -> str:
        disk = DISK.format(type="volume", format="qcow2", source=f"pool='kept' volume='{name}.qcow2'", dev="vdb")
        return disk.replace("<readonly/>", "")

    def port(self, name: str) -> int:
        graphics = ElementTree.fromstring(self.node.lookupByName(name).XMLDesc()).find("devices/graphics")
        assert graphics is not None
        return int(graphics.get("port", ""))

    # What changes beside the guests

    def resize_volume(self) -> None:
        """And have another pool list all of them."""
        self.pool.storageVolLookupByName("spare.qcow2").resize(16 * MIB)
        (self.path / "linked").symlink_to(self.path / "images")
        self.node.storagePoolDefineXML(POOL.format(name="another", path=self.path / "linked")).create()

    def stop_pool(self) -> None:
        self.pool.destroy()

    def remove_volume(self) -> None:
        self.pool.create()
        self.pool.storageVolLookupByName("more.qcow2").delete()

    def edit_network(self) -> None:
        uuid = f"<uuid>{self.node.networkLookupByName('kept').UUIDString()}</uuid>"
        self.node.networkDefineXML(network_xml("two.example", uuid))

    def drop_network(self) -> None:
        network = self.node.networkLookupByName("kept")
        network.destroy()
        network.undefine()

    def begin_another(self) -> None:
        """With the same image, and somebody who looks at it."""
        self.node.networkDefineXML(network_xml("one.example")).create()
        devices = SCREEN + self.by_path("data", "vdb")
        self.define("another", "52:54:00:cc:01:03", devices).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        self.later.enter_context(Viewer(self.port("another"))).greet()

    def look_at_the_guest(self) -> None:
        self.later.enter_context(Viewer(self.port(RUNNING))).greet()

    def end_another(self) -> None:
        self.later.close()
        self.node.lookupByName("another").destroy()
        self.node.lookupByName("another").undefine()

    def call_the_host_otherwise(self) -> None:
        self.daemon.rename("elsewhere.example")
        self.come_back()

    def come_back(self) -> None:
        """With its guests, which go on without it."""
        self.daemon.signal(signal.SIGTERM)
        wait_until(self.is_gone, 10)
        self.daemon.wait()
        self.node = libvirt.open(self.daemon.uri)

    def is_gone(self) -> bool:
        """The daemon that was connected to; another one may have begun."""
        try:
            self.node.getLibVersion()
        except libvirt.libvirtError:
            return True
        return False


STEPS: list[Callable[[Site], object]] = [
    Site.resize_volume, Site.stop_pool, Site.remove_volume, Site.edit_network, Site.drop_network, Site.begin_another,
    Site.look_at_the_guest, Site.end_another, Site.call_the_host_otherwise,
]  # fmt: skip


@pytest.fixture
def site() -> Iterator[Site]:
    with private_libvirtd() as daemon:
        site = Site(daemon, runs.place("kept"))
        try:
            site.prepare()
            yield site
        finally:
            site.later.close()
            with suppress(libvirt.libvirtError), closing(libvirt.open(daemon.uri)) as node:
                node.networkLookupByName("kept").destroy()  # its bridge would outlive the daemon


def test_what_is_kept_of_a_guest_is_as_a_server_says_that_starts_now(site: Site, tmp_path: Path) -> None:
    settings = {"connect": site.daemon.uri, "reconcile_interval": 0.5, "storage_refresh_interval": 1}
    with running_server(tmp_path / "state", **settings) as server:
        kept = Kept(server.url, plan(share(tmp_path / "plan"), site.daemon.uri), RUNNING, OFF)
        assert len(kept) > 600
        for step in STEPS:
            step(site)
            with running_server(tmp_path / "fresh", **settings) as fresh:
                agree(kept, fresh.url, step.__name__)
        give_up_a_job(server.url)
        with running_server(tmp_path / "fresh", **settings) as fresh:
            agree(kept, fresh.url, "a job has been given up")


def give_up_a_job(url: str) -> None:
    """The guest has nothing that would listen, so that it is still asked to shut down when it is turned off."""
    with connect(url) as client:
        system = next(one for one in client.EnumerateInstanceNames("KVM_ComputerSystem") if one["Name"] == RUNNING)
        for requested, answer in ((4, JOB_STARTED), (3, DONE)):
            assert client.InvokeMethod("RequestStateChange", system, RequestedState=Uint16(requested))[0] == answer


def test_what_is_kept_of_a_guest_is_told_again_when_its_host_is_back(site: Site, tmp_path: Path) -> None:
    """Of several hosts one is always there."""
    uris = [site.daemon.uri, NODE]
    settings = {"connect": uris, "naming": "uuid", "reconcile_interval": 0.5}
    tokens = [site.node.lookupByName(name).UUIDString() for name in (RUNNING, OFF)]
    with running_server(tmp_path / "state", **settings) as server:
        kept = Kept(server.url, plan(share(tmp_path / "plan"), *uris), *tokens)
        before = kept.replies()
        site.daemon.hold()
        site.daemon.signal(signal.SIGTERM)
        wait_until(lambda: not any(told(kept.replies(), token) for token in tokens), 10)
        site.daemon.release()
        site.daemon.wait()
        wait_until(lambda: kept.replies() == before, 10)
        with running_server(tmp_path / "fresh", **settings) as fresh:
            agree(kept, fresh.url, "its host is back")
        site.node = libvirt.open(site.daemon.uri)


def told(replies: dict[str, bytes], token: str) -> list[str]:
    """The replies that are no errors, though they are of a system."""
    return [key for key, body in replies.items() if token.encode() in body and b"<ERROR" not in body]
