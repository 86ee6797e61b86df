"""Random changes of a libvirt node, made through libvirt alone: `python -m tests.churn URI SEED STEPS`.

Every domain it makes carries one number in its title and in its description, so that a reader who sees two numbers
has seen two versions at once.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

import libvirt

PREFIX = "churn-"
CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
UNDEFINE = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
NETWORK = (
    "<network><name>{name}</name>{uuid}<bridge name='churn{number}'/><domain name='v{version}.example'/>"
    "<ip address='10.{number}.0.1' prefix='24'/></network>"
)
POOL = "<pool type='dir'><name>{name}</name><target><path>/var/tmp</path></target></pool>"


class Churn:
    """Changes what lies below one connection, by the numbers that a seed gives."""

    def __init__(self, connection: libvirt.virConnect, seed: int, domains: int = 8) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        self.names = [f"{PREFIX}{number}" for number in range(domains)]
        self.kind = "test" if connection.getType() == "TEST" else "qemu"
        self.version = 0
        self.done: list[str] = []

    def run(self, steps: int, pause: float = 0.005) -> None:
        """So many changes; one that libvirt refuses in the state that things are in counts as well."""
        for _ in range(steps):
            self.step()
            time.sleep(pause)

    def step(self) -> None:
        change = self.random.choice(CHANGES)
        try:
            change(self)
        except libvirt.libvirtError:
            return
        self.done.append(change.__name__)

    def clear(self) -> None:
        """Everything that was made is gone."""
        for domain in self.connection.listAllDomains():
            if domain.name().startswith(PREFIX):
                persistent = domain.isPersistent()
                if domain.isActive():
                    domain.destroy()
                if persistent:
                    domain.undefine()
        for network in self.connection.listAllNetworks():
            if network.name().startswith(PREFIX):
                if network.isActive():
                    network.destroy()
                network.undefine()

    # What is changed

    def name(self) -> str:
        return self.random.choice(self.names)

    def domain(self) -> libvirt.virDomain:
        return self.connection.lookupByName(self.name())

    def define(self) -> None:
        name = self.name()
        self.version += 1
        uuid = _uuid(self.connection.lookupByName, name)
        disks = "".join(
            f"<disk type='file' device='disk'><source file='/srv/{name}-{unit}.img'/><target dev='vd{unit}'/></disk>"
            for unit in "abc"[: self.random.randint(0, 3)]
        )
        self.connection.defineXML(
            f"<domain type='{self.kind}'><name>{name}</name>{uuid}<title>v{self.version}</title>"
            f"<description>v{self.version}</description><memory>{self.random.randint(16, 64) * 1024}</memory>"
            f"<vcpu>{self.random.randint(1, 4)}</vcpu><os><type arch='x86_64'>hvm</type></os>"
            f"<devices>{disks}</devices></domain>"
        )

    def start(self) -> None:
        self.domain().createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if self.kind == "qemu" else 0)

    def destroy(self) -> None:
        self.domain().destroy()

    def suspend(self) -> None:
        self.domain().suspend()

    def resume(self) -> None:
        self.domain().resume()

    def undefine(self) -> None:
        self.domain().undefineFlags(UNDEFINE if self.kind == "qemu" else 0)

    def vanish(self) -> None:
        """As a domain does that has migrated away."""
        domain = self.domain()
        domain.undefine()
        domain.destroy()

    def rename(self) -> None:
        old, new = self.name(), f"{PREFIX}renamed-{self.random.randint(0, 3)}"
        self.connection.lookupByName(old).rename(new)
        self.names[self.names.index(old)] = new

    def autostart(self) -> None:
        domain = self.domain()
        domain.setAutostart(not domain.autostart())

    def attach(self) -> None:
        mac = f"52:54:00:aa:00:{self.random.randint(0, 255):02x}"
        self.domain().attachDeviceFlags(f"<interface type='user'><mac address='{mac}'/></interface>", CONFIG)

    def memory(self) -> None:
        self.domain().setMemoryFlags(self.random.randint(8, 16) * 1024, CONFIG)

    def network(self) -> None:
        """A new one, or the definition of one that is there edited."""
        number = self.random.randint(1, 3)
        name = f"{PREFIX}net{number}"
        self.version += 1
        uuid = _uuid(self.connection.networkLookupByName, name)
        text = NETWORK.format(name=name, uuid=uuid, number=number, version=self.version)
        self.connection.networkDefineXML(text)

    def no_network(self) -> None:
        self.connection.networkLookupByName(f"{PREFIX}net{self.random.randint(1, 3)}").undefine()

    def refresh(self) -> None:
        for pool in self.connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
            pool.refresh()


def _uuid(look_up: Callable[[str], Any], name: str) -> str:
    """The element that says that it is the one of that name; nothing where there is none."""
    try:
        return f"<uuid>{look_up(name).UUIDString()}</uuid>"
    except libvirt.libvirtError:
        return ""


CHANGES: list[Callable[[Churn], None]] = [
    *[Churn.define] * 4, Churn.start, Churn.start, Churn.destroy, Churn.suspend, Churn.resume, Churn.undefine,
    Churn.vanish, Churn.rename, Churn.autostart, Churn.attach, Churn.memory, Churn.network, Churn.no_network,
    Churn.refresh,
]  # fmt: skip


def main(uri: str, seed: str, steps: str) -> None:
    libvirt.registerErrorHandler(lambda *_: None, None)
    churn = Churn(libvirt.open(uri), int(seed))
    churn.run(int(steps))
    sys.stdout.write(f"{len(set(churn.done))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
