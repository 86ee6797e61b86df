"""A storage pool of the tests' own for the images of QEMU guests, and what a client asks of them."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import libvirt
import pywbem
from tests import runs
from tests.live.cim import Cim, rasd
from tests.live.processes import pid_of

MIB, BLOCKS = 2**20, 2048  # bytes, and blocks of 512 of them
TERMINATE, TERMINATED = 4, 8  # RequestedState, JobState
FIRST, LAST = -10, 19  # niceness
POOL = f"virtcim-1047-{runs.WORD}"
DIRECTORY = runs.DIRECTORY / POOL
POOL_XML = f"<pool type='dir'><name>{POOL}</name><target><path>{DIRECTORY}</path></target></pool>"


@contextmanager
def own_pool(uri: str) -> Iterator[None]:
    """With a storage pool that is removed with all that is in it."""
    runs.directory()
    DIRECTORY.mkdir(mode=0o755, exist_ok=True)
    with closing(libvirt.open(uri)) as connection:
        connection.storagePoolDefineXML(POOL_XML).create()
    try:
        yield
    finally:
        with closing(libvirt.open(uri)) as connection:  # libvirtd may have given up one that was idle for long
            pool = connection.storagePoolLookupByName(POOL)
            pool.destroy()
            pool.undefine()
        shutil.rmtree(DIRECTORY)


def storage(mib: int, **properties: Any) -> pywbem.CIMInstance:
    """A request for storage."""
    return rasd("Disk", PoolID=f"DiskPool/{POOL}", VirtualQuantity=mib * BLOCKS, **properties)


def disk_of(cim: Cim, system: str, name: str) -> pywbem.CIMInstance:
    found = cim.connection.EnumerateInstances("CIM_LogicalDisk")
    return next(one for one in found if one["DeviceID"] == f"{system}/{name}")


def volume_names(connection: libvirt.virConnect) -> set[str]:
    pool = connection.storagePoolLookupByName(POOL)
    pool.refresh()
    return {one.name() for one in pool.listAllVolumes()}


def image(cim: Cim, method: str, instance_id: str, **arguments: Any) -> Any:
    path = pywbem.CIMInstanceName("KVM_DiskResourceAllocationSettingData", {"InstanceID": instance_id},
                                  namespace="root/virt")  # fmt: skip
    return cim.call(method, Image=path, **arguments)


def cim_system(name: str) -> pywbem.CIMInstanceName:
    keys = {"CreationClassName": "KVM_ComputerSystem", "Name": name}
    return pywbem.CIMInstanceName("KVM_ComputerSystem", keys, namespace="root/virt")


class Brake(threading.Thread):
    """Holds a block job on a disk to a MiB a second from the moment that there is one.

    Until then the guest's QEMU comes after everything else, so that no job is over before it is seen.
    """

    def __init__(self, domain: libvirt.virDomain, target: str) -> None:
        super().__init__(daemon=True)
        self._domain, self._target = domain, target
        self.pulled = threading.Event()
        renice(pid_of(domain.name()), LAST)

    def run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), FIRST)
        deadline = time.monotonic() + 30
        while not self._domain.blockJobInfo(self._target) and time.monotonic() < deadline:
            time.sleep(0.001)
        self._domain.blockJobSetSpeed(self._target, 1)  # type: ignore[attr-defined]
        renice(pid_of(self._domain.name()), 0)
        self.pulled.set()


def renice(pid: int, niceness: int) -> None:
    """All threads of a process."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
