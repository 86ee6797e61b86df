"""What hangs off a virtual system: its configurations, their settings, its devices. Made once per Vm, kept with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping import ids, resources
from virtcim.mapping.processor import PROCESSORS
from virtcim.mapping.resources import Kind, Resource, resources_of
from virtcim.profiles.pools_images import Images, images_of
from virtcim.profiles.pools_images import pool_of as image_pool_of

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Configuration:
    """A virtual system's configuration: what it is running with (State), or its persistent definition (Defined)."""

    vm: Vm
    defined: bool

    @property
    def platform(self) -> str:
        return self.vm.platform

    @property
    def id(self) -> str:
        return ids.configuration_id(self.vm, self.defined)

    @property
    def document(self) -> Any:
        """The domain document (model.domain.Domain) that the configuration shows; not to be written to."""
        return self.vm.defined_document if self.defined else self.vm.state_document


@dataclass(frozen=True, eq=False)
class Setting:
    """A resource allocation of a configuration; `image_pool` is the PoolID where the document does not tell it."""

    configuration: Configuration
    resource: Resource
    image_pool: str | None = None

    @property
    def vm(self) -> Vm:
        return self.configuration.vm

    @property
    def platform(self) -> str:
        return self.configuration.vm.platform

    @property
    def id(self) -> str:
        return ids.setting_id(self.vm, self.resource.dev, self.configuration.defined)


@dataclass(frozen=True, eq=False)
class Device:
    """A virtual device; `index` counts the devices of one resource, such as processors."""

    vm: Vm
    resource: Resource
    index: int

    @property
    def platform(self) -> str:
        return self.vm.platform

    @property
    def dev(self) -> str:
        """The part of the DeviceID that names it inside its system; processors are numbered."""
        return str(self.index) if self.resource.kind is PROCESSORS else self.resource.dev


def present(properties: Properties) -> Properties:
    """The properties that are not NULL."""
    return {name: value for name, value in properties.items() if value is not None}


H = TypeVar("H")
P = TypeVar("P", Setting, Device)


def system_class(vm: Vm) -> str:
    """The class that a virtual system is served as, and that keys of its devices repeat."""
    return f"{vm.platform}_ComputerSystem"


def host_class(host: Host) -> str:
    """The class that a host system is served as, and that keys of its services repeat."""
    return f"{host.platform}_HostSystem"


def label(vm: Vm) -> str:
    """ElementName of a virtual system and of its State configuration: the title, or else the name."""
    return vm.state_document.title or vm.name


def kept(holder: object, name: str, make: Callable[[], T]) -> T:
    """What `make` answers, made once and kept in the holder's __dict__; two threads may make it, one of them wins."""
    found = vars(holder).get(name)
    return cast("T", vars(holder).setdefault(name, make()) if found is None else found)


def configurations(vm: Vm) -> tuple[Configuration, ...]:
    """State, and Defined unless the domain is transient."""
    return kept(vm, "_configurations", lambda: tuple(Configuration(vm, defined) for defined in _sets(vm)))


def _sets(vm: Vm) -> tuple[bool, ...]:
    return (False,) if vm.defined_xml is None else (False, True)


def state_of(vm: Vm) -> Configuration:
    """The State configuration; every virtual system has one."""
    return configurations(vm)[0]


def defined_of(vm: Vm) -> Configuration | None:
    """The Defined configuration; None for a transient domain."""
    return next((one for one in configurations(vm) if one.defined), None)


def counterpart(configuration: Configuration) -> Configuration | None:
    """Defined of State, State of Defined."""
    return state_of(configuration.vm) if configuration.defined else defined_of(configuration.vm)


@dataclass(frozen=True, eq=False)
class Settings:
    """The settings of a configuration, by device key, as long as the host's images are in the same storage pools."""

    by_dev: Mapping[str, Setting]
    images: Images


def settings(configuration: Configuration) -> tuple[Setting, ...]:
    """The resource settings of a configuration, in the order of its document."""
    return tuple(_by_dev(configuration).values())


def _by_dev(configuration: Configuration) -> Mapping[str, Setting]:
    return placed(configuration).by_dev


def placed(configuration: Configuration) -> Settings:
    """The settings with the pools that their images are in now."""
    images = images_of(configuration.vm.host)
    known: Settings | None = vars(configuration).get("_settings")
    if known is None or known.images is not images:
        known = vars(configuration)["_settings"] = _placed(configuration, images, known.by_dev if known else {})
    return known


def _placed(configuration: Configuration, images: Images, before: Mapping[str, Setting]) -> Settings:
    """The settings with their pools; those that did not move are kept."""
    found = {}
    for resource in kept(configuration, "_resources", lambda: resources_of(configuration.document)):
        pool, old = image_pool_of(resource, images), before.get(resource.dev)
        same = old is not None and old.image_pool == pool
        found[resource.dev] = old if old is not None and same else Setting(configuration, resource, pool)
    return Settings(found, images)


def properties(setting: Setting) -> Properties:
    """A whole RASD: what the document says, and what the host knows beyond it."""
    found = resources.setting(setting.vm, setting.resource, setting.configuration.defined)
    return found if setting.image_pool is None else found | {"PoolID": setting.image_pool}


def twin(setting: Setting) -> Setting | None:
    """The setting of the same resource in the other configuration; None when only one has it."""
    other = counterpart(setting.configuration)
    return None if other is None else _by_dev(other).get(setting.resource.dev)


def devices(vm: Vm) -> tuple[Device, ...]:
    """The devices of the State configuration."""
    return kept(vm, "_devices", lambda: tuple(_devices(vm)))


def _devices(vm: Vm) -> Iterator[Device]:
    for setting in settings(state_of(vm)):
        for index in setting.resource.devices:
            yield Device(vm, setting.resource, index)


def setting_of(device: Device) -> Setting:
    """The State setting that a device is made from."""
    return _by_dev(state_of(device.vm))[device.resource.dev]


def devices_of(setting: Setting) -> list[Device]:
    """The devices that a State setting makes; a Defined one makes none."""
    if setting.configuration.defined:
        return []
    return [device for device in devices(setting.vm) if device.resource is setting.resource]


# Where they all are


def vms_of(host: Host) -> Iterable[Vm]:
    """The virtual systems of a host; what they were before it went out of reach is not told."""
    return host.vms if host.reachable else ()


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


def settings_of_kind(kind: Kind[Any]) -> Callable[[Hosts], Iterator[Setting]]:
    """All settings of one kind, without looking at those of others."""

    def among(world: Hosts) -> Iterator[Setting]:
        for configuration in all_configurations(world):
            yield from _by_kind(placed(configuration), lambda group: group.by_dev.values()).get(kind, ())

    return among


def devices_of_kind(kind: Kind[Any]) -> Callable[[Hosts], Iterator[Device]]:
    """All devices of one kind, without looking at those of others."""

    def among(world: Hosts) -> Iterator[Device]:
        for vm in world.vms():
            yield from _by_kind(vm, devices).get(kind, ())

    return among


def _by_kind(holder: H, parts: Callable[[H], Iterable[P]]) -> Mapping[Kind[Any], list[P]]:
    def make() -> dict[Kind[Any], list[P]]:
        found: dict[Kind[Any], list[P]] = {}
        for part in parts(holder):
            found.setdefault(part.resource.kind, []).append(part)
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
    found = (_by_dev(one).get(parsed.dev) for one in sets)
    return [setting for setting in found if setting is not None]


def find_device(world: Hosts, keys: Keys) -> list[Device]:
    """By DeviceID."""
    parsed = ids.parse_device_id(str(keys["DeviceID"]))
    return [] if parsed is None else [device for vm in world.vm_by_key(parsed[0]) for device in devices(vm)]


def find_host(world: Hosts, keys: Keys) -> list[Host]:
    """By Name of the host system."""
    return [host for host in world.hosts if ids.host_token(host) == keys["Name"]]
