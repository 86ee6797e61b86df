"""What libvirt said about one object at one moment, as immutable values that compare by content."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self
from urllib.parse import urlsplit

from virtcim.host.states import DomainState
from virtcim.model.capabilities import Capabilities
from virtcim.model.tree import parse

DIRECTORIES = (2, 4)  # virStorageVolType


class Itself:
    """An object made from a record, and equal to itself alone: one of the same record may know more beside it."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass(frozen=True, kw_only=True)
class SnapshotRecord:
    """A snapshot of a domain: its own document, and that of the domain as it was then.

    `current`: whether the next snapshot descends from it.
    """

    name: str
    current: bool
    xml: str = field(repr=False)
    domain_xml: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DomainRecord:
    """A domain; state and reason by libvirt's numbers, defined_xml None for a transient domain.

    `disk_errors`: the targets of disks that failed, with virDomainDiskErrorCode, while the domain is paused for it.
    """

    uuid: str
    name: str
    active: bool
    persistent: bool
    autostart: bool
    managed_save: bool
    state: DomainState
    reason: int
    state_xml: str = field(repr=False)
    defined_xml: str | None = field(repr=False)
    disk_errors: tuple[tuple[str, int], ...] = ()
    snapshots: tuple[SnapshotRecord, ...] = ()

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class VolumeRecord:
    """A storage volume; sizes in bytes, kind is virStorageVolType. `key` is libvirt's."""

    pool_uuid: str
    name: str
    key: str
    path: str
    kind: int
    capacity: int
    allocation: int
    xml: str = field(repr=False)

    @property
    def is_directory(self) -> bool:
        """Whether it is listed as a volume and stores nothing itself."""
        return self.kind in DIRECTORIES


@dataclass(frozen=True, kw_only=True)
class PoolRecord:
    """A storage pool with its volumes (none while inactive); sizes in bytes, state is virStoragePoolState."""

    uuid: str
    name: str
    active: bool
    persistent: bool
    autostart: bool
    state: int
    capacity: int
    allocation: int
    available: int
    xml: str = field(repr=False)
    defined_xml: str | None = field(repr=False)
    volumes: tuple[VolumeRecord, ...]

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """A virtual network; defined_xml None for a transient one."""

    uuid: str
    name: str
    active: bool
    persistent: bool
    autostart: bool
    xml: str = field(repr=False)
    defined_xml: str | None = field(repr=False)

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class NodeDeviceRecord:
    """A device of the host."""

    name: str
    xml: str = field(repr=False)

    @property
    def key(self) -> str:
        return self.name

    @cached_property
    def parent(self) -> str | None:
        """The name of the device it hangs on."""
        return parse(self.xml).findtext("parent")

    @cached_property
    def capabilities(self) -> tuple[str, ...]:
        """What it is, as libvirt names it: pci, net, storage, scsi_host, fc_host, ..."""
        return tuple(str(capability.get("type")) for capability in parse(self.xml).iter("capability"))


class Alone:
    """What libvirt says of something that nothing is to be added to: the record is the object."""

    @property
    def record(self) -> Self:
        return self


@dataclass(frozen=True, kw_only=True)
class FilterRecord(Alone):
    """A network filter."""

    uuid: str
    name: str
    xml: str = field(repr=False)

    @property
    def key(self) -> str:
        return self.uuid


@dataclass(frozen=True, kw_only=True)
class InterfaceRecord(Alone):
    """A network interface of the host itself, such as a bridge."""

    name: str
    active: bool
    xml: str = field(repr=False)

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class OvsBridgeRecord(Alone):
    """A bridge of Open vSwitch, with the names of its ports."""

    name: str
    ports: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class NodeInfo:
    """virNodeGetInfo: memory in KiB, clock in MHz (0 unknown); sockets are per NUMA node."""

    model: str
    memory: int
    cpus: int
    mhz: int
    nodes: int
    sockets: int
    cores: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """What a host is, as read when the link came up; sysinfo_xml None where the host tells nothing."""

    name: str
    uuid: str
    library_version: str
    hypervisor: str
    hypervisor_version: str
    node: NodeInfo
    capabilities_xml: str
    sysinfo_xml: str | None

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities.parse(self.capabilities_xml)


def unknown_facts(uri: str) -> HostFacts:
    """What is assumed of a host before it was first reached: the name in its URI, else this machine's."""
    name = urlsplit(uri).hostname or socket.gethostname()
    node = NodeInfo(model="", memory=0, cpus=0, mhz=0, nodes=1, sockets=1, cores=1, threads=1)
    return HostFacts(
        name=name,
        uuid="",
        library_version="",
        hypervisor="",
        hypervisor_version="",
        node=node,
        capabilities_xml="<capabilities/>",
        sysinfo_xml=None,
    )


def version_text(number: int) -> str:
    """libvirt's way to put a version into a number."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
