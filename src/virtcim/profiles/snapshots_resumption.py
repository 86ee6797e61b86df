"""The end of work on snapshots: what is kept of it, and what became of that of an earlier run of the server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Unknown, Work
from virtcim.host import domains
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping.snapshots import Applied
from virtcim.profiles import snapshots_external as external
from virtcim.profiles import snapshots_guard as guard
from virtcim.profiles.resumption import Waiting, identity_of
from virtcim.profiles.snapshots import Snapshot, current_of, snapshot_named
from virtcim.profiles.snapshots_external import Plan
from virtcim.profiles.storage_resumption import looking

KIND = "snapshot"
CREATE, APPLY, DESTROY = "create", "apply", "destroy"
SYSTEM = "destroySystem"


def intent_of(vm: Vm, verb: str, name: str, plan: Plan | None = None) -> Intent:
    """What is kept of work on a snapshot; `plan`: how to go back where libvirt cannot."""
    current = next((one.name for one in current_of(vm)), None)
    facts: Properties = {"uuid": vm.uuid, "system": vm.name, "verb": verb, "name": name, "current": current}
    facts["run"] = domains.run_of(vm)
    if plan is not None:
        facts["disks"] = [dev for dev, _ in plan.overlays]
        facts["files"] = [file for _, file in plan.overlays]
        facts["stale"] = [*plan.stale]
    return Intent(KIND, {**identity_of(vm.host), **facts})


def intent_of_system(vm: Vm) -> Intent:
    """What is kept of the end of a system with snapshots."""
    facts: Properties = {"uuid": vm.uuid, "system": vm.name, "verb": SYSTEM, "name": ""}
    return Intent(KIND, {**identity_of(vm.host), **facts})


def resume(world: Hosts, facts: Properties) -> Work:
    """The work of finding out what became of it, and of ending what stopped half way."""
    name, verb, system = str(facts["name"]), str(facts["verb"]), str(facts["system"])

    def look(host: Host, late: bool, progress: Progress, waiting: Waiting) -> Returned | None:
        vm = host.refresh(str(facts["uuid"]))
        now = domains.standing(host, str(facts["uuid"])) if vm else None
        if vm is None and verb == SYSTEM:
            return Returned()
        if vm is None:
            raise Refused("Failed", f"the system {system} is gone")
        if now is not None and now.job is not None:
            progress.percent = now.job
            return None
        returned = _verdict(vm, verb, name, facts, late)
        if returned is None and late and verb == SYSTEM:
            left = f"it is there with {len(vm.snapshots)} snapshots, and can be destroyed again"
            raise Refused("Failed", f"the server ended before the system {system} was destroyed: {left}")
        if returned is None and late:
            raise Refused("Failed", f"the server ended before the snapshot {name} of {system} {_PARTICIPLES[verb]}")
        return returned

    return looking(world, facts, look)


_PARTICIPLES = {CREATE: "was taken", APPLY: "was applied", DESTROY: "was destroyed"}


def _verdict(vm: Vm, verb: str, name: str, facts: Properties, late: bool) -> Returned | None:
    """What it returns if it is done; None while it is not. Errors: Refused, Unknown, HostError."""
    snapshot = snapshot_named(vm, name)
    if verb == DESTROY:
        return Returned() if snapshot is None else None
    if snapshot is None:
        return None
    if verb == CREATE:
        return Returned(ResultingSnapshot=snapshot)
    plan = _plan(facts)
    if plan.overlays and (external.lies_on(vm, dict(plan.overlays)) or _half_way(vm, snapshot, plan)):
        return applied(external.carry_out(vm, plan), name)
    return _gone_back(vm, snapshot, facts, late)


def _plan(facts: Properties) -> Plan:
    disks, files, stale = (_texts(facts.get(name)) for name in ("disks", "files", "stale"))
    return Plan(str(facts["name"]), tuple(zip(disks, files, strict=True)), tuple(stale))


def _half_way(vm: Vm, snapshot: Snapshot, plan: Plan) -> bool:
    """Whether the system is on the images of the snapshot themselves, on which it may not run."""
    images, frozen = guard.images_of(vm.defined_document or vm.state_document), guard.frozen_by(snapshot)
    return not vm.active and frozen <= set(images.values()) and frozen.isdisjoint(plan.stale)


def _gone_back(vm: Vm, snapshot: Snapshot, facts: Properties, late: bool) -> Returned | None:
    """By what libvirt shows: another current snapshot, or another run of the guest."""
    if snapshot.record.current and (facts["current"] != snapshot.name or domains.run_of(vm) != facts["run"]):
        return applied(vm, snapshot.name)
    if late and snapshot.record.current and facts["run"] is None:
        raise Unknown(f"whether {vm.name} was brought back to {snapshot.name}, libvirt does not tell: it is off")
    return None


def applied(vm: Vm, name: str) -> Returned:
    """Keep in the metadata of a system which snapshot was applied last."""
    snapshot = snapshot_named(vm, name)
    if snapshot is not None:
        domains.change_own_metadata(vm, partial(_remember, Applied.of(snapshot.head)))
    return Returned()


def _remember(text: str, own: Any) -> None:
    own.last_snapshot = text


def _texts(value: Any) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
