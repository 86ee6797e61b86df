"""Images that lie on others, of QEMU guests over the wire: merged while a guest uses them, or left as they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live.cim import BAD_STATE, ENABLED, INVALID, JOB, NAMES, OK, Cim, cim_server, memory, rasd
from tests.live.images import (
    BLOCKS,
    DIRECTORY,
    MIB,
    POOL,
    TERMINATE,
    TERMINATED,
    Brake,
    cim_system,
    image,
    own_pool,
    storage,
    volume_names,
)
from tests.live.storage_kinds import run

from virtcim.profiles import dsp1047_images

KILL, KILLED = 5, 9  # RequestedState, JobState
WRITTEN = 128 * MIB  # what a block job has to move


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with own_pool(libvirtd), cim_server(tmp_path_factory.mktemp("state"), libvirtd, detach_timeout=20) as cim:
        yield cim


def test_overlays_committed_and_pulled(cim: Cim, qemu_module: libvirt.virConnect) -> None:
    """With a system of its own whose disks lie on others."""
    name = f"{NAMES}overlays"
    base = storage(16, VolumeName="base.qcow2", ResourceSubType="qcow2", VirtualDevice="vdx")
    cim.define(f"{NAMES}base", memory(16), base)
    base_path = str(DIRECTORY / "base.qcow2")
    same = {"PoolID": f"DiskPool/{POOL}", "BackingImage": base_path, "AutomaticDeallocation": True}
    over = [rasd("Disk", VirtualDevice=dev, VolumeName=f"{dev}.qcow2", **same) for dev in ("vdb", "vdc")]
    system = cim.define(name, memory(16), *over)
    assert cim.setting(f"{name}/vdb")["BackingImage"] == f"file://{base_path}"
    assert image(cim, "PullImage", f"{name}/vdb")[0] == BAD_STATE
    cim.request(system, ENABLED)
    cim.done(image(cim, "PullImage", f"{name}/vdb"))
    assert "BackingImage" not in {key for key, value in cim.setting(f"{name}/vdb").items() if value is not None}
    assert image(cim, "CommitImage", f"{name}/vdb")[0] == INVALID
    cim.call("DestroySystem", AffectedSystem=cim_system(f"{NAMES}base"))
    cim.done(image(cim, "CommitImage", f"{name}/vdc"))
    for defined in ("", "defined/"):
        assert cim.setting(f"{name}/{defined}vdc")["VolumeName"] == "base.qcow2"
    assert "vdc.qcow2" not in volume_names(qemu_module)
    cim.call("DestroySystem", AffectedSystem=system)
    assert {"base.qcow2", "vdb.qcow2"} & volume_names(qemu_module) == {"base.qcow2"}
    qemu_module.storagePoolLookupByName(POOL).storageVolLookupByName("base.qcow2").delete()


def test_growing_while_it_is_off(cim: Cim, qemu_module: libvirt.virConnect) -> None:
    name = f"{NAMES}off"
    system = cim.define(name, memory(16), storage(4, VolumeName="off.img", AutomaticDeallocation=True))
    grown = rasd("Disk", InstanceID=f"{name}/defined/vda", VirtualQuantity=8 * MIB, VirtualQuantityUnits="byte")
    assert cim.modify(grown) == OK
    assert (DIRECTORY / "off.img").stat().st_size == 8 * MIB
    assert cim.setting(f"{name}/vda")["Limit"] == 8 * BLOCKS
    cim.call("DestroySystem", AffectedSystem=system)
    assert "off.img" not in volume_names(qemu_module)


MERGED = {"CommitImage": "over", "PullImage": "base"}  # method -> what holds the data that it moves
ENDS = {"CommitImage": (TERMINATE, TERMINATED), "PullImage": (KILL, KILLED)}


@pytest.mark.parametrize("method", MERGED)
def test_a_merge_that_a_client_ends(
    cim: Cim, qemu_module: libvirt.virConnect, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The disk lies where it lay with all its data, the guest goes on, libvirt has no block job, and it can be asked
    for again."""
    monkeypatch.setattr(dsp1047_images, "PATIENCE", 0.0)
    name, images = f"{NAMES}ended", {word: DIRECTORY / f"{word}.qcow2" for word in ("base", "over")}
    cim.define(f"{NAMES}base", memory(16), storage(256, VolumeName="base.qcow2", ResourceSubType="qcow2"))
    over = rasd("Disk", PoolID=f"DiskPool/{POOL}", VolumeName="over.qcow2", BackingImage=str(images["base"]))
    system = cim.define(name, memory(16), over)
    cim.call("DestroySystem", AffectedSystem=cim_system(f"{NAMES}base"))
    run("qemu-io", "-f", "qcow2", "-c", f"write -q -P 90 0 {WRITTEN}", images[MERGED[method]])
    cim.request(system, ENABLED)
    domain = qemu_module.lookupByName(name)
    before = cim.setting(f"{name}/vda"), volume_names(qemu_module)
    end_it(cim, domain, f"{name}/vda", method)
    assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
    assert (cim.setting(f"{name}/vda"), volume_names(qemu_module)) == before
    domain.destroy()
    run("qemu-img", "check", "-q", images["over"])
    assert "failed" not in run("qemu-io", "-f", "qcow2", "-c", f"read -q -P 90 0 {WRITTEN}", images["over"])
    cim.request(system, ENABLED)
    cim.done(image(cim, method, f"{name}/vda"))
    cim.call("DestroySystem", AffectedSystem=system)
    for word in volume_names(qemu_module):
        qemu_module.storagePoolLookupByName(POOL).storageVolLookupByName(word).delete()


def end_it(cim: Cim, domain: libvirt.virDomain, disk: str, method: str) -> None:
    """Begin a merge, and terminate or kill its job while it runs."""
    request, state = ENDS[method]
    brake = Brake(domain, "vda")
    brake.start()
    code, out = image(cim, method, disk)
    assert code == JOB
    assert brake.pulled.wait(30)
    assert domain.blockJobInfo("vda")["cur"] < WRITTEN
    assert cim.call("RequestStateChange", out["Job"], RequestedState=pywbem.Uint16(request))[0] == JOB
    job: Any = cim.ended((JOB, out))
    assert (job["JobState"], "was ended" in job["ErrorDescription"]) == (state, True)
    assert not domain.blockJobInfo("vda")
