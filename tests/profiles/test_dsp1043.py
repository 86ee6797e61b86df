"""DSP1043: what can be asked of a pool, and how far a running system can be changed; every claim is tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.management import BAD_STATE, FAILED, INVALID, OK, embedded, results
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.call import Instance, Item
from virtcim.broker.schema import Schema
from virtcim.mapping.allocation import NOT_APPLICABLE, QUIESCE, SPECIFIC

OFF = "desktop1"
LABELS = ("InstanceID", "ElementName")
CONNECTION = 33  # ResourceType


@pytest.fixture(scope="module")
def reading(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def wanted(sample: Item, **changes: Any) -> Instance:
    """A request made from a sample, as a client makes it."""
    kept = {name: value for name, value in sample.properties.items() if name not in LABELS}
    return embedded(sample.cls.name, **{**kept, **changes})


def test_every_pool_has_its_capabilities(reading: Stock) -> None:
    for name, pool in reading.pools().items():
        found = reading.client.across(reading.pool_path(name), "CIM_ElementCapabilities")
        assert [one.properties["InstanceID"] for one in found] == [name]
        for shared in ("ResourceType", "OtherResourceType"):
            assert found[0].properties.get(shared) == pool.get(shared)


def test_a_host_leads_to_those_of_primordial_pools(reading: Stock) -> None:
    (host,) = reading.client.instances("Test_HostSystem")
    found = reading.client.across(host.path, "CIM_ElementCapabilities", "CIM_AllocationCapabilities")
    primordial = {name for name, pool in reading.pools().items() if pool["Primordial"]}
    assert {one.properties["InstanceID"] for one in found} == primordial


def test_roles_of_samples(reading: Stock) -> None:
    for capabilities in reading.capabilities().values():
        links = reading.client.links(capabilities.path, "CIM_SettingsDefineCapabilities")
        names = ("PropertyPolicy", "ValueRole", "ValueRange")
        roles = [tuple(link.properties[name] for name in names) for link in links]
        assert roles.count((0, 0, 0)) == 1
        for bound in (1, 2, 3):
            assert roles.count((0, 3, bound)) <= 1
        assert set(roles) <= {(0, 0, 0), (0, 3, 1), (0, 3, 2), (0, 3, 3), (1, 3, 0)}


def test_ranges_hold_together(reading: Stock) -> None:
    for capabilities in reading.capabilities().values():
        samples = {name: one.properties for name, one in reading.samples(capabilities.path).items()}
        if not {"Minimum", "Maximum"} <= samples.keys():
            continue
        low, high, usual = (samples[role]["VirtualQuantity"] for role in ("Minimum", "Maximum", "Default"))
        step = samples.get("Increment", {"VirtualQuantity": 1})["VirtualQuantity"]
        assert low <= usual <= high  # type: ignore[operator]
        assert (high - low) % step == (usual - low) % step == 0  # type: ignore[operator]


def test_bounds_are_those_of_libvirt(reading: Stock) -> None:
    with reading.host.link.borrow() as connection:
        most, memory = connection.getMaxVcpus("test"), connection.getInfo()[1]
    found = reading.capabilities()
    processors = reading.samples(found["ProcessorPool/0"].path)["Maximum"].properties
    assert (processors["VirtualQuantity"], processors["AllocationUnits"]) == (most, "percent")
    assert reading.samples(found["MemoryPool/0"].path)["Maximum"].properties["VirtualQuantity"] == memory * 1024


def test_samples_are_no_part_of_a_system(reading: Stock) -> None:
    for capabilities in reading.capabilities().values():
        for sample in reading.samples(capabilities.path).values():
            assert reading.client.across(sample.path, "CIM_ResourceAllocationFromPool") == []
            assert reading.client.across(sample.path, "CIM_VirtualSystemSettingDataComponent") == []
            assert reading.client.get(sample.path).properties == sample.properties


def test_what_the_capabilities_claim_of_adding(stock: Stock) -> None:
    """The default is accepted, refused for want of a HostResource, or refused since every system has its own."""
    for name, capabilities in stock.capabilities().items():
        default = stock.samples(capabilities.path)["Default"]
        before = stock.xml(OFF)
        if capabilities.properties["SupportedAddStates"] == [NOT_APPLICABLE]:
            continue
        answer = stock.add(OFF, wanted(default))
        if capabilities.properties["RequestTypesSupported"] == SPECIFIC:
            assert (answer.value, stock.xml(OFF)) == (INVALID, before), (name, answer)
            continue
        if name == "MemoryBalloonPool/0":  # this system has the one that a system can have
            assert (answer.value, stock.xml(OFF)) == (FAILED, before)
            continue
        assert answer.value == OK, (name, answer)
        (added,) = results(answer)
        assert added in stock.from_pool(name)
        if name != "SerialPool/0":  # libvirt pairs the first one with a console and gives it back
            assert stock.remove(added).value == OK


@pytest.mark.parametrize("name", ["ProcessorPool/0", "MemoryPool/0"])
def test_what_every_system_has_cannot_be_added_or_removed(stock: Stock, name: str) -> None:
    before = stock.everything()
    default = stock.samples(stock.capabilities()[name].path)["Default"]
    assert stock.add(OFF, wanted(default)).value in (FAILED, INVALID)
    dev = "proc" if name == "ProcessorPool/0" else "mem"
    assert stock.remove(f"{OFF}/defined/{dev}").value != OK
    assert stock.everything() == before


def mutable(stock: Stock, name: str) -> dict[str, Item]:
    (capabilities,) = stock.client.across(stock.setting_path(name), "CIM_ElementCapabilities")
    return stock.samples(capabilities.path)


@pytest.mark.parametrize("name", ["web1/proc", "web1/mem"])
def test_a_running_system_can_be_changed_within_its_range(stock: Stock, name: str) -> None:
    samples = mutable(stock, name)
    most = samples["Maximum"].properties["VirtualQuantity"]
    present = stock.client.get(stock.setting_path(name))
    asked = wanted(present, InstanceID=name, VirtualQuantity=most, Reservation=None)
    assert stock.modify(asked).value == OK
    assert stock.client.get(stock.setting_path(name)).properties["VirtualQuantity"] == most


@pytest.mark.parametrize("name", ["web1/proc", "web1/mem"])
def test_beyond_its_range_it_cannot(stock: Stock, name: str) -> None:
    most = mutable(stock, name)["Maximum"].properties["VirtualQuantity"]
    before = stock.everything()
    present = stock.client.get(stock.setting_path(name))
    asked = wanted(present, InstanceID=name, VirtualQuantity=most + 1, Reservation=None)  # type: ignore[operator]
    assert stock.modify(asked).value != OK
    assert stock.everything() == before


@pytest.mark.parametrize("name", ["desktop1/proc", "web1/defined/proc", "web1/vda"])
def test_nothing_is_promised_of_others(reading: Stock, name: str) -> None:
    assert reading.client.across(reading.setting_path(name), "CIM_ElementCapabilities") == []


def test_a_paused_system_lets_nothing_go(stock: Stock) -> None:
    """SupportedRemoveStates of no pool names Quiesce, but for connections, which are pulled without the guest."""
    for capabilities in stock.capabilities().values():
        states = capabilities.properties["SupportedRemoveStates"]
        assert isinstance(states, list)
        assert (QUIESCE in states) == (capabilities.properties["ResourceType"] == CONNECTION)
    stock.become("web1", QUIESCE)
    before = stock.everything()
    answer = stock.remove("web1/52:54:00:10:00:01")
    assert (answer.value, "paused" in str(answer.reason)) == (BAD_STATE, True)
    assert stock.everything() == before
