"""Which answers are said to hold, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace

import libvirt
import pytest
from tests.profiles.client import Client, system_path

from virtcim.broker.associations import Wanted
from virtcim.broker.call import Answer, Call, ClassPath, Item, Path, Value
from virtcim.host import domains
from virtcim.host.loads import Loads, Meter

SHARED = "test:///default"  # the same node for every connection of this process
SAME = "<domain type='test'><name>web2</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def answered(client: Client, name: str, **parameters: Value) -> Answer:
    namespace = next((p.namespace for p in parameters.values() if isinstance(p, Path) and p.namespace), "root/virt")
    answer = client.broker.answer(Call("1", name, namespace, parameters))
    assert isinstance(answer, Answer)
    return answer


def holds(answer: Answer) -> bool:
    return answer.holds is not None and answer.holds()


def soon_holds(client: Client, name: str, **parameters: Value) -> bool:
    """Whether such answers hold; who asks has figures measured again, just then if they are old."""
    return any(holds(answered(client, name, **parameters)) for _ in range(5))


def first(client: Client, classname: str, namespace: str = "root/virt") -> Path:
    (path, *_) = client.call("EnumerateInstanceNames", namespace, ClassName=ClassPath(classname))
    return path.path


@pytest.mark.parametrize(
    ("classname", "namespace", "steady"),
    [
        ("Test_ComputerSystem", "root/virt", True),
        ("Test_VirtualSystemSettingData", "root/virt", True),
        ("CIM_ResourceAllocationSettingData", "root/virt", True),
        ("CIM_Memory", "root/virt", True),
        ("CIM_Processor", "root/virt", True),
        ("CIM_ConcreteJob", "root/virt", False),
        ("CIM_IndicationFilter", "interop", False),
        ("CIM_IndicationSubscription", "interop", False),
        ("CIM_SystemDevice", "root/virt", False),
    ],
)
def test_what_follows_the_hosts_alone_holds(everything: Client, classname: str, namespace: str, steady: bool) -> None:
    path = first(everything, classname, namespace)
    assert soon_holds(everything, "GetInstance", InstanceName=path) is steady


@pytest.mark.parametrize(
    ("operation", "filters", "steady"),
    [
        ("Associators", {"AssocClass": ClassPath("CIM_SettingsDefineState")}, True),
        ("Associators", {"AssocClass": ClassPath("CIM_SystemDevice")}, True),
        ("AssociatorNames", {"AssocClass": ClassPath("CIM_SystemDevice")}, True),
        ("References", {"ResultClass": ClassPath("CIM_SystemDevice")}, True),
        ("ReferenceNames", {"ResultClass": ClassPath("CIM_SettingsDefineState")}, True),
        ("Associators", {}, False),  # may lead to jobs
        ("AssociatorNames", {"AssocClass": ClassPath("CIM_AffectedJobElement")}, False),
        ("ReferenceNames", {}, False),
    ],
)
def test_a_walk_holds_where_every_end_does(
    everything: Client, operation: str, filters: dict[str, Value], steady: bool
) -> None:
    assert soon_holds(everything, operation, ObjectName=system_path("web2"), **filters) is steady


def test_other_operations_do_not_hold(everything: Client) -> None:
    assert not holds(answered(everything, "EnumerateInstances", ClassName=ClassPath("CIM_ComputerSystem")))
    assert not holds(answered(everything, "Associators", ObjectName=ClassPath("CIM_ComputerSystem")))


def load_of(answer: Answer) -> Value:
    (item,) = answer.items
    assert isinstance(item, Item)
    return item.properties.get("LoadPercentage")


def test_how_busy_a_processor_is_holds_until_it_is_found_to_be_another(client: Client) -> None:
    active = {vm.name: vm for vm in client.world.vms() if vm.active}
    items = client.call("EnumerateInstanceNames", ClassName=ClassPath("CIM_Processor"))
    path = next(item.path for item in items if str(item.path.key("SystemName")) in active)
    vm = active[str(path.key("SystemName"))]
    assert soon_holds(client, "GetInstance", InstanceName=path)
    answer = answered(client, "GetInstance", InstanceName=path)
    figures = vm.host.gauges
    figures._at = time.monotonic() + 60  # nothing is measured meanwhile
    figures._sample = replace(figures._sample, taken="later")
    assert holds(answer)
    figures._sample = replace(figures._sample, loads=Loads({(vm.uuid, 0): 77}))
    figures.on_read.tell()
    assert not holds(answer)
    assert load_of(answered(client, "GetInstance", InstanceName=path)) == 77


def test_loads_that_are_the_same_are_the_same_object() -> None:
    with closing(libvirt.open("test:///default")) as connection:
        meter, found = Meter(), []
        for busy in (0, 0, 0, 400_000_000):
            meter._at = 0.0
            statistics = [(connection.lookupByName("test"), {"vcpu.maximum": 1, "vcpu.0.time": busy})]
            meter.read(connection, statistics)
            found.append(meter.loads.guests)
            time.sleep(0.01)
    assert found[1] is found[2]
    assert [list(one.values()) for one in found] == [[], [0], [0], [100]]


def about(client: Client, name: str) -> list[Answer]:
    """Answers that are made from one system alone, and from what hangs off it."""
    system = system_path(name)
    device = first_of(client, system)
    walks = (("Associators", "CIM_SystemDevice"), ("AssociatorNames", "CIM_SystemDevice"))
    return [
        answered(client, "GetInstance", InstanceName=system),
        answered(client, "GetInstance", InstanceName=device),
        answered(client, "Associators", ObjectName=device, AssocClass=ClassPath("CIM_SettingsDefineState")),
        answered(client, "References", ObjectName=system, ResultClass=ClassPath("CIM_SettingsDefineState")),
        *(answered(client, walk, ObjectName=system, AssocClass=ClassPath(by)) for walk, by in walks),
    ]


def first_of(client: Client, system: Path) -> Path:
    """The memory of a system."""
    return next(one.path for one in client.across(system, "CIM_SystemDevice", "CIM_Memory"))


def change(client: Client, name: str) -> None:
    (vm,) = client.world.vm_by_key(name)
    domains.set_autostart(vm, not vm.autostart)


def test_an_answer_about_a_system_holds_until_that_changes(client: Client) -> None:
    answers = about(client, "web2")
    assert all(map(holds, answers))
    change(client, "web1")
    assert all(map(holds, answers))
    change(client, "web2")
    assert not any(map(holds, answers))
    assert all(map(holds, about(client, "web2")))


def test_an_answer_about_a_system_holds_until_its_host_is_found_to_be_another(client: Client) -> None:
    answers = about(client, "web2")
    (host,) = client.world.hosts
    host._keeper.on_turn.tell()  # it has come back
    assert all(map(holds, answers))
    host.facts = replace(host.facts, capabilities_xml=f"{host.facts.capabilities_xml}<!-- another -->")
    host._domains.remake_all([vm.uuid for vm in host.vms])
    assert not any(map(holds, answers))


def test_what_is_made_of_a_system_follows_what_is_found_of_its_host(client: Client) -> None:
    """What it takes huge pages from depends on what the host has, of which no event tells."""
    (host,) = client.world.hosts
    memory = Path("Test_MemResourceAllocationSettingData", (("InstanceID", "db1/mem"),), "root/virt")
    right, xml = client.get(memory).properties, host.facts.capabilities_xml
    assert right["PoolID"] == "MemoryPool/hugepages:2048"
    host.facts = replace(host.facts, capabilities_xml=xml.replace("size='2048'", "size='1024'"))
    host._domains.remake_all([vm.uuid for vm in host.vms])
    assert client.get(memory).properties["PoolID"] == "MemoryPool/hugepages:1024"
    host.reconcile()
    assert client.get(memory).properties == right


def test_an_answer_that_leads_elsewhere_holds_until_anything_changes(everything: Client) -> None:
    asked = {"AssocClass": ClassPath("CIM_ElementAllocatedFromPool")}
    answer = answered(everything, "AssociatorNames", ObjectName=first_of(everything, system_path("web2")), **asked)
    assert holds(answer)
    change(everything, "web1")
    assert not holds(answer)
    change(everything, "web1")


def test_an_answer_does_not_hold_where_another_system_is_called_the_same(
    start_client: Callable[..., AbstractContextManager[Client]], node_uri: str
) -> None:
    """Of two hosts; whichever comes first is told of."""
    with start_client(SHARED, node_uri) as client:
        answer = answered(client, "GetInstance", InstanceName=system_path("web2"))
        assert holds(answer)
        with client.world.hosts[0].link.borrow() as connection:
            domain = connection.defineXML(SAME)
        try:
            client.world.hosts[0].refresh(domain.UUIDString())
            assert not holds(answer)
        finally:
            domain.undefine()


def test_what_hangs_off_an_object_leads_back_to_it(everything: Client) -> None:
    catalog = everything.broker.instances.catalog
    ways = {kind: hanging for kind, hanging in catalog.hanging.items() if hanging.back}
    met = set()
    for kind, hanging in ways.items():
        for root in catalog.sources[hanging.root](everything.world):
            parts = list(hanging.parts(root))
            met |= {kind} if parts else set()
            assert all(hanging.back(part) is root for part in parts if hanging.back), kind
    assert met == ways.keys() == catalog.hanging.keys()


def test_associations_of_what_hangs_off_an_object_stay_with_it(everything: Client) -> None:
    associations, catalog = everything.broker.associations, everything.broker.instances.catalog
    strays, met = [], 0
    for association in catalog.associations:
        for source in associations.instances.all_found(association.a.classname):
            for step in associations._across(association, association.a, association.b, source, Wanted()):
                near, far = (catalog.hanging.get(type(one.target)) for one in (step.source, step.target))
                if near and far and near.back and far.back:
                    met += 1
                    same = near.back(step.source.target) is far.back(step.target.target)
                    strays += [] if same else [association.classname]
    assert strays == []
    assert met > 100


def test_a_path_alone_is_that_of_the_instance(everything: Client) -> None:
    instances, told = everything.broker.instances, set()
    for provider in (one for one in instances.catalog.instances if one.keys):
        for target in instances._objects(provider, None):
            told.add(provider.classname)
            assert instances.path_of(target, provider.classname) == instances.item(provider, target).path
    assert {"Virt_ComputerSystem", "Virt_VirtualSystemSettingData", "Virt_Memory", "Virt_LogicalDisk"} <= told
