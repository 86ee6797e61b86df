"""The verbs on the snapshots of domains. Each rereads the domain before it returns, and raises HostError."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os.path import dirname

import libvirt

from virtcim.host.calls import opened
from virtcim.host.errors import translated, unsupported
from virtcim.host.snapshot_files import refresh_pools
from virtcim.host.system import Host, Vm
from virtcim.host.underway import Told, followed, silent
from virtcim.host.watches import never
from virtcim.model.snapshot import EXTERNAL, DomainSnapshot

_ATOMIC = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
_ONLY_DISKS = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | _ATOMIC
_REDEFINE = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
_SECURE = libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE


class NotOffered(Exception):
    """libvirt is too old for what is asked of it; the message has its words."""


@dataclass(frozen=True)
class Manner:
    """How a snapshot is taken: of the disks alone, after the guest has been told, or with what is kept outside."""

    disk_only: bool = False
    quiesced: bool = False
    outside: bool = False

    @property
    def flags(self) -> int:
        told = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE if self.quiesced else 0
        return (_ONLY_DISKS if self.disk_only else _ATOMIC if self.outside else 0) | told


def create(
    vm: Vm, asked: DomainSnapshot, manner: Manner, told: Told = silent, cancelled: Callable[[], bool] = never
) -> Vm | None:
    """Take a snapshot. HostError(CANCELLED) when `cancelled` says so and libvirt can give it up."""
    with opened(vm) as domain, followed(vm, told, cancelled):
        domain.snapshotCreateXML(asked.xml, manner.flags)
    return _reread(vm, [disk.file for disk in asked.disks])


def delete(vm: Vm, name: str, told: Told = silent, cancelled: Callable[[], bool] = never) -> Vm | None:
    """Delete a snapshot with what it keeps: images and overlays are merged, its children go on."""
    with opened(vm) as domain:
        handle = domain.snapshotLookupByName(name)
        files = [disk.file for disk in DomainSnapshot.parse(handle.getXMLDesc()).disks]
        with followed(vm, told, cancelled):
            handle.delete()
    return _reread(vm, files)


def forget(vm: Vm, name: str) -> Vm | None:
    """Delete nothing but what libvirt knows of a snapshot; all files stay."""
    with opened(vm) as domain:
        domain.snapshotLookupByName(name).delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)
    return vm.host.refresh(vm.uuid)


def revert(vm: Vm, name: str) -> Vm | None:
    """Bring a domain back to a snapshot. NotOffered where libvirt cannot do so with what is kept outside."""
    with opened(vm) as domain:
        handle = domain.snapshotLookupByName(name)
        try:
            _revert(domain, handle)
        except libvirt.libvirtError as error:
            vm.host.refresh(vm.uuid)  # a guest that ran may be off now
            if _is_outside(handle) and _too_old(error):
                raise NotOffered(translated(error).message) from error
            raise
    return vm.host.refresh(vm.uuid)


def _revert(domain: libvirt.virDomain, handle: libvirt.virDomainSnapshot) -> None:
    """What libvirt calls risky is what was asked for: the guest as it is now is given up."""
    try:
        domain.revertToSnapshot(handle)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_SNAPSHOT_REVERT_RISKY:
            raise
        domain.revertToSnapshot(handle, libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE)


def _is_outside(handle: libvirt.virDomainSnapshot) -> bool:
    document = DomainSnapshot.parse(handle.getXMLDesc())
    return document.memory == EXTERNAL or any(disk.kept == EXTERNAL for disk in document.disks)


def _too_old(error: libvirt.libvirtError) -> bool:
    return unsupported(error) or error.get_error_code() == libvirt.VIR_ERR_CONFIG_UNSUPPORTED


def describe(vm: Vm, name: str, description: str) -> Vm | None:
    """Give a snapshot another description."""
    return rewrite(vm, name, lambda document: setattr(document, "description", description))


def rewrite(vm: Vm, name: str, change: Callable[[DomainSnapshot], None], current: bool = False) -> Vm | None:
    """Change what libvirt knows of a snapshot; `current`: the next one is to descend from it."""
    with opened(vm) as domain:
        handle = domain.snapshotLookupByName(name)
        document = DomainSnapshot.parse(handle.getXMLDesc(_SECURE))
        change(document)
        mark = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT if current or handle.isCurrent() else 0
        domain.snapshotCreateXML(document.xml, _REDEFINE | mark)
    return vm.host.refresh(vm.uuid)


def _reread(vm: Vm, files: Iterable[str | None]) -> Vm | None:
    """The domain, and the storage pools in which there are other files now."""
    refresh_pools(vm.host, {dirname(file) for file in files if file})
    return vm.host.refresh(vm.uuid)


def is_there(host: Host, uuid: str, name: str) -> bool:
    """Whether a domain has a snapshot of that name now. NOT_FOUND when the domain is gone."""
    with host.link.borrow() as connection:
        return name in (one.getName() for one in connection.lookupByUUIDString(uuid).listAllSnapshots())
