"""Snapshots of virtual systems as configurations with resource settings, made from what libvirt kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.records import SnapshotRecord
from virtcim.mapping import ids_snapshots as ids
from virtcim.mapping.kind import Kind
from virtcim.mapping.resources import Domain, Resource, resources_of
from virtcim.mapping.snapshots import Applied, DomainSnapshot
from virtcim.profiles.elements import kept
from virtcim.profiles.of_host import OfHost, kept_of

SERVED = frozenset({"KVM", "Test"})  # platforms whose driver has snapshots


class SnapshotService(OfHost):
    """The service of a host that takes, applies and deletes snapshots."""


class SnapshotServiceCapabilities(OfHost):
    """What the service of a host can do."""


@dataclass(frozen=True)
class SystemSnapshotCapabilities:
    """What snapshots can be taken of a system as it is now."""

    vm: Vm

    @property
    def platform(self) -> str:
        return self.vm.platform


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A snapshot of a virtual system."""

    vm: Vm
    record: SnapshotRecord

    @property
    def platform(self) -> str:
        return self.vm.platform

    @property
    def host(self) -> Host:
        return self.vm.host

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def id(self) -> str:
        return ids.snapshot_id(self.vm, self.name)

    @property
    def head(self) -> DomainSnapshot:
        """What is said of the snapshot itself; not to be written to."""
        return kept(self, "_head", lambda: DomainSnapshot.parse(self.record.xml))

    @property
    def document(self) -> Domain:
        """The domain as it was then; not to be written to."""
        return self.vm.host.documents.of(self.record.domain_xml)

    def setting_id(self, dev: str) -> str:
        """The InstanceID of a resource of it, by its key."""
        return ids.snapshot_setting_id(self.vm, self.name, dev)

    def now(self) -> Snapshot | None:
        """The same snapshot of the system as it is now; None when one of them is gone."""
        vm = self.vm.host.vm(self.vm.uuid)
        return None if vm is None else snapshot_named(vm, self.name)


@dataclass(frozen=True, eq=False)
class SnapshotSetting:
    """A resource allocation of a snapshot."""

    configuration: Snapshot
    kind: Kind[Any]
    dev: str

    @property
    def vm(self) -> Vm:
        return self.configuration.vm

    @property
    def platform(self) -> str:
        return self.configuration.platform

    @property
    def resource(self) -> Resource:
        """What it is in the document."""
        return _resources(self.configuration.document)[self.dev]


def _resources(document: Domain) -> Mapping[str, Resource]:
    return kept(document, "_resources", lambda: {one.dev: one for one in resources_of(document)})


def serves(host: Host) -> bool:
    """Whether the host's driver has snapshots."""
    return host.platform in SERVED


def service(host: Host) -> SnapshotService:
    return kept_of(host, "_snapshot_service", lambda: SnapshotService(host))


def service_capabilities(host: Host) -> SnapshotServiceCapabilities:
    return kept_of(host, "_snapshot_capabilities", lambda: SnapshotServiceCapabilities(host))


def services_on(host: Host) -> list[SnapshotService]:
    return [service(host)] if serves(host) else []


def service_capabilities_on(host: Host) -> list[SnapshotServiceCapabilities]:
    return [service_capabilities(host)] if serves(host) else []


def capabilities_of(vm: Vm) -> list[SystemSnapshotCapabilities]:
    return [SystemSnapshotCapabilities(vm)] if serves(vm.host) else []


def snapshots_of(vm: Vm) -> tuple[Snapshot, ...]:
    """The snapshots of a system, in the order in which they were taken."""
    if not vm.snapshots:
        return ()
    return kept(vm, "_snapshots", lambda: tuple(Snapshot(vm, record) for record in vm.snapshots))


def snapshot_named(vm: Vm, name: str | None) -> Snapshot | None:
    return next((one for one in snapshots_of(vm) if one.name == name), None)


def settings_of(snapshot: Snapshot) -> tuple[SnapshotSetting, ...]:
    """The resource settings of a snapshot, in the order of its document."""

    def make() -> tuple[SnapshotSetting, ...]:
        return tuple(SnapshotSetting(snapshot, one.kind, dev) for dev, one in _resources(snapshot.document).items())

    return kept(snapshot, "_settings", make)


def settings_in(vm: Vm) -> Iterator[SnapshotSetting]:
    """Those of all snapshots of a system."""
    for snapshot in snapshots_of(vm):
        yield from settings_of(snapshot)


def settings_of_kind(kind: Kind[Any]) -> Callable[[Vm], Iterator[SnapshotSetting]]:
    return lambda vm: (one for one in settings_in(vm) if one.kind is kind)


def parts_of(vm: Vm) -> Iterator[object]:
    """What comes, changes and goes with a system for its snapshots."""
    for snapshot in snapshots_of(vm):
        yield snapshot
        yield from settings_of(snapshot)


def snapshots_with(vm: Vm, dev: str) -> list[Snapshot]:
    """Those that hold what was on a disk."""
    return [one for one in snapshots_of(vm) if any(disk.name == dev and disk.kept != "no" for disk in one.head.disks)]


# How they hang together


def current_of(vm: Vm) -> list[Snapshot]:
    """That from which the next one descends."""
    return [one for one in snapshots_of(vm) if one.record.current]


def last_applied(vm: Vm) -> list[Snapshot]:
    """That to which the system was brought back last, unless it is gone by now."""
    if not vm.snapshots:
        return []
    own = (vm.defined_document or vm.state_document).own_metadata
    return [one for one in snapshots_of(vm) if own.last_snapshot == Applied.of(one.head)]


def parent_of(snapshot: Snapshot) -> list[Snapshot]:
    found = snapshot_named(snapshot.vm, snapshot.head.parent)
    return [] if found is None else [found]


def children_of(snapshot: Snapshot) -> list[Snapshot]:
    return [one for one in snapshots_of(snapshot.vm) if one.head.parent == snapshot.name]


# Where they are


def _among(world: Hosts) -> Iterator[Vm]:
    return (vm for vm in world.vms() if serves(vm.host))


def all_services(world: Hosts) -> Iterator[SnapshotService]:
    return (one for host in world.hosts for one in services_on(host))


def all_service_capabilities(world: Hosts) -> Iterator[SnapshotServiceCapabilities]:
    return (one for host in world.hosts for one in service_capabilities_on(host))


def all_capabilities(world: Hosts) -> Iterator[SystemSnapshotCapabilities]:
    return (one for vm in _among(world) for one in capabilities_of(vm))


def all_snapshots(world: Hosts) -> Iterator[Snapshot]:
    return (one for vm in _among(world) for one in snapshots_of(vm))


def all_settings(world: Hosts) -> Iterator[SnapshotSetting]:
    return (one for vm in _among(world) for one in settings_in(vm))


def find_capabilities(world: Hosts, keys: Keys) -> list[SystemSnapshotCapabilities]:
    token = ids.parse_snapshot_capabilities_id(str(keys["InstanceID"]))
    return [] if token is None else [one for vm in world.vm_by_key(token) for one in capabilities_of(vm)]


def find_snapshot(world: Hosts, keys: Keys) -> list[Snapshot]:
    parsed = ids.parse_snapshot_id(str(keys["InstanceID"]))
    return [] if parsed is None else _named(world, *parsed)


def find_setting(world: Hosts, keys: Keys) -> list[SnapshotSetting]:
    parsed = ids.parse_snapshot_setting_id(str(keys["InstanceID"]))
    if parsed is None:
        return []
    found = (each for one in _named(world, *parsed[:2]) for each in settings_of(one))
    return [one for one in found if one.dev == parsed[2]]


def _named(world: Hosts, token: str, name: str) -> list[Snapshot]:
    return [one for vm in world.vm_by_key(token) for one in snapshots_of(vm) if one.name == name]
