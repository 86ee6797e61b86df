"""DSP1041: the pools of a host, and what virtual systems take from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libvirt
import pytest
from tests.profiles.management import rasd
from tests.profiles.pooled import ALLOCATED, ASKED, Stock, stocked

from virtcim.broker.call import CIMError
from virtcim.broker.schema import Schema
from virtcim.mapping.pools import storage_state
from virtcim.profiles.pools import pools_of

ON, OFF = 2, 3
VOLUME = "<volume><name>probe1.img</name><capacity>1048576</capacity></volume>"


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def test_storage_and_networks_are_what_libvirt_has(stock: Stock) -> None:
    shown = stock.pools()
    with stock.host.link.borrow() as connection:
        storage = {f"DiskPool/{pool.name()}": pool.info() for pool in connection.listAllStoragePools()}
        networks = {f"NetworkPool/{network.name()}" for network in connection.listAllNetworks()}
    assert storage
    assert networks
    concrete = {name for name, pool in shown.items() if not pool["Primordial"]}
    divided = {name for name in concrete if name.startswith(("ProcessorPool", "MemoryPool", "HostDevicePool"))}
    assert concrete - divided == {*storage, *networks}
    groups = {f"HostDevicePool/group:{number}" for number in (24, 31, 32)}
    assert divided == {"ProcessorPool/cell:0", "MemoryPool/cell:0", "MemoryPool/hugepages:2048", *groups}
    for name, (_, capacity, allocation, _) in storage.items():
        assert (shown[name]["Capacity"], shown[name]["Reserved"]) == (capacity, allocation)
        assert (shown[name]["OperationalStatus"], shown[name]["HealthState"]) == ([2], 5)
    pooled = sum(info[1] for info in storage.values())
    assert shown["DiskPool/0"]["Capacity"] == max(pooled, 1920383410176)  # that of the drive
    kinds = {name: shown[name].get("ResourceSubType") for name in ("DiskPool/images", "DiskPool/fast", "DiskPool/0")}
    assert kinds == {"DiskPool/images": "Virt:dir", "DiskPool/fast": "Virt:logical", "DiskPool/0": None}


def test_what_disks_hold_is_consumed_while_their_system_is_active(stock: Stock) -> None:
    def consumed() -> tuple[object, ...]:
        return tuple(stock.pool(name)["CurrentlyConsumedResource"] for name in ("DiskPool/fast", "DiskPool/0"))

    cache = 10 * 2**30
    fast, all_of_it = consumed()
    stock.become("web1", OFF)
    less, rest = consumed()
    assert int(str(fast)) - int(str(less)) == cache
    assert int(str(all_of_it)) - int(str(rest)) == cache + 40 * 2**30  # and the image in the other pool


@pytest.mark.parametrize(("number", "status"), [*enumerate([(10, 5), (11, 5), (2, 5), (3, 10), (12, 20), (0, 0)])])
def test_every_state_of_a_storage_pool_has_a_status(number: int, status: tuple[int, int]) -> None:
    assert storage_state(number) == {"OperationalStatus": [status[0]], "HealthState": status[1]}


def test_the_host_bounds_processors_and_memory(stock: Stock) -> None:
    with stock.host.link.borrow() as connection:
        _, megabytes, cpus, *_ = connection.getInfo()
        running = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        vcpus, kib = (sum(domain.info()[at] for domain in running) for at in (3, 2))
    processors, memory = stock.pool("ProcessorPool/0"), stock.pool("MemoryPool/0")
    assert (processors["Capacity"], processors["AllocationUnits"]) == (cpus * 100, "percent")
    assert processors["CurrentlyConsumedResource"] == vcpus
    assert memory["Capacity"] == megabytes * 1024
    assert memory["Reserved"] == memory["CurrentlyConsumedResource"] == kib


def test_pools_of_devices_have_no_bound(stock: Stock) -> None:
    for pool in stock.pools().values():
        if pool["ResourceType"] not in (3, 4, 31) and not str(pool["PoolID"]).startswith("HostDevicePool/"):
            assert "Capacity" not in pool, pool
            assert pool["AllocationUnits"] == "count"


def test_every_setting_comes_from_the_pool_it_names(stock: Stock) -> None:
    parts = stock.client.instances("CIM_VirtualSystemSettingDataComponent")
    settings = [stock.client.get(part.properties["PartComponent"]) for part in parts]  # type: ignore[arg-type]
    assert settings
    for setting in settings:
        (pool,) = stock.client.across(setting.path, ASKED)
        shown = pool.properties
        assert setting.properties["PoolID"] == shown["PoolID"]
        for name in ("ResourceType", "OtherResourceType"):
            assert setting.properties.get(name) == shown.get(name), setting.path


@pytest.mark.parametrize(
    ("setting", "pool"),
    [
        ("web1/vda", "DiskPool/images"),
        ("web1/vdb", "DiskPool/fast"),
        ("db1/defined/sdb", "DiskPool/fast"),
        ("db1/sdc", "DiskPool/0"),
        ("web1/52:54:00:10:00:01", "NetworkPool/production"),
    ],
    ids=["path", "volume", "block device", "iSCSI", "network"],
)
def test_pools_of_images_and_interfaces(stock: Stock, setting: str, pool: str) -> None:
    assert stock.client.get(stock.setting_path(setting)).properties["PoolID"] == pool
    assert setting in stock.from_pool(pool)


def test_a_volume_that_appears_moves_the_disk_to_its_pool(stock: Stock) -> None:
    added = rasd("Disk", ResourceType=31, Address="/srv/images/probe1.img", VirtualDevice="vdz")
    assert stock.add("desktop1", added).value == 0
    assert stock.settings("desktop1")["vdz"].properties["PoolID"] == "DiskPool/0"
    with stock.host.link.borrow() as connection:
        connection.storagePoolLookupByName("images").createXML(VOLUME)
    pool = stock.host.pool_named("images")
    assert pool is not None
    stock.host.refresh_pool(pool.uuid)
    assert stock.settings("desktop1")["vdz"].properties["PoolID"] == "DiskPool/images"
    assert "desktop1/defined/vdz" in stock.from_pool("DiskPool/images")
    assert "desktop1/defined/vdz" not in stock.from_pool("DiskPool/0")


def test_power_takes_and_gives_back(stock: Stock) -> None:
    def taken() -> tuple[Any, ...]:
        memory, processors = stock.pool("MemoryPool/0"), stock.pool("ProcessorPool/0")
        return memory["Reserved"], processors["CurrentlyConsumedResource"], stock.from_pool("MemoryPool/0", ALLOCATED)

    reserved, consumed, devices = taken()
    stock.become("web1", OFF)
    assert taken() == (reserved - 4194304, consumed - 2, devices - {"web1/mem"})
    assert {"web1/mem", "web1/defined/mem"} <= stock.from_pool("MemoryPool/0")
    stock.become("web1", ON)
    assert taken() == (reserved, consumed, devices)


def test_only_pools_with_something_new_are_made_again(stock: Stock) -> None:
    before = dict(pools_of(stock.host))
    stock.become("web1", OFF)
    after = pools_of(stock.host)
    assert after["MemoryPool/0"] is not before["MemoryPool/0"]
    assert after["DiskPool/backup"] is before["DiskPool/backup"]
    assert after["TPMPool/0"] is before["TPMPool/0"]


def test_children_and_parents(stock: Stock) -> None:
    for name, pool in stock.pools().items():
        parents = stock.client.across(stock.pool_path(name), ALLOCATED, "CIM_ResourcePool", role="Dependent")
        if pool["Primordial"]:
            assert parents == []
        else:
            (parent,) = parents
            assert parent.properties["ResourceType"] == pool["ResourceType"]
            assert name in stock.from_pool(str(parent.properties["InstanceID"]), ALLOCATED)


def test_a_host_has_all_pools(stock: Stock) -> None:
    (host,) = stock.client.instances("Test_HostSystem")
    found = stock.client.across(host.path, "CIM_HostedResourcePool")
    assert {str(one.properties["InstanceID"]) for one in found} == set(stock.pools())


def test_a_pool_that_is_not_there(stock: Stock) -> None:
    with pytest.raises(CIMError, match="no such instance"):
        stock.pool("DiskPool/gone")


def test_ids_by_uuid_name_the_host(repository: Schema, node_uri: str) -> None:
    with stocked(repository, node_uri, naming="uuid") as stock:
        pools = stock.pools()
        assert f"{stock.host.uuid}/DiskPool/images" in pools
        for name, pool in pools.items():
            assert name == f"{stock.host.uuid}/{pool['PoolID']}"
            assert stock.pool(name) == pool


def test_old_resource_types(repository: Schema, node_uri: str) -> None:
    with stocked(repository, node_uri, legacy_resource_types=True) as stock:
        assert stock.pool("DiskPool/images")["ResourceType"] == 17
        (disk,) = [one for name, one in stock.settings("web1").items() if name == "vda"]
        assert disk.properties["ResourceType"] == 17
