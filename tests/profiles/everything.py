"""All profiles as the server assembles them, over a world in which every association has links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as File

from tests.profiles.client import Client, explain, out, parse_embedded, system_path
from tests.schemas import share

from virtcim.__main__ import make_catalog, server_facts
from virtcim.broker.broker import Broker
from virtcim.broker.call import ClassPath, Instance, Item, Path, Value
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import InstanceProvider
from virtcim.config import load
from virtcim.host import domains, networks
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles.faults import translate

# What no running system of the embedded node has: a memory module, a LUN, devices and
# an interface of the host, memory of one cell.
RARITIES = """
<domain type='test'>
  <name>rarities</name><maxMemory slots='4'>4194304</maxMemory><memory>1048576</memory>
  <numatune><memory mode='strict' nodeset='0'/></numatune>
  <os><type>hvm</type></os><cpu><numa><cell id='0' cpus='0' memory='524288'/></numa></cpu>
  <devices>
    <disk type='block' device='lun'><source dev='/dev/nvme0n1'/><target dev='sda' bus='scsi'/></disk>
    <disk type='block' device='cdrom'><source dev='/dev/sr0'/><target dev='sdb' bus='scsi'/><readonly/></disk>
    <disk type='block' device='floppy'><source dev='/dev/fd0'/><target dev='fda' bus='fdc'/></disk>
    <hostdev mode='subsystem' type='scsi'>
      <source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='pci'>
      <source><address domain='0' bus='0x41' slot='0' function='0'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='mdev' model='vfio-pci'>
      <source><address uuid='4b20d080-1b54-4048-85b3-a6a62d165c01'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='usb'><source><address bus='1' device='4'/></source></hostdev>
    <interface type='direct'><source dev='eth1' mode='passthrough'/></interface>
    <memory model='dimm'><target><size>524288</size><node>0</node></target></memory>
  </devices>
</domain>
"""
# What no network of the embedded node has: an interface of the host that frames leave by.
UPLINKED = """
<network>
  <name>uplinked</name><forward mode='bridge'><interface dev='eth0'/><interface dev='eth1'/></forward>
</network>
"""
NAMESPACES = ("root/virt", "interop")


@contextmanager
def everything_running(state_dir: File, uri: str) -> Iterator[Client]:
    """A client of the whole server but its wire, with a transient system and a job that has ended."""
    settings = load({"state_dir": str(share(state_dir))}, {})[0]
    world = Hosts([uri], HostSettings())
    jobs = Jobs(3600, explain)  # longer than the tests of a module take
    catalog = make_catalog(settings, world, jobs, server_facts(settings, lambda: ["http://127.0.0.1:5988"], lambda: 0))
    world.start()
    assert world.wait(30)
    client = Client(Broker(catalog, world, jobs, parse_embedded, translate), world, jobs)
    client.add_transient("brief")
    domains.start(domains.define(world.hosts[0], RARITIES))
    networks.start(networks.define(world.hosts[0], UPLINKED))
    take_snapshots(client)
    client.job_of(client.invoke(system_path("web2"), "RequestStateChange", RequestedState="10"))
    subscribe(client)
    aggregate(client)
    try:
        yield client
    finally:
        jobs.close()
        world.stop()


def take_snapshots(client: Client) -> None:
    """One of each system, so of each kind of resource; another of two, of which one is brought back to it."""
    (service,) = client.instances("CIM_VirtualSystemSnapshotService")
    with client.world.hosts[0].link.borrow() as connection:  # the service takes none of what is saved or has crashed
        for domain in connection.listAllDomains():
            domain.snapshotCreateXML("<domainsnapshot/>")
            client.world.hosts[0].refresh(domain.UUIDString())
    for name in ("web1", "web2"):
        given: dict[str, Value] = {"AffectedSystem": system_path(name), "SnapshotType": "2"}
        taken = client.invoke(service.path, "CreateSnapshot", **given)
        assert taken.value == 0, (name, taken.reason)
    assert client.invoke(service.path, "ApplySnapshot", Snapshot=out(taken, "ResultingSnapshot")).value == 0


def aggregate(client: Client) -> None:
    """What the memory of a system has come to in two readings."""
    (service,) = client.instances("CIM_MetricService")
    metric = Path("Virt_AggregationMetricDefinition", (("Id", "virtcim:metric/Memory.Presented.Average"),), "root/virt")
    wanted: dict[str, Value] = {"Subject": system_path("web1"), "Definition": metric, "MetricCollectionEnabled": "2"}
    assert client.invoke(service.path, "ControlMetrics", **wanted).value == 0
    client.world.hosts[0].reconcile()


def subscribe(client: Client) -> None:
    """To a filter and to a collection, with either kind of destination; another collection is the client's own."""

    def create(classname: str, **properties: Value) -> Value:
        (path,) = client.call("CreateInstance", "interop", NewInstance=Instance(classname, properties))
        assert isinstance(path, Path)
        return path

    watched = create("CIM_IndicationFilter", Query="SELECT * FROM CIM_InstCreation", QueryLanguage="WQL")
    (collection, *_) = client.call("EnumerateInstances", "interop", ClassName=ClassPath("CIM_FilterCollection"))
    nowhere = "http://127.0.0.1:9/"
    handler = create("CIM_ListenerDestinationCIMXML", Destination=nowhere)
    create("CIM_IndicationSubscription", Filter=watched, Handler=handler)
    other = create("CIM_IndicationHandlerCIMXML", Destination=nowhere)
    create("CIM_FilterCollectionSubscription", Filter=collection.path, Handler=other)
    own = create("CIM_FilterCollection", CollectionName="tests:own", ElementName="own")
    create("CIM_MemberOfCollection", Collection=own, Member=watched)
    inner = create("CIM_FilterCollection", CollectionName="tests:inner", ElementName="inner")
    create("CIM_MemberOfCollection", Collection=own, Member=inner)


def objects(client: Client, provider: InstanceProvider) -> Iterator[object]:
    """The objects that a provider makes instances of."""
    found = client.broker.instances.catalog.sources[provider.of](client.world)
    return (one for one in found if provider.when(one))


def links(client: Client, namespace: str, classname: str) -> list[Item]:
    """The instances of an association as seen in a namespace."""
    return client.call("EnumerateInstances", namespace, ClassName=ClassPath(classname), DeepInheritance="true")
