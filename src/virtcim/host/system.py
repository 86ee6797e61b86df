"""A host system and what it holds, as immutable objects: read at the start, replaced when libvirt says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import libvirt

from virtcim.host import objects, reading, records
from virtcim.host.beside import Beside, Known
from virtcim.host.connected import Connected
from virtcim.host.crew import ALONE, Turn
from virtcim.host.divisions import Divisions
from virtcim.host.documents import Documents
from virtcim.host.effects import Effects
from virtcim.host.emulators import Emulators
from virtcim.host.events import Event, Topic
from virtcim.host.figures import Figures, Sample
from virtcim.host.glance import Looks
from virtcim.host.keeper import Keeper
from virtcim.host.listeners import Changes, OnChange
from virtcim.host.netside import NetSide
from virtcim.host.refresher import Reread
from virtcim.host.rescan import rescan
from virtcim.host.settings import HostSettings
from virtcim.host.states import Underway, now
from virtcim.host.tables import R, Snapshot, T, Table
from virtcim.model.domain import Domain

READERS = 3  # threads of a bulk read from another machine; libvirtd serves five requests of a connection at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class Vm(records.Itself, Known):
    """A domain at one moment, on a host of these facts. `since`: CIM datetime of the last state change seen, None
    before any."""

    host: Host
    facts: records.HostFacts = field(repr=False)
    record: records.DomainRecord = field(repr=False)
    since: str | None

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def naming(self) -> str:
        return self.host.naming

    @property
    def state_document(self) -> Domain:
        """What the domain is running with; its definition while it is off. For reading only."""
        return self.host.documents.of(self.state_xml)

    @property
    def defined_document(self) -> Domain | None:
        """The persistent definition, None for a transient domain. For reading only."""
        return None if self.defined_xml is None else self.host.documents.of(self.defined_xml)


@dataclass(frozen=True, eq=False, kw_only=True)
class Volume(records.VolumeRecord):
    """A storage volume at one moment."""

    host: Host
    record: records.VolumeRecord = field(repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(records.PoolRecord):
    """A storage pool at one moment, with its volumes."""

    host: Host
    record: records.PoolRecord = field(repr=False)
    volumes: tuple[Volume, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(records.NetworkRecord):
    """A virtual network at one moment."""

    host: Host
    record: records.NetworkRecord = field(repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class NodeDevice(records.NodeDeviceRecord):
    """A device of the host at one moment."""

    host: Host
    record: records.NodeDeviceRecord = field(repr=False)


class Host(Connected):
    """One libvirt URI: a host system that stays known while its libvirt is away. Reading it never calls libvirt."""

    def __init__(self, uri: str, settings: HostSettings, turn: Turn = ALONE) -> None:
        self.read_at = 0.0  # when everything was last read, by time.time()
        self._listeners = Changes()
        self.documents, self._beside = Documents(), Beside()
        self.uses = self._beside.uses
        self._looks = Looks(settings.reread_interval, turn.of > 1)
        self._afresh = False  # whether it is called otherwise than what is known of it says, so that all is made again
        told, made = self._listeners.tell, self._made
        self._domains: Table[records.DomainRecord, Vm] = Table(self._vm, partial(told, Topic.DOMAIN))
        effects = Effects(self.uses, self._domains, self._listeners)
        self._pools: Table[records.PoolRecord, Pool] = Table(self._pool, effects.of_pool)
        self._networks: Table[records.NetworkRecord, Network] = Table(
            partial(made, Network), partial(told, Topic.NETWORK)
        )
        self._devices: Table[records.NodeDeviceRecord, NodeDevice] = Table(partial(made, NodeDevice), effects.of_device)
        self.netside = NetSide(told)
        reads = (self._load, self._read, self._look, partial(rescan, self))
        super().__init__(uri, settings, Keeper(uri, settings, self._rereads(), *reads, turn))
        self.on_event(Host._note_viewer)
        self.gauges = Figures(self.link)
        self.divisions = Divisions(self.platform, self.link.local)
        self._emulators = Emulators(self.link)
        self.domain_capabilities, self.max_vcpus = self._emulators.capabilities, self._emulators.max_vcpus

    @property
    def version(self) -> int:
        """Grows whenever anything known of the host changes."""
        tables = (self._domains, self._pools, self._networks, self._devices)
        grown = sum([table.snapshot.version for table in tables]) + self._keeper.turns
        return grown + self.netside.version + self.divisions.version

    @property
    def figures(self) -> Sample:
        """What changes by itself, as of a moment that the sample tells; looking brings the next one on."""
        return self.gauges.latest()

    @property
    def vms(self) -> tuple[Vm, ...]:
        return self._domains.snapshot.all

    @property
    def domains(self) -> Snapshot[Vm]:
        """The domains, in runs that mostly outlive a change as well, and what has changed among them."""
        return self._domains.snapshot

    @property
    def pools(self) -> tuple[Pool, ...]:
        return self._pools.snapshot.all

    @property
    def volumes(self) -> tuple[Volume, ...]:
        return tuple(volume for pool in self.pools for volume in pool.volumes)

    @property
    def networks(self) -> tuple[Network, ...]:
        return self._networks.snapshot.all

    @property
    def node_devices(self) -> tuple[NodeDevice, ...]:
        return self._devices.snapshot.all

    def vm(self, uuid: str) -> Vm | None:
        return self._domains.snapshot.by_key.get(uuid)

    def vm_named(self, name: str) -> Vm | None:
        return self._domains.snapshot.by_name.get(name)

    def pool_named(self, name: str) -> Pool | None:
        return self._pools.snapshot.by_name.get(name)

    def network_named(self, name: str) -> Network | None:
        return self._networks.snapshot.by_name.get(name)

    def on_change(self, callback: OnChange) -> None:
        """Call back (topic, old, new) for every object replaced, in order; old or new None: appeared or gone.

        It runs while the inventory is being replaced: it must not wait for anything, nor call libvirt.
        """
        self._listeners.add(callback)

    def admit(self, admits: Callable[[records.DomainRecord], bool]) -> None:
        """Leave out a domain that was not there before as long as it is not admitted; see host.moves."""
        self._domains.admits = admits

    def refresh(self, uuid: str) -> Vm | None:
        """Reread one domain; None when it is gone."""
        return self._reread(self._domains, reading.read_domain, uuid)

    def take_new(self, domain: libvirt.virDomain) -> Vm | None:
        """Read a domain that was defined for the first time."""
        return self._reread(self._domains, lambda *_: reading.read_new_domain(domain), domain.UUIDString())

    def take_gone(self, uuid: str, ticket: int) -> bool:
        """Take it that a domain was gone at the moment of a ticket; not if anything else has been heard of it."""
        vm = self.vm(uuid)
        known = not self._keeper.wanted(Topic.DOMAIN, uuid) and not (vm and vm.active)
        return known and self._domains.put(uuid, None, ticket) is None

    def set_underway(self, uuid: str, states: Underway | None) -> Vm | None:
        """Say what a domain is being brought to, None when that has ended; answers the Vm that shows it."""
        self._beside.set_underway(uuid, states)
        return self._domains.remake(uuid)

    def refresh_pool(self, uuid: str) -> Pool | None:
        """Reread one storage pool and its volumes; None when it is gone."""
        return self._reread(self._pools, objects.read_pool, uuid)

    def refresh_network(self, uuid: str) -> Network | None:
        """Reread one virtual network; None when it is gone."""
        return self._reread(self._networks, objects.read_network, uuid)

    def refresh_node_device(self, name: str) -> NodeDevice | None:
        """Reread one device of the host; None when it is gone."""
        return self._reread(self._devices, objects.read_node_device, name)

    def reread_divisions(self) -> None:
        """Reread how the host is divided: its huge pages and partitions."""
        with self.link.reading() as connection:
            self._divide(self.divisions, self._domains, connection)

    def _reread(self, table: Table[R, T], read: Callable[[libvirt.virConnect, str], R | None], key: str) -> T | None:
        ticket = table.ticket()
        with self.link.reading() as connection:
            return table.put(key, read(connection, key), ticket)

    def _rereads(self) -> dict[Topic, Reread]:
        return {
            Topic.DOMAIN: Reread(self.refresh, self._domains.ticket, self._domains.read_since),
            Topic.POOL: Reread(self.refresh_pool, self._pools.ticket, self._pools.read_since),
            Topic.NETWORK: Reread(self.refresh_network, self._networks.ticket, self._networks.read_since),
            Topic.NODE_DEVICE: Reread(self.refresh_node_device, self._devices.ticket, self._devices.read_since),
        }

    def _load(self, connection: libvirt.virConnect) -> None:
        self._emulators.forget()
        self._looks.begin(connection)
        self._afresh |= self._take_facts(objects.read_facts(connection))
        self._beside.viewers.begin(self.link.local and not self.link.single)

    def _read(self, connection: libvirt.virConnect) -> None:
        """Read everything."""
        ticket = self._domains.ticket()
        with ThreadPoolExecutor(1 if self.link.local else READERS, "read domains") as workers:
            found = reading.read_domains(connection, workers)
            self._read_others(connection)
            self._domains.replace(found, ticket)
        self._beside.viewers.settle()

    def _look(self, connection: libvirt.virConnect) -> None:
        """Read the domains that look different, now and then all of them."""
        ticket = self._domains.ticket()  # first: what comes while we look must not be taken for gone
        looked = self._looks.take(connection)
        if looked is None:
            self._read(connection)
            return
        found = [vm.record for vm in map(self.vm, looked.same) if vm is not None]
        for uuid in looked.others(self._domains.snapshot.by_key):
            found += filter(None, [reading.read_domain(connection, uuid)])
        self._domains.replace(found, ticket)
        self._read_others(connection, looking=True)

    def _read_others(self, connection: libvirt.virConnect, looking: bool = False) -> None:
        tickets = [table.ticket() for table in (self._networks, self._devices, self._pools)]
        self._networks.replace(objects.read_networks(connection), tickets[0], self._afresh)
        self._devices.replace(objects.read_node_devices(connection), tickets[1], self._afresh)
        if looking:  # a whole read would hide what is being read meanwhile, and this one reads no volumes
            for uuid in objects.changed_pools(connection, {pool.uuid: pool.record for pool in self.pools}):
                self.refresh_pool(uuid)
        else:
            self._pools.replace(objects.read_pools(connection), tickets[2], self._afresh)
        self.netside.read(connection, self._afresh)
        self._afresh = False
        self._divide(self.divisions, self._domains, connection)
        self.gauges.read(connection)
        self.read_at = time.time()

    def _note_viewer(self, event: Event) -> None:
        if self._beside.viewers.take(event):
            self.reread_soon(event.key)

    def _vm(self, record: records.DomainRecord, old: Vm | None) -> Vm:
        known = old if old is not None and old.record == record else None
        beyond = {"facts": self.facts, **self._beside.of(record, old, known, self.known)}
        if known is not None and all(getattr(known, name) == value for name, value in beyond.items()):
            return known
        same = old is not None and (old.state, old.managed_save) == (record.state, record.managed_save)
        seen = self.reachable or old is not None  # else it is only read in: nobody saw when it came to its state
        since = old.since if old is not None and same else now() if seen else None
        return Vm(**vars(record), **beyond, since=since, host=self, record=record)

    def _pool(self, record: records.PoolRecord, old: Pool | None) -> Pool:
        if old is not None and old.record == record:
            return old
        known = {volume.name: volume for volume in old.volumes} if old else {}
        volumes = tuple(self._made(Volume, volume, known.get(volume.name)) for volume in record.volumes)
        return Pool(**{**vars(record), "volumes": volumes}, host=self, record=record)

    def _made(self, make: Callable[..., T], record: R, old: T | None) -> T:
        return old if old is not None and old.record == record else make(**vars(record), host=self, record=record)
