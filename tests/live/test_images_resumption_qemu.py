"""Copies and merges of a running guest's images, found again and brought to their ends after kill -9 of the server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live.cim import COMPLETED, ENABLED, EXCEPTION, JOB, NAMES, Cim, memory, rasd
from tests.live.images import (
    DIRECTORY,
    MIB,
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
from tests.profiles.processes import Process

PREFIX = f"{NAMES}resumed-"
WRITTEN = 96 * MIB
# What is asked of the disk of each guest (QEMU 7.2 may crash with several block jobs in one): method, arguments
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "moved": ("CopyImage", {"Settings": rasd("Disk", VolumeName="moved-to.qcow2"), "Pivot": True}),
    "copied": ("CopyImage", {"Settings": rasd("Disk", VolumeName="copy.qcow2")}),
    "ended": ("CopyImage", {"Settings": rasd("Disk", VolumeName="unwanted.qcow2")}),
    "committed": ("CommitImage", {}),
    "pulled": ("PullImage", {}),
    "aborted": ("CopyImage", {"Settings": rasd("Disk", VolumeName="late.qcow2"), "Pivot": True}),
}
LIES = {"committed": "below", "pulled": "base"}
HOLDS = {name: "base" if name == "pulled" else name for name in ASKED}  # the data that is moved


@pytest.fixture
def server(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with own_pool(libvirtd):
        server = Process(tmp_path_factory.mktemp("state"), connect=libvirtd)
        yield server
        server.stop()


def served(server: Process) -> Cim:
    return Cim(pywbem.WBEMConnection(server.url, default_namespace="root/virt", timeout=60))


def guests(cim: Cim, qemu: libvirt.virConnect) -> dict[str, libvirt.virDomain]:
    """Running guests with a disk each, of which two lie on others."""
    bases = [storage(128, VolumeName=f"{name}.qcow2", ResourceSubType="qcow2") for name in LIES.values()]
    made = cim.define(f"{PREFIX}bases", memory(16), *bases)
    for name in ASKED:
        lain = {"BackingImage": str(DIRECTORY / f"{LIES[name]}.qcow2")} if name in LIES else {}
        given = {"VolumeName": f"{name}.qcow2", "ResourceSubType": "qcow2", "AutomaticDeallocation": True, **lain}
        cim.define(f"{PREFIX}{name}", memory(16), storage(128, **given))
        run("qemu-io", "-f", "qcow2", "-c", f"write -q -P 90 0 {WRITTEN}", DIRECTORY / f"{HOLDS[name]}.qcow2")
    cim.call("DestroySystem", AffectedSystem=made)
    for name in ASKED:
        cim.request(cim_system(f"{PREFIX}{name}"), ENABLED)
    return {name: qemu.lookupByName(f"{PREFIX}{name}") for name in ASKED}


def begun(server: Process, domains: dict[str, libvirt.virDomain]) -> dict[str, Any]:
    """The jobs by guest, all of them held to a crawl by libvirt."""
    with ThreadPoolExecutor(len(ASKED)) as threads:
        answers = {}
        for name, (method, arguments) in ASKED.items():
            brake = Brake(domains[name], "vda")
            brake.start()
            answers[name] = threads.submit(image, served(server), method, f"{PREFIX}{name}/vda", **arguments)
            assert brake.pulled.wait(30)
    found = {name: answer.result() for name, answer in answers.items()}
    assert {code for code, _ in found.values()} == {JOB}
    return {name: out["Job"] for name, (_, out) in found.items()}


def test_block_jobs_outlive_the_server(server: Process, qemu_module: libvirt.virConnect) -> None:
    """The next run of the server knows the jobs, goes on with what libvirt goes on with, and tells how each ended."""
    domains = guests(served(server), qemu_module)
    jobs = begun(server, domains)
    server.kill()
    domains["aborted"].blockJobAbort("vda")  # by somebody else, while no server looks
    server.start()
    cim = served(server)
    assert cim.call("RequestStateChange", jobs["ended"], RequestedState=pywbem.Uint16(TERMINATE))[0] == JOB
    going_on = [name for name in ASKED if name not in ("ended", "aborted")]
    for name in going_on:
        assert domains[name].blockJobInfo("vda")["cur"] < WRITTEN
        domains[name].blockJobSetSpeed("vda", 0)  # type: ignore[attr-defined]
    ends: dict[str, Any] = {name: cim.ended((JOB, {"Job": path})) for name, path in jobs.items()}
    told = {name: (int(job["JobState"]), job["ErrorDescription"]) for name, job in ends.items()}
    assert [name for name, (state, _) in told.items() if state == COMPLETED] == going_on, told
    assert (told["ended"][0], told["aborted"][0]) == (TERMINATED, EXCEPTION)
    assert "late.qcow2 was made, but the disk vda" in told["aborted"][1]
    moved = {"moved": "moved-to", "committed": "below"}
    for name in ASKED:
        assert cim.setting(f"{PREFIX}{name}/vda")["VolumeName"] == f"{moved.get(name, name)}.qcow2"
        assert not domains[name].blockJobInfo("vda")
        domains[name].destroy()
    left = volume_names(qemu_module)
    assert {"moved.qcow2", "unwanted.qcow2", "committed.qcow2"} & left == set()
    assert {"moved-to.qcow2", "copy.qcow2", "late.qcow2"} <= left
    for name in ("moved-to", "copy", "below", "pulled"):
        path = DIRECTORY / f"{name}.qcow2"
        assert "failed" not in run("qemu-io", "-f", "qcow2", "-c", f"read -q -P 90 0 {WRITTEN}", path)
    assert "backing" not in run("qemu-img", "info", DIRECTORY / "pulled.qcow2")
    for domain in domains.values():
        domain.undefine()
