"""Two hosts on this machine, between which guests can be moved; see scripts/testbed/migration-bed.sh."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import libvirt
import pytest
from tests import runs
from tests.live import boot_sectors
from tests.live.conftest import PREFIX, TESTBED, Guest, guest_xml, wait_until

ADDRESS = {"a": "192.168.231.1", "b": "192.168.231.2"}
UPTIME = re.compile(rb"([0-9a-f-]{36})\s+([0-9.]+) [0-9.]+\s")
PORTS = "/var/lib/libvirt/qemu"  # on a host; each has one of its own, which is lib/qemu in its directory
PROMPT = b"\ncat /proc/sys/kernel/random/boot_id /proc/uptime\n"


def other(host: str) -> str:
    return "b" if host == "a" else "a"


class Bed:
    """The hosts a and b, and the directory that both see."""

    def __init__(self, place: Path) -> None:
        self.place, self.shared = place, place / "shared"
        self.connections = {host: libvirt.open(self.uri(host)) for host in ADDRESS}

    def uri(self, host: str) -> str:
        return f"qemu:///system?socket={self.place}/{host}/run/libvirt/libvirt-sock"

    def tcp(self, host: str) -> str:
        return f"qemu+tcp://{ADDRESS[host]}/system"

    def where(self, name: str) -> set[str]:
        """The hosts that have a domain of the name."""
        return {
            host for host, one in self.connections.items() if name in [each.name() for each in one.listAllDomains()]
        }

    def domain(self, host: str, name: str) -> libvirt.virDomain:
        return self.connections[host].lookupByName(name)

    def define(
        self, name: str, *, start: bool = False, host: str = "a", code: bytes = boot_sectors.HALT, memory_mib: int = 16
    ) -> libvirt.virDomain:
        """A guest without an operating system, whose disk is its own."""
        disk = boot_sectors.write(self.shared / f"{host}-{name}.img", code)
        domain = self.connections[host].defineXML(boot_sectors.domain_xml(PREFIX + name, disk, memory_mib=memory_mib))
        if start:
            domain.create()
        return domain

    def define_linux(self, name: str, guest: Guest, *, memory_mib: int = 128) -> libvirt.virDomain:
        """A guest that answers on its serial port, a socket of the host that it is on; started on a."""
        files = [Path(shutil.copy(path, self.shared)) for path in (guest.kernel, guest.initrd)]
        for path in files:
            path.chmod(0o644)
        xml = guest_xml(name, Guest(files[0], files[1], guest.boot_disk), memory_mib=memory_mib)
        port = f"<serial type='unix'><source mode='bind' path='{PORTS}/{PREFIX}{name}.sock'/></serial>"
        domain = self.connections["a"].defineXML(xml.replace("<serial type='pty'/>", port))
        domain.create()
        return domain

    def uptime(self, name: str) -> tuple[str, float]:
        """What the guest says of itself: the id of its boot, and the seconds since."""
        found: list[tuple[str, float]] = []

        def told() -> bool:
            (host,) = self.where(name)
            answer = UPTIME.search(_ask(self.place / host / "lib" / "qemu" / f"{name}.sock"))
            found.extend([] if answer is None else [(answer[1].decode(), float(answer[2]))])
            return bool(found)

        wait_until(told, 40)
        return found[0]

    def clear(self) -> None:
        for connection in self.connections.values():
            for domain in connection.listAllDomains():
                with suppress(libvirt.libvirtError):  # it is off
                    domain.destroy()
                with suppress(libvirt.libvirtError):  # it was transient
                    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)


def _ask(path: Path) -> bytes:
    """What a guest says on its serial port when it is asked; nothing while it boots."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as port:
        port.settimeout(0.2)
        with suppress(OSError):
            port.connect(str(path))
            port.sendall(PROMPT)
            deadline = time.monotonic() + 2.0
            while not UPTIME.search(answer) and time.monotonic() < deadline:
                with suppress(TimeoutError):
                    answer += port.recv(4096)
    return answer


@contextmanager
def bed() -> Iterator[Bed]:
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        pytest.skip("the bed of two hosts needs root and libvirtd")
    place = runs.place("bed")
    script = [TESTBED / "migration-bed.sh"]
    environment = {**os.environ, "BED": str(place)}
    done = subprocess.run([*script, "up"], env=environment, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"no bed of two hosts: {done.stdout}{done.stderr}")
    try:
        found = Bed(place)
        found.clear()
        yield found
    finally:
        subprocess.run([*script, "down"], env=environment, capture_output=True, timeout=60, check=True)
