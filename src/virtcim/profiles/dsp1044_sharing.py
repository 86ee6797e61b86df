"""A processor of the host that is dedicated to one active system is bound to by no other (DSP1044)."""

from __future__ import annotations

from typing import Any

from virtcim.broker.provider import Refused
from virtcim.host.inventory import Vm
from virtcim.mapping import affinity
from virtcim.messages import message
from virtcim.profiles.elements import kept, state_of

MARK = "cpuset="
Bound = tuple[frozenset[int], frozenset[int]]  # the processors that a system is bound to, and those for it alone
FREE: Bound = (frozenset(), frozenset())


def bound_of(vm: Vm) -> Bound:
    """Of the system as it runs, or would."""
    return kept(vm, "_bound", lambda: _bound(state_of(vm).document)) if MARK in vm.state_xml else FREE


def _bound(document: Any) -> Bound:
    return affinity.bound_cpus(document), affinity.dedicated(document)


def refuse_dedicated(vm: Vm) -> None:
    """Before a system becomes active. Errors: Refused."""
    _refuse(vm, bound_of(vm), "In Use", vm.name)


def refuse_dedicated_with(vm: Vm, document: Any, where: str) -> None:
    """Before the processors of an active system are bound as a document says. Errors: Refused."""
    _refuse(vm, _bound(document), "Failed", f"{where}.HostResource")


def _refuse(vm: Vm, wanted: Bound, answer: str, where: str) -> None:
    for other in vm.host.vms if wanted[0] else ():
        if other.active and other.uuid != vm.uuid:
            theirs = bound_of(other)
            taken = (wanted[1] & theirs[0]) | (wanted[0] & theirs[1])
            if taken:
                numbers = affinity.cpu_list(taken)
                raise Refused(answer, message("RESOURCE_DEDICATED", where, other.name, numbers))
