"""Where configurations, settings and devices are: all of a world, in runs, of one kind, or the one that has a key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping import ids
from virtcim.mapping.resources import Kind
from virtcim.profiles.elements import Configuration, Device, Setting, by_dev, configurations, devices, kept, settings

H = TypeVar("H")
P = TypeVar("P", Setting, Device)


def version(world: Hosts) -> object:
    """What objects follow that are made from nothing but what the hosts hold; see Profile.source."""
    return world.version, world.standing.told


def sampled(world: Hosts) -> object:
    """What figures follow that are read of all guests of a host at once."""
    return world.gauges.samples, world.standing.told


def loaded(world: Hosts) -> object:
    """What figures follow that tell of nothing but how busy the processors of guests are."""
    return world.gauges.loads, world.standing.told


class OfVm(Protocol):
    """What is made from a virtual system."""

    @property
    def vm(self) -> Vm: ...


def vm_of(part: OfVm) -> Vm:
    return part.vm


def vms_of(host: Host) -> Iterable[Vm]:
    """The virtual systems of a host; what they were before it went out of reach is not told."""
    return host.vms if host.readable else ()


def all_vms(world: Hosts) -> Iterable[Vm]:
    return world.vms()


def all_configurations(world: Hosts) -> Iterator[Configuration]:
    for vm in world.vms():
        yield from configurations(vm)


def all_settings(world: Hosts) -> Iterator[Setting]:
    for configuration in all_configurations(world):
        yield from settings(configuration)


def all_devices(world: Hosts) -> Iterator[Device]:
    for vm in world.vms():
        yield from devices(vm)


def vm_runs(world: Hosts) -> Iterator[tuple[object, tuple[Vm, ...]]]:
    """All virtual systems, in runs that have a name each and mostly outlive a change."""
    for host in world.reachable():
        for run in host.domains.runs:
            yield (host.uri, run[0].uuid), run


def settings_in(vm: Vm) -> Iterator[Setting]:
    """Those of all its configurations."""
    for configuration in configurations(vm):
        yield from settings(configuration)


def settings_of_kind(kind: Kind[Any]) -> Callable[[Vm], Iterator[Setting]]:
    """The settings of one kind in a virtual system."""

    def parts(vm: Vm) -> Iterator[Setting]:
        for configuration in configurations(vm):
            yield from _by_kind(configuration, settings).get(kind, ())

    return parts


def devices_of_kind(kind: Kind[Any]) -> Callable[[Vm], Iterable[Device]]:
    """The devices of one kind in a virtual system."""
    return lambda vm: _by_kind(vm, devices).get(kind, ())


def _by_kind(holder: H, parts: Callable[[H], Iterable[P]]) -> Mapping[Kind[Any], list[P]]:
    def make() -> dict[Kind[Any], list[P]]:
        found: dict[Kind[Any], list[P]] = {}
        for part in parts(holder):
            found.setdefault(part.kind, []).append(part)
        return found

    return kept(holder, "_by_kind", make)


# By key, without looking at other systems


def find_vm(world: Hosts, keys: Keys) -> list[Vm]:
    """By Name, the key of CIM_ComputerSystem."""
    return world.vm_by_key(str(keys["Name"]))


def find_configuration(world: Hosts, keys: Keys) -> list[Configuration]:
    """By InstanceID of a VSSD."""
    parsed = ids.parse_configuration_id(str(keys["InstanceID"]))
    if parsed is None:
        return []
    return [one for vm in world.vm_by_key(parsed.token) for one in configurations(vm) if one.defined == parsed.defined]


def find_setting(world: Hosts, keys: Keys) -> list[Setting]:
    """By InstanceID of a RASD."""
    parsed = ids.parse_setting_id(str(keys["InstanceID"]))
    if parsed is None:
        return []
    sets = (one for vm in world.vm_by_key(parsed.token) for one in configurations(vm) if one.defined == parsed.defined)
    found = (by_dev(one).get(parsed.dev) for one in sets)
    return [setting for setting in found if setting is not None]


def find_device(world: Hosts, keys: Keys) -> list[Device]:
    """By DeviceID."""
    parsed = ids.parse_device_id(str(keys["DeviceID"]))
    return [] if parsed is None else [device for vm in world.vm_by_key(parsed[0]) for device in devices(vm)]


def find_host(world: Hosts, keys: Keys) -> list[Host]:
    """By Name of the host system."""
    return [host for host in world.hosts if ids.host_token(host) == keys["Name"]]
