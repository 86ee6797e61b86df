"""DSP1054 over all profiles at once: every collection brings news of its own, every modification what was before."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import pytest
from tests.broker.listeners import Listener, listening
from tests.profiles.client import system_path
from tests.profiles.dsp1054.comers import NETWORK, PCI, VOLUME
from tests.profiles.eventful import FILTER, Eventful

from virtcim.broker.call import ClassPath, Path, Value
from virtcim.broker.indications_lifecycle import Lifecycle
from virtcim.broker.provider import As, Returned, Work
from virtcim.host.events import Topic
from virtcim.host.inventory import NodeDevice
from virtcim.host.records import NodeDeviceRecord
from virtcim.host.remembered import document, objects, restored

COLLECTION_SUBSCRIPTION = "CIM_FilterCollectionSubscription"
SYSTEM = (
    "<domain type='test'><name>new</name><uuid>6e6577ab-0000-4000-8000-000000000001</uuid><title>{title}</title>"
    "<memory>{memory}</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>"
    "<interface type='network'><mac address='52:54:00:00:00:99'/><source network='default'/></interface>"
    "<graphics type='vnc' port='5955'/><serial type='pty'/></devices></domain>"
)


def much_happens(client: Eventful) -> None:
    """Something comes, changes and goes of whatever the embedded node lets change."""
    host = client.world.hosts[0]
    with host.link.borrow() as connection:
        connection.defineXML(SYSTEM.format(title="old", memory=65536)).create()
        connection.storagePoolLookupByName("images").createXML(VOLUME)
        connection.networkDefineXML(NETWORK.format(mtu="")).create()
        host.reconcile()
        client.settle()
        connection.defineXML(SYSTEM.format(title="new", memory=131072))
        connection.lookupByName("new").suspend()
        network = connection.networkLookupByName("lab")
        network.setAutostart(1)
        network.destroy()
    host.reconcile()
    record = NodeDeviceRecord(name="new", xml=PCI)
    client.events._changed(host, Topic.NODE_DEVICE, None, NodeDevice(**vars(record), host=host, record=record))
    move(client)
    client.job_of(client.invoke(system_path("web2"), "RequestStateChange", RequestedState="10"))
    client.settle()
    with host.link.borrow() as connection:
        connection.lookupByName("new").destroy()
        connection.lookupByName("new").undefine()
    client.settle(1.2)  # a job goes after a second


def move(client: Eventful) -> None:
    """The job of a move, which has nowhere to move to here."""
    (service,) = client.instances("Test_VirtualSystemMigrationService")
    found = client.broker.instances.find(service.path)
    assert found is not None
    owner = As(found.target, "Virt_VirtualSystemMigrationService")
    job = client.jobs.start(Work("move", [], lambda _: Returned()), "MigrateVirtualSystemToHost", owner)
    assert job.ended.wait(10)


def members(client: Eventful, collection: Path) -> set[object]:
    call = client.call(
        "AssociatorNames", "interop", ObjectName=collection, AssocClass=ClassPath("CIM_MemberOfCollection")
    )
    return {path.key("Name") for path in call}


def test_every_collection_brings_news(client: Eventful) -> None:
    """Of its own filters only; that of all filters through each of those."""
    with ExitStack() as stack:
        heard: dict[Path, Listener] = {}
        for path in client.names("CIM_FilterCollection"):
            heard[path] = stack.enter_context(listening())
            handler = client.destination(Destination=heard[path].url)
            client.create(COLLECTION_SUBSCRIPTION, Filter=path, Handler=handler)
        assert len(heard) > 11
        much_happens(client)
        everything, *others = heard
        through = {path: {one["IndicationFilterName"] for one in heard[path].indications} for path in heard}
        for path in heard:
            assert through[path], f"{path} brings nothing"
            assert through[path] <= members(client, path)
        assert through[everything] == set().union(*(through[path] for path in others))


def test_every_modification_tells_what_was_before(client: Eventful) -> None:
    """The same instance, different in just the properties that are named."""
    client.subscribe("SELECT * FROM CIM_InstModification")
    much_happens(client)
    told = client.listener.indications
    for one in told:
        after, before = one["SourceInstance"], one["PreviousInstance"]
        assert before.classname == after.classname
        assert [before.get(name) for name in _keys(client, after)] == [after[name] for name in _keys(client, after)]
        different = {name for name in {*after, *before} if repr(after.get(name)) != repr(before.get(name))}
        assert set(one["ChangedPropertyNames"]) == different, after
    assert {one["SourceInstance"].classname.partition("_")[2] for one in told} >= {
        "ComputerSystem",
        "VirtualSystemSettingData",
        "MemResourceAllocationSettingData",
        "MemoryPool",
        "DiskPool",
        "VirtualEthernetSwitch",
        "ConcreteJob",
    }


def _keys(client: Eventful, instance: Any) -> list[str]:
    declared = client.broker.instances.schema.get(instance.classname)
    return [one.name for one in declared.keys]


def test_what_was_told_reads_as_it_was(client: Eventful) -> None:
    """Each object of the node, as the store keeps it, is compared with itself after a restart: nothing is different."""
    host = client.world.hosts[0]
    lifecycle = Lifecycle(client.broker.instances, "here")
    found = objects(host)

    def of(kind: type) -> list[object]:
        return [one for one in found.values() if isinstance(one, kind)]

    assert any(one.images for one in host.vms)
    for (kind, key), one in found.items():
        again = restored(host, kind, json.loads(json.dumps(document(one))))
        assert again is not None, (kind, key)
        assert list(lifecycle.compare(again, one, of)) == [], (kind, key)


def test_what_an_older_version_kept_is_taken_for_told(client: Eventful) -> None:
    vm = next(one for one in client.world.hosts[0].vms if one.images)
    kept = document(vm)
    assert restored(vm.host, Topic.DOMAIN.value, kept) is not None
    for missing in ("images", "passed", "paths", "underway"):
        old = {name: value for name, value in kept.items() if name != missing}
        assert restored(vm.host, Topic.DOMAIN.value, old) is None


# SourceNamespaces, SourceNamespace -> whether a change of a system is told
SPACES: dict[str, tuple[list[Value] | None, str | None, bool]] = {
    "where systems are": (["root/virt"], None, True),
    "in another case and with slashes": (["/Root/Virt/"], None, True),
    "among others": (["interop", "root/virt"], None, True),
    "the older property": (None, "root/virt", True),
    "both": (["root/virt"], "root/virt", True),
    "the newer property counts": (["interop"], "root/virt", False),
    "another one": (["root/interop"], None, False),
    "none": (None, None, False),
}


@pytest.mark.parametrize("case", SPACES)
def test_source_namespaces(client: Eventful, case: str) -> None:
    spaces, older, told = SPACES[case]
    query = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"
    given: dict[str, Value] = {"Query": query, "QueryLanguage": "DMTF:CQL", "Name": "spaces"}
    given |= {} if spaces is None else {"SourceNamespaces": spaces}
    given |= {} if older is None else {"SourceNamespace": older}
    path = client.create(FILTER, **given)
    assert (client.read(path).get("SourceNamespaces"), client.read(path).get("SourceNamespace")) == (spaces, older)
    client.create("CIM_IndicationSubscription", Filter=path, Handler=client.destination())
    assert client.invoke(system_path("web2"), "RequestStateChange", RequestedState="9").value == 0
    client.settle(0.2)
    assert bool(client.listener.bodies) is told


QUERIES: dict[str, tuple[str, str]] = {
    "CQL": ("DMTF:CQL", "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"),
    "CQL by its older name": ("CIM:CQL", "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_System"),
    "WQL": ("WQL", "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA 'CIM_ComputerSystem'"),
    "WQL of the class that clients of libvirt-cim know": ("WQL", "SELECT * FROM Test_ComputerSystemModifiedIndication"),
    "CQL of that": ("DMTF:CQL", "SELECT * FROM Test_ComputerSystemModifiedIndication"),
}


@pytest.mark.parametrize("case", QUERIES)
def test_query_languages(client: Eventful, case: str) -> None:
    language, query = QUERIES[case]
    path = client.filter(query, QueryLanguage=language)
    client.create("CIM_IndicationSubscription", Filter=path, Handler=client.destination())
    assert client.invoke(system_path("web2"), "RequestStateChange", RequestedState="9").value == 0
    one, *_ = client.heard(1)
    assert (one.classname, one["SourceInstance"]["Name"]) == ("Test_ComputerSystemModifiedIndication", "web2")
