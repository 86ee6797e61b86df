"""Storage pools of every kind on a real libvirtd: made, filled, and refused without a trace."""

from __future__ import annotations

import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.live.conftest import wait_until
from tests.live.storage_kinds import PORT, TARGET, iscsi_target, loop_device, need, run, volume_group_gone
from tests.live.storing import (
    FAILED,
    JOB,
    MIB,
    NAME,
    OK,
    add_volume,
    create,
    delete,
    made,
    names,
    shown_volumes,
    supported,
)
from tests.profiles.pooled import Stock

from virtcim.broker.provider import Progress
from virtcim.host import storage
from virtcim.profiles import storage_resumption
from virtcim.profiles.storage_resumption import Made

INITIATOR: dict[str, Any] = {"DevicePaths": [TARGET], "InitiatorName": "iqn.2024-01.org.virtcim:host"}


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


def test_an_iscsi_target_that_the_kernel_talks_to(stock: Stock, scratch_dir: Path) -> None:
    given = {key: value for key, value in INITIATOR.items() if key != "InitiatorName"}
    with iscsi_target(scratch_dir) as (server, _):
        answer = create(stock, "iscsi", Host=server, Port=PORT, **given)
        if shutil.which("iscsiadm") and Path("/sys/class/iscsi_transport").exists():
            made(stock, answer, "iscsi")
            assert delete(stock).value == OK
        else:  # nothing here logs in to it
            assert (answer.value, NAME in names(stock)) == (FAILED, False)
            assert "iscsi" in str(answer.reason)


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


def test_a_volume_that_libvirt_is_still_making(stock: Stock, scratch_dir: Path) -> None:
    """The job of an earlier run of the server waits for it, and then finds it whole."""
    create(stock, "dir", Path=str(scratch_dir / "pool"))
    assert add_volume(stock, "first.img", 1).value == OK
    (scratch_dir / "pool" / "first.img").write_bytes(os.urandom(MIB) * 256)
    pool = stock.host.pool_named(NAME)
    assert pool is not None
    fresh = storage.refresh(pool)
    assert fresh is not None
    (first,) = fresh.volumes
    xml = f"<volume><name>second.img</name><capacity>{256 * MIB}</capacity></volume>"
    intent = storage_resumption.of_volumes(stock.host, [Made(NAME, "second.img", 256 * MIB)], used=False)
    with ThreadPoolExecutor(1) as other:
        making = other.submit(storage.copy_volume, fresh, xml, "second.img", first)
        wait_until(lambda: storage.settled(stock.host, NAME) is None or making.done(), 20)
        assert not making.done(), "it was too quick to be seen"
        found = storage_resumption.resume_volumes(stock.client.world, intent.facts).run(Progress())
        assert making.result(60).name == "second.img"
    assert getattr(found.out["Resource"], "id", None) == str(scratch_dir / "pool" / "second.img")
