"""Storage of a virtual system: disks, optical and floppy drives, file systems (DSP1047, DSP1059)."""

from __future__ import annotations

from functools import cache
from math import ceil
from typing import Any

from virtcim.mapping.disk_bus import bound_to_its_bus, default_bus, free_name
from virtcim.mapping.ids import pool_id
from virtcim.mapping.kind import (
    ADDRESS,
    CD,
    DEDICATED,
    DISK_DRIVE,
    DVD,
    FLOPPY,
    LOGICAL_DISK,
    STORAGE_EXTENT,
    STORAGE_VOLUME,
    VIRTUALIZED,
    Kind,
    check_parts,
    common,
    counted,
)
from virtcim.mapping.location import EMPTY, as_location, as_uri, location_of, set_location
from virtcim.mapping.table import BadProperty, Properties, Row, elsewhere, fixed
from virtcim.mapping.units import BLOCK, COUNT, UnitError, convert
from virtcim.model.device import Device
from virtcim.model.devices import Disk, Filesystem
from virtcim.model.domain import Domain
from virtcim.model.fields import Field, View

BLOCK_SIZE = 512
LUN_POOL = pool_id("LUN")
READABLE, READ_WRITE = 1, 3  # CIM_StorageExtent.Access
OS_DEVICE_NAME, OS_DEVICE_NAMESPACE = 12, 8  # CIM_StorageExtent.NameFormat, .NameNamespace
RANDOM_ACCESS, WRITING, REMOVABLE = 3, 4, 7  # CIM_MediaAccessDevice.Capabilities
EMULATED = {"disk": 0, "cdrom": 1, "floppy": 2, "filesystem": 3, "lun": 4}
BY_TYPE: dict[int | None, int] = {FLOPPY: 2, CD: 1, DVD: 1}  # EmulatedType by ResourceType
QEMU = ("kvm", "qemu")
OWN_ROWS = ("PoolID", "AutomaticDeallocation")  # of disks, which have no fixed ones
LOCATED = (None, "file", "block", "dir", "network", "volume")  # types of disks whose source a location says
ANY_DISK = frozenset({DISK_DRIVE, STORAGE_EXTENT, LOGICAL_DISK, STORAGE_VOLUME})
# What the document does not hold: the caller looks it up and changes it.
OF_THE_VOLUME = (
    "VirtualQuantity", "Reservation", "Limit", "VolumeName", "BackingImage", "BackingFormat", "AutomaticDeallocation",
)  # fmt: skip
OF_THE_IMAGE = (*OF_THE_VOLUME, "VirtualQuantityUnits", "AllocationUnits")


def requested_bytes(properties: Properties) -> int | None:
    """The size that a client asks for in an allocation request, None when it names none. Raises BadProperty."""
    quantity = properties.get("VirtualQuantity")
    if quantity is None:
        return None
    unit = properties.get("VirtualQuantityUnits") or properties.get("AllocationUnits") or BLOCK
    if unit.replace(" ", "").lower() in (BLOCK.replace(" ", ""), COUNT):
        return int(quantity) * int(properties.get("VirtualResourceBlockSize") or BLOCK_SIZE)
    try:
        return ceil(convert(quantity, unit, "byte"))
    except UnitError as error:
        raise BadProperty("VirtualQuantityUnits", f"cannot be used: {error}") from error


def host_resources(disk: Disk) -> list[str]:
    location = location_of(disk)
    return [] if location is None else [as_uri(location)]


def set_host_resources(disk: Disk, values: list[str] | None) -> None:
    if values and len(values) > 1:
        raise BadProperty("HostResource", "has several entries: a disk has one image")
    set_location(disk, as_location(values[0]) if values else None)


def access_of(view: Disk | Filesystem) -> int:
    return READABLE if view.readonly else READ_WRITE


def set_access(view: Disk | Filesystem, access: int | None) -> None:
    if access not in (None, READABLE, READ_WRITE):
        raise BadProperty("Access", f"{access} is not one of {READABLE}, {READ_WRITE}")
    view.readonly = access == READABLE


def pool_of(disk: Disk) -> str:
    """As far as the document tells: the storage pool of a path is known to the host alone."""
    if disk.device == "lun":
        return LUN_POOL
    return pool_id("Disk", disk.pool) if disk.pool else pool_id("Disk")


def set_pool(_view: Device, _pool: str | None) -> None:
    """The pool of a disk follows from its image; the caller uses the one named to find or make the image."""


# What the guest may do in a second; the only ones that QEMU can change while it runs.
LIMITS: dict[str, Field[int]] = {
    "TotalBytesPerSecond": Disk.total_bytes_sec,
    "ReadBytesPerSecond": Disk.read_bytes_sec,
    "WriteBytesPerSecond": Disk.write_bytes_sec,
    "TotalIOPerSecond": Disk.total_iops_sec,
    "ReadIOPerSecond": Disk.read_iops_sec,
    "WriteIOPerSecond": Disk.write_iops_sec,
    "TotalBytesPerSecondBurst": Disk.total_bytes_sec_max,
    "ReadBytesPerSecondBurst": Disk.read_bytes_sec_max,
    "WriteBytesPerSecondBurst": Disk.write_bytes_sec_max,
    "TotalIOPerSecondBurst": Disk.total_iops_sec_max,
    "ReadIOPerSecondBurst": Disk.read_iops_sec_max,
    "WriteIOPerSecondBurst": Disk.write_iops_sec_max,
}


def has_reservations(disk: Disk) -> bool | None:
    return bool(disk.reservations) if disk.device == "lun" else None


def set_reservations(disk: Disk, wanted: bool | None) -> None:
    """libvirt runs the helper that passes them on."""
    if wanted and disk.device != "lun":
        raise BadProperty("PersistentReservationsSupported", "cannot be true: a LUN alone passes SCSI commands on")
    disk.reservations = wanted or None


def limits_of(disk: View) -> dict[str, int]:
    """The limits by libvirt's names; 0 where there is none."""
    return {field.name: field.read(disk) or 0 for field in LIMITS.values()}


DRIVE: tuple[Row[Any], ...] = (
    Row("VirtualDevice", Disk.target),
    Row("Address", location_of, lambda disk, text: set_location(disk, text, "Address")),
    Row("HostResource", host_resources, set_host_resources),
    Row("EmulatedType", lambda disk: EMULATED[disk.device or "disk"]),
    Row("BusType", Disk.bus),
    Row("Access", access_of, set_access),
    Row("readonly", Disk.readonly),
    Row("shareable", Disk.shareable),
    Row("DriverName", Disk.driver),
    Row("DriverType", Disk.format),
    Row("ResourceSubType", Disk.format),
    Row("DriverCache", Disk.cache),
    Row("DriverIO", Disk.io),
    Row("DriverDiscard", Disk.discard),
    Row("DriverDetectZeroes", Disk.detect_zeroes),
    Row("IOThread", Disk.iothread),
    Row("rawio", Disk.rawio),
    Row("sgio", Disk.sgio),
    Row("PersistentReservationsSupported", has_reservations, set_reservations),
    Row("SerialNumber", Disk.serial),
    Row("WWN", Disk.wwn),
    Row("BootOrder", Disk.boot_order),
    *(Row(name, field) for name, field in LIMITS.items()),
    *ADDRESS,
)


def block_size(disk: Disk) -> int:
    return disk.logical_block_size or BLOCK_SIZE


def set_block_size(disk: Disk, size: int | None) -> None:
    disk.logical_block_size = None if size in (None, BLOCK_SIZE) and disk.logical_block_size is None else size


IMAGE: tuple[Row[Any], ...] = (
    Row("PoolID", pool_of, set_pool, exact=False),
    fixed("ConsumerVisibility", VIRTUALIZED),
    Row("MappingBehavior", lambda disk: None if disk.shareable else DEDICATED),
    Row("VirtualResourceBlockSize", block_size, set_block_size),
    fixed("HostResourceBlockSize", BLOCK_SIZE),
    Row("HostExtentName", lambda disk: disk.block),
    Row("HostExtentNameFormat", lambda disk: OS_DEVICE_NAME if disk.block else None),
    Row("HostExtentNameNamespace", lambda disk: OS_DEVICE_NAMESPACE if disk.block else None),
    fixed("VirtualQuantityUnits", BLOCK),
    fixed("AllocationUnits", BLOCK),
    *(elsewhere(name) for name in OF_THE_VOLUME),
)


def prepare_paths(given: Properties, _view: Device, _domain: Domain) -> Properties:
    """Paths and URIs in one form; /dev/null was the way to say that a drive is empty."""
    prepared = dict(given)
    if prepared.get("HostResource"):
        locations = [as_location(text) for text in prepared["HostResource"] if text]
        prepared["HostResource"] = [as_uri(location) for location in locations if location not in EMPTY]
    if prepared.get("Address"):
        prepared["Address"] = as_location(prepared["Address"])
    if prepared.get("Address") in EMPTY and "Address" in prepared:
        prepared["Address"] = None
    return prepared


def prepare_image(given: Properties, disk: Disk, domain: Domain) -> Properties:
    prepared = prepare_paths(given, disk, domain)
    if prepared.get("VirtualResourceBlockSize") == 1:  # of a quantity in bytes, not of the guest's blocks
        del prepared["VirtualResourceBlockSize"]
    return {name: value for name, value in prepared.items() if name not in OF_THE_IMAGE}


@cache
def _pattern(device: str, qemu: bool) -> Disk:
    disk = Disk.new()
    disk.type, disk.device = "file", device
    if qemu:
        disk.driver = "qemu"
    disk.readonly = device == "cdrom"
    return disk


def finish_drive(disk: Disk, domain: Domain) -> None:
    others = {other.target for other in domain.disks if other.element is not disk.element}
    name, device, word = disk.target, disk.device, disk.type
    if name is None:
        disk.bus = disk.bus or default_bus(disk, domain)
        name = disk.target = free_name(disk.bus, others)
    if name in others:
        raise BadProperty("VirtualDevice", f"{name!r} is used by another disk of the virtual system")
    if device == "lun" and word not in ("block", "network", "volume"):
        raise BadProperty("HostResource", "of a LUN has to be a block device of the host")
    if device in ("disk", "lun") and word in LOCATED and location_of(disk) is None:
        raise BadProperty("HostResource", "is missing: only optical and floppy drives can be empty")
    check_parts(disk, domain)


def drive_device(disk: Disk, _index: int) -> Properties:
    return {"Name": disk.target, "Capabilities": [RANDOM_ACCESS, WRITING]}


def removable_device(disk: Disk, _index: int) -> Properties:
    writing = [] if disk.readonly else [WRITING]
    return {"Capabilities": [RANDOM_ACCESS, *writing, REMOVABLE], "TrayOpen": disk.tray == "open"}


def image_device(disk: Disk, _index: int) -> Properties:
    return {
        "Name": disk.target,
        "NameFormat": OS_DEVICE_NAME,
        "NameNamespace": OS_DEVICE_NAMESPACE,
        "Access": access_of(disk),
        "BlockSize": block_size(disk),
        "Primordial": False,
    }


def emulated_type(given: Properties) -> int:
    """EmulatedType, else what ResourceType or a mount point says; clients of libvirt-cim leave 0, a disk, out."""
    told = given.get("EmulatedType")
    if told is None and given.get("MountPoint") is not None:
        return EMULATED["filesystem"]
    return BY_TYPE.get(given.get("ResourceType"), EMULATED["disk"]) if told is None else int(told)


def drive(
    name: str, label: str, resource_type: int, pool: str, device_class: str, accepts: frozenset[int]
) -> Kind[Disk]:
    """A kind of <disk>, told from the others by its device attribute."""
    image = name in ("disk", "lun")
    rows = (*(row for row in common(pool, resource_type) if not image or row.name not in OWN_ROWS),)
    return Kind(
        name=name,
        label=label,
        view=Disk,
        setting_class="Virt_DiskResourceAllocationSettingData",
        resource_type=resource_type,
        accepts=accepts,
        rows=(*rows, *(IMAGE if image else counted()), *DRIVE),
        key=lambda disk, index: disk.target or f"{name}{index}",
        device_class=device_class,
        device={"disk": image_device, "lun": drive_device}.get(name, removable_device),
        matches=lambda disk: (disk.device or "disk") == name,
        selects=lambda given: emulated_type(given) == EMULATED[name],
        prepare=prepare_image if image else prepare_paths,
        pattern=lambda domain: _pattern(name, domain.type in QEMU),
        finish=finish_drive,
        pool=pool,
        attachable=name != "floppy",
        detachable=name != "floppy",
        bound=bound_to_its_bus,
    )


DISK = drive("disk", "Disk", LOGICAL_DISK, "DiskPool/0", "Virt_LogicalDisk", ANY_DISK)
LUN = drive("lun", "LUN", DISK_DRIVE, LUN_POOL, "Virt_DiskDrive", ANY_DISK)
CDROM = drive("cdrom", "Optical drive", DVD, "DVDPool/0", "Virt_DVDDrive", ANY_DISK | {CD})
FLOPPY_DRIVE = drive("floppy", "Floppy drive", FLOPPY, "FloppyPool/0", "Virt_DisketteDrive", ANY_DISK)
