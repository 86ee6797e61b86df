"""Snapshots that are kept outside the images of disks: going back to one where libvirt cannot, and forgetting one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.provider import Refused
from virtcim.host import domains, snapshot_files, snapshot_overlays, snapshots
from virtcim.host.inventory import Vm
from virtcim.mapping import snapshots as mapping
from virtcim.mapping.snapshots import DomainSnapshot, Files, Ways
from virtcim.profiles.requests import undoing
from virtcim.profiles.snapshots import Snapshot, snapshot_named
from virtcim.profiles.snapshots_asked import files_of
from virtcim.profiles.snapshots_guard import images_of, overlays_of, running_on, useless

PAUSED = "paused"


@dataclass(frozen=True)
class Plan:
    """How to go back to a snapshot: the overlays that its images get, by disk, and what is of no use then."""

    name: str
    overlays: tuple[tuple[str, str], ...]
    stale: tuple[str, ...]


def plan(snapshot: Snapshot) -> Plan:
    images = images_of(snapshot.document)
    outside = tuple((dev, images[dev]) for dev in overlays_of(snapshot))
    files = files_of(snapshot.vm, Ways(False, outside, ()), memory=False)
    return Plan(snapshot.name, files.overlays, tuple(sorted(running_on(snapshot.vm))))


def carry_out(vm: Vm, how: Plan) -> Vm:
    """Go back, from wherever an earlier attempt has ended. Errors: Refused, HostError."""
    overlays = dict(how.overlays)
    if not lies_on(vm, overlays):
        vm = _on_overlays(_off(vm), how)
    vm = snapshots.rewrite(vm, how.name, partial(_name_overlays, overlays), current=True) or vm
    snapshot = snapshot_named(vm, how.name)
    if snapshot is not None and snapshot.head.memory_file and not vm.active:
        paused = snapshot.head.state == PAUSED
        vm = snapshot_overlays.restore(vm, snapshot.head.memory_file, overlays, paused) or vm
    snapshot_files.remove_files(vm.host, useless(vm.host, vm.uuid, how.stale))
    return vm.host.refresh(vm.uuid) or vm


def lies_on(vm: Vm, overlays: dict[str, str]) -> bool:
    """Whether the disks of a system are on the overlays."""
    return bool(overlays) and overlays.items() <= images_of(vm.defined_document or vm.state_document).items()


def _off(vm: Vm) -> Vm:
    if vm.active and not vm.persistent:
        raise Refused("Invalid State", f"{vm.name} is transient: it would be gone before it could be brought back")
    return (domains.destroy(vm) or vm) if vm.active else vm


def _on_overlays(vm: Vm, how: Plan) -> Vm:
    before = domains.definition(vm)
    with undoing() as undo:
        undo(partial(domains.put_back, vm, before))
        vm = snapshot_overlays.define_as_then(vm, how.name)
        left = tuple(dev for dev in images_of(vm.state_document) if dev not in dict(how.overlays))
        ways = Ways(False, how.overlays, left)
        asked = mapping.request("overlay", "", ways, Files(how.overlays), memory=False)
        return snapshot_overlays.lay_over(vm, asked) or vm


def _name_overlays(overlays: dict[str, str], document: DomainSnapshot) -> None:
    for disk in document.disks:
        if disk.name in overlays:
            disk.file = overlays[str(disk.name)]


def forget(snapshot: Snapshot) -> Vm | None:
    """Destroy one from which nothing goes on: there is nothing to merge. Errors: HostError."""
    files = [*overlays_of(snapshot).values(), *images_of(snapshot.document).values()]
    vm = snapshots.forget(snapshot.vm, snapshot.name)
    snapshot_files.remove_files(snapshot.host, useless(snapshot.host, snapshot.vm.uuid, files))
    return vm


def remove_memory(snapshot: Snapshot) -> None:
    """The file of the memory, which libvirt (9.0) leaves behind."""
    kept: Any = snapshot.head.memory_file
    if kept:
        snapshot_files.remove_files(snapshot.host, [kept])
