"""Why a domain could not be moved to another host, as far as both ends tell; asking changes nothing."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import libvirt

from virtcim.host.calls import opened
from virtcim.host.errors import unsupported, where_supported
from virtcim.host.reading import found
from virtcim.host.system import Vm
from virtcim.model.devices import Disk
from virtcim.model.domain import Domain
from virtcim.model.peripherals import Hostdev
from virtcim.model.tree import serialise

NO_POOL = (libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_ERR_NO_STORAGE_VOL)
KIB = 1024


class About(Enum):
    """What an obstacle is about, where that has a name of its own."""

    PROCESSORS = "processors"
    STORAGE = "storage"
    MORE = "more"


class Obstacle(NamedTuple):
    """What stands in the way."""

    words: str
    about: About = About.MORE


@dataclass(frozen=True)
class Arrival:
    """What is to be at the destination: its document; whether it runs there, and comes there running."""

    document: Domain
    runs: bool
    running: bool
    copies: bool = False


def obstacles(vm: Vm, there: libvirt.virConnect, arrival: Arrival) -> list[Obstacle]:
    """All that stands in the way. Errors: libvirtError."""
    if there.getType() != vm.host.facts.hypervisor:
        return [Obstacle(f"the hypervisor there is {there.getType()}, here it is {vm.host.facts.hypervisor}")]
    found = list(map(Obstacle, [*_names(vm, there, arrival), *_kept_here(vm), *_bound(arrival)]))
    for look, about in ((_machine, About.MORE), (_processor, About.PROCESSORS), (_memory, About.MORE)):
        found += [Obstacle(one, about) for one in look(vm, there, arrival.document)] if arrival.runs else []
    for disk in arrival.document.disks:
        found += [Obstacle(one, About.STORAGE) for one in _storage(there, disk, arrival.copies)]
    return found + list(map(Obstacle, _networks(there, arrival)))


def _names(vm: Vm, there: libvirt.virConnect, arrival: Arrival) -> Iterator[str]:
    name = str(arrival.document.name)
    same = found(there.lookupByUUIDString, vm.uuid)
    if same is not None:
        yield f"the UUID {vm.uuid} is that of {same.name()} there"
    elif found(there.lookupByName, name) is not None:
        yield f"another system is named {name} there"


def _kept_here(vm: Vm) -> Iterator[str]:
    """What libvirt would leave behind."""
    with opened(vm) as domain:
        for kept, what in ((domain.listAllSnapshots, "snapshots"), (domain.listAllCheckpoints, "checkpoints")):
            number = len(where_supported(kept) or ())
            if number:
                yield f"{vm.name} has {number} {what}"


def _bound(arrival: Arrival) -> Iterator[str]:
    """Devices of this host that a running guest has in its hands."""
    if not arrival.running:
        return
    for device in arrival.document.devices:
        if isinstance(device, Hostdev) and device.type != "mdev":
            yield f"a {device.type or 'host'} device of this host is passed through"
    if any(one.type == "hostdev" for one in arrival.document.interfaces):
        yield "a network interface of this host is passed through"


def _machine(_: Vm, there: libvirt.virConnect, document: Domain) -> Iterator[str]:
    wanted = (document.emulator, document.arch, document.machine, document.type)
    reason = _refusal(lambda: there.getDomainCapabilities(*wanted))
    if reason:
        yield f"the emulator there: {reason}"


def _processor(vm: Vm, there: libvirt.virConnect, document: Domain) -> Iterator[str]:
    cpu = document.element.find("cpu")
    verdicts: list[int] = []
    if document.cpu_mode in ("host-passthrough", "host-model"):
        element = vm.host.capabilities.element.find("host/cpu")
        text = "" if element is None else serialise(element)
        reason = _refusal(lambda: verdicts.append(there.compareCPU(text))) if text else ""
    elif cpu is not None and document.cpu_model is not None:
        wanted = (None, document.arch, document.machine, document.type, serialise(cpu))
        reason = _refusal(lambda: verdicts.append(there.compareHypervisorCPU(*wanted)))
    else:
        return
    if reason or libvirt.VIR_CPU_COMPARE_INCOMPATIBLE in verdicts:
        told = f": {reason}" if reason else ""
        yield f"the processors there lack something of {document.cpu_model or 'those here'}{told}"


def _memory(_: Vm, there: libvirt.virConnect, document: Domain) -> Iterator[str]:
    """Page cache gives way to guests."""
    stats = where_supported(lambda: there.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS))
    wanted, free = document.memory or 0, sum((stats or {}).get(name, 0) for name in ("free", "buffers", "cached"))
    if stats and wanted > free:
        yield f"of {wanted // KIB} MiB of memory {free // KIB} MiB are free there"


def _storage(there: libvirt.virConnect, disk: Disk, copies: bool) -> Iterator[str]:
    """What a pool there should list and does not; a path in no pool nobody can judge."""
    if disk.pool is not None and disk.volume is not None:
        yield from _volume(there, disk.pool, disk.volume, copies)
    elif disk.file and not copies:
        where = os.path.dirname(disk.file)
        pool, path = _maybe(lambda: there.storagePoolLookupByTargetPath(where)), disk.file
        if pool is not None and pool.isActive() and _maybe(lambda: there.storageVolLookupByPath(path)) is None:
            yield f"the pool {pool.name()} there has no {path}"


def _volume(there: libvirt.virConnect, name: str, volume: str, copies: bool) -> Iterator[str]:
    pool = _maybe(lambda: there.storagePoolLookupByName(name))
    if pool is None or not pool.isActive():
        yield f"there is no active storage pool {name} there"
    elif not copies and _maybe(lambda: pool.storageVolLookupByName(volume)) is None:
        yield f"the storage pool {name} there has no volume {volume}"


def _networks(there: libvirt.virConnect, arrival: Arrival) -> Iterator[str]:
    for name in dict.fromkeys(one.network for one in arrival.document.interfaces if one.network):
        network = found(there.networkLookupByName, name)
        if network is None:
            yield f"there is no network {name} there"
        elif arrival.runs and not network.isActive():
            yield f"the network {name} there is not active"


def _maybe(call: Callable[[], Any]) -> Any:
    """What a look-up finds; None when it is not there, or the driver knows no such thing."""
    try:
        return call()
    except libvirt.libvirtError as error:
        if error.get_error_code() in NO_POOL or unsupported(error):
            return None
        raise


def _refusal(call: Callable[[], object]) -> str:
    """What libvirt has against it, in its words."""
    try:
        call()
    except libvirt.libvirtError as error:
        return "" if unsupported(error) else str(error.get_error_message())
    return ""
