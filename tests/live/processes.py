"""The processes of guests, as the kernel sees them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def pid_of(name: str) -> int:
    """The QEMU of a system, whose process may be numbered otherwise where libvirtd is."""
    mark = f"guest={name},".encode()
    (found,) = [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/cmdline") if mark in read(file)]
    return found


def thread_of(pid: int, name: str) -> Path:
    """The directory of the thread whose name begins so."""
    (found,) = [task for task in Path(f"/proc/{pid}/task").glob("*") if read(task / "comm").startswith(name.encode())]
    return found


def read(file: Path) -> bytes:
    with suppress(OSError):  # the process has just gone
        return file.read_bytes()
    return b""
