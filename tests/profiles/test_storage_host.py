"""DSP1047: the volumes and drives of the host, what they are part of and built on, and the disks on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.counting import counted_calls
from tests.profiles.management import rasd
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.call import Item
from virtcim.broker.provider import model_path
from virtcim.broker.schema import Schema
from virtcim.mapping import ids

VOLUME, DRIVE = "Test_HostStorageVolume", "Test_HostDiskDrive"
ON = 2
OVERLAY = """<volume><name>top.qcow2</name><capacity>1048576</capacity><target><format type='qcow2'/></target>
<backingStore><path>/srv/images/web1.qcow2</path><format type='qcow2'/></backingStore></volume>"""


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def volumes(stock: Stock) -> dict[str, Item]:
    return {str(one.properties["Name"]): one for one in stock.client.instances(VOLUME)}


def named(items: list[Item]) -> set[str]:
    return {str(one.properties.get("Name") or one.properties.get("DeviceID")) for one in items}


def test_every_volume_of_libvirt_is_an_extent_of_the_host(stock: Stock) -> None:
    shown = volumes(stock)
    with stock.host.link.borrow() as connection:
        known = {one.path(): one for pool in connection.listAllStoragePools() for one in pool.listAllVolumes()}
        assert set(shown) == set(known)
        for path, item in shown.items():
            facts, (_, capacity, allocation) = item.properties, known[path].info()
            assert int(str(facts["BlockSize"])) * int(str(facts["NumberOfBlocks"])) == capacity
            assert facts["ThinlyProvisioned"] is (allocation < capacity)
            assert facts["DeviceID"] == ids.host_device_id(ids.volume_name(known[path].key()))
    assert {stock.client.across(one.path, "CIM_SystemDevice")[0].cls.name for one in shown.values()} == {
        "Test_HostSystem"
    }


def test_a_pool_is_made_up_of_its_volumes_and_the_primordial_one_of_drives(stock: Stock) -> None:
    found = stock.client.across(stock.pool_path("DiskPool/images"), "CIM_ConcreteComponent")
    assert named(found) == {path for path in volumes(stock) if path.startswith("/srv/images/")}
    (drive,) = stock.client.across(stock.pool_path("DiskPool/0"), "CIM_ConcreteComponent")
    assert (drive.cls.name, drive.properties["Name"]) == ("Test_HostDiskDrive", "/dev/nvme0n1")
    assert drive.properties["MaxMediaSize"] == 1920383410  # kilobytes


DRIVES = {
    "disc": ("DVDPool/0", "Test_HostDVDDrive", "/dev/sr0", {"EmulatedType": 1}, "Test_DVDDrive"),
    "floppy disk": ("FloppyPool/0", "Test_HostDisketteDrive", "/dev/fd0", {"EmulatedType": 2}, "Test_DisketteDrive"),
}


@pytest.mark.parametrize("kind", DRIVES)
def test_drives_of_the_host_with_media(stock: Stock, kind: str) -> None:
    """In the pool of their kind, and below the drive of a system that has them as a whole, by their paths too."""
    pool, classname, path, given, virtual = DRIVES[kind]
    (drive,) = stock.client.across(stock.pool_path(pool), "CIM_ConcreteComponent")
    assert (drive.cls.name, drive.properties["Name"]) == (classname, path)
    assert 7 in drive.properties["Capabilities"]  # type: ignore[operator]
    stock.define(ElementName="reader")
    uri = model_path(drive.path)
    assert stock.add("reader", rasd("Disk", HostResource=[uri], **given)).value == 0
    assert f"<source dev='{path}'/>" in stock.xml("reader")
    stock.become("reader", ON)
    (above,) = stock.client.across(drive.path, "CIM_HostedDependency")
    assert (above.cls.name, above.properties["SystemName"]) == (virtual, "reader")
    assert [one.path for one in stock.client.across(above.path, "CIM_HostedDependency")] == [drive.path]


def test_what_is_built_on_a_volume(stock: Stock) -> None:
    base, used = volumes(stock)["/srv/images/base.qcow2"], volumes(stock)["/srv/images/web1.qcow2"]
    above = stock.client.across(base.path, "CIM_BasedOn", role="Antecedent")
    assert named(above) == {"/srv/images/web1.qcow2", "/srv/images/web2.qcow2"}
    assert named(stock.client.across(used.path, "CIM_BasedOn", role="Dependent")) == {"/srv/images/base.qcow2"}
    (disk,) = stock.client.across(used.path, "CIM_BasedOn", role="Antecedent")
    assert disk.properties["DeviceID"] == "web1/vda"
    assert named(stock.client.across(disk.path, "CIM_HostedDependency")) == {"/srv/images/web1.qcow2"}
    (link,) = stock.client.links(volumes(stock)["/dev/fast/web1-cache"].path, "CIM_BasedOn")
    blocks = 10 * 2**30 // 512
    assert (link.properties["StartingAddress"], link.properties["EndingAddress"]) == (0, blocks - 1)


def test_disks_of_a_system_that_is_off_sit_on_nothing(stock: Stock) -> None:
    idle = volumes(stock)["/srv/images/desktop1.qcow2"]
    assert stock.client.across(idle.path, "CIM_HostedDependency") == []
    stock.become("desktop1", ON)
    assert named(stock.client.across(idle.path, "CIM_HostedDependency")) == {"sda"}


def test_a_drive_in_an_optical_drive_counts_as_well(stock: Stock) -> None:
    disc = volumes(stock)["/srv/images/installer.iso"]
    (drive,) = stock.client.across(disc.path, "CIM_HostedDependency")
    assert drive.cls.name == "Test_DVDDrive"
    assert stock.client.across(disc.path, "CIM_BasedOn") == []


def test_an_overlay_of_an_overlay(stock: Stock) -> None:
    with stock.host.link.borrow() as connection:
        pool = connection.storagePoolLookupByName("images")
        pool.createXML(OVERLAY)
    stock.host.refresh_pool(pool.UUIDString())
    top = volumes(stock)["/srv/images/top.qcow2"]
    assert named(stock.client.across(top.path, "CIM_BasedOn")) == {"/srv/images/web1.qcow2"}
    assert top.properties["Format"] == "qcow2"


def test_a_long_key_or_name_fits_into_a_device_id() -> None:
    key = "/very/long" * 50
    assert len(ids.host_device_id(ids.volume_name(key))) <= ids.LONGEST_DEVICE_ID
    assert len(ids.host_device_id(f"block_sda_{'x' * 80}")) <= ids.LONGEST_DEVICE_ID
    assert ids.host_device_id("cpu/0") == "host/cpu/0"


def test_reading_asks_libvirt_nothing(stock: Stock) -> None:
    with counted_calls() as calls:
        for classname in (VOLUME, DRIVE, "CIM_BasedOn", "CIM_ConcreteComponent", "CIM_HostedDependency"):
            assert stock.client.instances(classname)
    assert [name for name in calls.counted if name.startswith(("virStorage", "virNodeDevice"))] == []
