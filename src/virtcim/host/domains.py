"""The verbs on domains. Each blocks until done, refreshes the inventory and answers the new Vm, None when it is gone.

Every verb raises HostError: INVALID_STATE where the domain's state forbids it, NOT_FOUND when the domain is gone,
UNREACHABLE when libvirt is, otherwise what libvirt says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt

from virtcim.host.calls import (
    PAUSED,
    RUNNING,
    change,
    known,
    opened,
    refused,
    require,
    require_active,
    require_inactive,
    require_persistent,
    state_of,
)
from virtcim.host.errors import HostError, Kind, unsupported
from virtcim.host.events import Event, EventKind
from virtcim.host.hotplug import attach, detach, live_secure_xml, update
from virtcim.host.states import DomainState
from virtcim.host.system import Host, Vm
from virtcim.host.tuning import set_autostart, set_memory, set_metadata, set_scheduler, set_vcpus
from virtcim.host.watches import never
from virtcim.model.domain import Domain

__all__ = [
    "attach",
    "define",
    "destroy",
    "detach",
    "discard_saved",
    "edit",
    "inject_nmi",
    "live_secure_xml",
    "pause",
    "reboot",
    "rename",
    "reset",
    "resume",
    "save",
    "set_autostart",
    "set_memory",
    "set_metadata",
    "set_scheduler",
    "set_vcpus",
    "shutdown",
    "start",
    "undefine",
    "update",
    "wakeup",
]

_VALIDATE = libvirt.VIR_DOMAIN_DEFINE_VALIDATE
_SECURE_DEFINITION = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_REBOOT_EVENTS = {"KVM"}  # platforms whose driver announces that a reboot took place; elsewhere the call itself is it

_UNDEFINE_SNAPSHOTS = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
_UNDEFINE = (  # drivers know different ones; the first accepted is used
    _UNDEFINE_SNAPSHOTS | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM,
    _UNDEFINE_SNAPSHOTS | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
    _UNDEFINE_SNAPSHOTS,
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
    0,
)


# Definition


def define(host: Host, xml: str, *, new: bool = False) -> Vm:
    """Define a domain, or define it anew. HostError(ALREADY_EXISTS) when its name or UUID is another domain's.

    `new`: also when it is this very domain's. INVALID when the document breaks libvirt's schema or rules.
    """
    document = Domain.parse(xml)
    with host.link.borrow() as connection:
        _refuse_clash(connection, document, new)
        uuid = _define(connection, xml).UUIDString()
    return known(host.refresh(uuid), uuid, host)


def _refuse_clash(connection: libvirt.virConnect, document: Domain, new: bool) -> None:
    uuid = document.uuid
    for domain in connection.listAllDomains():
        same_name, same_uuid = domain.name() == document.name, domain.UUIDString() == uuid
        if same_name and same_uuid and not new:
            continue
        if same_name:
            raise HostError(Kind.ALREADY_EXISTS, f"a domain named {domain.name()} exists already")
        if same_uuid:
            raise HostError(Kind.ALREADY_EXISTS, f"the UUID {uuid} is that of the domain {domain.name()}")


def _define(connection: libvirt.virConnect, xml: str) -> libvirt.virDomain:
    try:
        return connection.defineXMLFlags(xml, _VALIDATE)
    except libvirt.libvirtError as error:
        if "unsupported flags" not in str(error) and error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        return connection.defineXML(xml)


@contextmanager
def edit(vm: Vm) -> Iterator[Domain]:
    """The persistent definition, secrets included, to be changed in the block and defined when it ends.

    Nothing happens when the block raises or changes nothing. One editor at a time: others wait. The block must not
    keep the document. The new Vm is `vm.host.vm(vm.uuid)` afterwards.
    """
    with vm.host.lock(vm.uuid):
        with opened(vm) as domain:
            require_persistent(domain, "change the definition of")
            before = domain.XMLDesc(_SECURE_DEFINITION)
        document = Domain.parse(before)
        yield document
        after = document.serialise()
        if after == before:
            return
        with vm.host.link.borrow() as connection:
            connection.lookupByUUIDString(vm.uuid)  # defining would bring an undefined domain back
            _define(connection, after)
        vm.host.refresh(vm.uuid)


def undefine(vm: Vm) -> Vm | None:
    """Remove the definition with saved image, snapshot and checkpoint metadata and NVRAM; a running domain goes on."""
    with vm.host.lock(vm.uuid):
        return change(vm, _undefine)


def _undefine(domain: libvirt.virDomain) -> None:
    require_persistent(domain, "undefine")
    for flags in _UNDEFINE:
        try:
            domain.undefineFlags(flags)
            return
        except libvirt.libvirtError as error:
            if not flags or not unsupported(error):
                raise


def rename(vm: Vm, name: str) -> Vm:
    """Give an inactive domain another name; HostError(ALREADY_EXISTS) when it is taken."""

    def call(domain: libvirt.virDomain) -> None:
        require_inactive(domain, "rename")
        other = vm.host.vm_named(name)
        if other is not None and other.uuid != vm.uuid:
            raise HostError(Kind.ALREADY_EXISTS, f"a domain named {name} exists already")
        if domain.name() != name:
            domain.rename(name)

    with vm.host.lock(vm.uuid):
        return known(change(vm, call), vm.uuid, vm.host)


# State


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


def save(vm: Vm) -> Vm | None:
    """Suspend to disk as libvirt's managed save; the next start goes on from there."""

    def call(domain: libvirt.virDomain) -> None:
        require(domain, "save", RUNNING | PAUSED)
        require_persistent(domain, "save")
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
        with opened(vm) as domain:
            require(domain, "shut down", RUNNING)
            domain.shutdownFlags()
        limit = vm.host.settings.shutdown_timeout if timeout is None else timeout
        watch.wait(off, limit, cancelled, f"shutting down domain {vm.name}")
    return vm.host.vm(vm.uuid)


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
            watch.wait(done, limit, cancelled, f"rebooting domain {vm.name}")
    return vm.host.refresh(vm.uuid)
