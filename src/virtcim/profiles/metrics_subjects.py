"""What metrics are measured of: the elements by kind, where they are, what names them, and their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.host.figures import Sample
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.measures import Guest
from virtcim.host.starts import run_of
from virtcim.mapping import ids, metrics, pools
from virtcim.mapping.disk import CDROM, DISK, FLOPPY_DRIVE, LUN
from virtcim.mapping.kind import Kind
from virtcim.mapping.metrics import ADAPTER, HOST, PORT, PROCESSOR, SYSTEM, Metric
from virtcim.mapping.net import INTERFACE
from virtcim.mapping.peripherals import BALLOON
from virtcim.mapping.processor import PROCESSORS, maximum, quantity
from virtcim.profiles import elements, lookup, switches_ports
from virtcim.profiles.elements import Device
from virtcim.profiles.pools import POOL_TYPES, SERVED, ResourcePool
from virtcim.profiles.pools_lookup import pool_by_id, pools_on
from virtcim.profiles.switches_ports import SwitchPort
from virtcim.profiles.transitions import row_of

Numbers = Mapping[str, float]
DISKS = (DISK, LUN, CDROM, FLOPPY_DRIVE)
INWARDS = ("rx.bytes", "rx.pkts", "rx.errs", "rx.drop")
OUTWARDS = ("tx.bytes", "tx.pkts", "tx.errs", "tx.drop")
ENABLED = 2  # EnabledState


@dataclass(frozen=True)
class Subject:
    """One kind of element, with the metrics `of` it.

    `classes` are all that elements of the kind are served as, `served` is that of one, `name` what names one in keys
    of ours, `numbers` what a sample tells of one by the sources of metrics. Those of systems are `inside` one.
    """

    of: tuple[str, ...]
    type: type[Any]
    classes: tuple[str, ...]
    find: Callable[[Hosts, str], Iterable[Any]]
    name: Callable[[Any], str]
    label: Callable[[Any], str]
    served: Callable[[Any], str]
    numbers: Callable[[Any, Sample], Numbers]
    holds: Callable[[Any], bool] = lambda _: True
    inside: Callable[[Vm], Iterable[Any]] | None = None
    beside: Callable[[Host], Iterable[Any]] = lambda _: ()

    def on(self, host: Host) -> Iterator[Any]:
        """All elements of the kind that a host has."""
        for vm in lookup.vms_of(host) if self.inside else ():
            yield from self.inside(vm) if self.inside else ()
        yield from self.beside(host)

    def offered_on(self, platform: str) -> bool:
        return any(metric.measured_on(platform) for of in self.of for metric in metrics.OF[of])

    def measures(self, metric: Metric, element: Any) -> bool:
        """Whether the metric is one that can be measured of the element."""
        if not metric.measured_on(element.platform) or metric.of not in self.of:
            return False
        if metric.asks and balloon_of(element) is None:
            return False
        return not isinstance(element, ResourcePool) or _of_pool(metric, element)


def host_of(element: Any) -> Host:
    if isinstance(element, SwitchPort):
        return element.adapter.vm.host
    return element if isinstance(element, Host) else (element.vm.host if isinstance(element, Device) else element.host)


def vm_of(element: Any) -> Vm | None:
    """The system that an element is, or is of."""
    if isinstance(element, SwitchPort):
        return element.adapter.vm
    return element if isinstance(element, Vm) else (element.vm if isinstance(element, Device) else None)


def balloon_of(vm: Vm) -> str | None:
    """The balloon of a system, by the name of its setting; its driver tells of the guest's memory."""
    (found,) = elements.kept(vm, "_balloon", lambda: (_balloon(vm),))
    return found


def _balloon(vm: Vm) -> str | None:
    settings = elements.settings(elements.state_of(vm))
    found = (one for one in settings if one.kind is BALLOON)
    return next((one.dev for one in found if elements.properties(one).get("ResourceSubType") != "none"), None)


def guest_of(vm: Vm, sample: Sample) -> Guest | None:
    """What was measured of the run that a system is in: it may have been started since."""
    guest = sample.measured.guests.get(vm.uuid) if sample.measured and vm.active else None
    return guest if guest is not None and guest.run == run_of(vm.state_xml) else None


# Virtual systems


def _of_system(vm: Vm, sample: Sample) -> Numbers:
    if not vm.active:
        return {}
    guest = guest_of(vm, sample)
    told: dict[str, float] = dict(guest.system) if guest else {}
    if "balloon.current" not in told:
        told |= _documented(vm)
    rates = sample.measured.rates.get(vm.uuid) if sample.measured and guest else None
    if rates is not None and rates.busy is not None:
        told["busy"] = rates.busy
    return told


def _documented(vm: Vm) -> dict[str, float]:
    """What the document tells, where the driver has no statistics."""
    document = vm.state_document
    most = document.memory or 0
    present = most if document.current_memory is None else document.current_memory
    memory = {"balloon.maximum": most, "balloon.current": present}
    return {**memory, "vcpu.maximum": maximum(document), "vcpu.current": quantity(document)}


# Their devices


def _of_kinds(kinds: tuple[Kind[Any], ...], vm: Vm) -> Iterator[Device]:
    for kind in kinds:
        yield from lookup.devices_of_kind(kind)(vm)


def _device(kinds: tuple[Kind[Any], ...], world: Hosts, name: str) -> list[Device]:
    found = lookup.find_device(world, {"DeviceID": name})
    return [one for one in found if one.kind in kinds and _device_name(one) == name]


def _device_name(device: Device) -> str:
    return ids.device_id(device.vm, device.dev)


def _of_processor(device: Device, sample: Sample) -> Numbers:
    guest = guest_of(device.vm, sample)
    return guest.vcpus.get(device.index, {}) if guest else {}


def _of_disk(device: Device, sample: Sample) -> Numbers:
    guest = guest_of(device.vm, sample)
    if sample.measured is None or guest is None:
        return {}
    rates = sample.measured.rates.get(device.vm.uuid)
    latency = rates.latencies.get(device.dev) if rates else None
    return {**guest.disks.get(device.dev, {}), **({} if latency is None else {"latency": latency})}


def _of_adapter(device: Device, sample: Sample) -> Numbers:
    return _counted(device, sample, INWARDS + OUTWARDS)


def _of_port(port: SwitchPort, sample: Sample) -> Numbers:
    """What the guest sends is what its port receives."""
    return _counted(port.adapter, sample, OUTWARDS + INWARDS)


def _counted(adapter: Device, sample: Sample, names: tuple[str, ...]) -> Numbers:
    target = switches_ports.interface_of(adapter).target or ""
    found = sample.traffic.get((adapter.vm.uuid, target)) if guest_of(adapter.vm, sample) else None
    return dict(zip(names, vars(found).values(), strict=True)) if found else {}


def _find_port(world: Hosts, name: str) -> list[SwitchPort]:
    return [one for one in switches_ports.ports_named(world, name) if one.id == name]


# The host


def _itself(host: Host) -> list[Host]:
    return [host] if host.readable else []


def _find_host(world: Hosts, name: str) -> list[Host]:
    """By its name, which a breakdown may follow."""
    return [one for one in world.reachable() if f"{name}/".startswith(f"{ids.host_token(one)}/")]


def _of_host(host: Host, sample: Sample) -> Numbers:
    loads, vms = sample.loads, host.vms
    memory = sample.measured.memory if sample.measured else {}
    found: dict[str, float] = {**loads.times, **{name: memory[name] for name in memory}, "defined": len(vms)}
    found["running"] = sum(1 for vm in vms if vm.active and row_of(vm).enabled_state == ENABLED)
    return found | ({} if loads.whole is None else {"busy": loads.whole})


# Pools


def _of_pool(metric: Metric, pool: ResourcePool) -> bool:
    if metrics.POOL_WORDS[pool.type.units] != metric.of:
        return False
    return metric.source in ("reserved", "consumed") or pool.capacity is not None


def _of_pools(pool: ResourcePool, _: Sample) -> Numbers:
    found: dict[str, float] = {"reserved": pool.reserved or 0, "consumed": pool.consumed or 0}
    if pool.capacity is None:
        return found
    found |= {"capacity": pool.capacity, "available": max(0, pool.capacity - found["reserved"])}
    whole = pools.WHOLE_PROCESSOR if pool.type.units != pool.type.consumed_units else 1
    return found | ({"ratio": 100 * whole * found["consumed"] / pool.capacity} if pool.capacity else {})


# All of them


def _devices(of: str, kinds: tuple[Kind[Any], ...], numbers: Callable[[Device, Sample], Numbers]) -> Subject:
    return Subject(
        of=(of,),
        type=Device,
        classes=tuple(dict.fromkeys(str(kind.device_class) for kind in kinds)),
        inside=partial(_of_kinds, kinds),
        find=partial(_device, kinds),
        name=_device_name,
        label=lambda device: f"{device.kind.label} {device.dev}",
        served=lambda device: str(device.kind.device_class),
        numbers=numbers,
        holds=lambda device: device.kind in kinds,
    )


def _pools(of: type[ResourcePool]) -> Subject:
    return Subject(
        of=tuple(metrics.POOL_UNITS),
        type=of,
        classes=tuple(classname for one, classname in SERVED if one is of),
        beside=lambda host: (one for one in pools_on(host) if type(one) is of),
        find=lambda world, name: (one for one in pool_by_id(world, name) if type(one) is of),
        name=lambda pool: pool.id,
        label=lambda pool: pool.name,
        served=lambda pool: pool.type.classname,
        numbers=_of_pools,
    )


SYSTEMS = Subject(
    of=(SYSTEM,),
    type=Vm,
    classes=("Virt_ComputerSystem",),
    inside=lambda vm: (vm,),
    find=lambda world, name: world.vm_by_key(name),
    name=ids.system_token,
    label=elements.label,
    served=lambda _: "Virt_ComputerSystem",
    numbers=_of_system,
)
PORTS = Subject(
    of=(PORT,),
    type=SwitchPort,
    classes=("Virt_SwitchEthernetPort",),
    inside=switches_ports.ports_of_vm,
    find=_find_port,
    name=lambda port: port.id,
    label=lambda port: port.id,
    served=lambda _: "Virt_SwitchEthernetPort",
    numbers=_of_port,
)
HOSTS = Subject(
    of=(HOST,),
    type=Host,
    classes=("Virt_HostSystem",),
    beside=_itself,
    find=_find_host,
    name=ids.host_token,
    label=lambda host: host.name,
    served=lambda _: "Virt_HostSystem",
    numbers=_of_host,
)
SUBJECTS: tuple[Subject, ...] = (
    SYSTEMS,
    _devices(PROCESSOR, (PROCESSORS,), _of_processor),
    _devices(metrics.DISK, DISKS, _of_disk),
    _devices(ADAPTER, (INTERFACE,), _of_adapter),
    PORTS,
    HOSTS,
    *(_pools(of) for of in POOL_TYPES),
)


def subject_of(element: Any) -> Subject | None:
    """The kind that an element is of; None where nothing is measured of it."""
    return next((one for one in SUBJECTS if type(element) is one.type and one.holds(element)), None)


def subjects_of(metric: Metric) -> list[Subject]:
    """The kinds that a metric is measured of."""
    return [one for one in SUBJECTS if metric.of in one.of]
