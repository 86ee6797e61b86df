"""The buses of disks and drives, and the names that guests know them by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from virtcim.model.devices import Disk
from virtcim.model.domain import Domain

PREFIXES = {"virtio": "vd", "ide": "hd", "fdc": "fd", "xen": "xvd"}  # of names in the guest; all other buses: sd
PLUGGED_BUSES = ("virtio", "scsi", "usb", "xen")


def letters() -> Iterator[str]:
    """a, b, ... z, aa, ab, ..."""
    for number in count():
        yield chr(97 + number) if number < 26 else chr(96 + number // 26) + chr(97 + number % 26)


def free_name(bus: str, taken: set[str | None]) -> str:
    """The first name on a bus that no other disk has."""
    names = (PREFIXES.get(bus, "sd") + letter for letter in letters())
    return next(name for name in names if name not in taken)


def default_bus(disk: Disk, domain: Domain) -> str:
    """A bus that guests of the machine can be expected to know."""
    if domain.type == "xen":
        return "xen"
    if disk.device == "floppy":
        return "fdc"
    if disk.device == "cdrom":
        return "sata" if "q35" in (domain.machine or "") or domain.arch == "aarch64" else "ide"
    return "scsi" if disk.device == "lun" else "virtio"


def bound_to_its_bus(disk: Disk) -> str | None:
    """Why a drive cannot come or go while the guest runs. A name tells libvirt the bus where nothing else does."""
    named = (bus for bus, prefix in {**PREFIXES, "scsi": "sd"}.items() if (disk.target or "").startswith(prefix))
    bus = disk.bus or next(named, None)
    return None if bus in PLUGGED_BUSES else f"bus {bus} takes no drive while it runs"
