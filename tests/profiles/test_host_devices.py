"""DSP1044, DSP1045, DSP1059: the devices of the host, their pools, and the virtual devices that sit on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.client import Client
from tests.profiles.management import OK, instance, rasd, results
from tests.profiles.pooled import ALLOCATED, Stock, stocked

from virtcim.broker.call import Item, Path
from virtcim.broker.schema import Schema


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def below(client: Client, path: Path) -> list[str]:
    """The DeviceIDs of the host's devices that a virtual device sits on."""
    found = client.across(path, "CIM_HostedDependency", role="Dependent")
    return [str(one.properties["DeviceID"]) for one in found]


def virtual(stock: Stock, name: str, classname: str) -> list[Item]:
    system = stock.client.system(name)
    return stock.client.across(system.path, "CIM_SystemDevice", classname)


@pytest.mark.parametrize(
    ("classname", "pool", "count"),
    [
        ("HostProcessor", "ProcessorPool/0", 32),
        ("HostMemory", "MemoryPool/0", 1),
        ("HostPCIDevice", "HostDevicePool/0", 2),
        ("HostUSBDevice", "HostDevicePool/0", 1),
        ("HostMediatedDevice", "HostDevicePool/0", 2),
    ],
)
def test_devices_are_of_the_host_and_in_their_pool(stock: Stock, classname: str, pool: str, count: int) -> None:
    found = stock.client.instances(f"Test_{classname}")
    assert len(found) == count
    for one in found:
        (host,) = stock.client.across(one.path, "CIM_SystemDevice")
        assert host.cls.name == "Test_HostSystem"
        holders = stock.client.across(one.path, "CIM_ConcreteComponent")
        parts = {pool.replace("/0", "/cell:0"), f"HostDevicePool/group:{one.properties.get('IOMMUGroup')}"}
        assert {holder.properties["InstanceID"] for holder in holders} == {pool, *(parts & set(stock.pools()))}
        assert stock.client.get(one.path).properties == one.properties


def test_memory_is_all_there(stock: Stock) -> None:
    (memory,) = (one.properties for one in stock.client.instances("Test_HostMemory"))
    capacity = stock.pool("MemoryPool/0")["Capacity"]
    assert memory["NumberOfBlocks"] * memory["BlockSize"] == capacity * 1024  # type: ignore[operator]


def test_pinned_processors_depend_on_those_of_the_host(stock: Stock) -> None:
    found = {
        one.properties["DeviceID"]: below(stock.client, one.path) for one in virtual(stock, "db1", "CIM_Processor")
    }
    assert found == {f"db1/{number}": [f"host/cpu/{number}"] if number < 2 else [] for number in range(8)}
    stock.become("db1", 3)
    assert not any(below(stock.client, one.path) for one in virtual(stock, "db1", "CIM_Processor"))


def test_host_resources_of_processors_lead_to_instances(stock: Stock) -> None:
    shown = stock.settings("db1", defined=False)["proc"].properties
    found = shown["HostResource"]
    assert isinstance(found, list)
    known = {f"/{one.path}" for one in stock.client.instances("Test_HostProcessor")}
    assert len(found) == 16
    assert set(map(str, found)) <= known
    assert shown["MappingBehavior"] == 5


def test_processors_are_bound_by_host_resource(stock: Stock) -> None:
    chosen = [f"/{one.path}" for one in stock.client.instances("Test_HostProcessor")][2:5]
    answer = stock.modify(rasd("Proc", InstanceID="desktop1/defined/proc", HostResource=chosen))
    assert answer.value == OK, answer
    assert "cpuset='2-4'" in stock.xml("desktop1")
    shown = stock.settings("desktop1")["proc"]
    assert shown.properties["HostResource"] == chosen
    before = stock.xml("desktop1")
    assert stock.modify(instance(shown)).value == OK
    assert stock.xml("desktop1") == before


def test_what_is_no_processor_is_refused(stock: Stock) -> None:
    before = stock.everything()
    asked = rasd("Proc", InstanceID="desktop1/defined/proc", HostResource=["file:///dev/null"])
    answer = stock.modify(asked)
    assert (answer.value, "HostResource" in str(answer.reason)) == (4, True)
    assert stock.everything() == before


def test_a_device_passed_through_is_taken(stock: Stock) -> None:
    gpu = stock.client.instances("Test_HostPCIDevice")[0]
    answer = stock.add("web2", rasd("HostDevice", ResourceType=13, HostResource=[f"/{gpu.path}"]))
    assert answer.value == OK, answer
    (added,) = results(answer)
    shown = stock.client.get(stock.setting_path(added)).properties
    assert (shown["HostResource"], shown["SourceAddress"]) == ([f"/{gpu.path}"], "0000:41:00.0")
    assert stock.pool("HostDevicePool/0")["Reserved"] == 1
    stock.become("web2", 3)
    stock.become("web2", 2)
    pool = stock.pool("HostDevicePool/0")
    assert (pool["Capacity"], pool["Reserved"]) == (5, 2)
    (device,) = virtual(stock, "web2", "CIM_PCIDevice")
    assert below(stock.client, device.path) == [gpu.properties["DeviceID"]]
    (again,) = stock.client.across(gpu.path, "CIM_HostedDependency", role="Antecedent")
    assert again.path == device.path


def test_a_mediated_device_is_taken(stock: Stock) -> None:
    """A part of a GPU, which the guest has as a PCI device of its own."""
    part = stock.client.instances("Test_HostMediatedDevice")[0]
    assert part.properties["MediatedType"] == "nvidia-222"
    answer = stock.add("desktop1", rasd("HostDevice", ResourceType=13, HostResource=[f"/{part.path}"]))
    assert answer.value == OK, answer
    (added,) = results(answer)
    assert added == "desktop1/defined/hostdev:mdev:4b20d080-1b54-4048-85b3-a6a62d165c01"
    assert "model='vfio-pci'" in stock.xml("desktop1")
    stock.become("desktop1", 2)
    found = virtual(stock, "desktop1", "CIM_PCIDevice")
    (device,) = [one for one in found if "mdev" in str(one.properties["DeviceID"])]
    assert below(stock.client, device.path) == [part.properties["DeviceID"]]
    assert device.properties["DeviceID"] in stock.from_pool("HostDevicePool/group:31", ALLOCATED)


@pytest.mark.parametrize("place", ["mdev:4b20d080", "mdev:zz20d080-1b54-4048-85b3-a6a62d165c01"])
def test_what_is_no_mediated_device_is_refused(stock: Stock, place: str) -> None:
    before = stock.everything()
    asked = rasd("HostDevice", ResourceType=13, ResourceSubType="mdev", HostResource=[place])
    answer = stock.add("desktop1", asked)
    assert (answer.value, "HostResource" in str(answer.reason)) == (4, True)
    assert stock.everything() == before
