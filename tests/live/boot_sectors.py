"""Guests of one disk sector each, which do one thing to the machine as soon as it is on: 16 bit code of the PC BIOS."""

from __future__ import annotations

import struct
from pathlib import Path

HALT = bytes.fromhex("f4ebfd")  # hlt; jump to it
PANIC_PORT, WATCHDOG_PORT, SERIAL_PORT = 0x505, 0x443, 0x3F8  # of pvpanic, of the ib700, of the first serial port
IN_TWO_SECONDS = 0x0E  # to the ib700


def out(port: int, value: int) -> bytes:
    """mov dx, port; mov al, value; out dx, al."""
    return b"\xba" + struct.pack("<H", port) + b"\xb0" + bytes([value]) + b"\xee"


def panic() -> bytes:
    """Tells pvpanic that the guest has panicked."""
    return out(PANIC_PORT, 1) + HALT


def watchdog() -> bytes:
    """Starts the watchdog and forgets it."""
    return out(WATCHDOG_PORT, IN_TWO_SECONDS) + HALT


def filled(mib: int) -> bytes:
    """Fills memory from 1 MiB on with something, then says R on the serial port."""
    registers = b"\x66\xbf" + struct.pack("<I", 2**20)  # mov edi, where
    registers += b"\x66\xb9" + struct.pack("<I", (mib - 2) * 2**18)  # mov ecx, how many words of 32 bits
    registers += b"\x66\xb8" + struct.pack("<I", 0x5A5AA5A5)  # mov eax, what
    return b"\x31\xc0\x8e\xc0\xfc" + registers + b"\x67\x66\xf3\xab" + out(SERIAL_PORT, ord("R")) + HALT


def writing() -> bytes:
    """Writes a sector to the second disk, which must be in the boot order, then one 64 KiB on, and so for ever."""
    code = bytes.fromhex("31c08ed8 be1c7c b443 b000 b281 cd13 8106247c8000 8316267c00 ebe8")
    packet = struct.pack("<BBHHHQ", 16, 0, 1, 0x7C00, 0, 0)  # size, 0, one sector, offset and segment, where to
    return code + packet


def write(path: Path, code: bytes) -> Path:
    """A disk image that boots into the code."""
    path.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(2**20 - 512))
    path.chmod(0o666)
    return path


def domain_xml(name: str, boot: Path, *, memory_mib: int = 16, devices: str = "", more: str = "") -> str:
    """A guest that boots from the image; `more` are elements beside the devices."""
    return (
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>{memory_mib}</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64' machine='pc'>hvm</type></os>{more}<devices>"
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{boot}'/>"
        f"<target dev='vda' bus='virtio'/><boot order='1'/></disk>{devices}</devices></domain>"
    )
