"""What clients ask of the snapshot service, checked before anything is done (DSP1042 clause 8.3)."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from os.path import dirname, join

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Reference, Refused
from virtcim.host.inventory import Host, Vm
from virtcim.host.snapshots import Manner
from virtcim.mapping import snapshots, state
from virtcim.mapping.location import location_of
from virtcim.mapping.snapshots import (
    DISK,
    FULL,
    INTERNAL,
    LONGEST,
    MEMORY,
    SAVED,
    TYPES,
    Disk,
    DomainSnapshot,
    Files,
    Ways,
)
from virtcim.mapping.state import StateRow
from virtcim.messages import message
from virtcim.profiles.dsp1047_volumes import volume_at
from virtcim.profiles.requests import given, refusing
from virtcim.profiles.snapshots import Snapshot, snapshot_named, snapshots_of
from virtcim.profiles.transitions import row_of

SETTINGS, SYSTEM = "SnapshotSettings", "AffectedSystem"
ACTIVE = (state.ACTIVE, state.PAUSED)
OFF = (state.DEFINED, state.ABORTED)
FROM = {FULL: (*ACTIVE, *OFF), DISK: (*ACTIVE, *OFF), MEMORY: ACTIVE, SAVED: ACTIVE}  # SnapshotType -> its states
APPLIED_TO = (*ACTIVE, *OFF, state.FAULTED, state.CRASHED)
STEM = 60  # characters of a system's name in those of its files


@dataclass(frozen=True)
class Asked:
    """A snapshot that can be taken: what libvirt is asked for, and how."""

    vm: Vm
    name: str
    document: DomainSnapshot
    manner: Manner
    files: Files | None


def system_of(host: Host, reference: Reference | None) -> Vm:
    """The system as libvirt has it now. Errors: Refused."""
    found = reference.target if reference else None
    vm = host.refresh(found.uuid) if isinstance(found, Vm) and found.host is host else None
    if vm is None:
        named = reference.path if reference else "nothing"
        raise Refused("Invalid Parameter", message("VS_NOT_FOUND", SYSTEM, host.name, named))
    return vm


def snapshot_of(host: Host, reference: Reference | None, where: str) -> Snapshot:
    """The snapshot as libvirt has it now; `where` is the parameter. Errors: Refused."""
    target = reference.target if reference else None
    if not isinstance(target, Snapshot) or target.host is not host:
        raise Refused(
            "Invalid Parameter", message("SNAPSHOT_NOT_FOUND", where, host.name, reference and reference.path)
        )
    vm = host.refresh(target.vm.uuid)
    found = snapshot_named(vm, target.name) if vm else None
    if found is None:
        raise Refused("Invalid Parameter", message("SNAPSHOT_GONE", where, target.name))
    return found


# In what state


def check_type(host: Host, kind: int | None) -> int:
    """Errors: Refused."""
    if kind is None:
        raise Refused("Invalid Parameter", "SnapshotType is missing")
    supported = snapshots.types_of(host.platform)
    if kind not in supported:
        raise Refused("Invalid Type", message("SNAPSHOT_TYPE", kind, ", ".join(map(str, supported))))
    return kind


def check_state(vm: Vm, allowed: Collection[StateRow], what: str) -> None:
    """Refuse what cannot be done to a system in its state, or while something else is done to it. Errors: Refused."""
    if vm.underway is not None:
        raise Refused("Invalid State", message("VS_BUSY", vm.name))
    row = row_of(vm)
    if row not in allowed:
        raise Refused("Invalid State", message("SNAPSHOT_STATE", vm.name, row.name.lower(), what))


# What can be kept of a system


def types_enabled(vm: Vm) -> list[int]:
    """The types that are possible now."""
    if vm.underway is not None:
        return []
    row = row_of(vm)
    supported = snapshots.types_of(vm.platform)
    return [kind for kind in supported if row in FROM[kind] and not obstacle(vm, kind)]


def obstacle(vm: Vm, kind: int) -> str:
    """What of a system stands in the way of a type, apart from its state; nothing where it is possible."""
    if kind == SAVED:
        return "" if vm.persistent else "it is transient, and would be gone"
    if vm.platform == "Test":
        return ""
    if vm.active and kind != DISK and not snapshots.can_keep_memory(vm.state_document):
        return "its memory cannot be kept while it has devices or directories of the host"
    ways = ways_of(vm)
    if _is_inside(vm, kind, ways):
        return ""
    if any(disk.kept == INTERNAL for one in snapshots_of(vm) for disk in one.head.disks):
        return "it has snapshots inside its images, below which libvirt could not merge what is kept beside them"
    if not ways.outside:
        return "it has no disk, or one whose image keeps no snapshot and is no file that another one could lie on"
    return ""


def _is_inside(vm: Vm, kind: int, ways: Ways) -> bool:
    """Whether images keep it in themselves: libvirt does so with disks and memory alone, or while it is off."""
    return ways.internal and (kind != DISK or not vm.active)


def ways_of(vm: Vm) -> Ways:
    def path_of(disk: Disk) -> str | None:
        """Of an image in a file."""
        location = location_of(disk)
        found = volume_at(vm.host, location) if location and disk.type == "volume" else None
        path = found[1].path if found else location
        return path if disk.type in ("file", "volume") and path and not path.startswith("/dev/") else None

    return snapshots.ways_of(vm.state_document, path_of)


# How it is to be called, and where it is kept


def named(vm: Vm, settings: Instance | None) -> tuple[str, str]:
    """The name of a new snapshot, and its description. Errors: Refused."""
    properties: Properties = given(settings) if settings else {}
    label = str(properties.get("ElementName") or "")
    lines = properties.get("Notes") or []
    with refusing(SETTINGS):
        name = _free(vm, _as_name(label))
        texts = [str(line) for line in lines] if isinstance(lines, list) else []
        return name, snapshots.described(label or name, texts)


def _as_name(label: str) -> str:
    if len(label.encode()) > LONGEST:
        raise Refused("Invalid Parameter", message("SETTING_TOO_LONG", SETTINGS, "ElementName", LONGEST))
    name = label.replace("/", "-").strip().lstrip(".")
    if not name:
        return f"snapshot-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}"
    return f"snapshot-{name}" if name.isdigit() else name  # an image takes a number for one of its own


def _free(vm: Vm, name: str) -> str:
    taken = {one.name for one in vm.snapshots}
    number, found = 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def files_of(vm: Vm, ways: Ways, memory: bool) -> Files:
    """New files beside the images that they belong to."""
    token, stem = uuid.uuid4().hex[:8], vm.name[:STEM]
    places = [(dev, dirname(path)) for dev, path in ways.outside or ()]
    overlays = tuple((dev, join(place, snapshots.overlay_name(stem, dev, token))) for dev, place in places)
    return Files(overlays, join(places[0][1], f"{stem}-{token}.memory") if memory else None)


def asked_of(vm: Vm, kind: int, settings: Instance | None) -> Asked:
    """What a client asks for, of a system in a state that allows it. Errors: Refused."""
    name, description = named(vm, settings)
    reason = obstacle(vm, kind)
    if reason:
        raise Refused("Invalid State", message("SNAPSHOT_IMPOSSIBLE", vm.name, f"{kind} ({TYPES[kind]})", reason))
    if vm.platform == "Test":
        document = snapshots.request(name, description, None, None, memory=False)
        return Asked(vm, name, document, Manner(disk_only=kind == DISK), None)
    ways, memory = ways_of(vm), vm.active and kind != DISK
    inside = _is_inside(vm, kind, ways)
    files = None if inside else files_of(vm, ways, memory)
    quiesced = vm.active and not memory and snapshots.agent_listens(vm.state_document)
    manner = Manner(disk_only=not inside and not memory, quiesced=quiesced, outside=not inside)
    return Asked(vm, name, snapshots.request(name, description, ways, files, memory), manner, files)
