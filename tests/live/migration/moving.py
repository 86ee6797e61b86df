"""What tests of moves between two real hosts share: how they are asked for, and how they end."""

from __future__ import annotations

import time
from typing import Any

import libvirt
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, wait_until
from tests.live.migration.two_hosts import Bed
from tests.profiles.migrating import (
    JOB,
    Mover,
    setting,
)

from virtcim.broker.call import MethodAnswer
from virtcim.broker.provider import Job
from virtcim.host.inventory import Host, Vm

SSH, TLS, TLS_STRICT, TCP, IPC = range(2, 7)
MIB = "byte / second * 2^20"
COMPLETED, TERMINATED, EXCEPTION = 7, 8, 10
TO_HOST = "MigrateVirtualSystemToHost"
CREATED, DELETED = "KVM_ComputerSystemCreatedIndication", "KVM_ComputerSystemDeletedIndication"
JOBS = "KVM_ComputerSystemMigrationJob"
LINUX = f"{PREFIX}linux"
MOVES = ("DSP1081-R11", "DSP1081-R23")


def how(**properties: Any) -> Any:
    return setting("KVM", **properties)


def at(mover: Mover, host: str) -> Host:
    return mover.here if host == "a" else mover.there


def seen(mover: Mover, name: str, host: str = "a") -> Vm:
    """The guest as the server knows it."""
    found = at(mover, host)

    def known() -> bool:
        return found.vm_named(name) is not None

    wait_until(known, 10)
    vm = found.vm_named(name)
    assert vm is not None
    return vm


def finished(mover: Mover, answer: MethodAnswer) -> Job:
    assert answer.value == JOB, answer.reason
    return mover.client.job_of(answer)


def moved(mover: Mover, answer: MethodAnswer) -> Job:
    job = finished(mover, answer)
    assert (job.state, job.error) == (COMPLETED, "")
    return job


def shown(mover: Mover, vm: Vm) -> dict[str, Any]:
    return dict(mover.client.system(vm.uuid, "KVM").properties)


def slow(place: Bed, name: str) -> libvirt.virDomain:
    """A guest whose memory is full of something, so that it takes some 40 seconds at 1 MiB/s."""
    domain = place.define(name, start=True, code=boot_sectors.filled(48), memory_mib=64)
    time.sleep(1.0)
    return domain
