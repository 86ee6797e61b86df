"""The consoles of virtual systems that can be reached from elsewhere, with their ports and addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.addresses import Peer
from virtcim.host.inventory import Hosts, Vm
from virtcim.mapping import consoles, ids
from virtcim.mapping.chardev import CONSOLE, SERIAL_PORT
from virtcim.mapping.graphics import GRAPHICAL_CONSOLE
from virtcim.profiles import lookup
from virtcim.profiles.elements import Device, kept, label, system_class

TEXT_KINDS = (SERIAL_PORT, CONSOLE)
ENABLED, DISABLED, OFFLINE = 2, 3, 6  # EnabledState
NOT_APPLICABLE = 12  # RequestedState, TransitioningToState
FINE, STOPPED, HEALTHY = 2, 10, 5  # OperationalStatus, HealthState

_of_graphics = lookup.devices_of_kind(GRAPHICAL_CONSOLE)
_of_text = tuple(lookup.devices_of_kind(kind) for kind in TEXT_KINDS)


@dataclass(frozen=True, eq=False)
class Part:
    """What one of several ways to a console is; `word` tells it from the others of the console."""

    console: Device
    word: str

    @property
    def platform(self) -> str:
        return self.console.platform

    @property
    def name(self) -> str:
        return ids.device_id(self.console.vm, f"{self.console.dev}/{self.word}")


@dataclass(frozen=True, eq=False)
class Port(Part):
    """A TCP port at which a console is served."""

    number: int


@dataclass(frozen=True, eq=False)
class Address(Part):
    """What a client opens to reach a console."""

    url: str


# Which there are


def is_graphical(device: Device) -> bool:
    return device.kind is GRAPHICAL_CONSOLE and consoles.is_graphical(device.resource)


def is_text(device: Device) -> bool:
    if device.kind not in TEXT_KINDS:
        return False
    return consoles.is_text(device.resource, any(lookup.devices_of_kind(SERIAL_PORT)(device.vm)))


def graphical(vm: Vm) -> list[Device]:
    """The graphical consoles of a virtual system."""
    return [device for device in _of_graphics(vm) if is_graphical(device)]


def text(vm: Vm) -> list[Device]:
    """The text consoles of a virtual system."""
    return [device for parts in _of_text for device in parts(vm) if is_text(device)]


# How they are reached


def port_numbers(device: Device) -> consoles.Ports:
    """By what they are for; nothing is listened on for a system that is off."""
    return consoles.ports(device.resource) if device.vm.active else {}


def ports(device: Device) -> tuple[Port, ...]:
    return kept(device, "_ports", lambda: tuple(Port(device, *one) for one in port_numbers(device).items()))


def addresses(device: Device) -> tuple[Address, ...]:
    return kept(device, "_addresses", lambda: tuple(Address(device, *one) for one in _urls(device).items()))


def _urls(device: Device) -> consoles.Urls:
    return consoles.urls(device.resource, device.vm.host.name) if device.vm.active else {}


def all_of(vm: Vm) -> list[Device]:
    return [*graphical(vm), *text(vm)]


def ports_of(vm: Vm) -> Iterator[Port]:
    """Of all consoles of a virtual system."""
    return (port for device in (all_of(vm) if vm.active else ()) for port in ports(device))


def addresses_of(vm: Vm) -> Iterator[Address]:
    """Of all consoles of a virtual system."""
    return (address for device in (all_of(vm) if vm.active else ()) for address in addresses(device))


# Who is connected


def state_of(device: Device) -> int:
    """EnabledState of a graphical console: Enabled while somebody looks at it, Disabled while nobody can."""
    if viewers(device):
        return ENABLED
    return OFFLINE if port_numbers(device) else DISABLED


def viewers(device: Device) -> list[Peer]:
    """Its clients; those that have come to no port known, such as by a socket, are of the first console."""
    if not device.vm.viewers:
        return []
    others = {port for one in graphical(device.vm) for port in port_numbers(one).values() if one is not device}
    own = set(port_numbers(device).values())
    first = graphical(device.vm)[0] is device
    return [peer for peer in device.vm.viewers if peer.at in own or (first and peer.at not in others)]


def old_name(device: Device) -> str:
    """What libvirt-cim called a console: `<port>:<port of the client>`, the latter -1 without one, 0 while it waits."""
    numbers = port_numbers(device)
    port = numbers.get("port", numbers.get("tls", -1))
    peer = next((one.service for one in viewers(device)), "") or ("0" if numbers else "-1")
    return f"{port}:{peer}"


# Where they are found


def find(world: Hosts, keys: Keys) -> Iterable[Vm]:
    """The virtual system in the Name of a console, a port or an address."""
    parsed = ids.parse_device_id(str(keys["Name"]))
    return [] if parsed is None else world.vm_by_key(parsed[0])


def find_console(world: Hosts, keys: Keys) -> list[Device]:
    return [device for vm in find(world, keys) for device in all_of(vm)]


def find_port(world: Hosts, keys: Keys) -> list[Port]:
    return [port for vm in find(world, keys) for port in ports_of(vm)]


def find_address(world: Hosts, keys: Keys) -> list[Address]:
    return [address for vm in find(world, keys) for address in addresses_of(vm)]


# What they say


def access_point(device: Device, name: str, state: int) -> Properties:
    """What every access point to a console says; it belongs to the virtual system."""
    return {
        "SystemCreationClassName": system_class(device.vm),
        "SystemName": ids.system_token(device.vm),
        "Name": name,
        "EnabledState": state,
        "RequestedState": NOT_APPLICABLE,
        "TransitioningToState": NOT_APPLICABLE,
        "OperationalStatus": [STOPPED if state == DISABLED else FINE],
        "HealthState": HEALTHY,
    }


def caption(device: Device, what: str) -> str:
    return f"{what} of {label(device.vm)}"
