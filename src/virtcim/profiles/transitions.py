"""Carrying out a requested state: what RequestStateChange (DSP1057) and RequestPowerStateChange (DSP1027) share."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from virtcim.broker.provider import Progress, Refused, Returned, Work
from virtcim.host import domains
from virtcim.host.inventory import Vm
from virtcim.mapping import state
from virtcim.mapping.state import Refusal, StateRow

NO_CHANGE = 5  # TransitioningToState
NEVER_REQUESTED = 0  # RequestedState: Unknown
EXCLUSIVE_USE = 2  # ElementEffects of CIM_AffectedJobElement
# Needs the guest's help or writes its memory to disk: a job. The guest may be turned off meanwhile.
LONG = frozenset({"shutdown", "reboot", "save", "graceful_cycle"})
ALWAYS = "destroy"

_INTERVAL = re.compile(r"[\d*]{14}\.[\d*]{6}:000")
_SOME_TIME = re.compile(r"[1-9]")

Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Wish:
    """What was asked for, in the numbers of both profiles: RequestedState, and PowerState of RequestPowerStateChange."""

    requested: int
    power: int


def row_of(vm: Vm) -> StateRow:
    """The row of the state table that a virtual system is in."""
    return state.state_of(vm.state, vm.reason, vm.managed_save)


def last_wish(vm: Vm) -> Wish | None:
    """What was asked for last through CIM; kept in the domain's metadata. None when nothing ever was."""
    document = vm.defined_document or vm.state_document  # a restored image brings its old metadata back
    own = document.own_metadata
    if own.requested_state is None:
        return None
    power = own.requested_power_state
    return Wish(own.requested_state, state.POWER_OF_REQUEST.get(own.requested_state, 1) if power is None else power)


def available(vm: Vm, values: list[int], wanted: dict[int, str]) -> list[int]:
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


def carry_out(vm: Vm, name: str, verb: str | Refusal, wish: Wish) -> Returned | Work:
    """Do what the state table says; long work becomes a job. Refuses what it refuses, and what a job is in the way of."""
    if isinstance(verb, Refusal):
        shown = f"{row_of(vm).name.lower()}: {name} {wish.power if 'Power' in name else wish.requested}"
        raise Refused(verb.value, f"{vm.name} is {shown} {REASONS[verb]}")
    if vm.underway is not None and verb != ALWAYS:
        raise Refused("Busy", f"{vm.name} is on its way to another state already")
    if verb in LONG:
        return _job(vm, verb, wish)
    after = VERBS[verb](vm, domains.never)
    if after is not None:
        remember(after, wish)
    return Returned()


REASONS = {
    Refusal.NOT_SUPPORTED: "is not supported for this system",
    Refusal.INVALID_PARAMETER: "is no state that can be requested",
    Refusal.INVALID_TRANSITION: "is not possible from there",
}


def remember(vm: Vm, wish: Wish) -> Vm | None:
    """Keep the wish in the domain's metadata."""
    return domains.set_metadata(vm, requested_state=wish.requested, requested_power_state=wish.power)


def _job(vm: Vm, verb: str, wish: Wish) -> Work:
    """The wish shows from now on, and that the system is on its way until the work ends, in whatever way."""
    vm = remember(vm, wish) or vm
    vm = domains.set_underway(vm, (wish.requested, wish.power)) or vm
    stop = threading.Event()

    def run(_: Progress) -> Returned:
        try:
            VERBS[verb](vm, stop.is_set)
        finally:
            domains.set_underway(vm, None)
        return Returned()

    return Work(f"{verb} {vm.name}".replace("_", " "), vm, ((vm, EXCLUSIVE_USE),), run, stop.set)


def _reset(vm: Vm, _: Cancelled) -> Vm | None:
    """Reset leads to Active from Paused too, where QEMU stays paused (DSP1057 clause 7.1.7)."""
    after = domains.reset(vm)
    return domains.resume(after) if after is not None and row_of(after) is state.PAUSED else after


def _cycle(vm: Vm, _: Cancelled) -> Vm | None:
    after = domains.destroy(vm)
    return None if after is None else domains.start(after)


def _graceful_cycle(vm: Vm, cancelled: Cancelled) -> Vm | None:
    after = domains.shutdown(vm, cancelled=cancelled)
    return None if after is None else domains.start(after)


VERBS: dict[str, Callable[[Vm, Cancelled], Vm | None]] = {
    "start": lambda vm, _: domains.start(vm),
    "resume": lambda vm, _: domains.resume(vm),
    "wakeup": lambda vm, _: domains.wakeup(vm),
    "pause": lambda vm, _: domains.pause(vm),
    "destroy": lambda vm, _: domains.destroy(vm),
    "discard_saved": lambda vm, _: domains.discard_saved(vm),
    "save": lambda vm, _: domains.save(vm),
    "inject_nmi": lambda vm, _: domains.inject_nmi(vm),
    "shutdown": lambda vm, cancelled: domains.shutdown(vm, cancelled=cancelled),
    "reboot": lambda vm, cancelled: domains.reboot(vm, cancelled=cancelled),
    "reset": _reset,
    "cycle": _cycle,
    "graceful_cycle": _graceful_cycle,
}
