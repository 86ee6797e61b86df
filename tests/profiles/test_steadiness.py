"""Which answers are said to hold, and until when."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import libvirt
import pytest
from tests.profiles.client import Client, system_path

from virtcim.broker.call import Answer, Call, ClassPath, Item, Path, Value
from virtcim.host import domains
from virtcim.host.loads import Loads, Meter


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


def test_an_answer_holds_until_something_changes(client: Client) -> None:
    asked = {"Associators": "ObjectName", "GetInstance": "InstanceName"}
    filters = {"Associators": {"AssocClass": ClassPath("CIM_SettingsDefineState")}, "GetInstance": {}}
    answers = [answered(client, name, **{key: system_path("web2")}, **filters[name]) for name, key in asked.items()]
    assert all(map(holds, answers))
    (vm,) = client.world.vm_by_key("web1")
    domains.set_autostart(vm, not vm.autostart)
    assert not any(map(holds, answers))


@pytest.mark.parametrize("classname", ["CIM_ComputerSystem", "CIM_VirtualSystemSettingData"])
def test_a_path_alone_is_that_of_the_instance(client: Client, classname: str) -> None:
    instances = client.broker.instances
    for vm in client.world.vms():
        found = instances.named(vm, classname)
        assert instances.path_of(vm, classname) == (found.item.path if found else None)
