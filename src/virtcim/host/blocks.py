"""The verbs on the images of running domains: their size, and the block jobs that copy, commit and pull them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import libvirt

from virtcim.host.calls import change, opened, require_active
from virtcim.host.errors import HostError, Kind
from virtcim.host.system import Vm
from virtcim.host.watches import never
from virtcim.model.tree import Element, parse

Tell = Callable[[int], None]  # percent
Cancelled = Callable[[], bool]

LOOK_SECONDS = 0.25
SETTLED_SECONDS = 5.0  # within which libvirt's document follows the end of a block job
COPY_FLAGS = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
COMMIT_FLAGS = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | libvirt.VIR_DOMAIN_BLOCK_COMMIT_SHALLOW


@dataclass(frozen=True)
class Standing:
    """How a disk stands: where its image is, whether that lies on another one, and where a block job mirrors it to.

    `job`: how far that or any other block job on it is, in percent; None when there is none.
    """

    image: str | None
    lies: bool
    mirror: str | None
    job: int | None


def standing(vm: Vm, target: str) -> Standing:
    """How a disk stands in the running domain, or in the definition while that is off. NOT_FOUND when it is gone."""
    with opened(vm) as domain:
        disk = _disk(domain, target)
        job = domain.blockJobInfo(target) if domain.isActive() else {}
    lies, mirror = disk.find("backingStore/source") is not None, disk.find("mirror/source")
    return Standing(_place(disk.find("source")), lies, _place(mirror), _percent(job) if job else None)


def _place(source: Element | None) -> str | None:
    return None if source is None else source.get("file") or source.get("dev")


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
        _filled(domain, target, tell, cancelled)
    return vm.host.refresh(vm.uuid)


def go_on(vm: Vm, target: str, pivot: bool | None, tell: Tell, cancelled: Cancelled = never) -> Vm | None:
    """Bring to its end a block job that runs already; `pivot` as of a copy or commit, None for a pull."""
    with opened(vm) as domain:
        if pivot is None:
            _filled(domain, target, tell, cancelled)
        else:
            _mirrored(domain, target, pivot, tell, cancelled)
    return vm.host.refresh(vm.uuid)


def _filled(domain: libvirt.virDomain, target: str, tell: Tell, cancelled: Cancelled) -> None:
    while _underway(domain, target, tell):
        _stop_if(domain, target, cancelled)
    deadline = time.monotonic() + SETTLED_SECONDS
    while _disk(domain, target).find("backingStore/source") is not None:
        if time.monotonic() > deadline:
            raise HostError(Kind.FAILED, f"the image of {target} of domain {domain.name()} could not be filled")
        time.sleep(LOOK_SECONDS)


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
        tell(_percent(job))
        time.sleep(LOOK_SECONDS)
    return bool(job)


def _percent(job: Mapping[str, int]) -> int:
    return min(99, 100 * job["cur"] // max(1, job["end"]))


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
