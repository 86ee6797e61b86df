"""Requests for disks as what they mean for volumes: made when a disk asks for storage, resized, and removed with it.

What is no matter of volumes is passed on to the requests of DSP1050, and by those to the management service's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Event

from virtcim.broker.call import Instance
from virtcim.broker.provider import Progress, Refused, Returned, Work
from virtcim.host.inventory import Host, Vm
from virtcim.profiles import (
    definition,
    destruction,
    dsp1047_changes,
    dsp1047_volumes,
    dsp1050_requests,
    snapshots_removal,
    storage_resumption,
)
from virtcim.profiles.definition import Pattern
from virtcim.profiles.dsp1047_owning import deallocate, deallocating, disown, is_used, own, owned_by, owned_of
from virtcim.profiles.dsp1047_paths import resolved
from virtcim.profiles.dsp1047_sharing import refuse_shared_with
from virtcim.profiles.dsp1047_volumes import Plan
from virtcim.profiles.dsp1050_requests import Both
from virtcim.profiles.dsp1059_sharing import refuse_taken_with
from virtcim.profiles.elements import Configuration, Setting
from virtcim.profiles.requests import Undo, given, undoing

CREATES = 5  # ElementEffects, "Manages"
PATIENCE = 5.0  # seconds that a call waits for its volumes before it answers with a job
NAMES = ("VirtualSystemIdentifier", "ElementName")

Rest = Callable[[list[Instance], Undo], Returned]  # what is left to do once the volumes are there


def add(configuration: Configuration, instances: Sequence[Instance]) -> Returned | Work:
    """AddResourceSettings; a job where a volume is made that is set aside wholly. Errors: Refused, HostError."""
    vm = configuration.vm
    instances = resolved(vm.host, instances)
    running = vm.active and not configuration.defined

    def rest(ready: list[Instance], undo: Undo) -> Returned:
        numbered = _but_connections(ready)
        if running:
            refuse_shared_with(vm, numbered)
            refuse_taken_with(vm, numbered)
        own(vm, deallocating(vm.host, numbered), undo)
        return Returned(ResultingResourceSettings=dsp1050_requests.add(configuration, ready))

    return _with_volumes("AddResourceSettings", vm.host, vm.name, instances, rest, [vm])


def define(
    host: Host, system: Instance | None, instances: Sequence[Instance], reference: Pattern | None
) -> Returned | Work:
    """DefineSystem; a job as `add`. Errors: Refused, HostError."""
    instances = resolved(host, instances)

    def rest(ready: list[Instance], undo: Undo) -> Returned:
        wired = dsp1050_requests.joined(host, ready)
        locations = deallocating(host, _but_connections(ready))
        vm = definition.define(host, system, wired, reference)
        undo(partial(destruction.destroy, vm))
        own(vm, locations, undo)
        return Returned(ResultingSystem=host.vm(vm.uuid) or vm)

    head = given(system) if system else {}
    name = str(next((head[one] for one in NAMES if head.get(one)), ""))
    return _with_volumes("DefineSystem", host, name, instances, rest, [])


def _but_connections(instances: Sequence[Instance]) -> dict[int, Instance]:
    """What may be a disk, by its number in the request."""
    return {number: one for number, one in enumerate(instances) if not dsp1050_requests.is_connection(one)}


def _with_volumes(
    method: str, host: Host, system: str, instances: Sequence[Instance], rest: Rest, affected: Sequence[Vm]
) -> Returned | Work:
    """Make the volumes that are asked for, then do the rest; all of it or nothing."""
    wanted = dsp1047_volumes.plans(host, system, instances)
    stop = Event()

    def run(progress: Progress) -> Returned:
        with undoing() as undo:
            ready = _ready(instances, wanted, undo, progress, stop)
            return rest(ready, undo)

    if any(plan.request.full for plan in wanted):
        intent = storage_resumption.of_volumes(host, [storage_resumption.made_by(plan) for plan in wanted], used=True)
        affects = [(vm, CREATES) for vm in affected]
        return Work(method, affects, run, stop.set, PATIENCE, leave=stop.set, intent=intent)
    return run(Progress())


def _ready(
    instances: Sequence[Instance], wanted: Sequence[Plan], undo: Undo, progress: Progress, stop: Event
) -> list[Instance]:
    ready = list(instances)
    for plan in wanted:
        ready = dsp1047_volumes.filled(ready, plan, dsp1047_volumes.make(plan, undo, progress))
        if stop.is_set():
            raise Refused("Failed", f"it was ended while the volume {plan.request.name} was made")
    return ready


def modify(host: Host, instances: Sequence[Instance]) -> Returned:
    """ModifyResourceSettings; sizes grow after all else has changed. Errors: Refused, HostError."""
    instances = resolved(host, instances)
    changes = [dsp1047_changes.change_of(host, number, one) for number, one in enumerate(instances)]
    stripped = [dsp1047_changes.rest_of(one, change) for one, change in zip(instances, changes, strict=True)]

    carry_out = partial(dsp1047_changes.carry_out, changes)
    return Returned(ResultingResourceSettings=dsp1050_requests.modify(host, stripped, carry_out))


def remove(targets: Sequence[Both]) -> Returned | Work:
    """RemoveResourceSettings; volumes that belong to their disks go as well. Errors: Refused, HostError."""
    owned = [(one.vm, location) for one in targets if isinstance(one, Setting) for location in owned_of(one)]

    def last(undo: Undo) -> None:
        unused = [(vm, location) for vm, location in owned if not is_used(vm.host, location)]
        for vm, location in unused:
            disown(vm, [location], undo)
        for vm, location in unused:
            deallocate(vm.host, location)

    return dsp1050_requests.remove(targets, last)


def destroy(vm: Vm) -> Returned | Work:
    """DestroySystem; the volumes that belong to its disks go as well. A job where snapshots are removed first.

    Errors: Refused, HostError.
    """
    if vm.snapshots:
        return snapshots_removal.work(vm, _destroy)
    return _destroy(vm)


def _destroy(vm: Vm) -> Returned:
    locations = owned_by(vm)
    destruction.destroy(vm)
    for location in locations:
        deallocate(vm.host, location)
    return Returned()
