"""What every verb on a domain begins and ends with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import libvirt

from virtcim.host.errors import HostError, Kind
from virtcim.host.states import DomainState
from virtcim.host.system import Host, Vm
from virtcim.messages import message

RUNNING = frozenset({DomainState.RUNNING, DomainState.BLOCKED})
PAUSED = frozenset({DomainState.PAUSED})


@contextmanager
def opened(vm: Vm) -> Iterator[libvirt.virDomain]:
    """The domain on a connection of its own. HostError(NOT_FOUND) when it is gone."""
    with vm.host.link.borrow() as connection:
        yield connection.lookupByUUIDString(vm.uuid)


def state_of(domain: libvirt.virDomain) -> DomainState:
    """The state now, not as last read."""
    return DomainState(domain.state()[0])


def require(domain: libvirt.virDomain, verb: str, allowed: Collection[DomainState]) -> None:
    """HostError(INVALID_STATE) unless the domain is in one of the states; libvirt's codes do not tell."""
    state = state_of(domain)
    if state not in allowed:
        raise refused(domain, verb, state.name.lower())


def require_active(domain: libvirt.virDomain, verb: str) -> None:
    if not domain.isActive():
        raise refused(domain, verb, "not active")


def require_inactive(domain: libvirt.virDomain, verb: str) -> None:
    if domain.isActive():
        raise refused(domain, verb, state_of(domain).name.lower())


def require_persistent(domain: libvirt.virDomain, verb: str) -> None:
    if not domain.isPersistent():
        raise refused(domain, verb, "transient")


def refused(domain: libvirt.virDomain, verb: str, condition: str) -> HostError:
    return HostError(Kind.INVALID_STATE, message("VS_STATE_REFUSED", verb, domain.name(), condition))


def affect(live: bool, config: bool) -> list[int]:
    """The flags of one call each, the running domain first: some drivers take only one at a time."""
    flags = [libvirt.VIR_DOMAIN_AFFECT_LIVE] * live + [libvirt.VIR_DOMAIN_AFFECT_CONFIG] * config
    if not flags:
        raise HostError(Kind.INVALID, "neither the running domain nor its configuration is to be changed")
    return flags


def known(vm: Vm | None, uuid: str, host: Host) -> Vm:
    """The Vm, which must be there after a verb that leaves a domain behind."""
    if vm is None:
        raise HostError(Kind.NOT_FOUND, f"domain {uuid} disappeared from {host.link.shown_uri}")
    return vm


def change(vm: Vm, call: Callable[[libvirt.virDomain], object]) -> Vm | None:
    """Do the call, then read the domain again, so that the next reader sees what was done."""
    with opened(vm) as domain:
        call(domain)
    return vm.host.refresh(vm.uuid)
