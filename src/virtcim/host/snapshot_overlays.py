"""Going back to a snapshot that is kept outside, where libvirt (before 9.9) does not: new overlays on its images."""

from __future__ import annotations

from collections.abc import Mapping

import libvirt

from virtcim.host.calls import opened
from virtcim.host.definition import define
from virtcim.host.snapshot_files import refresh_pools
from virtcim.host.system import Vm
from virtcim.model.devices import Disk
from virtcim.model.domain import Domain
from virtcim.model.snapshot import DomainSnapshot, parted

_SECURE = libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE
_OVERLAYS = (
    libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
)


def define_as_then(vm: Vm, name: str) -> Vm:
    """Define a domain that is off as it was when the snapshot was taken, on the images of then."""
    with opened(vm) as domain:
        _, then, definition = parted(domain.snapshotLookupByName(name).getXMLDesc(_SECURE))
    document = Domain.parse(str(definition or then))
    document.name, document.id = vm.name, None
    return define(vm.host, document.xml)


def lay_over(vm: Vm, asked: DomainSnapshot) -> Vm | None:
    """Put the disks of a domain that is off on new overlays; what they were on is not written to from then on."""
    with opened(vm) as domain:
        domain.snapshotCreateXML(asked.xml, _OVERLAYS)
    refresh_pools(vm.host, {file.rpartition("/")[0] for disk in asked.disks if (file := disk.file)})
    return vm.host.refresh(vm.uuid)


def restore(vm: Vm, memory: str, overlays: Mapping[str, str], paused: bool) -> Vm | None:
    """Let a domain that is off go on from the memory of a snapshot, with its disks on the overlays.

    One that was paused runs for a moment: what libvirt restores paused it shows as starting for ever.
    """
    with vm.host.link.borrow() as connection:
        document = Domain.parse(connection.saveImageGetXMLDesc(memory, libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE))
        document.name = vm.name
        for disk in document.disks:
            overlay = overlays.get(disk.target or "")
            if overlay is not None:
                _move(disk, overlay)
        connection.restoreFlags(memory, document.xml, libvirt.VIR_DOMAIN_SAVE_RUNNING)
        if paused:
            connection.lookupByUUIDString(vm.uuid).suspend()
    return vm.host.refresh(vm.uuid)


def _move(disk: Disk, overlay: str) -> None:
    """What was said of the images below is not true of the overlay."""
    for stale in disk.backing_stores:
        stale.remove()
    disk.type, disk.pool, disk.volume, disk.file, disk.format = "file", None, None, overlay, "qcow2"
