"""The pool configuration service: every method, what it promises and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import pytest
from tests.profiles.client import out
from tests.profiles.management import embedded, rasd
from tests.profiles.pooled import ALLOCATED, Stock, stocked

from virtcim.broker.call import Instance, MethodAnswer, Path
from virtcim.broker.schema import Schema

OK, UNSUPPORTED, FAILED, INVALID, IN_USE, WRONG_TYPE = 0, 1, 4, 5, 6, 7
SERVICE = "Test_ResourcePoolConfigurationService"


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def call(stock: Stock, method: str, **arguments: Any) -> MethodAnswer:
    (service,) = stock.client.instances(SERVICE)
    return stock.client.invoke(service.path, method, **arguments)


def create(stock: Stock, name: str | None, setting: Instance, parent: str | None = None) -> MethodAnswer:
    parents = [stock.pool_path(parent)] if parent else None
    return call(stock, "CreateChildResourcePool", ElementName=name, Settings=[setting], ParentPool=parents)


def made(answer: MethodAnswer) -> str:
    path = out(answer, "Pool")
    assert isinstance(path, Path), answer.reason
    return str(path.key("InstanceID"))


def test_a_directory_becomes_a_pool(stock: Stock, tmp_path: File) -> None:
    wanted = rasd("DiskPool", ResourceType=31, ResourceSubType="virtcim:dir", HostResource=[tmp_path.as_uri()])
    answer = create(stock, "extra", wanted, "DiskPool/0")
    assert (answer.value, made(answer)) == (OK, "DiskPool/extra")
    pool = stock.pool("DiskPool/extra")
    assert (pool["ElementName"], pool["Primordial"], pool["Path"]) == ("extra", False, str(tmp_path))
    assert "DiskPool/extra" in stock.from_pool("DiskPool/0", ALLOCATED)
    with stock.host.link.borrow() as connection:
        assert connection.storagePoolLookupByName("extra").isActive()


def test_as_clients_of_libvirt_cim_do_it(stock: Stock) -> None:
    storage = create(stock, "old", rasd("DiskPool", Type=1, Path="/srv/old"))
    network = create(stock, None, rasd("NetPool", Address="192.0.2.1", Netmask="255.255.255.0", ForwardMode=2))
    assert made(storage) == "DiskPool/old"
    assert made(network).startswith("NetworkPool/pool-")


NETWORK_XML = ("<forward mode='nat'", "address='198.51.100.1'", "start='198.51.100.2'", "end='198.51.100.14'")


def test_a_network(stock: Stock) -> None:
    wanted = rasd("NetPool", ResourceType=10, Address="198.51.100.1", Netmask="255.255.255.240")
    assert made(create(stock, "lab", wanted, "NetworkPool/0")) == "NetworkPool/lab"
    with stock.host.link.borrow() as connection:
        network = connection.networkLookupByName("lab")
        assert network.isActive()
        assert all(text in network.XMLDesc() for text in NETWORK_XML), network.XMLDesc()


DIR = {"ResourceType": 31, "Type": 1, "Path": "/srv/new"}
PAGES = {"ResourceType": 4, "ResourceSubType": "hugepages-2048", "Reservation": 1, "AllocationUnits": "byte * 2^30"}
REFUSED: dict[str, tuple[str, dict[str, Any], str, int, str]] = {
    "memory setting": ("Mem", {"ResourceType": 4}, "DiskPool/0", WRONG_TYPE, "ResourceType 4"),
    "network setting": ("NetPool", {"ResourceType": 10}, "DiskPool/0", WRONG_TYPE, "ResourceType 10"),
    "memory cell": ("Mem", {"ResourceType": 4}, "MemoryPool/cell:0", UNSUPPORTED, "cannot divide"),
    "no page size": ("Mem", {"ResourceType": 4}, "MemoryPool/0", INVALID, "ResourceSubType"),
    "no amount": ("Mem", {"ResourceType": 4, "ResourceSubType": "hugepages-2048"}, "MemoryPool/0", INVALID, "size of"),
    "no pages here": ("Mem", PAGES, "MemoryPool/0", INVALID, "ElementName"),
    "no partitions here": ("Proc", {"ResourceType": 3}, "ProcessorPool/0", UNSUPPORTED, "cannot be made"),
    "pool of devices": ("Sound", {"ResourceType": 1}, "SoundPool/0", UNSUPPORTED, "cannot divide"),
    "concrete parent": ("DiskPool", DIR, "DiskPool/images", UNSUPPORTED, "cannot divide"),
    "unknown parent": ("DiskPool", DIR, "DiskPool/gone", INVALID, "DiskPool/gone"),
    "unknown type": ("DiskPool", DIR | {"Type": 99}, "DiskPool/0", INVALID, "Type 99"),
    "no type": ("DiskPool", {"Path": "/srv/new"}, "DiskPool/0", INVALID, "ResourceSubType"),
    "two types": ("DiskPool", DIR | {"ResourceSubType": "fs"}, "DiskPool/0", INVALID, "contradicts Type 1"),
    "no path": ("DiskPool", {"Type": 1}, "DiskPool/0", INVALID, "Path is missing"),
    "relative path": ("DiskPool", DIR | {"Path": "new"}, "DiskPool/0", INVALID, "no absolute path|not an absolute"),
    "no device": ("DiskPool", DIR | {"Type": 2}, "DiskPool/0", INVALID, "DevicePaths"),
    "no server": ("DiskPool", DIR | {"Type": 3}, "DiskPool/0", INVALID, "Host is missing"),
    "no adapter": ("DiskPool", DIR | {"Type": 7}, "DiskPool/0", INVALID, "AdapterName"),
    "no address": ("NetPool", {"Address": "here"}, "NetworkPool/0", INVALID, "Address 'here'"),
    "no mask": ("NetPool", {"Netmask": "255.0.255.0"}, "NetworkPool/0", INVALID, "Netmask"),
    "no room": ("NetPool", {"Netmask": "255.255.255.254"}, "NetworkPool/0", INVALID, "no room"),
    "outside": ("NetPool", {"IPRangeEnd": "192.0.2.9"}, "NetworkPool/0", INVALID, "IPRangeEnd"),
    "way out": ("NetPool", {"ForwardMode": 7}, "NetworkPool/0", INVALID, "ForwardMode 7"),
    "isolated device": (
        "NetPool",
        {"ForwardMode": 0, "ForwardDevice": "eth0"},
        "NetworkPool/0",
        INVALID,
        "ForwardDevice",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made(stock: Stock, case: str) -> None:
    kind, properties, parent, value, reason = REFUSED[case]
    before = set(stock.pools())
    answer = create(stock, "new", rasd(kind, **properties), parent)
    assert answer.value == value, answer
    assert any(text in str(answer.reason) for text in reason.split("|")), answer.reason
    assert set(stock.pools()) == before


def test_pages_that_libvirt_does_not_set_apart(stock: Stock) -> None:
    largest = rasd("Mem", **PAGES | {"ResourceSubType": "virtcim:hugepages-1048576"})
    answer = create(stock, None, largest, "MemoryPool/0")
    assert (answer.value, "virNodeAllocPages" in str(answer.reason)) == (UNSUPPORTED, True)


@pytest.mark.parametrize(("name", "value"), [("images", FAILED), ("a/b", INVALID), ("0", INVALID)])
def test_names_that_cannot_be(stock: Stock, name: str, value: int) -> None:
    assert create(stock, name, rasd("DiskPool", **DIR)).value == value


def test_one_setting_is_needed(stock: Stock) -> None:
    assert call(stock, "CreateChildResourcePool", ElementName="new").value == INVALID
    two = [rasd("DiskPool", **DIR), rasd("DiskPool", **DIR)]
    assert call(stock, "CreateChildResourcePool", ElementName="new", Settings=two).value == INVALID


def delete(stock: Stock, name: str) -> MethodAnswer:
    return call(stock, "DeleteResourcePool", Pool=stock.pool_path(name))


def test_pools_that_nobody_uses_go(stock: Stock) -> None:
    create(stock, "spare", rasd("DiskPool", **DIR))
    create(stock, "spare", rasd("NetPool", Address="198.51.100.1"))
    for name in ("DiskPool/spare", "NetworkPool/spare"):
        assert delete(stock, name).value == OK
        assert name not in stock.pools()
    with stock.host.link.borrow() as connection:
        assert "spare" not in [one.name() for one in connection.listAllStoragePools()]
        assert "spare" not in [one.name() for one in connection.listAllNetworks()]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DiskPool/images", IN_USE),
        ("DiskPool/backup", IN_USE),
        ("NetworkPool/production", IN_USE),
        ("DiskPool/0", UNSUPPORTED),
        ("MemoryPool/0", UNSUPPORTED),
        ("ProcessorPool/cell:0", IN_USE),
        ("MemoryPool/cell:0", UNSUPPORTED),
        ("MemoryPool/hugepages:2048", IN_USE),
        ("DiskPool/gone", INVALID),
    ],
)
def test_pools_that_stay(stock: Stock, name: str, value: int) -> None:
    before = stock.pools()
    assert delete(stock, name).value == value
    assert stock.pools() == before


def test_a_pool_is_in_use_by_a_definition_alone(stock: Stock) -> None:
    create(stock, "lab", rasd("NetPool", Address="198.51.100.1"))
    added = rasd("Net", ResourceType=10, PoolID="NetworkPool/lab")
    assert stock.add("desktop1", added).value == OK
    answer = delete(stock, "NetworkPool/lab")
    assert (answer.value, "desktop1" in str(answer.reason)) == (IN_USE, True)


@pytest.mark.parametrize(
    "method",
    ["CreateResourcePool", "AddResourcesToResourcePool", "RemoveResourcesFromResourcePool", "ChangeParentResourcePool"],
)
def test_methods_that_are_not_claimed(stock: Stock, method: str) -> None:
    (capabilities,) = stock.client.instances("CIM_ResourcePoolConfigurationCapabilities")
    assert capabilities.properties["SynchronousMethodsSupported"] == [4]
    assert capabilities.properties["AsynchronousMethodsSupported"] == [3]
    before = stock.pools()
    assert call(stock, method).value == UNSUPPORTED
    assert stock.pools() == before


def volumes(stock: Stock) -> set[str]:
    return {path for path in stock.from_pool("DiskPool/images") if path.startswith("/")}


def volume(**properties: Any) -> Instance:
    return embedded("Test_StorageVolumeResourceAllocationSettingData", **properties)


def test_volumes_come_and_go(stock: Stock) -> None:
    before, pool = volumes(stock), stock.pool_path("DiskPool/images")
    wanted = volume(VolumeName="new.img", FormatType=1, Capacity=3, AllocationUnits="M", AllocationQuantity=0)
    answer = call(stock, "CreateResourceInPool", Settings=wanted, Pool=pool)
    assert answer.value == OK, answer
    path = out(answer, "Resource")
    assert isinstance(path, Path)
    shown = stock.client.get(path).properties
    assert (shown["InstanceID"], shown["VirtualQuantity"]) == ("/srv/images/new.img", 3 * 2**20)
    assert volumes(stock) == before | {"/srv/images/new.img"}
    gone = call(stock, "DeleteResourceInPool", Resource=volume(Address="/srv/images/new.img"), Pool=pool)
    assert (gone.value, volumes(stock)) == (OK, before)


@pytest.mark.parametrize(("name", "count"), [("images", 2), ("fast", 1), ("backup", 2)])
def test_volumes_are_made_of_their_samples(stock: Stock, name: str, count: int) -> None:
    """In files of every format, and as devices, which have none."""
    samples = stock.samples(stock.capabilities()[f"DiskPool/{name}"].path)
    offered = [one for key, one in samples.items() if key.startswith("volume-")]
    assert len(offered) == count
    for sample in offered:
        wanted = {key: value for key, value in sample.properties.items() if key not in ("InstanceID", "ElementName")}
        answer = call(
            stock, "CreateResourceInPool", Settings=volume(**wanted), Pool=stock.pool_path(f"DiskPool/{name}")
        )
        assert answer.value == OK, answer
        made = out(answer, "Resource")
        assert isinstance(made, Path)
        assert stock.client.get(made).properties["VolumeName"] == sample.properties["VolumeName"]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"VolumeName": "x.img"}, "Capacity"),
        ({"Capacity": 1}, "VolumeName"),
        ({"VolumeName": "a/b", "Capacity": 1}, "VolumeName"),
        ({"VolumeName": "x.img", "Capacity": 1, "FormatType": 7}, "FormatType"),
        ({"VolumeName": "x.img", "Capacity": 1, "AllocationUnits": "hertz"}, "AllocationUnits"),
    ],
    ids=["no size", "no name", "path", "format", "unit"],
)
def test_volumes_that_cannot_be(stock: Stock, properties: dict[str, Any], reason: str) -> None:
    before, pool = volumes(stock), stock.pool_path("DiskPool/images")
    answer = call(stock, "CreateResourceInPool", Settings=volume(**properties), Pool=pool)
    assert (answer.value, reason in str(answer.reason), volumes(stock)) == (INVALID, True, before), answer


@pytest.mark.parametrize(
    ("address", "value"), [("/srv/images/web1.qcow2", IN_USE), ("/srv/images/gone.img", INVALID), (None, INVALID)]
)
def test_volumes_that_stay(stock: Stock, address: str | None, value: int) -> None:
    before, pool = volumes(stock), stock.pool_path("DiskPool/images")
    answer = call(stock, "DeleteResourceInPool", Resource=volume(Address=address), Pool=pool)
    assert (answer.value, volumes(stock)) == (value, before)


@pytest.mark.parametrize(
    ("name", "value"), [("DiskPool/images", OK), ("NetworkPool/production", UNSUPPORTED), ("DiskPool/gone", INVALID)]
)
def test_refreshing(stock: Stock, name: str, value: int) -> None:
    assert call(stock, "RefreshResourcesInPool", Pool=stock.pool_path(name)).value == value


def test_the_service_affects_the_pools_of_its_host(stock: Stock) -> None:
    (service,) = stock.client.instances(SERVICE)
    found = stock.client.across(service.path, "CIM_ServiceAffectsElement")
    assert {str(one.properties["InstanceID"]) for one in found} == set(stock.pools())
    (host,) = stock.client.across(service.path, "CIM_HostedService")
    assert host.cls.name == "Test_HostSystem"
