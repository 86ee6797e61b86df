"""The verbs on the images of running domains: their size, and the block jobs that copy, commit and pull them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import libvirt

from virtcim.host.calls import change, opened, require_active
from virtcim.host.errors import HostError, Kind
from virtcim.host.system import Vm
from virtcim.host.watches import never
from virtcim.model.tree import Element, parse

Tell = Callable[[int], None]  # percent
Cancelled = Callable[[], bool]

LOOK_SECONDS = 0.25
COPY_FLAGS = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
COMMIT_FLAGS = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW


def resize(vm: Vm, target: str, size: int) -> Vm | None:
    """Give a disk of a running domain another size in bytes, of which the guest is told."""

    def call(domain: libvirt.virDomain) -> None:
        require_active(domain, "resize a disk of")
        domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    return change(vm, call)


def limit(vm: Vm, target: str, limits: Mapping[str, int]) -> Vm | None:
    """What a guest may read and write in a second, by libvirt's names (total_bytes_sec, ...); 0 is no limit."""

    def call(domain: libvirt.virDomain) -> None:
        require_active(domain, "limit a disk of")
        domain.setBlockIoTune(target, dict(limits), libvirt.VIR_DOMAIN_AFFECT_LIVE)

    return change(vm, call)


def size(vm: Vm, target: str) -> int:
    """The size of a disk in bytes as its guest sees it, also where it is on no volume."""
    with opened(vm) as domain:
        return int(domain.blockInfo(target)[0])


def copy(vm: Vm, target: str, disk_xml: str, pivot: bool, tell: Tell, cancelled: Cancelled = never) -> Vm | None:
    """Copy the image of a running disk onto one that is there; with `pivot` the disk goes on with the copy.

    `disk_xml` says where the copy is. HostError(CANCELLED) when `cancelled` says so: the copy is then not whole.
    """
    with opened(vm) as domain:
        require_active(domain, "copy a disk of")
        domain.blockCopy(target, disk_xml, None, COPY_FLAGS)
        _mirrored(domain, target, pivot, tell, cancelled)
    return vm.host.refresh(vm.uuid)


def commit(vm: Vm, target: str, tell: Tell, cancelled: Cancelled = never) -> Vm | None:
    """Write what the image of a running disk holds into the one it lies on, with which the disk goes on."""
    with opened(vm) as domain:
        require_active(domain, "commit a disk of")
        domain.blockCommit(target, None, None, 0, COMMIT_FLAGS)
        _mirrored(domain, target, True, tell, cancelled)
    return vm.host.refresh(vm.uuid)


def pull(vm: Vm, target: str, tell: Tell, cancelled: Cancelled = never) -> Vm | None:
    """Fill the image of a running disk with what it takes from those it lies on, which it then does no more."""
    with opened(vm) as domain:
        require_active(domain, "pull a disk of")
        domain.blockPull(target, 0, 0)
        while _underway(domain, target, tell):
            _stop_if(domain, target, cancelled)
        if _disk(domain, target).find("backingStore/source") is not None:
            raise HostError(Kind.FAILED, f"the image of {target} of domain {vm.name} could not be filled")
    return vm.host.refresh(vm.uuid)


def _mirrored(domain: libvirt.virDomain, target: str, pivot: bool, tell: Tell, cancelled: Cancelled) -> None:
    """Wait until both images are the same, then go on with the one or the other."""
    _stop_if(domain, target, cancelled)
    while not _ready(domain, target):
        if not _underway(domain, target, tell):
            raise HostError(Kind.FAILED, f"the block job on {target} of domain {domain.name()} failed")
        _stop_if(domain, target, cancelled)
    domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT if pivot else 0)


def _underway(domain: libvirt.virDomain, target: str, tell: Tell) -> bool:
    """Whether the job still runs; a moment passes if it does."""
    job = domain.blockJobInfo(target)
    if job:
        tell(min(99, 100 * job["cur"] // max(1, job["end"])))
        time.sleep(LOOK_SECONDS)
    return bool(job)


def _stop_if(domain: libvirt.virDomain, target: str, cancelled: Cancelled) -> None:
    if cancelled():
        domain.blockJobAbort(target)
        raise HostError(Kind.CANCELLED, f"the block job on {target} of domain {domain.name()} was ended")


def _ready(domain: libvirt.virDomain, target: str) -> bool:
    mirror = _disk(domain, target).find("mirror")
    return mirror is not None and mirror.get("ready") == "yes"


def _disk(domain: libvirt.virDomain, target: str) -> Element:
    for disk in parse(domain.XMLDesc()).findall("devices/disk"):
        name = disk.find("target")
        if name is not None and name.get("dev") == target:
            return disk
    raise HostError(Kind.NOT_FOUND, f"domain {domain.name()} has no disk {target}")
