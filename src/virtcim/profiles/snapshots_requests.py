"""The methods of the snapshot service, also as clients of libvirt-cim mean them (DSP1042 clause 8.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Event

from virtcim.broker.call import Instance
from virtcim.broker.provider import Intent, Progress, Reference, Refused, Returned, Work
from virtcim.host import domains, snapshots
from virtcim.host.errors import Kind
from virtcim.host.inventory import Host, Vm
from virtcim.host.states import snapshotting
from virtcim.mapping import ids_snapshots, state
from virtcim.mapping import snapshots as mapping
from virtcim.mapping.snapshots import DISK, SAVED
from virtcim.messages import message
from virtcim.profiles import snapshots_external as external
from virtcim.profiles import snapshots_guard as guard
from virtcim.profiles.claims import claim, release
from virtcim.profiles.dsp1047_owning import disown, own, owns
from virtcim.profiles.elements import Configuration, state_of
from virtcim.profiles.faults import telling
from virtcim.profiles.requests import Undo, given, refusing, undoing
from virtcim.profiles.snapshots import Snapshot, snapshot_named
from virtcim.profiles.snapshots_asked import (
    APPLIED_TO,
    FROM,
    OFF,
    Asked,
    asked_of,
    check_state,
    check_type,
    snapshot_of,
    system_of,
)
from virtcim.profiles.snapshots_external import Plan
from virtcim.profiles.snapshots_resumption import APPLY, CREATE, DESTROY, applied, intent_of
from virtcim.profiles.transitions import Wish, carry_out, row_of

CREATES, PERFORMANCE_IMPACT, EXCLUSIVE_USE = 5, 3, 2  # ElementEffects
PATIENCE = 5.0  # seconds that a call waits before it answers with a job
SUSPEND, RESUME = Wish(6, 7), Wish(2, 2)
LABELS = ("ElementName", "Notes")
Run = Callable[[Progress, Event], Returned]


# Taking one


def create(host: Host, system: Reference | None, settings: Instance | None, kind: int | None) -> Returned | Work:
    """CreateSnapshot. Errors: Refused, HostError; there is no snapshot then."""
    vm, kind = system_of(host, system), check_type(host, kind)
    check_state(vm, FROM[kind], f"SnapshotType {kind} ({mapping.TYPES[kind]})")
    if kind == SAVED:
        return _with_result(_saved(vm), vm)
    asked = asked_of(vm, kind, settings)
    affects: list[tuple[object, int]] = [(vm, PERFORMANCE_IMPACT)]

    def run(progress: Progress, stop: Event) -> Returned:
        with undoing() as undo:
            _take(asked, undo, progress, stop)
        found = snapshot_named(vm.host.vm(vm.uuid) or vm, asked.name)
        affects.append((found, CREATES))
        return Returned(ResultingSnapshot=found)

    return _work(f"take the snapshot {asked.name} of {vm.name}", vm, run, affects, intent_of(vm, CREATE, asked.name))


def _take(asked: Asked, undo: Undo, progress: Progress, stop: Event) -> None:
    vm, tell = asked.vm, partial(setattr, progress, "percent")
    before = guard.images_of(vm.state_document)
    snapshots.create(vm, asked.document, asked.manner, tell, stop.is_set)
    undo(partial(snapshots.delete, vm, asked.name))
    overlays = dict(asked.files.overlays) if asked.files else {}
    _own_overlays(vm, {before.get(dev, ""): path for dev, path in overlays.items()}, undo)


def _own_overlays(vm: Vm, overlays: dict[str, str], undo: Undo) -> None:
    """An overlay goes with its disk if the image below does."""
    own(vm, [overlay for image, overlay in overlays.items() if owns(vm, image)], undo)


def _saved(vm: Vm) -> Returned | Work:
    """As RequestStateChange to 6, which is what libvirt-cim's clients mean by this type."""
    verb = state.verb_for(row_of(vm), SUSPEND.requested, vm.platform, vm.persistent)
    return carry_out(vm, f"SnapshotType {SAVED}", verb, SUSPEND)


def _with_result(done: Returned | Work, vm: Vm) -> Returned | Work:
    """Its result is the system's own configuration, as it was in libvirt-cim."""

    def result(_: Returned) -> Returned:
        return Returned(ResultingSnapshot=state_of(vm.host.vm(vm.uuid) or vm))

    if isinstance(done, Returned):
        return result(done)
    run = done.run
    return replace(done, run=lambda progress: result(run(progress)))


# Going back to one


def apply(host: Host, reference: Reference | None) -> Returned | Work:
    """ApplySnapshot. Errors: Refused, HostError."""
    vm = _saved_system(reference, host)
    if vm is not None:
        verb = state.verb_for(row_of(vm), RESUME.requested, vm.platform, vm.persistent)
        return carry_out(vm, "ApplySnapshot", verb, RESUME)
    snapshot = snapshot_of(host, reference, "Snapshot")
    of_disks = mapping.type_of(snapshot.head) == DISK
    check_state(snapshot.vm, OFF if of_disks else APPLIED_TO, "to go back to a snapshot")
    guard.refuse_apply(snapshot)
    plan = external.plan(snapshot) if guard.overlays_of(snapshot) and snapshot.platform == "KVM" else None
    run = partial(_go_back, snapshot, plan)
    affects: list[tuple[object, int]] = [(snapshot.vm, EXCLUSIVE_USE), (snapshot, PERFORMANCE_IMPACT)]
    intent = intent_of(snapshot.vm, APPLY, snapshot.name, plan)
    work = _work(f"bring {snapshot.vm.name} back to the snapshot {snapshot.name}", snapshot.vm, run, affects, intent)
    patience = 0.0 if plan else PATIENCE  # what takes several steps is kept from before the first one
    return replace(work, patience=patience, cancel=None)


def _go_back(snapshot: Snapshot, plan: Plan | None, progress: Progress, stop: Event) -> Returned:
    vm = snapshot.vm
    try:
        with telling(Kind.FAILED, lambda why: message("SNAPSHOT_APPLY_FAILED", vm.name, snapshot.name, why)):
            after = snapshots.revert(vm, snapshot.name)
    except snapshots.NotOffered as reason:
        if plan is None:
            raise Refused("Not Supported", f"{snapshot.name}: {reason}") from reason
        after = external.carry_out(vm.host.vm(vm.uuid) or vm, plan)
        images = guard.images_of(snapshot.document)
        _own_overlays(after, {images.get(dev, ""): path for dev, path in plan.overlays}, lambda _: None)
    return applied(after or vm, snapshot.name)


# Destroying one


def destroy(host: Host, reference: Reference | None) -> Returned | Work:
    """DestroySnapshot: its children stay. Errors: Refused, HostError."""
    vm = _saved_system(reference, host)
    if vm is not None:
        domains.discard_saved(vm)
        return Returned()
    snapshot = snapshot_of(host, reference, "AffectedSnapshot")
    saved = (state.SUSPENDED,) if guard.overlays_of(snapshot) else ()  # its memory knows the images as they are
    check_state(snapshot.vm, [row for row in state.STATES if row not in saved], "to merge images")
    guard.refuse_destroy(snapshot)
    run = partial(_remove, snapshot)
    affects: list[tuple[object, int]] = [(snapshot.vm, PERFORMANCE_IMPACT), (snapshot, EXCLUSIVE_USE)]
    intent = intent_of(snapshot.vm, DESTROY, snapshot.name)
    return _work(f"destroy the snapshot {snapshot.name} of {snapshot.vm.name}", snapshot.vm, run, affects, intent)


def _remove(snapshot: Snapshot, progress: Progress, stop: Event) -> Returned:
    remove(snapshot, progress, stop)
    return Returned()


def remove(snapshot: Snapshot, progress: Progress, stop: Event) -> None:
    """Destroy a snapshot with what it keeps. Errors: HostError."""
    vm, overlays = snapshot.vm, list(guard.overlays_of(snapshot).values())
    last = applied_last(snapshot)
    if guard.abandoned(snapshot):
        external.forget(snapshot)
    else:
        snapshots.delete(vm, snapshot.name, partial(setattr, progress, "percent"), stop.is_set)
    external.remove_memory(snapshot)
    now = vm.host.vm(vm.uuid) or vm
    disown(now, [path for path in overlays if path not in guard.running_on(now)])
    if last:
        domains.change_own_metadata(now, lambda own: setattr(own, "last_snapshot", None))


def applied_last(snapshot: Snapshot) -> bool:
    """Whether its system was brought back to it last."""
    own = (snapshot.vm.defined_document or snapshot.vm.state_document).own_metadata
    return own.last_snapshot == mapping.Applied.of(snapshot.head)


def _saved_system(reference: Reference | None, host: Host) -> Vm | None:
    """The system that a client of libvirt-cim means by its own configuration, which has the memory of a saved one."""
    target = reference.target if reference else None
    if not isinstance(target, Configuration) or target.vm.host is not host:
        return None
    vm = host.refresh(target.vm.uuid)
    return vm if vm is not None and vm.managed_save else None


# Changing one


def is_of_snapshot(settings: Instance) -> bool:
    """Whether the InstanceID in some settings is that of a snapshot."""
    return ids_snapshots.parse_snapshot_id(str(settings.properties.get("InstanceID") or "")) is not None


def modify(host: Host, settings: Instance) -> None:
    """ModifySystemSettings of a snapshot: what it is called, and what is noted. Errors: Refused, HostError."""
    properties = given(settings)
    snapshot = _selected(host, str(properties.pop("InstanceID")))
    present = mapping.snapshot_head(snapshot.id, snapshot.platform, snapshot.head, snapshot.document)
    changed = {name: value for name, value in properties.items() if value != present.get(name)}
    fixed = sorted(set(changed) - set(LABELS))
    if fixed:
        raise Refused("Invalid Parameter", f"SystemSettings.{', '.join(fixed)}: a snapshot stays what it was")
    if not changed:
        return
    lines = changed.get("Notes", present["Notes"])
    with refusing("SystemSettings"):
        texts = [str(line) for line in lines] if isinstance(lines, list) else []
        description = mapping.described(str(changed.get("ElementName", present["ElementName"])), texts)
    snapshots.describe(snapshot.vm, snapshot.name, description)


def _selected(host: Host, instance_id: str) -> Snapshot:
    parsed = ids_snapshots.parse_snapshot_id(instance_id)
    token, name = parsed or ("", "")
    vm = host.vm(token) if host.naming == "uuid" else host.vm_named(token)
    found = snapshot_named(vm, name) if vm and instance_id.startswith(f"{host.platform}:") else None
    if found is None:
        raise Refused(
            "Invalid Parameter", message("SETTING_INSTANCEID", "SystemSettings", repr(instance_id), host.name)
        )
    return found


# As work


def _work(name: str, vm: Vm, run: Run, affects: list[tuple[object, int]], intent: Intent) -> Work:
    """Nobody else brings the system to another state, host or snapshot until the work has ended."""
    mark = claim(vm, snapshotting())
    stop = Event()

    def held(progress: Progress) -> Returned:
        try:
            return run(progress, stop)
        finally:
            release(vm, mark)

    return Work(name, affects, held, cancel=stop.set, patience=PATIENCE, leave=_nothing, intent=intent)


def _nothing() -> None:
    """libvirt goes on while the server ends."""
