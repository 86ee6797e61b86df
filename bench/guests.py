"""The guests measured: one processor, one disk, one network interface each, all off."""

from __future__ import annotations

import uuid
from pathlib import Path

PREFIX = "bench"


def name_of(number: int) -> str:
    return f"{PREFIX}{number:05d}"


def qemu_guest(name: str, number: int) -> str:
    """A document for the QEMU driver; libvirt adds controllers and addresses."""
    return (
        f"<domain type='qemu'><name>{name}</name><uuid>{_uuid(name)}</uuid><title>Guest {name}</title>"
        "<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>"
        f"<devices>{_disk(name)}{_interface(number, 'user')}</devices></domain>"
    )


def _test_guest(name: str, number: int) -> str:
    return (
        f"<domain type='test'><name>{name}</name><uuid>{_uuid(name)}</uuid><title>Guest {name}</title>"
        "<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os>"
        f"<devices>{_disk(name)}{_interface(number, 'user')}</devices>"
        "<test:runstate xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>5</test:runstate></domain>"
    )


def write_test_node(file: Path, count: int, first: int = 0) -> str:
    """A file for the test driver with so many guests, numbered from the first; answers its URI."""
    guests = "".join(_test_guest(name_of(number), number) for number in range(first, first + count))
    file.write_text(f"<node>{guests}</node>", encoding="utf-8")
    return f"test://{file}"


def _uuid(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.bench.example")


def _disk(name: str) -> str:
    return (
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
        f"<source file='/var/lib/libvirt/images/{name}.img'/><target dev='vda' bus='virtio'/></disk>"
    )


def _interface(number: int, kind: str) -> str:
    mac = f"52:54:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    return f"<interface type='{kind}'><mac address='{mac}'/><model type='virtio'/></interface>"
