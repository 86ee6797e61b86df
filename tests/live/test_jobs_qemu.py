"""Jobs on real guests: ended early by libvirt, told how far they are, and found again after kill -9 of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, wait_until
from tests.profiles.client import Client, out, running_client, system_path
from tests.profiles.processes import Process

from virtcim.broker import call
from virtcim.broker.provider import Job, Progress
from virtcim.broker.schema import Schema
from virtcim.profiles import resumption, transitions

NAME = f"{PREFIX}jobs"
ENABLED, SHUT_DOWN, OFFLINE, TERMINATE = 2, 4, 6, 4
RUNNING, SHUTTING_DOWN, COMPLETED, TERMINATED, KILLED = 4, 6, 7, 8, 9
MEMORY = 768  # MiB, which take long enough to be written
Define = Callable[..., libvirt.virDomain]


@pytest.fixture
def client(kvm_schema: Schema, libvirtd: str) -> Iterator[Client]:
    with running_client(kvm_schema, libvirtd) as client:
        yield client


@pytest.fixture
def start(qemu: libvirt.virConnect, clean_domains: None, scratch_dir: Path) -> Define:
    """start(code, ...) -> a persistent guest, running."""
    del clean_domains

    def start(code: bytes, **given: Any) -> libvirt.virDomain:
        boot = boot_sectors.write(scratch_dir / "boot.img", code)
        domain = qemu.defineXML(boot_sectors.domain_xml(NAME, boot, **given))
        domain.create()
        return domain

    return start


@pytest.fixture
def full(start: Define, scratch_dir: Path) -> libvirt.virDomain:
    """A guest whose memory is full of something."""
    said = scratch_dir / "serial"
    said.touch()
    said.chmod(0o666)
    serial = f"<serial type='file'><source path='{said}'/></serial>"
    domain = start(boot_sectors.filled(MEMORY), memory_mib=MEMORY, devices=serial)

    def filled() -> bool:
        return "R" in said.read_text(errors="replace")[-1:]

    wait_until(filled, 30)
    return domain


def asked(client: Client, state: int, active: bool = True) -> tuple[Job, call.Path]:
    def known() -> bool:
        return any(vm.active is active for vm in client.world.vm_by_key(NAME))

    wait_until(known, 10)
    answer = client.invoke(system_path(NAME, "KVM"), "RequestStateChange", RequestedState=str(state))
    assert answer.value == 4096
    path = out(answer, "Job")
    assert isinstance(path, call.Path)
    return next(job for job in client.jobs if str(path.key("InstanceID")).endswith(job.id)), path


def test_a_suspension_to_disk(client: Client, full: libvirt.virDomain, monkeypatch: pytest.MonkeyPatch) -> None:
    """libvirt gives it up when its job is terminated or killed, and the guest goes on; else it tells how far it is.

    What was saved is read again by a job, which libvirt cannot give up.
    """
    for kill, state in ((False, TERMINATED), (True, KILLED)):
        job, path = asked(client, OFFLINE)

        def under_way(job: Job = job) -> bool:
            return full.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE or job.ended.is_set()

        wait_until(under_way, 20)
        assert client.jobs.terminate(job, kill=kill), path
        assert job.ended.wait(30)
        assert (job.state, job.error != "") == (state, True)
        assert not full.hasManagedSaveImage()
        assert full.isActive()
    job, _ = asked(client, OFFLINE)
    seen = set()
    while not job.ended.wait(0.02):
        seen.add(job.progress.percent)
    assert (job.state, job.progress.percent) == (COMPLETED, 100)
    assert seen - {0}, "nothing was told on the way"
    assert full.hasManagedSaveImage()
    monkeypatch.setitem(transitions.PATIENCE, transitions.RESTORING, 0.0)  # else it may be done before a job is told of
    job, _ = asked(client, ENABLED, active=False)
    assert not client.jobs.terminate(job)
    wait_until(lambda: bool(full.isActive()), 10)
    resumed = resumption.resume(client.world, job.work.intent.facts if job.work.intent else {})
    assert resumed.run(Progress()).value == 0
    assert job.ended.wait(30)
    assert (job.state, job.work.name) == (COMPLETED, f"restore {NAME}")
    assert not full.hasManagedSaveImage()
    assert full.state()[0] == libvirt.VIR_DOMAIN_RUNNING


# After kill -9 of the server


@pytest.fixture(scope="module")
def server(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    server = Process(tmp_path_factory.mktemp("state"), connect=libvirtd, shutdown_timeout="600")
    yield server
    server.stop()


def enabled(server: Process) -> bool:
    return server.cim.GetInstance(guest())["EnabledState"] == ENABLED


def guest() -> pywbem.CIMInstanceName:
    keys = {"CreationClassName": "KVM_ComputerSystem", "Name": NAME}
    return pywbem.CIMInstanceName("KVM_ComputerSystem", keys, namespace="root/virt")


def job_of(server: Process, state: int) -> pywbem.CIMInstanceName:
    """RequestStateChange, and its job."""
    code, answer = server.cim.InvokeMethod("RequestStateChange", guest(), RequestedState=pywbem.Uint16(state))
    assert code == 4096
    job: pywbem.CIMInstanceName = answer["Job"]
    return job


def end_of(server: Process, path: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    """The job after its end."""
    deadline = time.monotonic() + 30
    while (job := server.cim.GetInstance(path))["JobState"] in (RUNNING, SHUTTING_DOWN):
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.05)
    return job


def test_shutdowns_are_found_again(server: Process, start: Define) -> None:
    """They are waited for, known to have come while no server ran, or given up."""
    domain = start(boot_sectors.HALT)
    path = job_of(server, SHUT_DOWN)
    server.kill()
    server.start()
    assert server.cim.GetInstance(path)["JobState"] == RUNNING
    domain.destroy()
    job = end_of(server, path)
    assert (job["JobState"], job["PercentComplete"], job["ErrorCode"]) == (COMPLETED, 100, 0)
    assert job["JobOutParameters"]["__ReturnValue"] == 0

    domain.create()
    wait_until(lambda: enabled(server), 10)
    path = job_of(server, SHUT_DOWN)
    server.kill()
    domain.destroy()
    domain.create()
    server.start()
    assert end_of(server, path)["JobState"] == COMPLETED
    assert domain.isActive()

    path = job_of(server, SHUT_DOWN)
    server.stop()  # a server that ends in order leaves it as well
    server.start()
    assert server.cim.InvokeMethod("RequestStateChange", path, RequestedState=pywbem.Uint16(TERMINATE))[0] == 4096
    job = end_of(server, path)
    assert (job["JobState"], "may yet" in job["ErrorDescription"]) == (TERMINATED, True)
    assert domain.isActive()


def test_a_suspension_goes_on_without_the_server(server: Process, full: libvirt.virDomain) -> None:
    wait_until(lambda: enabled(server), 10)
    path = job_of(server, OFFLINE)

    def begun() -> bool:
        return bool(full.jobStats().get("type"))

    wait_until(begun, 10)
    server.kill()
    server.start()
    job = end_of(server, path)
    assert (job["JobState"], job["ErrorDescription"]) == (COMPLETED, None)
    assert full.hasManagedSaveImage()
    assert not full.isActive()
