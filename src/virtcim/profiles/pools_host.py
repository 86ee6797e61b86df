"""The devices of a host as objects: processors, memory, and what can be passed through to virtual systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, NodeDevice
from virtcim.mapping import ids, pools_host
from virtcim.mapping.pools_host import Assignable
from virtcim.mapping.processor import widths
from virtcim.profiles.elements import host_class, kept

ENABLED, NOT_APPLICABLE, FINE, HEALTHY = 2, 12, 2, 5


@dataclass(frozen=True, eq=False)
class HostDevice:
    """A device of a host."""

    host: Host
    name: str
    properties: Properties

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def device_id(self) -> str:
        return ids.host_device_id(self.name)


@dataclass(frozen=True, eq=False)
class HostProcessor(HostDevice):
    """A logical processor."""

    number: int


@dataclass(frozen=True, eq=False)
class HostMemory(HostDevice):
    """The memory of a NUMA cell."""

    cell: int


@dataclass(frozen=True, eq=False)
class HostPci(HostDevice):
    """A PCI device that can be passed through."""

    device: Assignable


@dataclass(frozen=True, eq=False)
class HostUsb(HostDevice):
    """A USB device that can be passed through."""

    device: Assignable


@dataclass(frozen=True, eq=False)
class HostMediated(HostDevice):
    """A mediated device that can be passed through."""

    device: Assignable


Passed = HostPci | HostUsb | HostMediated
PASSED: Mapping[str, type[Passed]] = {"pci": HostPci, "usb": HostUsb, "mdev": HostMediated}
D = TypeVar("D", bound=HostDevice)
T = TypeVar("T")


def processors(host: Host) -> tuple[HostProcessor, ...]:
    return kept(host.facts, "_processors", lambda: tuple(_processors(host)))


def _processors(host: Host) -> Iterator[HostProcessor]:
    node, capabilities = host.facts.node, host.capabilities
    places, width = pools_host.places(capabilities), widths(capabilities.host_arch)
    for number in pools_host.processors(capabilities, node.cpus):
        properties = pools_host.processor_properties(number, node.model, node.mhz)
        named = {"ElementName": f"Processor {number}", **properties, **width, **places.get(number, {})}
        yield HostProcessor(host, ids.processor_name(number), named, number)


def memories(host: Host) -> tuple[HostMemory, ...]:
    return kept(host.facts, "_memories", lambda: tuple(_memories(host)))


def _memories(host: Host) -> Iterator[HostMemory]:
    for number, kib in pools_host.cells(host.capabilities, host.facts.node.memory):
        properties = {"ElementName": f"Memory of cell {number}", **pools_host.memory_properties(kib)}
        yield HostMemory(host, ids.memory_name(number), properties, number)


def passed(host: Host) -> Iterator[Passed]:
    """What can be passed through."""
    for device in host.node_devices:
        yield from passed_as(device)


def passed_as(device: NodeDevice) -> list[Passed]:
    """A device of the host as what can be passed through; nothing where it cannot."""
    return kept(device, "_passed", partial(_passed, device))


def _passed(device: NodeDevice) -> list[Passed]:
    found = pools_host.assignable(device.xml)
    if found is None:
        return []
    return [PASSED[found.word](device.host, device.name, found.properties, found)]


def pci_devices(host: Host) -> Iterator[HostPci]:
    return (one for one in passed(host) if isinstance(one, HostPci))


def mediated_devices(host: Host) -> Iterator[HostMediated]:
    return (one for one in passed(host) if isinstance(one, HostMediated))


def usb_devices(host: Host) -> Iterator[HostUsb]:
    return (one for one in passed(host) if isinstance(one, HostUsb))


def device_properties(one: HostDevice) -> Properties:
    """An instance of a host's device."""
    return shown(one.host, one.device_id, one.properties)


def shown(host: Host, device_id: str, properties: Properties) -> Properties:
    """A device of a host with what all of them have."""
    found: Properties = {
        "SystemCreationClassName": host_class(host),
        "SystemName": ids.host_token(host),
        "DeviceID": device_id,
        "EnabledState": ENABLED,
        "RequestedState": NOT_APPLICABLE,
        "OperationalStatus": [FINE],
        "HealthState": HEALTHY,
        **properties,
    }
    return {name: value for name, value in found.items() if value is not None}


def everywhere(devices: Callable[[Host], Iterable[T]]) -> Callable[[Hosts], Iterator[T]]:
    """The devices of all hosts."""
    return lambda world: (one for host in world.reachable() for one in devices(host))


def by_keys(devices: Callable[[Host], Iterable[D]]) -> Callable[[Hosts, Keys], Iterator[D]]:
    """By SystemName and DeviceID."""

    def find(world: Hosts, keys: Keys) -> Iterator[D]:
        hosts = (host for host in world.reachable() if ids.host_token(host) == keys["SystemName"])
        return (one for host in hosts for one in devices(host) if one.device_id == keys["DeviceID"])

    return find


def on(devices: Callable[[Host], Iterable[T]]) -> Callable[[Host], Iterable[T]]:
    """The devices of a host; what they were before it went out of reach is not told."""
    return lambda host: devices(host) if host.readable else ()
