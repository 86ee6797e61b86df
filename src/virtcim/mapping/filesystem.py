"""Directories of the host offered to a virtual system as file systems; the disks of containers (DSP1059)."""

from __future__ import annotations

from virtcim.mapping.disk import ANY_DISK, EMULATED, access_of, prepare_paths, set_access
from virtcim.mapping.kind import ADDRESS, OTHER, Kind, check_address, common, counted
from virtcim.mapping.location import as_location, as_uri
from virtcim.mapping.table import BadProperty, Properties, Row, fixed
from virtcim.model.devices import Filesystem
from virtcim.model.domain import Domain


def directory_of(view: Filesystem) -> str | None:
    return view.directory or view.file or view.block or view.template or view.usage or view.socket


def set_directory(view: Filesystem, path: str | None) -> None:
    if path is not None and not path.startswith("/"):
        raise BadProperty("Address", f"{path!r} is not an absolute path")
    view.file = view.block = view.template = view.usage = None
    view.type, view.directory = "mount", path


def set_directories(view: Filesystem, values: list[str] | None) -> None:
    if values and len(values) > 1:
        raise BadProperty("HostResource", "has several entries: a file system has one source")
    set_directory(view, as_location(values[0]) if values else None)


def finish_filesystem(view: Filesystem, domain: Domain) -> None:
    if view.target is None:
        raise BadProperty("VirtualDevice", "is missing: it is the mount tag, or the mount point in a container")
    if directory_of(view) is None:
        raise BadProperty("Address", "is missing: it is the directory of the host")
    if any(other.target == view.target for other in domain.filesystems if other.element is not view.element):
        raise BadProperty("VirtualDevice", f"{view.target!r} is used by another file system of the virtual system")
    check_address(view)


def file_uris(view: Filesystem) -> list[str]:
    path = directory_of(view)
    return [as_uri(path)] if path else []


def selects_filesystem(given: Properties) -> bool:
    return given.get("EmulatedType") == EMULATED["filesystem"] or given.get("MountPoint") is not None


def begin_filesystem(view: Filesystem, _given: Properties, domain: Domain) -> None:
    view.type = "mount"


FILESYSTEM = Kind(
    name="filesystem",
    label="File system",
    view=Filesystem,
    setting_class="Virt_DiskResourceAllocationSettingData",
    resource_type=OTHER,
    other_type="filesystem",
    accepts=ANY_DISK,
    rows=(
        *common("FilesystemPool/0", OTHER, "filesystem"),
        *counted(),
        Row("VirtualDevice", Filesystem.target),
        Row("MountPoint", Filesystem.target),
        Row("Address", directory_of, set_directory),
        Row("HostResource", file_uris, set_directories),
        fixed("EmulatedType", EMULATED["filesystem"]),
        Row("Access", access_of, set_access),
        Row("readonly", Filesystem.readonly),
        Row("DriverName", Filesystem.driver),
        Row("DriverType", Filesystem.format),
        Row("ResourceSubType", Filesystem.driver),
        Row("AccessMode", Filesystem.access_mode),
        *ADDRESS,
    ),
    key=lambda view, index: view.target or f"filesystem{index}",
    device_class="Virt_FileSystemDevice",
    device=lambda view, _: {"MountTag": view.target},
    selects=selects_filesystem,
    prepare=prepare_paths,
    begin=begin_filesystem,
    finish=finish_filesystem,
    pool="FilesystemPool/0",
    attachable=True,
    detachable=True,
    bound=lambda view: None if view.driver == "virtiofs" else "only those with DriverName virtiofs can",
)
