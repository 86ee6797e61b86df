"""What a host says of moving its systems: the service, what that can do, and settings that show it (DSP1081)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping import ids, migration
from virtcim.mapping.migration import OTHER, RATE, TRANSPORTS
from virtcim.profiles.lookup import vms_of
from virtcim.profiles.of_host import OfHost, kept_of, service_properties

# SynchronousMethodsSupported, AsynchronousMethodsSupported
TO_HOST, TO_SYSTEM, CHECK_TO_HOST, CHECK_TO_SYSTEM = 2, 3, 4, 5
FORMATS = (migration.DOMAIN_NAME, migration.IPV4, migration.IPV6)
DEFAULT, SUPPORTED = 0, 3  # ValueRole
POINT, MINIMUMS, MAXIMUMS = 0, 1, 2  # ValueRange
INDEPENDENT = 0  # PropertyPolicy


class MigrationService(OfHost):
    """The service of a host that moves its virtual systems."""


class MigrationCapabilities(OfHost):
    """What the service of a host can do."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Settings that show what can be asked for; `word` tells them apart, "" for the default."""

    host: Host
    word: str
    label: str
    properties: Properties
    role: int = SUPPORTED
    range: int = POINT

    @property
    def platform(self) -> str:
        return self.host.platform


def service(host: Host) -> MigrationService:
    return kept_of(host, "_migration_service", lambda: MigrationService(host))


def capabilities(host: Host) -> MigrationCapabilities:
    return kept_of(host, "_migration_capabilities", lambda: MigrationCapabilities(host))


def samples(host: Host) -> tuple[Sample, ...]:
    return kept_of(host, "_migration_samples", lambda: tuple(_samples(host)))


def _samples(host: Host) -> Iterator[Sample]:
    transport = TRANSPORTS[host.settings.migration.transport]
    common: Properties = {"Priority": 0, "Bandwidth": 0, "BandwidthUnit": RATE, "TransportType": transport}
    first = migration.default_type(host.platform)
    yield Sample(host, "", "Default way to move", common | {"MigrationType": first}, DEFAULT)
    for number in migration.types(host.platform):
        word = migration.TYPES[number]
        yield Sample(host, word.lower(), f"Way to move: {word}", common | {"MigrationType": number})
    for word, rate, bound in (("minimum", 1, MINIMUMS), ("maximum", migration.GREATEST_RATE, MAXIMUMS)):
        bounds: Properties = {"Bandwidth": rate, "BandwidthUnit": RATE}
        yield Sample(host, word, f"Bandwidth of moves: {word}", bounds, range=bound)


def services(world: Hosts) -> Iterator[MigrationService]:
    return (service(host) for host in world.hosts)


def all_capabilities(world: Hosts) -> Iterator[MigrationCapabilities]:
    return (capabilities(host) for host in world.hosts)


def all_samples(world: Hosts) -> Iterator[Sample]:
    return (sample for host in world.hosts for sample in samples(host))


def default_of(vm: Vm) -> list[Sample]:
    """How a system is moved when nobody says how: one that is off by its definition."""
    first, *others = samples(vm.host)
    off = next(one for one in others if one.properties.get("MigrationType") == OTHER)
    return [first if vm.active or vm.managed_save else off]


def moved_by_default(sample: Sample) -> Iterable[Vm]:
    """The systems that a sample is the default of."""
    return (vm for vm in vms_of(sample.host) if default_of(vm) == [sample])


# As instances


def migration_service(service: MigrationService) -> Properties:
    description = f"Moves virtual systems of {service.host.name} to other hosts"
    return service_properties(service.host, ids.MIGRATION_SERVICE, "Virtual system migration service", description)


def capabilities_properties(found: MigrationCapabilities) -> Properties:
    """Moves are jobs, and only moves are."""
    return {
        "InstanceID": ids.host_scoped(found.host, ids.MIGRATION_CAPABILITIES),
        "ElementName": "Virtual system migration capabilities",
        "SynchronousMethodsSupported": [CHECK_TO_HOST, CHECK_TO_SYSTEM],
        "AsynchronousMethodsSupported": [TO_HOST, TO_SYSTEM],
        "DestinationHostFormatsSupported": [*FORMATS],
    }


def sample_properties(sample: Sample) -> Properties:
    return {
        "InstanceID": ids.migration_setting_id(sample.host, sample.word),
        "ElementName": sample.label,
        **sample.properties,
    }


def roles(_capabilities: object, sample: Sample) -> Properties:
    return {"PropertyPolicy": INDEPENDENT, "ValueRole": sample.role, "ValueRange": sample.range}
