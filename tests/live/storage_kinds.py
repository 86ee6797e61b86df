"""What this machine has to make storage of, loop devices and an iSCSI target; or a skip that names what it lacks."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.beyond import beyond

TARGET = "iqn.2024-01.org.virtcim:disks"
PORT = 3269


def run(*command: str | Path) -> str:
    """The output of a command, which must succeed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, f"{command}: {done.stderr}"
    return done.stdout


def need(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed: scripts/install-packages.sh test")


@contextmanager
def loop_device(directory: Path, size: int = 64 * 2**20, partitions: bool = False) -> Iterator[str]:
    """A block device of so many bytes, of a file in the directory."""
    need("losetup")
    image = directory / "device.img"
    with image.open("wb") as file:
        file.truncate(size)
    command = ["losetup", *["--partscan"] * partitions, "--find", "--show", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        beyond(f"loop devices: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        run("losetup", "--detach", device)


@contextmanager
def volume_group_gone(name: str) -> Iterator[None]:
    """Without a volume group of the name afterwards."""
    try:
        yield
    finally:
        with suppress(AssertionError):  # it was never made
            run("vgremove", "--force", name)


@contextmanager
def iscsi_target(directory: Path, size: int = 32 * 2**20) -> Iterator[tuple[str, int]]:
    """A target in user space with one disk; its address and port."""
    need("tgtd", "tgtadm")
    image = directory / "lun.img"
    with image.open("wb") as file:
        file.truncate(size)
    server = subprocess.Popen(
        ["tgtd", "--foreground", "--iscsi", f"portal=127.0.0.1:{PORT}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _configure(image)
        yield "127.0.0.1", PORT
    finally:
        server.kill()
        server.wait(10)


def _configure(image: Path) -> None:
    steps = (
        ("--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET),
        ("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", str(image)),
        ("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"),
    )
    deadline = time.monotonic() + 10
    for step in steps:
        command = ["tgtadm", "--lld", "iscsi", *step]
        while (done := subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)).returncode:
            if time.monotonic() > deadline:
                pytest.skip(f"no iSCSI target here: {done.stderr.strip()}")
            time.sleep(0.2)
