"""Snapshots as CIM and libvirt have them: the head of one, its types, and what each type needs of a system's disks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from virtcim.mapping.table import BadProperty, Properties, to_cim
from virtcim.mapping.vssd import SYSTEM_TYPES, VSSD
from virtcim.model.devices import Disk
from virtcim.model.domain import Domain
from virtcim.model.snapshot import DISK_SNAPSHOT, EXTERNAL, INTERNAL, NOT_KEPT, DomainSnapshot, SnapshotDisk

__all__ = [
    "DISK",
    "EXTERNAL",
    "FULL",
    "INTERNAL",
    "LONGEST",
    "MEMORY",
    "NOT_CHANGEABLE",
    "SAVED",
    "TYPES",
    "Applied",
    "Disk",
    "Domain",
    "DomainSnapshot",
    "Files",
    "Ways",
    "agent_listens",
    "can_keep_memory",
    "created",
    "described",
    "element_name",
    "is_kept",
    "is_overlay",
    "notes",
    "overlay_name",
    "request",
    "snapshot_head",
    "type_of",
    "types_of",
    "ways_of",
]  # fmt: skip

FULL, DISK, MEMORY, SAVED = 2, 3, 32768, 32769  # SnapshotType; the last two are libvirt-cim's
TYPES = {FULL: "full", DISK: "disk", MEMORY: "memory", SAVED: "saved"}
WITHOUT_DISKS_ALONE = frozenset({"Test"})  # platforms whose driver takes no snapshot of nothing but disks
NOT_CHANGEABLE = 0  # ChangeableType
NO_MEDIUM = ("cdrom", "floppy")
QCOW2, LONGEST = "qcow2", 200  # bytes of a name: libvirt and the overlays keep files of that name and more
AGENT = "org.qemu.guest_agent.0"
OVERLAY = re.compile(r"-[^/-]+-[0-9a-f]{8}\.qcow2$")
PathOf = Callable[[Disk], str | None]


class Applied:
    """Which snapshot was applied: one that is taken later under the same name is another one."""

    @staticmethod
    def of(head: DomainSnapshot) -> str:
        return f"{head.created or 0}/{head.name}"


def types_of(platform: str) -> list[int]:
    """SnapshotTypesSupported of a platform."""
    return [kind for kind in TYPES if kind != DISK or platform not in WITHOUT_DISKS_ALONE]


# The head


def element_name(head: DomainSnapshot) -> str | None:
    """The first line of the description; what somebody else has taken may have none."""
    return (head.description or "").partition("\n")[0] or head.name


def notes(head: DomainSnapshot) -> list[str]:
    """All further lines."""
    return (head.description or "").split("\n")[1:]


def described(name: str, lines: list[str]) -> str:
    """The description that reads as this ElementName and these Notes. Raises BadProperty."""
    if "\n" in name or not name.strip():
        raise BadProperty("ElementName", f"{name!r} is empty or has a line break")
    if any("\n" in line for line in lines):
        raise BadProperty("Notes", "a note of a snapshot has no line break; give one element for each line")
    return "\n".join((name, *lines))


def created(head: DomainSnapshot) -> str | None:
    """When it was taken, as CIM datetime."""
    if head.created is None:
        return None
    return datetime.fromtimestamp(head.created, UTC).strftime("%Y%m%d%H%M%S.%f+000")


def type_of(head: DomainSnapshot) -> int:
    """Full or Disk. Of a system that was off its disks are all there is, which makes any snapshot of it a full one."""
    return DISK if head.state == DISK_SNAPSHOT else FULL


def snapshot_head(instance_id: str, platform: str, head: DomainSnapshot, document: Domain) -> Properties:
    """The whole VSSD of a snapshot."""
    return {
        "InstanceID": instance_id,
        "Caption": "Snapshot",
        "VirtualSystemType": SYSTEM_TYPES[platform],
        **to_cim(VSSD, document),
        "ElementName": element_name(head),
        "Notes": notes(head) or None,
        "CreationTime": created(head),
        "ChangeableType": NOT_CHANGEABLE,
        "SnapshotType": type_of(head),
    }


# What can be kept


@dataclass(frozen=True)
class Ways:
    """How the disks of a system can be kept: all of them in their own images, or by overlays on them.

    `outside`: the disks that overlays are for, with the path of each image.
    """

    internal: bool
    outside: tuple[tuple[str, str], ...] | None
    left: tuple[str, ...]

    @property
    def some(self) -> bool:
        return self.internal or bool(self.outside)


def ways_of(document: Domain, path_of: PathOf) -> Ways:
    """What a document allows; `path_of` tells the path of a disk's image, None for what is no file."""
    kept = [disk for disk in document.disks if is_kept(disk)]
    left = tuple(disk.target or "" for disk in document.disks if not is_kept(disk))
    sound = bool(kept) and all(disk.device != "lun" and not disk.shareable for disk in kept)
    internal = sound and document.loader_type != "pflash" and all(_inside(disk) for disk in kept)
    pairs = [(disk.target or "", path_of(disk) or "") for disk in kept]
    outside = tuple(pairs) if sound and all(path for _, path in pairs) else None
    return Ways(internal, outside, left)


def is_kept(disk: Disk) -> bool:
    """Whether a snapshot has to hold what is on a disk: nothing can have changed on others, or they are not meant."""
    return disk.device not in NO_MEDIUM and not disk.readonly and disk.snapshot != NOT_KEPT


def _inside(disk: Disk) -> bool:
    return disk.format == QCOW2 and disk.snapshot in (None, INTERNAL) and disk.type in ("file", "block", "volume")


def can_keep_memory(document: Domain) -> bool:
    """Whether the memory of a running system can be kept: not while it has devices or directories of the host."""
    host_bound = any(device.tag == "hostdev" for device in document.devices)
    return not host_bound and not any(one.driver == "virtiofs" for one in document.filesystems)


def agent_listens(document: Domain) -> bool:
    """Whether there is a guest agent that can be told."""
    return any(one.target_name == AGENT and one.state == "connected" for one in document.channels)


# How it is asked for


@dataclass(frozen=True)
class Files:
    """Where what is kept outside goes: by disk the new image, and that of the memory where it is kept."""

    overlays: tuple[tuple[str, str], ...] = ()
    memory: str | None = None


def request(name: str, description: str, ways: Ways | None, files: Files | None, memory: bool) -> DomainSnapshot:
    """The document that asks for a snapshot. Without `ways` libvirt decides; without `files` images keep it all."""
    document = DomainSnapshot.new()
    document.name, document.description = name, description
    if ways is None:
        return document
    document.memory = NOT_KEPT if not memory else INTERNAL if files is None else EXTERNAL
    if files is not None:
        document.memory_file = files.memory
    for target, file in files.overlays if files else ():
        _add_disk(document, target, EXTERNAL, file)
    for target in ways.left:
        _add_disk(document, target, NOT_KEPT)
    return document


def overlay_name(stem: str, dev: str, token: str) -> str:
    """The file name of the image that a disk goes on with."""
    return f"{stem}-{dev}-{token}.qcow2"


def is_overlay(path: str) -> bool:
    """Whether a file is named as such an image: what is named otherwise somebody else has made."""
    return OVERLAY.search(path) is not None


def _add_disk(document: DomainSnapshot, target: str, kept: str, file: str | None = None) -> None:
    disk = SnapshotDisk.new()
    disk.name, disk.kept, disk.file = target, kept, file
    document.add(disk, inside="disks")
