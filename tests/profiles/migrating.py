"""All profiles over two hosts of the test driver, between which systems can be moved by their definition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import libvirt
from tests.profiles.client import Client, explain, parse_embedded, system_path
from tests.profiles.management import embedded
from tests.schemas import share

from virtcim.__main__ import make_catalog, server_facts
from virtcim.broker.broker import Broker
from virtcim.broker.call import Instance, MethodAnswer, Path
from virtcim.broker.jobs import Jobs
from virtcim.config import load
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.settings import HostSettings
from virtcim.profiles.faults import translate

OK, UNSUPPORTED, FAILED, INVALID, BAD_STATE, INCOMPATIBLE, JOB = 0, 1, 2, 4, 5, 6, 4096
OTHER_TYPE, LIVE, RESUME, RESTART = 1, 2, 3, 4
RASD = "Test_DiskResourceAllocationSettingData"
DISK = "<disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>"
GUEST = """<domain type='test'><name>{name}</name><memory>65536</memory><vcpu>2</vcpu><os><type>hvm</type></os>
<devices>{devices}</devices></domain>"""


def setting(platform: str = "Test", /, **properties: Any) -> Instance:
    return embedded(f"{platform}_VirtualSystemMigrationSettingData", **properties)


def vssd(**properties: Any) -> Instance:
    return embedded("Test_VirtualSystemSettingData", **properties)


@dataclass
class Mover:
    """The migration services of two hosts; systems are named by what libvirt calls them."""

    client: Client

    @property
    def here(self) -> Host:
        return self.client.world.hosts[0]

    @property
    def there(self) -> Host:
        return self.client.world.hosts[1]

    def service(self, host: Host | None = None) -> Path:
        wanted = (host or self.here).uuid
        services = (one.path for one in self.client.instances("CIM_VirtualSystemMigrationService"))
        return next(path for path in services if path.key("SystemName") == wanted)

    def host_path(self, host: Host) -> Path:
        systems = (one.path for one in self.client.instances("Virt_HostSystem"))
        return next(path for path in systems if path.key("Name") == host.uuid)

    def define(self, name: str, *, start: bool = False, devices: str = "") -> Vm:
        with self.here.link.borrow() as connection:
            domain = connection.defineXML(GUEST.format(name=name, devices=devices))
            if start:
                domain.create()
            uuid = domain.UUIDString()
        found = self.here.refresh(uuid)
        assert found is not None
        return found

    def call(self, method: str, vm: Vm | Path | None, **arguments: Any) -> MethodAnswer:
        """Of the service of its host, else the first; to the other one unless the destination is given."""
        system = system_path(vm.uuid, vm.platform) if isinstance(vm, Vm) else vm
        source = vm.host if isinstance(vm, Vm) else self.here
        if method.endswith("ToSystem"):
            target = self.here if source is self.there else self.there
            arguments.setdefault("DestinationSystem", self.host_path(target))
        given = {name: value for name, value in {"ComputerSystem": system, **arguments}.items() if value is not None}
        return self.client.invoke(self.service(source), method, **given)

    def check(self, vm: Vm, **arguments: Any) -> MethodAnswer:
        return self.call("CheckVirtualSystemIsMigratableToSystem", vm, **arguments)

    def move(self, vm: Vm, **arguments: Any) -> MethodAnswer:
        return self.call("MigrateVirtualSystemToSystem", vm, **arguments)

    def everything(self) -> dict[str, tuple[str, int]]:
        """All domains of both hosts, with their definition and state: the same when nothing has been changed."""
        found = {}
        for host in (self.here, self.there):
            with host.link.borrow() as connection:
                for domain in connection.listAllDomains():
                    xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
                    found[f"{host.uuid} {domain.UUIDString()}"] = (xml, domain.state()[0])
        return found


@contextmanager
def moving(state_dir: File, *uris: str, **settings: Any) -> Iterator[Mover]:
    """Movers between hosts of these URIs, whose systems are named by UUID in keys."""
    world = Hosts(uris, HostSettings(naming="uuid", **settings))
    jobs = Jobs(3600, explain)
    given = load({"state_dir": str(share(state_dir))}, {})[0]
    facts = server_facts(given, lambda: ["http://127.0.0.1:5988"], lambda: 0)
    catalog = make_catalog(given, world, jobs, facts)
    world.start()
    assert world.wait(30), [host.reason for host in world.hosts]
    try:
        yield Mover(Client(Broker(catalog, world, jobs, parse_embedded, translate), world, jobs))
    finally:
        jobs.close()
        world.stop()
