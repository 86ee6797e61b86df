"""DSP1047 on the embedded node: disks made by allocation, their volumes, and what becomes of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.client import system_path
from tests.profiles.management import BAD_STATE, FAILED, INVALID, OK, head_path, rasd, results
from tests.profiles.pooled import Stock, stocked
from tests.profiles.storing import BLOCKS, FAST, GIB, IMAGES, disk, shown, volume_uri, volumes

from virtcim.broker.schema import Schema
from virtcim.host import storage

IN_USE = 6


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    """With a system "plain" that has no disks."""
    with stocked(repository, node_uri, detach_timeout=2.0) as stock:
        stock.define(ElementName="plain")
        yield stock


def test_a_disk_made_by_allocation(stock: Stock) -> None:
    """A volume of that size is there, and the disk is on it."""
    before = volumes(stock).keys()
    answer = stock.add("plain", disk())
    assert results(answer) == ["plain/defined/vda"], answer.reason
    (name,) = volumes(stock).keys() - before
    assert name == "plain.img"
    assert (volumes(stock)[name].capacity, volumes(stock)[name].allocation) == (GIB, 0)
    for where in ("plain/defined/vda", "plain/vda"):
        setting = shown(stock, where)
        assert setting["HostResource"] == [volume_uri(stock, "plain.img")]
        assert setting["Address"] == "/srv/images/plain.img"
        assert setting["PoolID"] == IMAGES
        assert setting["VolumeName"] == name
        assert (setting["VirtualQuantity"], setting["Reservation"], setting["Limit"]) == (BLOCKS, 0, BLOCKS)
        assert (setting["ResourceSubType"], setting["AutomaticDeallocation"]) == ("raw", False)
    (device,) = [one for one in stock.client.instances("CIM_LogicalDisk") if one.properties["SystemName"] == "plain"]
    found = device.properties
    assert (found["BlockSize"], found["NumberOfBlocks"], found["ConsumableBlocks"]) == (512, BLOCKS, BLOCKS)
    assert found["ThinlyProvisioned"] is True


@pytest.mark.parametrize(
    ("wanted", "shows"),
    [
        ({"Reservation": BLOCKS}, {"Reservation": BLOCKS, "ResourceSubType": "raw"}),
        ({"ResourceSubType": "Virt:qcow2"}, {"Reservation": 0, "ResourceSubType": "qcow2"}),
        ({"DriverType": "qcow2"}, {"Reservation": 0, "VolumeName": "plain.qcow2"}),
        ({"VolumeName": "my disk"}, {"VolumeName": "my disk", "Address": "/srv/images/my disk"}),
        ({"VirtualQuantity": GIB, "VirtualQuantityUnits": "byte"}, {"VirtualQuantity": BLOCKS}),
        ({"VirtualQuantity": 1, "VirtualQuantityUnits": "byte * 2^30"}, {"VirtualQuantity": BLOCKS}),
        ({"VirtualQuantity": GIB, "VirtualResourceBlockSize": 1}, {"VirtualQuantity": BLOCKS}),
        ({"VirtualQuantity": 2**18, "VirtualResourceBlockSize": 4096}, {"VirtualQuantity": 2**18, "Limit": BLOCKS}),
        ({"Limit": BLOCKS}, {"Limit": BLOCKS}),
        ({"VirtualQuantity": 2**40}, {"VirtualQuantity": 2**40, "Reservation": 0}),
        ({"PoolID": FAST}, {"PoolID": FAST, "Reservation": BLOCKS, "Address": "/dev/fast/plain.img"}),
        ({"PoolID": None}, {"VirtualQuantity": BLOCKS}),
        ({"VirtualDevice": "vdc"}, {"VolumeName": "plain-vdc.img"}),
        ({"AutomaticDeallocation": True}, {"AutomaticDeallocation": True}),
        ({"ResourceType": 17}, {"ResourceType": 31}),
        (
            {"BackingImage": "file:///srv/images/base.qcow2", "VirtualQuantity": None},
            {"VirtualQuantity": 40 * BLOCKS, "ResourceSubType": "qcow2", "BackingFormat": "qcow2",
             "BackingImage": "file:///srv/images/base.qcow2"},
        ),
    ],
    ids=["thick", "qcow2", "driver-type", "name", "bytes", "gib", "blocks-of-a-byte", "big-blocks", "limit",
         "huge-but-thin", "logical", "no-pool", "target", "with-the-disk", "old-type", "backing"],
)  # fmt: skip
def test_what_can_be_asked_for(stock: Stock, wanted: dict[str, Any], shows: dict[str, Any]) -> None:
    answer = stock.add("plain", disk(**wanted))
    assert answer.value == OK, answer.reason
    (new,) = results(answer)
    setting = shown(stock, new)
    assert {name: setting.get(name) for name in shows} == shows


@pytest.mark.parametrize(
    ("wanted", "value", "names"),
    [
        ({"VirtualQuantity": 0}, INVALID, "VirtualQuantity"),
        ({"VirtualQuantityUnits": "hertz"}, INVALID, "VirtualQuantityUnits"),
        ({"PoolID": "DiskPool/none"}, INVALID, "PoolID"),
        ({"PoolID": "NetworkPool/production"}, INVALID, "PoolID"),
        ({"PoolID": "DiskPool/0"}, INVALID, "PoolID"),
        ({"ResourceSubType": "vhdx"}, INVALID, "ResourceSubType"),
        ({"ResourceSubType": "raw", "DriverType": "qcow2"}, INVALID, "DriverType"),
        ({"PoolID": FAST, "ResourceSubType": "qcow2"}, INVALID, "ResourceSubType"),
        ({"PoolID": FAST, "Reservation": 0}, INVALID, "Reservation"),
        ({"Reservation": BLOCKS + 1}, INVALID, "Reservation"),
        ({"Reservation": 8, "ResourceSubType": "qcow2"}, INVALID, "Reservation"),
        ({"Limit": BLOCKS - 1}, INVALID, "Limit"),
        ({"VolumeName": "a/b"}, INVALID, "VolumeName"),
        ({"VolumeName": ".."}, INVALID, "VolumeName"),
        ({"VolumeName": "x" * 241}, INVALID, "VolumeName"),
        ({"VolumeName": "base.qcow2"}, FAILED, "VolumeName"),
        ({"VirtualQuantity": 2**50, "Reservation": 2**50}, FAILED, "insufficient space"),
        ({"BackingImage": "/etc/shadow"}, INVALID, "BackingImage"),
        ({"BackingImage": "/srv/images/base.qcow2"}, INVALID, "VirtualQuantity"),
        ({"BackingImage": "/srv/images/base.qcow2", "VirtualQuantity": None, "BackingFormat": "raw"}, INVALID,
         "BackingFormat"),
        ({"BackingImage": "/srv/images/base.qcow2", "VirtualQuantity": None, "DriverType": "raw"}, INVALID,
         "BackingImage"),
        ({"EmulatedType": 4}, INVALID, "HostResource"),
        ({"VirtualQuantity": None}, INVALID, "HostResource"),
        ({"BusType": "carrier pigeon"}, FAILED, "schema"),
        ({"Weight": 5}, INVALID, "Weight"),
    ],
    ids=["nothing", "units", "no-such-pool", "other-pool", "primordial", "format", "two-formats", "format-of-block",
         "thin-block", "more-reserved", "partly-reserved", "limit", "slash", "dots", "long", "taken", "no-room",
         "not-a-volume", "smaller-than-backing", "backing-format", "raw-on-backing", "lun", "neither", "libvirt",
         "unknown-property"],
)  # fmt: skip
def test_what_is_refused(stock: Stock, wanted: dict[str, Any], value: int, names: str) -> None:
    """No volume is left, and the systems are as they were."""
    before = stock.everything(), volumes(stock), volumes(stock, "fast")
    answer = stock.add("plain", disk(), disk(**wanted))
    assert (answer.value, names in str(answer.reason)) == (value, True), answer.reason
    assert (stock.everything(), volumes(stock), volumes(stock, "fast")) == before


def test_a_system_with_disks_made_for_it(stock: Stock) -> None:
    answer = stock.define(disk(), disk(DriverType="qcow2", AutomaticDeallocation=True), ElementName="built")
    assert answer.value == OK, answer.reason
    assert {"built.img", "built.qcow2"} <= volumes(stock).keys()
    assert shown(stock, "built/vdb")["AutomaticDeallocation"] is True
    assert stock.destroy("built").value == OK
    assert {"built.img", "built.qcow2"} & volumes(stock).keys() == {"built.img"}


def test_a_system_that_cannot_be(stock: Stock) -> None:
    before = volumes(stock)
    assert stock.define(disk(), ElementName="web1").value == FAILED
    assert stock.define(disk(), rasd("Net", NetworkType="none such"), ElementName="new").value != OK
    assert volumes(stock) == before


def test_the_volume_goes_with_the_disk_that_owns_it(stock: Stock) -> None:
    stock.add("plain", disk(AutomaticDeallocation=True), disk())
    assert stock.remove("plain/vda", "plain/vdb").value == OK
    assert {"plain.img", "plain-2.img"} & volumes(stock).keys() == {"plain-2.img"}
    assert "AutomaticDeallocation" not in stock.xml("plain")


def test_a_system_whose_volume_changed_is_another_object(stock: Stock) -> None:
    """Though libvirt says the same of the system: what is kept of its disks is kept by the object."""
    before = stock.host.vm_named("web2")
    pool = stock.host.pool_named("images")
    assert before is not None
    assert pool is not None
    storage.delete_volume(pool, "web2.qcow2")
    after = stock.host.vm_named("web2")
    assert after is not None
    assert after.record == before.record
    assert after != before


def test_a_volume_that_others_use_stays(stock: Stock) -> None:
    """Of another system, or below another volume."""
    stock.add("plain", disk(AutomaticDeallocation=True, DriverType="qcow2"))
    stock.define(rasd("Disk", HostResource=["file:///srv/images/plain.qcow2"]), ElementName="other")
    assert stock.remove("plain/vda").value == OK
    assert "plain.qcow2" in volumes(stock)
    stock.add("plain", disk(BackingImage="/srv/images/plain.qcow2", VolumeName="upper", VirtualQuantity=None))
    change = rasd("Disk", InstanceID="other/defined/vda", AutomaticDeallocation=True)
    assert stock.modify(change).value == OK
    assert stock.destroy("other").value == OK
    assert "plain.qcow2" in volumes(stock)


def test_whether_the_volume_goes_can_be_changed(stock: Stock) -> None:
    stock.add("plain", disk())
    for wanted in (True, False, True):
        assert stock.modify(rasd("Disk", InstanceID="plain/defined/vda", AutomaticDeallocation=wanted)).value == OK
        assert shown(stock, "plain/vda")["AutomaticDeallocation"] is wanted
    assert stock.remove("plain/vda").value == OK
    assert "plain.img" not in volumes(stock)


def test_what_is_no_volume_cannot_go(stock: Stock) -> None:
    asked = rasd("Disk", HostResource=["file:///elsewhere/x.img"], AutomaticDeallocation=True)
    answer = stock.add("plain", asked)
    assert (answer.value, "AutomaticDeallocation" in str(answer.reason)) == (INVALID, True)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"VirtualQuantity": BLOCKS - 1}, "VirtualQuantity"),
        ({"PoolID": FAST}, "PoolID"),
        ({"VolumeName": "other"}, "VolumeName"),
        ({"BackingImage": "/srv/images/base.qcow2"}, "BackingImage"),
        ({"Reservation": BLOCKS}, "Reservation"),
        ({"Limit": 2 * BLOCKS}, "Limit"),
    ],
    ids=["smaller", "pool", "name", "backing", "reservation", "limit"],
)
def test_what_stays_as_it_is(stock: Stock, change: dict[str, Any], names: str) -> None:
    """R16: 4, and nothing has changed."""
    stock.add("plain", disk())
    before = shown(stock, "plain/vda"), stock.everything()
    answer = stock.modify(rasd("Disk", InstanceID="plain/defined/vda", **change))
    assert (answer.value, names in str(answer.reason)) == (INVALID, True), answer.reason
    assert (shown(stock, "plain/vda"), stock.everything()) == before


def test_growing_where_libvirt_cannot(stock: Stock) -> None:
    """The embedded node resizes nothing; what else the call asks for is taken back."""
    stock.add("plain", disk())
    before = stock.everything()
    change = rasd("Disk", InstanceID="plain/defined/vda", VirtualQuantity=2 * BLOCKS, DriverCache="none")
    answer = stock.modify(change)
    assert answer.value != OK
    assert stock.everything() == before


def test_the_disk_of_a_saved_system_does_not_grow(stock: Stock) -> None:
    """Its definition says the image that is in a pool, which the saved guest has open."""
    before = volumes(stock, "backup")
    answer = stock.modify(rasd("Disk", InstanceID="archive1/defined/vda", VirtualQuantity=100 * BLOCKS))
    assert answer.value == BAD_STATE, answer.reason
    assert volumes(stock, "backup") == before


def test_two_active_systems_on_one_volume(stock: Stock) -> None:
    """R18: neither started nor plugged in, unless all say that they share it."""
    stock.add("plain", disk())
    image = ["file:///srv/images/plain.img"]
    stock.define(rasd("Disk", HostResource=image), ElementName="second")
    stock.define(rasd("Disk", HostResource=["volume:images/plain.img"]), ElementName="third")
    stock.become("plain", 2)
    for name in ("second", "third"):
        answer = stock.client.invoke(system_path(name), "RequestStateChange", RequestedState="2")
        assert (answer.value, "plain" in str(answer.reason)) == (IN_USE, True)
    stock.become("plain", 3)
    stock.become("second", 2)


def test_a_copy_and_its_original_are_never_active_together(stock: Stock) -> None:
    """A copy by reference names the same images (DSP1042-R11): whichever comes second is refused, with the reason."""
    assert stock.define(ElementName="copy", reference=head_path("web1")).value == OK
    assert shown(stock, "copy/defined/vda")["HostResource"] == shown(stock, "web1/vda")["HostResource"]
    for first, second in (("web1", "copy"), ("copy", "web1")):
        answer = stock.client.invoke(system_path(second), "RequestStateChange", RequestedState="2")
        assert answer.value == IN_USE
        assert f"in use by {first}, and not shareable" in str(answer.reason)
        assert not stock.client.vm(second).active
        stock.become(first, 3)
        stock.become(second, 2)


def test_capabilities_claim_general_requests(stock: Stock) -> None:
    """Of pools that volumes can be made in; from the others come disks that name their image."""
    found = {name: one.properties["RequestTypesSupported"] for name, one in stock.capabilities().items()}
    assert [found[name] for name in (IMAGES, FAST, "DiskPool/0", "LUNPool/0")] == [4, 4, 2, 2]
