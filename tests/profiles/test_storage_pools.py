"""Storage pools of every kind as they are asked for, and who keeps one, or a volume, from being taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.management import rasd
from tests.profiles.pooled import Stock, stocked
from tests.profiles.test_pools_service import call, create, delete, made, volume, volumes

from virtcim.broker.schema import Schema
from virtcim.mapping.storage_settings import space_needed, storage_document, volume_document
from virtcim.mapping.table import BadProperty

OK, FAILED, INVALID, IN_USE = 0, 4, 5, 6
ISCSI = {"Host": "192.0.2.9", "Port": 3261, "DevicePaths": ["iqn.2024-01.com.example:disks"]}
IQN = {"InitiatorName": "iqn.2024-01.com.example:host"}
GIB = 2**30


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


# What a kind is asked for with, and what then is in its definition.
KINDS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "dir": ({"Path": "/srv/new/"}, ("<path>/srv/new</path>",)),
    "fs": ({"Path": "/srv/new", "DevicePaths": ["/dev/sdq1"], "SourceFormat": "ext4"}, ("/dev/sdq1", "ext4")),
    "netfs": (
        {"Path": "/srv/new", "Host": "192.0.2.9", "SourceDirectory": "/export/new", "SourceFormat": "nfs"},
        ("<host name='192.0.2.9'", "<dir path='/export/new'/>"),
    ),
    "disk": ({"DevicePaths": ["/dev/sdq"], "SourceFormat": "gpt"}, ("<device path='/dev/sdq'", "<path>/dev</path>")),
    "iscsi": ({**ISCSI}, ("port='3261'", "iqn.2024-01.com.example:disks", "<path>/dev/disk/by-path</path>")),
    "logical": (
        {"SourceName": "vg9", "DevicePaths": ["/dev/sdq", "/dev/sdr"]},
        ("<name>vg9</name>", "/dev/sdr", "<path>/dev/vg9</path>"),
    ),
    "scsi": ({"AdapterName": "scsi_host3"}, ("scsi_host3",)),
    "mpath": ({}, ("<path>/dev/mapper</path>",)),
    "iscsi-direct": ({**ISCSI, **IQN}, ("<iqn name='iqn.2024-01.com.example:host'/>",)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_made_started_and_shown(stock: Stock, kind: str) -> None:
    given, texts = KINDS[kind]
    wanted = rasd("DiskPool", ResourceType=31, ResourceSubType=f"Virt:{kind}", Autostart=1, **given)
    assert made(create(stock, "new", wanted, "DiskPool/0")) == "DiskPool/new"
    shown = stock.pool("DiskPool/new")
    assert (shown["ResourceSubType"], shown["OperationalStatus"], shown["Autostart"]) == (f"Virt:{kind}", [2], 1)
    with stock.host.link.borrow() as connection:
        pool = connection.storagePoolLookupByName("new")
        assert (pool.isActive(), pool.isPersistent(), pool.autostart()) == (1, 1, 1)
        assert [text for text in texts if text not in pool.XMLDesc()] == [], pool.XMLDesc()
    kinds = stock.capabilities()["DiskPool/new"].properties
    assert kinds["ResourceSubType"] == f"Virt:{kind}"
    assert delete(stock, "DiskPool/new").value == OK


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "two devices of a file system": ("fs", {"Path": "/x", "DevicePaths": ["/dev/a", "/dev/b"]}, "DevicePaths"),
    "device of a directory": ("dir", {"Path": "/x", "DevicePaths": ["/dev/a"]}, "DevicePaths means nothing"),
    "server of a disk": ("disk", {"DevicePaths": ["/dev/a"], "Host": "192.0.2.1"}, "Host means nothing"),
    "no initiator": ("iscsi-direct", {**ISCSI}, "InitiatorName is missing"),
    "no export": ("netfs", {"Path": "/x", "Host": "192.0.2.1"}, "SourceDirectory is missing"),
    "building a directory": ("dir", {"Path": "/x", "Build": 1}, "Build 1 means nothing"),
    "another way to build": ("disk", {"DevicePaths": ["/dev/a"], "Build": 3}, "Build 3 is not one of"),
    "another kind": ("tape", {"Path": "/x"}, "ResourceSubType 'tape'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_kind_cannot_be_made_with(stock: Stock, case: str) -> None:
    kind, given, reason = WRONG[case]
    before = set(stock.pools())
    answer = create(stock, "new", rasd("DiskPool", ResourceSubType=kind, **given))
    assert (answer.value, set(stock.pools())) == (INVALID, before)
    assert reason in str(answer.reason)


CLASHES: dict[str, tuple[str, dict[str, Any], str]] = {
    "directory": ("dir", {"Path": "/srv/images"}, "directory /srv/images"),
    "the same in other words": ("dir", {"Path": "//srv/./images/"}, "directory /srv/images"),
    "mount point": ("fs", {"Path": "/srv/images", "DevicePaths": ["/dev/sdq"]}, "directory /srv/images"),
    "device": ("disk", {"DevicePaths": ["/dev/nvme0n1"]}, "device /dev/nvme0n1"),
    "volume group": ("logical", {"SourceName": "fast"}, "volume group fast"),
    "export": (
        "netfs",
        {"Path": "/srv/x", "Host": "192.0.2.30", "SourceDirectory": "/export/backup"},
        "export 192.0.2.30 /export/backup",
    ),
}


@pytest.mark.parametrize("case", CLASHES)
def test_nothing_is_in_two_pools(stock: Stock, case: str) -> None:
    kind, given, reason = CLASHES[case]
    before = set(stock.pools())
    answer = create(stock, "new", rasd("DiskPool", ResourceSubType=kind, **given))
    assert (answer.value, set(stock.pools())) == (FAILED, before)
    assert reason in str(answer.reason)


@pytest.mark.parametrize("name", ["..", "a\nb", "a\tb", "a/b"])
def test_names_that_are_none(stock: Stock, name: str) -> None:
    answer = create(stock, name, rasd("DiskPool", Type=1, Path="/srv/new"))
    assert (answer.value, "ElementName" in str(answer.reason)) == (INVALID, True)


def test_a_medium_keeps_its_pool(stock: Stock) -> None:
    """A disc in an optical drive is from no storage pool, yet its file would be gone."""
    create(stock, "discs", rasd("DiskPool", Type=1, Path="/srv/discs"))
    wanted = volume(VolumeName="disc.iso", Capacity=1, AllocationUnits="M")
    assert call(stock, "CreateResourceInPool", Settings=wanted, Pool=stock.pool_path("DiskPool/discs")).value == OK
    drive = rasd("Disk", ResourceType=15, EmulatedType=1, HostResource=["file:///srv/discs/disc.iso"])
    assert stock.add("desktop1", drive).value == OK
    answer = delete(stock, "DiskPool/discs")
    assert (answer.value, "desktop1" in str(answer.reason)) == (IN_USE, True)
    with stock.host.link.borrow() as connection:  # nor does it matter that libvirt lists no volumes
        pool = connection.storagePoolLookupByName("discs")
        pool.destroy()
    stock.host.refresh_pool(pool.UUIDString())
    assert delete(stock, "DiskPool/discs").value == IN_USE


def test_what_lies_below_an_image_keeps_its_pool_and_volume(stock: Stock) -> None:
    create(stock, "bases", rasd("DiskPool", Type=1, Path="/srv/bases"))
    base = volume(VolumeName="base.img", Capacity=1, AllocationUnits="M")
    call(stock, "CreateResourceInPool", Settings=base, Pool=stock.pool_path("DiskPool/bases"))
    overlay = """<volume><name>over.qcow2</name><capacity>1048576</capacity><target><format type='qcow2'/></target>
      <backingStore><path>/srv/bases/base.img</path><format type='raw'/></backingStore></volume>"""
    with stock.host.link.borrow() as connection:
        images = connection.storagePoolLookupByName("images")
        images.createXML(overlay)
    stock.host.refresh_pool(images.UUIDString())
    address = volume(Address="/srv/bases/base.img")
    gone = call(stock, "DeleteResourceInPool", Resource=address, Pool=stock.pool_path("DiskPool/bases"))
    assert (gone.value, "the overlay /srv/images/over.qcow2" in str(gone.reason)) == (IN_USE, True)
    added = stock.add("desktop1", rasd("Disk", ResourceType=31, HostResource=["file:///srv/images/over.qcow2"]))
    assert added.value == OK
    answer = delete(stock, "DiskPool/bases")
    assert (answer.value, "desktop1" in str(answer.reason)) == (IN_USE, True)


def test_a_disc_that_is_in_a_drive_is_not_deleted(stock: Stock) -> None:
    before, pool = volumes(stock), stock.pool_path("DiskPool/images")
    answer = call(stock, "DeleteResourceInPool", Resource=volume(Address="/srv/images/installer.iso"), Pool=pool)
    assert (answer.value, volumes(stock)) == (IN_USE, before)


def test_a_volume_without_room(stock: Stock) -> None:
    before, pool = volumes(stock), stock.pool_path("DiskPool/images")
    with stock.host.link.borrow() as connection:
        left = connection.storagePoolLookupByName("images").info()[3]
    wanted = volume(VolumeName="big.img", VirtualQuantity=left + 1, AllocationUnits="byte")
    answer = call(stock, "CreateResourceInPool", Settings=wanted, Pool=pool)
    assert (answer.value, str(left) in str(answer.reason), volumes(stock)) == (FAILED, True, before)


@pytest.mark.parametrize(
    ("storage", "given", "needed"),
    [
        ("dir", {"FormatType": 1}, GIB),
        ("dir", {"FormatType": 1, "AllocationQuantity": 7}, 7),
        ("dir", {"FormatType": 2}, 0),
        ("dir", {"FormatType": 2, "AllocationQuantity": GIB}, GIB),
        ("logical", {"AllocationQuantity": 0}, GIB),
    ],
)
def test_what_a_volume_takes_at_once(storage: str, given: dict[str, Any], needed: int) -> None:
    document = volume_document({"VolumeName": "new", "VirtualQuantity": GIB, **given}, storage)
    assert space_needed(document, storage) == needed


def test_block_devices_have_no_format(stock: Stock) -> None:
    pool = stock.pool_path("DiskPool/fast")
    wanted = {"VolumeName": "lv9", "Capacity": 1, "AllocationUnits": "G"}
    refused = call(stock, "CreateResourceInPool", Settings=volume(FormatType=2, **wanted), Pool=pool)
    assert (refused.value, "FormatType" in str(refused.reason)) == (INVALID, True)
    assert call(stock, "CreateResourceInPool", Settings=volume(FormatType=1, **wanted), Pool=pool).value == OK


@pytest.mark.parametrize(("kind", "types"), [("dir", 4), ("iscsi", 2), ("mpath", 2)])
def test_what_can_be_asked_of_storage_made_elsewhere(stock: Stock, kind: str, types: int) -> None:
    given, _ = KINDS[kind]
    create(stock, "new", rasd("DiskPool", ResourceSubType=kind, **given))
    asked = {2, 4} if types == 4 else {2}
    assert stock.capabilities()["DiskPool/new"].properties["RequestTypesSupported"] in asked


def test_a_document_for_itself() -> None:
    pool = storage_document("new", {"Type": 6})
    assert (pool.source_name, pool.path, len(pool.devices)) == ("new", "/dev/new", 0)
    with pytest.raises(BadProperty, match="not an absolute path"):
        storage_document("new", {"Type": 1, "Path": "srv"})
