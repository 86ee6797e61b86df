"""Carrying out a requested state: what RequestStateChange (DSP1057) and RequestPowerStateChange (DSP1027) share."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.call import CIMError, Status
from virtcim.broker.provider import Progress, Refused, Returned, Work
from virtcim.host import domains
from virtcim.host.errors import Kind
from virtcim.host.inventory import Underway, Vm
from virtcim.host.states import DomainState
from virtcim.mapping import state
from virtcim.mapping.state import Refusal, StateRow
from virtcim.messages import Message, message
from virtcim.profiles.dsp1044_sharing import refuse_dedicated
from virtcim.profiles.dsp1047_sharing import refuse_shared
from virtcim.profiles.dsp1059_sharing import refuse_taken
from virtcim.profiles.faults import telling
from virtcim.profiles.resumption import ABORTED, intent_of
from virtcim.profiles.snapshots_guard import refuse_kept

log = logging.getLogger(__name__)

OTHER = 1  # PowerState
NO_CHANGE = 5  # TransitioningToState
IDLE_POWER = 19  # TransitioningToPowerState: No Change
NEVER_REQUESTED = 0  # RequestedState: Unknown
EXCLUSIVE_USE = 2  # ElementEffects of CIM_AffectedJobElement
RESTORING = "restore"
# Needs the guest's help, or writes its memory to disk or reads it from there: a job. It may be turned off meanwhile.
LONG = frozenset({"shutdown", "reboot", "save", "graceful_cycle", RESTORING})
ALWAYS = "destroy"
STARTING = ("start", RESTORING)
PATIENCE = {RESTORING: 5.0}  # seconds that a client waits before it is told of a job; libvirt cannot give this one up

_INTERVAL = re.compile(r"[\d*]{14}\.[\d*]{6}:000")
_SOME_TIME = re.compile(r"[1-9]")

Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Wish:
    """What was asked for in the numbers of both profiles: RequestedState and PowerState, as the methods take them."""

    requested: int
    power: int


@dataclass(frozen=True)
class Going:
    """What work asks and tells on its way: whether it is given up, or nobody waits any more, and how far it is."""

    cancelled: Cancelled
    over: Cancelled
    told: Callable[[int], None]


AT_ONCE = Going(lambda: False, lambda: False, lambda _: None)


def row_of(vm: Vm) -> StateRow:
    """The row of the state table that a virtual system is in."""
    row = state.state_of(vm.state, vm.reason, vm.managed_save)
    return state.moving(row, vm.underway.operating) if vm.underway and vm.underway.operating else row


def last_wish(vm: Vm) -> Wish | None:
    """What was asked for last through CIM; kept in the domain's metadata. None when nothing ever was."""
    document = vm.defined_document or vm.state_document  # a restored image brings its old metadata back
    own = document.own_metadata
    try:
        requested, power = own.requested_state, own.requested_power_state
    except ValueError as error:  # anybody can edit metadata; that must not hide the virtual system
        log.warning("metadata of %s: %s", vm.name, error)
        return None
    if requested is None:
        return None
    return Wish(requested, state.POWER_OF_REQUEST.get(requested, OTHER) if power is None else power)


def available(vm: Vm, values: list[int], wanted: Mapping[int, str]) -> list[int]:
    """Those of the values that can be requested now: while a job is at work, only to turn the system off."""
    return [value for value in values if vm.underway is None or wanted[value] == ALWAYS]


def check_timeout(period: str | None) -> None:
    """Refuse a TimeoutPeriod that is no interval, or that asks for a limit (4098)."""
    if period is None:
        return
    if not _INTERVAL.fullmatch(period):
        raise Refused("Invalid Parameter", f"TimeoutPeriod {period!r} is no interval")
    if _SOME_TIME.search(period[:-4]):
        raise Refused("Use of Timeout Parameter Not Supported", "TimeoutPeriod can only be absent or zero")


def current(vm: Vm) -> Vm:
    """The virtual system as libvirt has it now: the event of its last change may still be on its way."""
    found = vm.host.refresh(vm.uuid)
    if found is None:
        raise CIMError(Status.NOT_FOUND, message("VS_GONE", vm.name))
    return found


def carry_out(vm: Vm, asked: str, verb: str | Refusal, wish: Wish) -> Returned | Work:
    """Do what the state table says; long work becomes a job. `asked` is the request in words.

    Refuses what the table refuses, and what a job is in the way of.
    """
    if isinstance(verb, Refusal):
        raise Refused(verb.value, REASONS[verb](vm.name, row_of(vm).name.lower(), asked))
    if verb == ALWAYS:
        vm.host.set_underway(vm.uuid, None)  # whatever a job was about is over
    elif vm.underway is not None:
        raise Refused("Busy", message("VS_BUSY", vm.name))
    if verb in STARTING and not vm.active:
        refuse_shared(vm)
        refuse_kept(vm)
        refuse_taken(vm)
        refuse_dedicated(vm)
    if verb in LONG:
        return _job(vm, verb, wish)
    after = _done(vm, verb, AT_ONCE)
    if after is not None:
        remember(after, wish)
    return Returned()


REASONS: Mapping[Refusal, Callable[[str, str, str], Message]] = {
    Refusal.NOT_SUPPORTED: lambda name, now, asked: message("VS_STATE_UNSUPPORTED", name, now, asked),
    Refusal.INVALID_PARAMETER: lambda name, now, asked: message("VS_STATE_UNKNOWN", name, now, asked),
    Refusal.INVALID_TRANSITION: lambda name, now, asked: message("VS_INVALID_STATE", name, now, asked),
}


def remember(vm: Vm, wish: Wish) -> Vm | None:
    """Keep the wish in the domain's metadata."""

    def write(own: Any) -> None:
        own.requested_state, own.requested_power_state = wish.requested, wish.power

    return domains.change_own_metadata(vm, write)


def _job(vm: Vm, verb: str, wish: Wish) -> Work:
    """The wish shows from now on, and that the system is on its way until the work ends, in whatever way."""
    run_number = domains.run_of(vm)
    with vm.host.lock(vm.uuid):
        latest = vm.host.vm(vm.uuid)
        if latest is not None and latest.underway is not None:
            raise Refused("Busy", message("VS_BUSY", vm.name))
        vm = remember(vm, wish) or vm
        vm = vm.host.set_underway(vm.uuid, Underway(wish.requested, wish.power)) or vm
    stop, left = threading.Event(), threading.Event()

    def run(progress: Progress) -> Returned:
        going = Going(stop.is_set, lambda: stop.is_set() or left.is_set(), partial(_told, progress))
        return _bring(vm, verb, wish, going)

    return Work(
        f"{verb} {vm.name}".replace("_", " "),
        ((vm, EXCLUSIVE_USE),),
        run,
        cancel=None if verb == RESTORING else stop.set,
        patience=PATIENCE.get(verb, 0.0),
        kill=stop.set if verb in ABORTED else None,
        leave=left.set,
        intent=intent_of(vm, verb, run_number),
    )


def _done(vm: Vm, verb: str, going: Going) -> Vm | None:
    """What is left of the system once a verb is done. Errors: Refused, HostError."""
    with telling(Kind.FAILED, lambda why: message("VS_TRANSITION_FAILED", vm.name, verb.replace("_", " "), why)):
        return VERBS[verb](vm, going)


def _bring(vm: Vm, verb: str, wish: Wish, going: Going) -> Returned:
    """To the state that a job is about."""
    try:
        after = _done(vm, verb, going)
        if verb == RESTORING and after is not None:
            remember(after, wish)  # the image has brought its old metadata back
    finally:
        if _still_underway(vm):
            vm.host.set_underway(vm.uuid, None)
    return Returned()


def _told(progress: Progress, percent: int) -> None:
    progress.percent = percent


def _still_underway(vm: Vm) -> bool:
    """Whether no later request has taken over from the one that `vm` shows."""
    latest = vm.host.vm(vm.uuid)
    return latest is None or latest.underway is vm.underway


def _running(after: Vm | None) -> Vm | None:
    """Start and reset lead to Active, where libvirt keeps a system paused that was paused before (clause 7.1)."""
    return domains.resume(after) if after is not None and after.state is DomainState.PAUSED else after


def _cycle(vm: Vm, _: Going) -> Vm | None:
    after = domains.destroy(vm)
    return None if after is None else domains.start(after)


def _graceful_cycle(vm: Vm, going: Going) -> Vm | None:
    after = domains.shutdown(vm, cancelled=going.over)
    if after is None or not _still_underway(vm):
        raise Refused("Failed", f"{vm.name} was turned off meanwhile: it is not started again")
    return domains.start(after)


VERBS: dict[str, Callable[[Vm, Going], Vm | None]] = {
    "start": lambda vm, _: _running(domains.start(vm)),
    "restore": lambda vm, _: _running(domains.start(vm)),
    "resume": lambda vm, _: domains.resume(vm),
    "wakeup": lambda vm, _: domains.wakeup(vm),
    "pause": lambda vm, _: domains.pause(vm),
    "destroy": lambda vm, _: domains.destroy(vm),
    "discard_saved": lambda vm, _: domains.discard_saved(vm),
    "save": lambda vm, going: domains.save(vm, going.told, going.cancelled),
    "inject_nmi": lambda vm, _: domains.inject_nmi(vm),
    "shutdown": lambda vm, going: domains.shutdown(vm, cancelled=going.over),
    "reboot": lambda vm, going: domains.reboot(vm, cancelled=going.over),
    "reset": lambda vm, _: _running(domains.reset(vm)),
    "cycle": _cycle,
    "graceful_cycle": _graceful_cycle,
}
