"""Storage that is in use or changed by others, on a real libvirtd: kept, found, and shown below the disks of guests."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.live.conftest import Guest, guest_xml, wait_until
from tests.live.storing import (
    FAILED,
    IN_USE,
    MIB,
    NAME,
    OK,
    VOLUME,
    add_volume,
    create,
    delete,
    made,
    names,
    service_call,
    shown_volumes,
)
from tests.profiles.management import embedded
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.call import Path as CimPath
from virtcim.broker.schema import Schema


@pytest.mark.parametrize("running", [False, True], ids=["defined", "running"])
def test_a_pool_in_use_stays(stock: Stock, scratch_dir: Path, guest_image: Guest, running: bool) -> None:
    create(stock, "dir", Path=str(scratch_dir / "pool"))
    assert add_volume(stock, "one.img", 1, FormatType=1).value == OK
    disk = f"<disk type='volume'><source pool='{NAME}' volume='one.img'/><target dev='vdb' bus='virtio'/></disk>"
    with stock.host.link.borrow() as connection:
        xml = guest_xml("storage", guest_image, linux=False, memory_mib=16, devices=disk)
        domain = connection.createXML(xml) if running else connection.defineXML(xml)
    stock.host.refresh(domain.UUIDString())
    before = names(stock)
    assert (delete(stock).value, names(stock)) == (IN_USE, before)
    address = str(scratch_dir / "pool" / "one.img")
    gone = service_call(
        stock,
        "DeleteResourceInPool",
        Resource=embedded(VOLUME, Address=address),
        Pool=stock.pool_path(f"DiskPool/{NAME}"),
    )
    assert (gone.value, Path(address).exists()) == (IN_USE, True)
    consumed = stock.pool(f"DiskPool/{NAME}")["CurrentlyConsumedResource"]
    assert consumed == (MIB if running else 0)
    found = stock.client.across(volume_path(stock, "one.img"), "CIM_HostedDependency")
    assert [str(one.properties["DeviceID"]).rpartition("/")[2] for one in found] == ["vdb"] * running


def volume_path(stock: Stock, name: str) -> CimPath:
    return next(
        one.path for one in stock.client.instances("KVM_HostStorageVolume") if one.properties["ElementName"] == name
    )


def test_a_directory_is_in_one_pool_even_when_two_are_asked_for_at_once(stock: Stock, scratch_dir: Path) -> None:
    path = str(scratch_dir / "pool")
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(create, stock, "dir", f"{NAME}-{number}", Path=path) for number in range(4)]
        answers = [one.result() for one in asked]
    assert Counter(answer.value for answer in answers) == {OK: 1, FAILED: 3}
    assert len([name for name in names(stock) if name.startswith(NAME)]) == 1
    again = create(stock, "dir", Path=f"{scratch_dir}/./pool/")
    assert (again.value, "in the storage pool" in str(again.reason)) == (FAILED, True)


def test_disks_on_adapters_of_a_running_guest(stock: Stock, scratch_dir: Path, guest_image: Guest) -> None:
    image = scratch_dir / "on-scsi.img"
    image.write_bytes(bytes(MIB))
    adapter = "<controller type='scsi' index='0' model='virtio-scsi'/>"
    disk = f"<disk type='file'><source file='{image}'/><target dev='sda' bus='scsi'/></disk>"
    with stock.host.link.borrow() as connection:
        xml = guest_xml("adapters", guest_image, linux=False, memory_mib=16, devices=adapter + disk)
        uuid = connection.createXML(xml).UUIDString()
    stock.host.refresh(uuid)
    controllers = stock.client.instances("KVM_SCSIController")
    (found,) = [one for one in controllers if str(one.path.key("SystemName")).endswith("adapters")]
    (on_it,) = stock.client.across(found.path, "CIM_ControlledBy", role="Antecedent")
    assert str(on_it.properties["DeviceID"]).endswith("/sda")
    assert [one.cls.name for one in stock.client.across(on_it.path, "CIM_ControlledBy")] == ["KVM_SCSIController"]
    (beneath,) = stock.client.across(found.path, "CIM_ControlledBy", role="Dependent")
    assert beneath.properties["ProtocolSupported"] == 5  # the adapter itself is on PCI


def test_files_that_somebody_copies_into_the_directory(
    kvm_schema: Schema, stock: Stock, libvirtd: str, scratch_dir: Path
) -> None:
    path = scratch_dir / "pool"
    made(stock, create(stock, "dir", Path=str(path)), "dir")
    with stocked(kvm_schema, libvirtd, reconcile_interval=3600.0, storage_refresh_interval=0.2) as watching:
        (path / "copied.iso").write_bytes(bytes(MIB))
        wait_until(lambda: shown_volumes(watching) == {"copied.iso": MIB}, 10)
        (path / "copied.iso").unlink()
        wait_until(lambda: shown_volumes(watching) == {}, 10)
        path.rmdir()  # libvirt stops a pool that it cannot look through
        wait_until(lambda: watching.pool(f"DiskPool/{NAME}")["OperationalStatus"] == [10], 10)
        path.mkdir()
