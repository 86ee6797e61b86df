"""The verbs on domains. Each blocks until done, refreshes the inventory and answers the new Vm, None when it is gone.

Every verb raises HostError: INVALID_STATE where the domain's state forbids it, NOT_FOUND when the domain is gone,
UNREACHABLE when libvirt is, otherwise what libvirt says.
"""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from virtcim.host.calls import (
    PAUSED,
    RUNNING,
    change,
    opened,
    refused,
    require,
    require_active,
    require_inactive,
    require_persistent,
)
from virtcim.host.definition import define, define_new, definition, edit, put_back, remove, rename, undefine
from virtcim.host.errors import HostError, Kind
from virtcim.host.events import Event, EventKind
from virtcim.host.hotplug import attach, detach, live_secure_xml, running, update
from virtcim.host.states import DomainState
from virtcim.host.system import Vm
from virtcim.host.tuning import (
    change_own_metadata,
    set_autostart,
    set_labels,
    set_memory,
    set_memory_limits,
    set_metadata,
    set_pins,
    set_scheduler,
    set_vcpus,
)
from virtcim.host.underway import Told, abort, followed, run_of, silent, standing
from virtcim.host.watches import never
from virtcim.messages import message

MONITOR_LOST = 2.0  # seconds until a guest whose monitor is gone is seen to be off

__all__ = [
    "abort",
    "attach",
    "change_own_metadata",
    "define",
    "define_new",
    "definition",
    "destroy",
    "detach",
    "discard_saved",
    "edit",
    "inject_nmi",
    "live_secure_xml",
    "pause",
    "put_back",
    "reboot",
    "remove",
    "rename",
    "reset",
    "resume",
    "run_of",
    "running",
    "save",
    "set_autostart",
    "set_labels",
    "set_memory",
    "set_memory_limits",
    "set_metadata",
    "set_pins",
    "set_scheduler",
    "set_vcpus",
    "shutdown",
    "standing",
    "start",
    "undefine",
    "update",
    "wakeup",
]

_REBOOT_EVENTS = {"KVM"}  # platforms whose driver announces that a reboot took place; elsewhere the call itself is it


def start(vm: Vm) -> Vm | None:
    """Activate a domain that is off, from its saved image if it has one."""

    def call(domain: libvirt.virDomain) -> None:
        require_inactive(domain, "start")
        domain.create()

    return change(vm, call)


def resume(vm: Vm) -> Vm | None:
    """Let a paused domain run."""

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "resume", PAUSED)
        domain.resume()

    return change(vm, call)


def wakeup(vm: Vm) -> Vm | None:
    """Wake a domain whose guest suspended itself."""

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "wake", {DomainState.PMSUSPENDED})
        domain.pMWakeup()

    return change(vm, call)


def pause(vm: Vm) -> Vm | None:
    """Stop the virtual processors of a running domain."""

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "pause", RUNNING)
        domain.suspend()

    return change(vm, call)


def destroy(vm: Vm) -> Vm | None:
    """Power the domain off at once; a transient one is gone then."""
    with opened(vm) as domain:
        require_active(domain, "destroy")
        try:
            domain.destroy()
        except libvirt.libvirtError as error:
            # libvirt 9.0 says so of a transient domain that it has destroyed, after a restart of its daemon.
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
    return vm.host.refresh(vm.uuid)


def save(vm: Vm, told: Told = silent, cancelled: Callable[[], bool] = never) -> Vm | None:
    """Suspend to disk as libvirt's managed save; the next start goes on from there.

    `told` hears how far it is, in percent. HostError(CANCELLED) when `cancelled` says so: the domain goes on then.
    """

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "save", RUNNING | PAUSED)
        require_persistent(domain, "save")
        with followed(vm, told, cancelled):
            domain.managedSave()

    return change(vm, call)


def discard_saved(vm: Vm) -> Vm | None:
    """Throw the saved image away."""

    def call(domain: libvirt.virDomain) -> None:
        if not domain.hasManagedSaveImage():
            raise refused(domain, "discard the saved image of", "not saved")
        domain.managedSaveRemove()

    return change(vm, call)


def reset(vm: Vm) -> Vm | None:
    """Press the reset button."""

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "reset", RUNNING | PAUSED)
        domain.reset()

    return change(vm, call)


def inject_nmi(vm: Vm) -> Vm | None:
    """Send a non-maskable interrupt."""

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "inject an NMI into", RUNNING)
        domain.injectNMI()

    return change(vm, call)


def shutdown(vm: Vm, timeout: float | None = None, cancelled: Callable[[], bool] = never) -> Vm | None:
    """Ask the guest to shut down and wait until it has.

    HostError(TIMEOUT) when it has not within `timeout` seconds (default HostSettings.shutdown_timeout), CANCELLED when
    `cancelled` says so meanwhile; the guest may still obey later.
    """

    def off(_event: Event | None) -> bool:
        new = vm.host.refresh(vm.uuid)
        return new is None or not new.active

    with vm.host.watch(vm.uuid) as watch:
        _ask_to_shut_down(vm, lambda: watch.wait(off, MONITOR_LOST, never, "turning off"))
        limit = vm.host.settings.shutdown_timeout if timeout is None else timeout
        what = f"shutting down domain {vm.name}"
        watch.wait(off, limit, cancelled, what, lambda after: message("VS_SHUTDOWN_TIMEOUT", vm.name, after))
    return vm.host.vm(vm.uuid)


def _ask_to_shut_down(vm: Vm, see_it_off: Callable[[], None]) -> None:
    """Whoever turns the guest off meanwhile does what was asked, though its monitor is lost with the answer."""
    try:
        with opened(vm) as domain:
            require(domain, "shut down", RUNNING)
            domain.shutdownFlags()
    except HostError as error:
        if error.kind is not Kind.FAILED:
            raise
        try:
            see_it_off()
        except HostError:
            raise error from None


def reboot(vm: Vm, timeout: float | None = None, cancelled: Callable[[], bool] = never) -> Vm | None:
    """Ask the guest to reboot and wait until it does; the domain may stop if its definition says so.

    Errors as `shutdown`.
    """

    def done(event: Event | None) -> bool:
        if event is not None and event.kind is EventKind.REBOOT:
            return True
        new = vm.host.refresh(vm.uuid)
        return new is None or not new.active

    with vm.host.watch(vm.uuid) as watch:
        with opened(vm) as domain:
            require(domain, "reboot", RUNNING)
            domain.reboot()
        if vm.platform in _REBOOT_EVENTS:
            limit = vm.host.settings.shutdown_timeout if timeout is None else timeout
            what = f"rebooting domain {vm.name}"
            watch.wait(done, limit, cancelled, what, lambda after: message("VS_REBOOT_TIMEOUT", vm.name, after))
    return vm.host.refresh(vm.uuid)
