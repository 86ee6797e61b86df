"""Control groups that systems are put into (libvirt's resource partitions), on a machine without systemd.

libvirt makes only /machine by itself; where systemd runs, it makes the slices, and none of this is needed or done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from virtcim.host.errors import HostError, Kind

ROOT = Path("/sys/fs/cgroup")
SYSTEMD = Path("/run/systemd/system")
SUFFIX = ".partition"  # what libvirt adds to each part of the path below the first
TOP = "machine"
V2_MARK = "cgroup.controllers"
CONTROLLERS = (
    "cpu",
    "cpuacct",
    "cpuset",
    "memory",
    "devices",
    "freezer",
    "blkio",
    "net_cls",
    "perf_event",
    "systemd",
    "unified",
)
INHERITED = ("cpuset.cpus", "cpuset.mems")  # a v1 group without these takes no process
SHARES, QUOTA, PERIOD = "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"
PERIOD_US = 100_000


@dataclass(frozen=True)
class Partition:
    """A partition as libvirt's documents name it; `limit` in percent of a processor, None where nothing bounds it."""

    path: str
    limit: int | None = None
    weight: int | None = None


def possible() -> bool:
    """Whether partitions can be made here: control groups are mounted, ours to write to, and not systemd's."""
    return not SYSTEMD.exists() and bool(_roots()) and all(os.access(root, os.W_OK) for root in _roots())


def version() -> int:
    """Of the control groups of this machine."""
    return 2 if (ROOT / V2_MARK).exists() else 1


def _roots() -> list[Path]:
    """Where groups are made: each hierarchy that is mounted, or the one of version 2."""
    if (ROOT / V2_MARK).exists():
        return [ROOT]
    return [ROOT / name for name in CONTROLLERS if os.path.ismount(ROOT / name)]


def _directory(root: Path, path: str) -> Path:
    """The directory of a partition: libvirt gives each part of its path but the first a suffix."""
    first, *rest = path.strip("/").split("/")
    return root.joinpath(first, *(f"{part}{SUFFIX}" for part in rest))


def existing() -> tuple[Partition, ...]:
    """The partitions below /machine, those above others first."""
    if SYSTEMD.exists():
        return ()
    roots = _roots()
    return tuple(_below(roots[0] / TOP, f"/{TOP}")) if roots else ()


def _below(directory: Path, path: str) -> Iterator[Partition]:
    for child in sorted(directory.glob(f"*{SUFFIX}")):
        name = f"{path}/{child.name.removesuffix(SUFFIX)}"
        yield _read(child, name)
        yield from _below(child, name)


def _read(directory: Path, path: str) -> Partition:
    quota, period, shares = (_number(directory / name) for name in (QUOTA, PERIOD, SHARES))
    limit = quota * 100 // period if quota and quota > 0 and period else None
    return Partition(path, limit, shares)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # another version of control groups, or the group has just gone
        return None


def make(path: str, limit: int | None, weight: int | None) -> None:
    """Make a partition whose parent exists. HostError: ALREADY_EXISTS, or FAILED and nothing is left."""
    made: list[Path] = []
    try:
        for root in _roots():
            directory = _directory(root, path)
            directory.parent.mkdir(exist_ok=True)  # /machine, which libvirt makes with the first system
            directory.mkdir()
            made.append(directory)
            _inherit(directory)
        _tune(_directory(_roots()[0], path), limit, weight)
    except OSError as error:
        for directory in made:
            directory.rmdir()
        kind = Kind.ALREADY_EXISTS if isinstance(error, FileExistsError) else Kind.FAILED
        raise HostError(kind, f"the partition {path} cannot be made: {error.strerror}") from error


def _inherit(directory: Path) -> None:
    for name in INHERITED:
        if (directory / name).exists():
            if not (directory.parent / name).read_text().strip():
                _inherit(directory.parent)
            (directory / name).write_text((directory.parent / name).read_text())


def _tune(directory: Path, limit: int | None, weight: int | None) -> None:
    if weight is not None:
        (directory / SHARES).write_text(str(weight))
    if limit is not None:
        (directory / PERIOD).write_text(str(PERIOD_US))
        (directory / QUOTA).write_text(str(limit * PERIOD_US // 100))


def remove(path: str) -> None:
    """Remove a partition. HostError(BUSY) while a process or another group is in it; it is whole then."""
    directories = [directory for root in _roots() if (directory := _directory(root, path)).exists()]
    if any(_occupied(directory) for directory in directories):
        raise HostError(Kind.BUSY, f"the partition {path} is not empty")
    try:
        for directory in directories:
            directory.rmdir()
    except OSError as error:
        raise HostError(Kind.BUSY, f"the partition {path} cannot be removed: {error.strerror}") from error


def _occupied(directory: Path) -> bool:
    below = any(child.is_dir() for child in directory.iterdir())
    return below or bool((directory / "cgroup.procs").read_text().strip())
