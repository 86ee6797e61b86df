"""DSP1059: the IOMMU groups of a host as pools, and that one group is in one active system at a time.

The GPU of the embedded node is desktop1's, which is off; a sound device is in the same group.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.management import FAILED, INVALID, OK, instance, rasd
from tests.profiles.pooled import ALLOCATED, ASKED, Stock, stocked

from virtcim.broker.call import Instance, Value
from virtcim.broker.schema import Schema
from virtcim.model.nodedev import NodeDevice

IN_USE = 6
GPU, SOUND = "pci:0000:41:00.0", "pci:0000:41:00.1"
GROUP = "HostDevicePool/group:24"


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def passing(place: str, **properties: object) -> Instance:
    return rasd("HostDevice", ResourceType=13, HostResource=[place], **properties)


def start(stock: Stock, name: str) -> Value:
    system = stock.client.system(name).path
    return stock.client.invoke(system, "RequestStateChange", RequestedState="2").value


def test_a_group_is_a_pool_of_its_devices(stock: Stock) -> None:
    pools = {name: one for name, one in stock.pools().items() if name.startswith("HostDevicePool/")}
    counts = {name: (one["Capacity"], one["Reserved"], one["Primordial"]) for name, one in pools.items()}
    assert counts == {
        "HostDevicePool/0": (5, 1, True),
        "HostDevicePool/group:24": (2, 0, False),
        "HostDevicePool/group:31": (1, 0, False),
        "HostDevicePool/group:32": (1, 1, False),
    }
    assert pools[GROUP]["ElementName"] == "IOMMU group 24"
    members = stock.client.across(stock.pool_path(GROUP), "CIM_ConcreteComponent", role="GroupComponent")
    assert {one.properties["DeviceID"] for one in members} == {"host/pci_0000_41_00_0", "host/pci_0000_41_00_1"}
    (parent,) = stock.client.across(stock.pool_path(GROUP), ALLOCATED, role="Dependent")
    assert parent.properties["InstanceID"] == "HostDevicePool/0"


def test_what_can_be_asked_of_a_group(stock: Stock) -> None:
    one = stock.capabilities()[GROUP]
    shown = one.properties
    assert (shown["RequestTypesSupported"], shown["SharingMode"], shown["ResourceType"]) == (2, 2, 13)
    assert sorted(stock.samples(one.path)) == ["Default", "Maximum", "Minimum"]


def test_devices_are_from_the_pool_of_their_group(stock: Stock) -> None:
    assert stock.add("web2", passing(GPU, PoolID=GROUP)).value == OK
    setting = "web2/defined/hostdev:pci:0000:41:00.0"
    shown = stock.client.get(stock.setting_path(setting))
    assert shown.properties["PoolID"] == GROUP
    assert setting in stock.from_pool(GROUP, ASKED)
    assert stock.modify(instance(shown)).value == OK
    stock.become("web2", 3)
    stock.become("web2", 2)
    assert [stock.pool(name)["Reserved"] for name in (GROUP, "HostDevicePool/0")] == [1, 2]
    assert stock.from_pool(GROUP, ALLOCATED) == {"web2/hostdev:pci:0000:41:00.0"}


@pytest.mark.parametrize(
    ("place", "properties", "name"),
    [
        (GPU, {"PoolID": "HostDevicePool/group:31"}, "PoolID"),
        (GPU, {"PoolID": "HostDevicePool/group:99"}, "PoolID"),
        ("pci:0000:99:00.0", {"PoolID": GROUP}, "PoolID"),
        ("usb:001:004", {"PoolID": GROUP}, "PoolID"),
        ("pci:0000:02:00.0", {}, "HostResource"),
    ],
    ids=["another group", "no group", "no device", "a USB device", "in no group"],
)
def test_what_does_not_fit_is_refused(stock: Stock, place: str, properties: dict[str, str], name: str) -> None:
    before = stock.everything()
    answer = stock.add("desktop1", passing(place, **properties))
    assert (answer.value, name in str(answer.reason)) == (INVALID, True), answer
    assert stock.everything() == before


def test_a_setting_is_moved_by_its_device_alone(stock: Stock) -> None:
    before = stock.everything()
    moved = rasd("HostDevice", InstanceID="desktop1/defined/hostdev:pci:0000:41:00.0", PoolID="HostDevicePool/group:31")
    answer = stock.modify(moved)
    assert (answer.value, "PoolID" in str(answer.reason)) == (INVALID, True)
    assert stock.everything() == before


@pytest.mark.parametrize(
    ("place", "taken"), [(GPU, "the device 0000:41:00.0"), (SOUND, "IOMMU group 24")], ids=["the device", "its group"]
)
def test_a_second_system_does_not_get_it(stock: Stock, place: str, taken: str) -> None:
    """Its definition may name it; the other way round once the first one has let go of it."""
    assert start(stock, "desktop1") == OK
    stock.become("web2", 3)
    assert stock.add("web2", passing(place)).value == OK
    before = stock.pool(GROUP)["Reserved"]
    answer = stock.client.invoke(stock.client.system("web2").path, "RequestStateChange", RequestedState="2")
    assert (answer.value, f"{taken} is in use by desktop1" in str(answer.reason)) == (IN_USE, True), answer
    assert stock.pool(GROUP)["Reserved"] == before == 1
    stock.become("desktop1", 3)
    assert start(stock, "web2") == OK
    assert start(stock, "desktop1") == IN_USE


def test_nor_while_it_runs(stock: Stock) -> None:
    assert start(stock, "desktop1") == OK
    before = stock.everything()
    answer = stock.add("web2", passing(SOUND), defined=False)
    assert (answer.value, "IOMMU group 24 is in use by desktop1" in str(answer.reason)) == (FAILED, True), answer
    assert stock.everything() == before


def test_an_interface_that_is_a_function_of_the_host_counts_too(stock: Stock) -> None:
    assert start(stock, "desktop1") == OK
    stock.become("web2", 3)
    function = rasd("Net", ResourceType=10, NetworkType="hostdev", HostResource=[SOUND], Address="52:54:00:10:99:01")
    answer = stock.add("web2", function)
    assert answer.value == OK, answer
    assert start(stock, "web2") == IN_USE
    before = stock.everything()
    answer = stock.add("web1", function, defined=False)
    assert (answer.value, "IOMMU group 24 is in use by desktop1" in str(answer.reason)) == (FAILED, True), answer
    assert stock.everything() == before


def test_devices_of_one_group_go_to_one_system_together(stock: Stock) -> None:
    assert stock.add("desktop1", passing(SOUND)).value == OK
    assert start(stock, "desktop1") == OK
    assert stock.pool(GROUP)["Reserved"] == 2


def test_a_device_that_goes_takes_its_pool_along(stock: Stock) -> None:
    """Settings that name it are those of a device that the host has not, until it is back."""
    place = "mdev:4b20d080-1b54-4048-85b3-a6a62d165c01"
    assert stock.add("desktop1", passing(place)).value == OK
    setting = stock.setting_path(f"desktop1/defined/hostdev:{place}")
    assert stock.client.get(setting).properties["PoolID"] == "HostDevicePool/group:31"
    (name,) = [one.name for one in stock.host.node_devices if "165c01" in one.name]
    devices = stock.host._devices  # the test: driver cannot take a device away
    devices.put(name, None, devices.ticket())
    shown = stock.client.get(setting).properties
    assert (shown["PoolID"], shown["HostResource"]) == ("HostDevicePool/0", [place])
    assert "HostDevicePool/group:31" not in stock.pools()
    stock.host.refresh_node_device(name)
    assert stock.client.get(setting).properties["PoolID"] == "HostDevicePool/group:31"


HUB = (
    "<device><name>usb_usb1</name><capability type='usb_device'><bus>1</bus><device>1</device>{}</capability></device>"
)
PCI = "<device><name>pci_0000_00_01_0</name><capability type='pci'>{}<domain>0</domain><bus>0</bus><slot>1</slot>{}"


@pytest.mark.parametrize(
    "xml",
    [
        HUB.format("<vendor id='0x1d6b'/>"),
        PCI.format("<class>0x060400</class>", "<iommuGroup number='1'/></capability></device>"),
        PCI.format("<class>0x020000</class>", "</capability></device>"),
    ],
    ids=["root hub", "bridge", "without an IOMMU"],
)
def test_what_cannot_be_passed_through(xml: str) -> None:
    assert NodeDevice.parse(xml).passable is None


def test_a_host_without_an_iommu_offers_none(repository: Schema) -> None:
    with stocked(repository, "test:///default") as stock:
        pool = stock.pool("HostDevicePool/0")
        assert (pool["Capacity"], pool["Reserved"]) == (0, 0)
        samples = stock.samples(stock.capabilities()["HostDevicePool/0"].path)
        assert samples["Maximum"].properties["VirtualQuantity"] == 0
