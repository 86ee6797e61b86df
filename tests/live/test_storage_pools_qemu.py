"""Storage pools of every kind on a real libvirtd: made, filled, found, and refused without a trace."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest
from tests.live.conftest import Guest, guest_xml, wait_until
from tests.live.storage_kinds import PORT, TARGET, iscsi_target, loop_device, need, run, volume_group_gone
from tests.profiles.client import out
from tests.profiles.management import embedded
from tests.profiles.pooled import Stock, stocked

from virtcim.broker import schema
from virtcim.broker.call import MethodAnswer
from virtcim.broker.call import Path as CimPath
from virtcim.broker.schema import Schema
from virtcim.resources import mof_dir

OK, FAILED, INVALID, IN_USE, JOB = 0, 4, 5, 6, 4096
NAME = "virtcim-test-storage"
MIB = 2**20
INITIATOR: dict[str, Any] = {"DevicePaths": [TARGET], "InitiatorName": "iqn.2024-01.org.virtcim:host"}
KVM = "KVM_DiskPoolResourceAllocationSettingData"
VOLUME = "KVM_StorageVolumeResourceAllocationSettingData"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    return schema.load(mof_dir(), tmp_path_factory.mktemp("schema"), ["KVM"])


@pytest.fixture
def stock(repository: Schema, libvirtd: str, qemu: libvirt.virConnect, clean_domains: None) -> Iterator[Stock]:
    """Without any pool of these tests before and after."""
    clean(qemu)
    with stocked(repository, libvirtd) as found:
        yield found
    clean(qemu)


def clean(qemu: libvirt.virConnect) -> None:
    for pool in qemu.listAllStoragePools():
        if pool.name().startswith(NAME):
            with suppress(libvirt.libvirtError):
                pool.destroy()
            with suppress(libvirt.libvirtError):
                pool.undefine()


def create(stock: Stock, kind: str, name: str = NAME, **given: Any) -> MethodAnswer:
    wanted = embedded(KVM, ResourceType=31, ResourceSubType=f"Virt:{kind}", **given)
    parent = [stock.pool_path("DiskPool/0")]
    return service_call(stock, "CreateChildResourcePool", ElementName=name, Settings=[wanted], ParentPool=parent)


def service_call(stock: Stock, method: str, **arguments: Any) -> MethodAnswer:
    (service,) = stock.client.instances("KVM_ResourcePoolConfigurationService")
    return stock.client.invoke(service.path, method, **arguments)


def delete(stock: Stock, name: str = NAME) -> MethodAnswer:
    return service_call(stock, "DeleteResourcePool", Pool=stock.pool_path(f"DiskPool/{name}"))


def add_volume(stock: Stock, name: str, mib: int, **given: Any) -> MethodAnswer:
    wanted = embedded(VOLUME, VolumeName=name, VirtualQuantity=mib * MIB, AllocationUnits="byte", **given)
    return service_call(stock, "CreateResourceInPool", Settings=wanted, Pool=stock.pool_path(f"DiskPool/{NAME}"))


def shown_volumes(stock: Stock) -> dict[str, int]:
    """Names and sizes of what the pool of the test is made up of."""
    found = stock.client.across(stock.pool_path(f"DiskPool/{NAME}"), "CIM_ConcreteComponent")
    facts = [one.properties for one in found if one.cls.name == "KVM_HostStorageVolume"]
    return {str(one["ElementName"]): int(str(one["NumberOfBlocks"])) * 512 for one in facts}


def made(stock: Stock, answer: MethodAnswer, kind: str) -> dict[str, Any]:
    """What a new pool shows, after libvirt has been asked the same."""
    assert answer.value == OK, answer
    path = out(answer, "Pool")
    assert isinstance(path, CimPath)
    shown = stock.client.get(path).properties
    with stock.host.link.borrow() as connection:
        pool = connection.storagePoolLookupByName(NAME)
        state, capacity, allocation, _ = pool.info()
        assert (pool.isActive(), pool.isPersistent(), state) == (1, 1, 2)
    facts = (shown["ResourceSubType"], shown["OperationalStatus"], shown["Capacity"], shown["Reserved"])
    assert facts == (f"Virt:{kind}", [2], capacity, allocation)
    return dict(shown)


def names(stock: Stock) -> set[str]:
    """What `virsh pool-list --all` shows."""
    with stock.host.link.borrow() as connection:
        return {pool.name() for pool in connection.listAllStoragePools()}


def test_a_directory_that_is_made_for_it(stock: Stock, scratch_dir: Path) -> None:
    path = scratch_dir / "pool"
    shown = made(stock, create(stock, "dir", Path=str(path), Autostart=1), "dir")
    assert (path.is_dir(), shown["Autostart"], shown["Path"]) == (True, 1, str(path))
    assert add_volume(stock, "one.qcow2", 8, FormatType=2).value == OK
    assert add_volume(stock, "two.img", 4, FormatType=1, AllocationQuantity=0).value == OK
    assert shown_volumes(stock) == {"one.qcow2": 8 * MIB, "two.img": 4 * MIB}
    assert delete(stock).value == OK
    assert (NAME in names(stock), sorted(one.name for one in path.iterdir())) == (False, ["one.qcow2", "two.img"])


def test_a_file_system_on_a_device(stock: Stock, scratch_dir: Path) -> None:
    need("mkfs.ext4")
    with loop_device(scratch_dir) as device:
        place = scratch_dir / "mounted"
        given: dict[str, Any] = {"Path": str(place), "DevicePaths": [device], "SourceFormat": "ext4"}
        blank = create(stock, "fs", **given)  # there is none yet, and nothing says that it may be made
        assert (blank.value, NAME in names(stock), place.exists()) == (FAILED, False, False)
        made(stock, create(stock, "fs", Build=1, **given), "fs")
        assert add_volume(stock, "one.img", 4, FormatType=1).value == OK
        assert "one.img" in shown_volumes(stock)
        assert "lost+found" not in shown_volumes(stock)
        assert delete(stock).value == OK
        again = create(stock, "fs", Build=1, **given)  # now there is one, which is not to be lost
        assert (again.value, NAME in names(stock)) == (FAILED, False)
        made(stock, create(stock, "fs", **given), "fs")
        assert "one.img" in shown_volumes(stock)
        assert delete(stock).value == OK


def test_a_disk_with_partitions(stock: Stock, scratch_dir: Path) -> None:
    need("parted")
    with loop_device(scratch_dir, partitions=True) as device:
        made(stock, create(stock, "disk", DevicePaths=[device], SourceFormat="gpt", Build=1), "disk")
        first = f"{Path(device).name}p1"
        assert add_volume(stock, first, 8).value == OK
        assert set(shown_volumes(stock)) == {first}
        assert delete(stock).value == OK
        assert first in run("parted", "--script", device, "print") or Path(f"{device}p1").exists()


def test_a_volume_group(stock: Stock, scratch_dir: Path) -> None:
    need("vgcreate", "vgremove")
    with loop_device(scratch_dir) as device, volume_group_gone(NAME):
        missing = create(stock, "logical", SourceName=NAME)
        assert (missing.value, NAME in names(stock)) == (FAILED, False)
        shown = made(stock, create(stock, "logical", SourceName=NAME, DevicePaths=[device], Build=1), "logical")
        assert int(str(shown["Capacity"])) > 32 * MIB
        answer = add_volume(stock, "one", 8)
        if answer.value != OK and "device-mapper" in str(answer.reason):
            assert shown_volumes(stock) == {}  # refused without a trace: this kernel makes no logical volumes
        else:
            assert set(shown_volumes(stock)) == {"one"}
        assert delete(stock).value == OK
        assert NAME in run("vgs", "--noheadings")


def test_an_iscsi_target_that_qemu_talks_to_itself(stock: Stock, scratch_dir: Path) -> None:
    supported(stock, "iscsi-direct")
    given: dict[str, Any] = {**INITIATOR, "Port": PORT}
    with iscsi_target(scratch_dir) as (server, _):
        shown = made(stock, create(stock, "iscsi-direct", Host=server, **given), "iscsi-direct")
        assert shown["Host"] == server
        assert max(shown_volumes(stock).values()) > 31 * MIB
        capabilities = stock.capabilities()[f"DiskPool/{NAME}"].properties
        assert capabilities["RequestTypesSupported"] == 2  # its volumes are made on the target
        assert add_volume(stock, "new", 1).value == FAILED
        assert delete(stock).value == OK
    refused = create(stock, "iscsi-direct", Host="127.0.0.1", **given)
    assert (refused.value, NAME in names(stock)) == (FAILED, False)


def supported(stock: Stock, kind: str) -> None:
    with stock.host.link.borrow() as connection:
        if f"<pool type='{kind}' supported='yes'>" not in connection.getStoragePoolCapabilities():
            pytest.skip(f"libvirt has no driver for pools of type {kind} here")


def test_a_server_that_does_not_answer_is_a_job(stock: Stock) -> None:
    supported(stock, "iscsi-direct")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = create(stock, "iscsi-direct", Host="127.0.0.1", Port=silent.getsockname()[1], **INITIATOR)
        assert answer.value == JOB, answer
        waiting, _ = silent.accept()
        waiting.close()
    job = stock.client.job_of(answer)
    assert (job.state, NAME in names(stock)) == (10, False)
    assert job.error


def test_multipath_devices_are_listed(stock: Stock) -> None:
    supported(stock, "mpath")
    made(stock, create(stock, "mpath"), "mpath")
    assert shown_volumes(stock) == {}
    assert delete(stock).value == OK


# kind, what is asked for, and what the reason says
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "missing device": ("fs", {"Path": "{dir}/x", "DevicePaths": ["/dev/virtcim-none"]}, FAILED, "virtcim-none"),
    "missing adapter": ("scsi", {"AdapterName": "scsi_host99"}, FAILED, "host99"),
    "unreachable export": (
        "netfs",
        {"Path": "{dir}/x", "Host": "127.0.0.1", "SourceDirectory": "/none", "SourceFormat": "nfs"},
        FAILED,
        "",
    ),
    "a file, not a directory": ("dir", {"Path": "{dir}/file"}, FAILED, "file"),
    "a directory in a file": ("dir", {"Path": "{dir}/file/x"}, FAILED, "file"),
    "the directory of another pool": ("dir", {"Path": "/var/lib/libvirt/images/."}, FAILED, "default already"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_is_left_of_what_cannot_be(stock: Stock, scratch_dir: Path, case: str) -> None:
    kind, given, value, reason = REFUSED[case]
    (scratch_dir / "file").touch()
    told = {key: text.format(dir=scratch_dir) if isinstance(text, str) else text for key, text in given.items()}
    before = names(stock)
    answer = create(stock, kind, **told)
    assert (answer.value, names(stock)) == (value, before), answer
    assert reason in str(answer.reason)
    assert [one.name for one in scratch_dir.iterdir()] == ["file"]
    assert f"DiskPool/{NAME}" not in stock.pools()


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


def test_two_at_once_make_one_pool(stock: Stock, scratch_dir: Path) -> None:
    made(stock, create(stock, "dir", Path=str(scratch_dir / "pool")), "dir")
    answer = create(stock, "dir", name=f"{NAME}-2", Path=f"{scratch_dir}//pool/")
    assert (answer.value, f"{NAME}-2" in names(stock)) == (FAILED, False)


def test_disks_on_adapters_of_a_running_guest(stock: Stock, scratch_dir: Path, guest_image: Guest) -> None:
    image = scratch_dir / "on-scsi.img"
    image.write_bytes(bytes(MIB))
    adapter = "<controller type='scsi' index='0' model='virtio-scsi'/>"
    disk = f"<disk type='file'><source file='{image}'/><target dev='sda' bus='scsi'/></disk>"
    with stock.host.link.borrow() as connection:
        xml = guest_xml("adapters", guest_image, linux=False, memory_mib=16, devices=adapter + disk)
        uuid = connection.createXML(xml).UUIDString()
    stock.host.refresh(uuid)
    (found,) = stock.client.instances("KVM_SCSIController")
    (on_it,) = stock.client.across(found.path, "CIM_ControlledBy", role="Antecedent")
    assert str(on_it.properties["DeviceID"]).endswith("/sda")
    assert [one.cls.name for one in stock.client.across(on_it.path, "CIM_ControlledBy")] == ["KVM_SCSIController"]
    (beneath,) = stock.client.across(found.path, "CIM_ControlledBy", role="Dependent")
    assert beneath.properties["ProtocolSupported"] == 5  # the adapter itself is on PCI


def test_files_that_somebody_copies_into_the_directory(
    repository: Schema, stock: Stock, libvirtd: str, scratch_dir: Path
) -> None:
    path = scratch_dir / "pool"
    made(stock, create(stock, "dir", Path=str(path)), "dir")
    with stocked(repository, libvirtd, reconcile_interval=3600.0, storage_refresh_interval=0.2) as watching:
        (path / "copied.iso").write_bytes(bytes(MIB))
        wait_until(lambda: shown_volumes(watching) == {"copied.iso": MIB}, 10)
        (path / "copied.iso").unlink()
        wait_until(lambda: shown_volumes(watching) == {}, 10)
        path.rmdir()  # libvirt stops a pool that it cannot look through
        wait_until(lambda: watching.pool(f"DiskPool/{NAME}")["OperationalStatus"] == [10], 10)
        path.mkdir()
