"""What snapshots of a system keep for one another: what libvirt would overwrite, or lose, without asking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from virtcim.broker.provider import Refused
from virtcim.host.inventory import Host, Vm
from virtcim.mapping.location import location_of
from virtcim.mapping.snapshots import EXTERNAL, INTERNAL, Domain, is_overlay
from virtcim.messages import message
from virtcim.profiles.dsp1047_owning import is_lain_on
from virtcim.profiles.dsp1047_sharing import refuse_uses
from virtcim.profiles.snapshots import Snapshot, children_of, snapshots_of


def images_of(document: Domain) -> dict[str, str]:
    """Where the image of each disk is, by its target."""
    return {disk.target or "": location_of(disk) or "" for disk in document.disks}


def overlays_of(snapshot: Snapshot) -> dict[str, str]:
    """The images that were written to after a snapshot that is kept outside, by disk."""
    disks = (disk for disk in snapshot.head.disks if disk.kept == EXTERNAL)
    return {str(disk.name): disk.file or "" for disk in disks}


def frozen_by(snapshot: Snapshot) -> set[str]:
    """The images that have to stay as they are for a snapshot that is kept outside."""
    images = images_of(snapshot.document)
    return {images[dev] for dev in overlays_of(snapshot) if images.get(dev)}


def inside_of(snapshot: Snapshot) -> set[str]:
    """The images that keep a snapshot in themselves."""
    images = images_of(snapshot.document)
    return {images[str(disk.name)] for disk in snapshot.head.disks if disk.kept == INTERNAL and disk.name in images}


def others_of(snapshot: Snapshot) -> Iterator[Snapshot]:
    return (one for one in snapshots_of(snapshot.vm) if one is not snapshot)


def refuse_apply(snapshot: Snapshot) -> None:
    """Going back inside an image changes it under those that lie on it. Errors: Refused."""
    inside = inside_of(snapshot)
    for other in others_of(snapshot):
        if inside & frozen_by(other):
            reason = f"{other.name} keeps the image as it was when it was taken; destroy that snapshot first"
            raise Refused("Invalid State", message("SNAPSHOT_DEPENDENT", snapshot.name, reason))
    refuse_uses(snapshot.vm, snapshot.document, "Invalid State", snapshot.name)


def refuse_destroy(snapshot: Snapshot) -> None:
    """Merging an overlay loses what it keeps itself, and changes what lies beside it. Errors: Refused."""
    overlays = overlays_of(snapshot)
    for other in others_of(snapshot):
        if inside_of(other) & set(overlays.values()):
            reason = f"{other.name} is kept in an image that would be merged"
            raise Refused("Invalid State", message("SNAPSHOT_DEPENDENT", snapshot.name, reason))
    for child in children_of(snapshot):
        images = images_of(child.document)
        if any(images.get(dev) not in (overlay, None) for dev, overlay in overlays.items()):
            reason = f"{child.name} lies on what it keeps; destroy that first"
            raise Refused("Invalid State", message("SNAPSHOT_DEPENDENT", snapshot.name, reason))


def abandoned(snapshot: Snapshot) -> bool:
    """Whether nothing goes on from a snapshot that is kept outside: the system has gone back to another one since."""
    overlays = set(overlays_of(snapshot).values())
    if not overlays or children_of(snapshot):
        return False
    used = {path for other in others_of(snapshot) for path in named_by(other)} | running_on(snapshot.vm)
    return overlays.isdisjoint(used) and not any(is_lain_on(snapshot.host, one) for one in overlays)


def named_by(snapshot: Snapshot) -> set[str]:
    """All images that a snapshot names."""
    return {*images_of(snapshot.document).values(), *overlays_of(snapshot).values()}


def running_on(vm: Vm) -> set[str]:
    """The images that the disks of a system are on."""
    documents = (vm.state_document, vm.defined_document)
    return {path for document in documents if document for path in images_of(document).values()}


def useless(host: Host, uuid: str, paths: Iterable[str]) -> list[str]:
    """Those of some overlays of a system that neither it, nor one of its snapshots, nor another system needs."""
    vm = host.vm(uuid)
    needed = running_on(vm) | {path for one in snapshots_of(vm) for path in named_by(one)} if vm else set()
    files = [path for path in dict.fromkeys(paths) if is_overlay(path) and path not in needed]
    beside = {path for other in host.vms if other.uuid != uuid for path in other.paths}
    return [path for path in files if path not in beside and not is_lain_on(host, path)]


def refuse_kept(vm: Vm) -> None:
    """Before a system becomes active: it may not write to what a snapshot keeps as it was. Errors: Refused."""
    written = {location_of(disk) for disk in vm.state_document.disks if not disk.readonly}
    for snapshot in (one for other in vm.host.vms if other.snapshots for one in snapshots_of(other)):
        kept = frozen_by(snapshot) & written
        if kept:
            reason = f"the snapshot {snapshot.name} of {snapshot.vm.name} keeps {', '.join(sorted(kept))} as it was"
            raise Refused("In Use", f"{vm.name}: {reason}")
