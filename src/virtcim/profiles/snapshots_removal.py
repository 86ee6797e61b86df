"""The snapshots of a system that is destroyed: they go before it, the youngest first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event

from virtcim.broker.provider import Progress, Refused, Returned, Work
from virtcim.host import domains, snapshots
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Vm
from virtcim.host.states import snapshotting
from virtcim.profiles.claims import claim, release
from virtcim.profiles.snapshots import Snapshot, children_of, snapshots_of
from virtcim.profiles.snapshots_guard import refuse_destroy
from virtcim.profiles.snapshots_requests import EXCLUSIVE_USE, PATIENCE, remove
from virtcim.profiles.snapshots_resumption import intent_of_system

log = logging.getLogger(__name__)


def work(vm: Vm, rest: Callable[[Vm], Returned]) -> Work:
    """The work of destroying a system with snapshots; `rest` destroys one without. Errors: Refused."""
    intent = intent_of_system(vm)
    latest = vm.host.vm(vm.uuid)
    if latest is not None and latest.underway is not None and not latest.underway.operating:
        vm.host.set_underway(vm.uuid, None)  # whatever a job was about is over
    mark = claim(vm, snapshotting())

    def run(progress: Progress) -> Returned:
        try:
            left = _without_snapshots(vm, progress)
        finally:
            release(vm, mark)
        return rest(left) if left is not None else Returned()

    return Work(f"destroy {vm.name} with its snapshots", [(vm, EXCLUSIVE_USE)], run, patience=PATIENCE, intent=intent)


def _without_snapshots(vm: Vm, progress: Progress) -> Vm | None:
    """The system, off and without snapshots; None when it is gone with them. Errors: HostError."""
    present = _off(vm) if vm.persistent else vm
    total = len(vm.snapshots)
    while present is not None and (found := _youngest(present)) is not None:
        _remove(found)
        present = vm.host.vm(vm.uuid)
        progress.percent = 100 - 100 * len(present.snapshots) // total if present else 100
    return present


def _off(vm: Vm) -> Vm | None:
    present = vm.host.refresh(vm.uuid)
    try:
        return domains.destroy(present) if present is not None and present.active else present
    except HostError as error:
        if error.kind is not Kind.INVALID_STATE:  # it went off by itself meanwhile
            raise
        return vm.host.refresh(vm.uuid)


def _youngest(vm: Vm) -> Snapshot | None:
    """One from which no other descends."""
    return next((one for one in reversed(snapshots_of(vm)) if not children_of(one)), None)


def _remove(snapshot: Snapshot) -> None:
    """What cannot be merged or taken out of an image, such as one that is missing, does not hold the system."""
    try:
        refuse_destroy(snapshot)
        remove(snapshot, Progress(), Event())
    except (HostError, Refused) as error:
        if isinstance(error, HostError) and error.kind is Kind.UNREACHABLE:
            raise
        log.warning("of the snapshot %s of %s files are left: %s", snapshot.name, snapshot.vm.name, error)
        snapshots.forget(snapshot.vm, snapshot.name)
