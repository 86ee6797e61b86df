"""Moving domains to other hosts. Each verb blocks until done; when it fails, the domain is here as it was before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import libvirt

from virtcim.host import domains
from virtcim.host.calls import PAUSED, RUNNING, opened, require, require_inactive, require_persistent
from virtcim.host.errors import HostError, Kind, unsupported
from virtcim.host.reading import found
from virtcim.host.routes import Route
from virtcim.host.system import Host, Vm
from virtcim.host.underway import Told, followed, standing
from virtcim.host.watches import never

log = logging.getLogger(__name__)

_KEEP_NVRAM = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM  # the definition goes on elsewhere, perhaps with this very file
_MIGRATABLE = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
OFF, MOVED = 50, 90  # percent of a restart: the guest is off, and it runs there


@dataclass(frozen=True)
class Transfer:
    """How a running domain is moved: while it runs, or else paused. `bandwidth` in MiB/s, 0 for libvirt's own.

    Documents are None where they stay what they are; `definition` is the persistent one.
    """

    route: Route
    name: str
    live: bool
    bandwidth: int = 0
    copies: bool = False
    unsafe: bool = False
    converge: bool = False
    document: str | None = None
    definition: str | None = None
    autostart: bool = False


def live_document(vm: Vm) -> str:
    """The running document in the form that another host takes, with its secrets."""
    with opened(vm) as domain:
        return domain.XMLDesc(_MIGRATABLE)


def is_busy(host: Host, uuid: str) -> bool:
    """Whether libvirt has a job on the domain, such as moving it away."""
    now = standing(host, uuid)
    return now is not None and now.job is not None


def transfer(vm: Vm, how: Transfer, told: Told, cancelled: Callable[[], bool] = never) -> None:
    """Move a running domain with its memory. HostError(CANCELLED) when `cancelled` says so: it goes on here then."""
    with opened(vm) as domain:
        require(domain, "move", RUNNING | PAUSED)
        flags = _flags(domain, how)
        parameters = _parameters(vm, how)
        with followed(vm, told, cancelled):
            _transfer(domain, how.route, parameters, flags)
    _arrived(vm, how.route, how.autostart)


def _transfer(domain: libvirt.virDomain, route: Route, parameters: dict[str, Any], flags: int) -> None:
    if route.uri:
        domain.migrateToURI3(route.uri, parameters, flags | libvirt.VIR_MIGRATE_PEER2PEER)
        return
    with route.connection() as there:
        domain.migrate3(there, parameters, flags)


def _flags(domain: libvirt.virDomain, how: Transfer) -> int:
    """A transient domain is transient there; one that is paused stays paused."""
    persistent = libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    wanted = {
        libvirt.VIR_MIGRATE_ABORT_ON_ERROR: True,
        persistent: bool(domain.isPersistent()),
        libvirt.VIR_MIGRATE_LIVE: how.live,
        libvirt.VIR_MIGRATE_PAUSED: domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED,
        libvirt.VIR_MIGRATE_NON_SHARED_DISK: how.copies,
        libvirt.VIR_MIGRATE_UNSAFE: how.unsafe,
        libvirt.VIR_MIGRATE_AUTO_CONVERGE: how.converge,
        libvirt.VIR_MIGRATE_TLS: how.route.tls,
        libvirt.VIR_MIGRATE_TUNNELLED: how.route.tunnelled,
    }
    return sum(flag for flag, is_wanted in wanted.items() if is_wanted)


def _parameters(vm: Vm, how: Transfer) -> dict[str, Any]:
    socket = f"unix://{how.route.socket}/virtcim-{vm.uuid}.sock" if how.route.socket else None
    given: dict[str, Any] = {
        libvirt.VIR_MIGRATE_PARAM_DEST_NAME: how.name if how.name != vm.name else None,
        libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: how.bandwidth or None,
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: how.document,
        libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: how.definition,
        libvirt.VIR_MIGRATE_PARAM_URI: socket,
        libvirt.VIR_MIGRATE_PARAM_DISKS_URI: f"{socket}.disks" if socket and how.copies else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def relocate(vm: Vm, route: Route, definition: str, autostart: bool) -> None:
    """Move the definition of a domain that is off."""
    with vm.host.lock(vm.uuid), opened(vm) as domain, route.connection() as there:
        require_inactive(domain, "move the definition of")
        require_persistent(domain, "move the definition of")
        made = there.defineXML(definition)
        try:
            _undefine(domain)
        except libvirt.libvirtError:
            _undefine(made)
            raise
    _arrived(vm, route, autostart)


def restart(
    vm: Vm, route: Route, definition: str, autostart: bool, told: Told, cancelled: Callable[[], bool] = never
) -> None:
    """Shut the guest down here and start it there; it is started here again when that fails."""
    domains.shutdown(vm, cancelled=cancelled)
    told(OFF)
    begun: list[libvirt.virDomain] = []
    try:
        with opened(vm) as domain, route.connection() as there:
            begun.append(there.defineXML(definition))
            begun[0].create()
            told(MOVED)
            _undefine(domain)
    except HostError as error:
        _start_here(vm, route, error, begun=bool(begun))
        raise
    _arrived(vm, route, autostart)


def _start_here(vm: Vm, route: Route, error: HostError, *, begun: bool) -> None:
    """Unless it may run there: it must not run twice. HostError with all that is wrong when it does not run here."""
    try:
        if begun:
            _take_back(vm, route)
        domains.start(vm)
    except HostError as second:
        text = f"{error.message}; {vm.name} is not started here again: {second.message}"
        raise HostError(Kind.FAILED, text) from second


def _take_back(vm: Vm, route: Route) -> None:
    """Remove what was defined there. HostError(INVALID_STATE) when it runs there."""
    with route.connection() as there:
        made = found(there.lookupByUUIDString, vm.uuid)
        if made is not None:
            require_inactive(made, "take back")
            _undefine(made)


def standing_at(route: Route, uuid: str) -> bool | None:
    """Whether a domain is active at the destination; None when it is not there. HostError(UNREACHABLE)."""
    with route.connection() as there:
        domain = found(there.lookupByUUIDString, uuid)
        return None if domain is None else bool(domain.isActive())


def _undefine(domain: libvirt.virDomain) -> None:
    try:
        domain.undefineFlags(_KEEP_NVRAM)
    except libvirt.libvirtError as error:
        if not unsupported(error):
            raise
        domain.undefine()


def _arrived(vm: Vm, route: Route, autostart: bool) -> None:
    """Show that it is gone here, then that it is there. Autostart is no part of what libvirt moves."""
    if autostart:
        try:
            with route.connection() as there:
                there.lookupByUUIDString(vm.uuid).setAutostart(1)
        except HostError as error:
            log.warning("%s has been moved to %s, but does not start by itself there: %s", vm.name, route.name, error)
    vm.host.refresh(vm.uuid)
    if route.host is not None:
        route.host.refresh(vm.uuid)
