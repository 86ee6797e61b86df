"""Moving a virtual system: what is asked checked at both ends, then carried out as a job (DSP1081)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from virtcim.broker.call import Instance
from virtcim.broker.provider import Progress, Reference, Refused, Returned, Work
from virtcim.host import domains, obstacles, routes
from virtcim.host import migration as verbs
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.obstacles import About, Obstacle
from virtcim.host.routes import Route
from virtcim.host.states import emigrating
from virtcim.mapping import migration, state
from virtcim.mapping.migration import LIVE, OTHER, RESTART, RESUME, Manner, NotOffered
from virtcim.mapping.table import BadProperty
from virtcim.messages import Message, message
from virtcim.profiles.claims import claim, release
from virtcim.profiles.faults import telling
from virtcim.profiles.migration_changes import INCOMPATIBLE, Documents, Wanted, documents_of, wanted_of
from virtcim.profiles.migration_resumption import intent_of
from virtcim.profiles.requests import given
from virtcim.profiles.transitions import row_of

EXCLUSIVE_USE, PERFORMANCE_IMPACT = 2, 3  # ElementEffects
# MigrationType -> the states that it begins from
FROM = {
    LIVE: (state.ACTIVE, state.PAUSED),
    RESUME: (state.ACTIVE, state.PAUSED),
    RESTART: (state.ACTIVE,),
    OTHER: (state.DEFINED, state.ABORTED),
}
BY_DEFINITION = (RESTART, OTHER)
Way = Callable[[Manner], Route]
WHY_NOT: Mapping[About, Callable[[str, str, str], Message]] = {
    About.PROCESSORS: lambda name, to, why: message("MIGRATION_CPU_INCOMPATIBLE", name, to, why),
    About.STORAGE: lambda name, to, why: message("MIGRATION_STORAGE_NOT_SHARED", name, to, why),
    About.MORE: lambda name, to, why: message("MIGRATION_DEST_INCOMPATIBLE", name, to, why),
}


@dataclass(frozen=True)
class Asked:
    """The parameters that the four methods share."""

    system: Reference | None
    setting: Instance | None
    head: Instance | None
    resources: Sequence[Instance | None]


@dataclass(frozen=True)
class Plan:
    """A move that has passed what can be said of it without the destination."""

    vm: Vm
    manner: Manner
    route: Route
    wanted: Wanted
    documents: Documents


def plan(host: Host, asked: Asked, way: Way) -> Plan:
    """What a client asks for. Errors: Refused, HostError."""
    vm = _system(host, asked.system)
    manner = _manner(vm, asked.setting)
    route = way(manner)
    wanted = wanted_of(vm, asked.head, asked.resources)
    _check_state(vm, manner.type)
    return Plan(vm, manner, route, wanted, documents_of(vm, manner.type, wanted))


def _system(host: Host, reference: Reference | None) -> Vm:
    found = reference.target if reference else None
    vm = host.refresh(found.uuid) if isinstance(found, Vm) and found.host is host else None
    if vm is None:
        named = reference.path if reference else "nothing"
        raise Refused("Invalid Parameter", message("VS_NOT_FOUND", "ComputerSystem", host.name, named))
    return vm


def _manner(vm: Vm, setting: Instance | None) -> Manner:
    """With the MigrationType that its state asks for where the client names none."""
    where = "MigrationSettingData"
    try:
        asked = migration.manner(given(setting) if setting else {}, vm.platform)
    except NotOffered as bad:
        raise Refused("Not Supported", message(bad.symbol, where, bad.name, bad.reason)) from bad
    except BadProperty as bad:
        raise Refused("Invalid Parameter", message(bad.symbol, where, bad.name, bad.reason)) from bad
    usual = migration.default_type(vm.platform) if vm.active or vm.managed_save else OTHER
    return replace(asked, type=asked.type or usual)


def _check_state(vm: Vm, kind: int) -> None:
    if vm.underway is not None:
        raise Refused("Invalid State", message("VS_BUSY", vm.name))
    row = row_of(vm)
    if row not in FROM[kind]:
        what = f"MigrationType {kind} ({migration.TYPES[kind]})"
        raise Refused("Invalid State", message("MIGRATION_INVALID_STATE", vm.name, row.name.lower(), what))
    if kind in BY_DEFINITION and not vm.persistent:
        raise Refused("Invalid State", f"{vm.name} is transient: it has no definition to be moved by")
    if verbs.is_busy(vm.host, vm.uuid):
        raise Refused("Invalid State", f"libvirt is at work on {vm.name}, as when it is saved or moved by others")


# Checking


def check(world: Hosts, made: Plan) -> Returned:
    """Whether the move would be possible, and why not. Errors: Refused."""
    try:
        _, found = _look(world, made)
    except HostError as error:
        if error.kind is not Kind.UNREACHABLE:
            raise
        return Returned(IsMigratable=False).because(error.message)
    return Returned(IsMigratable=not found).because(why_not(made.vm.name, made.route.name, found) if found else "")


def why_not(name: str, destination: str, found: Sequence[Obstacle]) -> Message:
    """All that stands in the way; by the message of what is alone, or of its kind."""
    about = {one.about for one in found}
    tell = WHY_NOT[about.pop() if len(about) == 1 else About.MORE]
    return tell(name, destination, "; ".join(one.words for one in found))


def _look(world: Hosts, made: Plan) -> tuple[Route, list[Obstacle]]:
    """The way, with the host that it turns out to lead to, and what stands in it. Errors: Refused, HostError."""
    kind = made.manner.type
    running = kind not in BY_DEFINITION
    arrival = obstacles.Arrival(made.documents.shown, kind != OTHER, running, made.manner.copy_storage)
    with made.route.connection() as there:
        uuid = routes.host_uuid(there)
        if uuid is not None and uuid == made.vm.host.uuid:
            raise Refused(INCOMPATIBLE, message("MIGRATION_SAME_HOST", made.route.name, made.vm.name))
        host = next((one for one in world.hosts if uuid is not None and one.uuid == uuid), made.route.host)
        return replace(made.route, host=host), obstacles.obstacles(made.vm, there, arrival)


# Moving


def migrate(world: Hosts, made: Plan, *, returns: bool = False) -> Work:
    """The job of a move; `returns`: whether its result is the system at the destination. Errors: Refused."""
    try:
        route, found = _look(world, made)
    except HostError as error:
        if error.kind is not Kind.UNREACHABLE:
            raise
        raise Refused("Failed", error.message) from error
    if found:
        raise Refused(INCOMPATIBLE, why_not(made.vm.name, route.name, found))
    return _job(replace(made, route=route), returns)


def _job(made: Plan, returns: bool) -> Work:
    vm, route = made.vm, made.route
    run_number = domains.run_of(vm)
    out = claim(vm, emigrating())
    stop, left = threading.Event(), threading.Event()
    affects: list[tuple[object, int]] = [(vm, PERFORMANCE_IMPACT if made.manner.type == LIVE else EXCLUSIVE_USE)]

    def run(progress: Progress) -> Returned:
        try:
            _carry_out(made, progress, stop.is_set, lambda: stop.is_set() or left.is_set())
        finally:
            release(vm, out)
        new = None if route.host is None else route.host.vm(vm.uuid)
        if new is not None:
            affects.append((new, affects[0][1]))
        return Returned(NewComputerSystem=new) if returns else Returned()

    intent = intent_of(vm, route, made.manner, run_number, returns=returns)
    name = f"move {vm.name} to {route.name}"
    return Work(name, affects, run, cancel=stop.set, kill=stop.set, leave=left.set, intent=intent)


def _carry_out(made: Plan, progress: Progress, cancelled: Callable[[], bool], over: Callable[[], bool]) -> None:
    vm, route, wanted, documents = made.vm, made.route, made.wanted, made.documents

    def told(percent: int) -> None:
        progress.percent = percent

    with _telling(vm.name, route.name):
        if made.manner.type == OTHER:
            verbs.relocate(vm, route, str(documents.definition), wanted.autostart)
        elif made.manner.type == RESTART:
            verbs.restart(vm, route, str(documents.definition), wanted.autostart, told, over)
        else:
            verbs.transfer(vm, _transfer(made), told, cancelled)


@contextmanager
def _telling(name: str, destination: str) -> Iterator[None]:
    """What libvirt or the emulator says of a move that did not succeed, as the message of that."""
    with (
        telling(Kind.FAILED, lambda why: message("MIGRATION_FAILED", name, destination, why)),
        telling(Kind.CANCELLED, lambda why: message("MIGRATION_ABORTED", name, destination, why)),
    ):
        yield


def _transfer(made: Plan) -> verbs.Transfer:
    manner = made.manner
    return verbs.Transfer(
        route=made.route,
        name=made.wanted.name,
        live=manner.type == LIVE,
        bandwidth=manner.bandwidth,
        copies=manner.copy_storage,
        unsafe=manner.unsafe,
        converge=manner.converge,
        document=made.documents.running,
        definition=made.documents.definition if made.documents.running else None,
        autostart=made.wanted.autostart,
    )
