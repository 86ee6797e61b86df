"""Disks on volumes and drives of the host that are named by their instance paths (DSP1047), in both namings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.management import INVALID, OK, rasd, results
from tests.profiles.pooled import Stock, stocked
from tests.profiles.storing import shown, volume_path, volume_uri

from virtcim.broker.call import Path
from virtcim.broker.provider import model_path, path_in
from virtcim.broker.schema import Schema
from virtcim.host import storage

BASE = "/srv/images/base.qcow2"


@pytest.fixture(scope="module")
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    """With a system "plain" that has no disks."""
    with stocked(repository, node_uri) as stock:
        stock.define(ElementName="plain")
        yield stock


SPELLINGS = {
    "of the model": "{}",
    "with a slash": "/{}",
    "with a host": "//server.example:5989/{}",
    "with a scheme": "https://server.example/{}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_disk_on_a_volume_by_its_path(stock: Stock, spelling: str) -> None:
    """It gets the format of the volume, which nobody has to tell."""
    text = SPELLINGS[spelling].format(model_path(volume_path(stock)))
    (new,) = results(stock.add("plain", rasd("Disk", HostResource=[text])))
    setting = shown(stock, new)
    assert (setting["Address"], setting["DriverType"], setting["PoolID"]) == (BASE, "qcow2", "DiskPool/images")
    assert setting["HostResource"] == [volume_uri(stock)]
    assert stock.remove(new).value == OK


def test_any_order_of_keys_and_no_namespace(stock: Stock) -> None:
    path = volume_path(stock)
    text = f"{path.classname.upper()}." + ",".join(f'{name}="{value}"' for name, value in reversed(path.keys))
    (new,) = results(stock.add("plain", rasd("Disk", HostResource=[text], DriverType="raw")))
    assert (shown(stock, new)["Address"], shown(stock, new)["DriverType"]) == (BASE, "raw")
    assert stock.remove(new).value == OK


def test_a_disk_on_a_drive_by_its_path(stock: Stock) -> None:
    (drive, *_) = stock.client.instances("Test_HostDiskDrive")
    (new,) = results(stock.add("plain", rasd("Disk", HostResource=[model_path(drive.path)])))
    assert shown(stock, new)["HostResource"] == [f"file://{drive.properties['Name']}"]
    assert stock.remove(new).value == OK


NAMED: dict[str, dict[str, Any]] = {
    "path": {"Address": BASE},
    "file URI": {"HostResource": [f"file://{BASE}"]},
    "volume of a pool": {"HostResource": ["volume:images/base.qcow2"]},
}


@pytest.mark.parametrize("how", NAMED)
def test_what_is_read_can_be_sent_back(stock: Stock, how: str) -> None:
    """However the document names a volume, its path is told; sent back it changes nothing, another one does."""
    (new,) = results(stock.add("plain", rasd("Disk", **NAMED[how])))
    before, read = stock.xml("plain"), shown(stock, new)
    assert read["HostResource"] == [volume_uri(stock)]
    assert stock.modify(rasd("Disk", **read)).value == OK
    assert stock.xml("plain") == before
    read = {name: value for name, value in read.items() if name not in ("Address", "VirtualQuantity", "Limit")}
    other = {**read, "HostResource": ["file:///elsewhere/a b.img"]}
    assert stock.modify(rasd("Disk", **other)).value == OK
    assert shown(stock, new)["HostResource"] == ["file:///elsewhere/a%20b.img"]
    assert stock.remove(new).value == OK


def test_a_volume_that_is_listed_later(stock: Stock) -> None:
    """Named by its file until a storage pool lists it, and again once it is gone."""
    (new,) = results(stock.add("plain", rasd("Disk", Address="/srv/images/later.img")))
    pool = stock.host.pool_named("images")
    assert pool is not None
    assert shown(stock, new)["HostResource"] == ["file:///srv/images/later.img"]
    xml = "<volume><name>later.img</name><capacity>1024</capacity></volume>"
    storage.create_volume(pool, xml, "later.img")
    assert shown(stock, new)["HostResource"] == [volume_uri(stock, "later.img")]
    storage.delete_volume(pool, "later.img")
    assert shown(stock, new)["HostResource"] == ["file:///srv/images/later.img"]
    assert stock.remove(new).value == OK


def test_a_system_and_another_medium(stock: Stock) -> None:
    """In DefineSystem, and in ModifyResourceSettings of a drive."""
    image = [model_path(volume_path(stock))]
    assert stock.define(rasd("Disk", HostResource=image), rasd("Disk", EmulatedType=1), ElementName="built").value == OK
    (drive,) = (name for name in stock.settings("built") if name.startswith(("hd", "sd")))
    change = rasd("Disk", InstanceID=f"built/defined/{drive}", HostResource=image)
    assert stock.modify(change).value == OK
    for name in (drive, "vda"):
        setting = shown(stock, f"built/defined/{name}")
        assert (setting["Address"], setting["HostResource"]) == (BASE, [volume_uri(stock)])
    assert stock.destroy("built").value == OK


def test_hosts_named_by_uuid(repository: Schema, node_uri: str) -> None:
    with stocked(repository, node_uri, naming="uuid") as stock:
        path = volume_path(stock)
        assert path.key("SystemName") == stock.host.uuid
        vm = stock.host.vms[0]
        answer = stock.define(rasd("Disk", HostResource=[model_path(path)]), ElementName="by-uuid")
        assert answer.value == OK, answer.reason
        assert "/srv/images/base.qcow2" in stock.xml("by-uuid")
        other = model_path(path).replace(stock.host.uuid, vm.uuid)
        assert stock.define(rasd("Disk", HostResource=[other]), ElementName="other").value == INVALID


BAD: dict[str, tuple[str, str]] = {
    "no such volume": ("host/vol/", "host/vol/0"),
    "another class": ("_HostStorageVolume", "_HostDiskDrive"),
    "no class of the host": ("_HostStorageVolume", "_LogicalDisk"),
    "another host": ('SystemName="', 'SystemName="other-'),
    "a key too few": ('SystemCreationClassName="Test_HostSystem",', ""),
    "a key too many": ("SystemCreationClassName=", 'Name="x",SystemCreationClassName='),
    "another namespace": ("root/virt", "root/elsewhere"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("number", [0, 1])
def test_paths_of_nothing_that_can_be_used(stock: Stock, case: str, number: int) -> None:
    """Refused with 4 by the name of the property, and nothing is changed."""
    before = stock.everything()
    good = model_path(volume_path(stock))
    bad = good.replace(*BAD[case])
    assert bad != good
    wanted: list[Any] = [rasd("Disk", HostResource=[good]), rasd("Disk", HostResource=[good])]
    wanted[number] = rasd("Disk", HostResource=[bad])
    answer = stock.add("plain", *wanted)
    assert answer.value == INVALID
    assert f"ResourceSettings[{number}].HostResource" in str(answer.reason)
    assert stock.everything() == before


@pytest.mark.parametrize(
    "text",
    ["/srv/images/a.img", "file:///srv/My_disk.a=b", "volume:images/Test_X.a", "rbd://mon/pool/My_image.x=y", "",
     'Test_X.Name="a" and more', 'Test_X.Name="a",', "root/virt:Test_X"],
    ids=["file", "like a path", "volume", "network", "nothing", "rest", "comma", "class"],
)  # fmt: skip
def test_what_is_no_path(text: str) -> None:
    assert path_in(text) is None


def test_a_path_reads_back() -> None:
    path = Path("Test_X", (("Name", 'a "b", c\\d=e'), ("Other", "x,y")), "root/virt")
    assert path_in(model_path(path)) == path
