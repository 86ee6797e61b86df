"""What hangs off a virtual system: its configurations, their settings, its devices. Made once per Vm, kept with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from virtcim.broker.call import Properties
from virtcim.host.inventory import Vm
from virtcim.mapping import divisions, ids, image, resources
from virtcim.mapping.hostdev import Hostdev
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.processor import PROCESSORS
from virtcim.mapping.resources import Domain, Kind, Resource, resources_of
from virtcim.profiles import host_uris
from virtcim.profiles.warm import Warm

T = TypeVar("T")
ERROR, MAJOR_FAILURE = 6, 20  # OperationalStatus, HealthState
NO_SPACE = 2  # virDomainDiskErrorCode


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

    def setting_id(self, dev: str) -> str:
        """The InstanceID of a resource of it, by its key."""
        return ids.setting_id(self.vm, dev, self.defined)


@dataclass(frozen=True, eq=False)
class Setting:
    """A resource allocation of a configuration. It holds no part of the document, whose tree would take much memory."""

    configuration: Configuration
    kind: Kind[Any]
    dev: str
    devices: range

    @property
    def resource(self) -> Resource:
        """What it is in the document."""
        return _resources(self.configuration.document)[self.dev]

    @property
    def vm(self) -> Vm:
        return self.configuration.vm

    @property
    def platform(self) -> str:
        return self.configuration.vm.platform

    @property
    def id(self) -> str:
        return self.configuration.setting_id(self.dev)


@dataclass(frozen=True, eq=False)
class Device:
    """A virtual device; `index` counts the devices of one resource, such as processors."""

    setting: Setting
    index: int

    @property
    def vm(self) -> Vm:
        return self.setting.configuration.vm

    @property
    def kind(self) -> Kind[Any]:
        return self.setting.kind

    @property
    def resource(self) -> Resource:
        """What it is in the document."""
        return self.setting.resource

    @property
    def platform(self) -> str:
        return self.vm.platform

    @property
    def dev(self) -> str:
        """The part of the DeviceID that names it inside its system; processors are numbered."""
        return str(self.index) if self.kind is PROCESSORS else self.setting.dev


def present(properties: Properties) -> Properties:
    """The properties that are not NULL."""
    return {name: value for name, value in properties.items() if value is not None}


COOLED = ("_configurations", "_devices", "_by_kind")  # what a system that nobody asks for makes again


host_class = host_uris.host_class


def system_class(vm: Vm) -> str:
    """The class that a virtual system is served as, and that keys of its devices repeat."""
    return f"{vm.platform}_ComputerSystem"


def label(vm: Vm) -> str:
    """ElementName of a virtual system and of its State configuration: the title, or else the name."""
    return vm.state_document.title or vm.name


def kept(holder: object, name: str, make: Callable[[], T]) -> T:
    """What `make` answers, made once and kept in the holder's __dict__; two threads may make it, one of them wins."""
    found = vars(holder).get(name)
    return cast("T", vars(holder).setdefault(name, make()) if found is None else found)


def _warm(vm: Vm) -> None:
    kept(vm.host, "_warm", lambda: Warm(COOLED, (Configuration, Setting, Device))).use(vm)


def configurations(vm: Vm) -> tuple[Configuration, ...]:
    """State, and Defined unless the domain is transient."""
    _warm(vm)
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


def settings(configuration: Configuration) -> tuple[Setting, ...]:
    """The resource settings of a configuration, in the order of its document."""
    return tuple(by_dev(configuration).values())


def by_dev(configuration: Configuration) -> Mapping[str, Setting]:
    def make() -> dict[str, Setting]:
        found = _resources(configuration.document)
        return {dev: Setting(configuration, one.kind, dev, one.devices) for dev, one in found.items()}

    return kept(configuration, "_settings", make)


def _resources(document: Any) -> Mapping[str, Resource]:
    """The resources of a document by their key."""
    return kept(document, "_resources", lambda: {one.dev: one for one in resources_of(document)})


class AnyConfiguration(Protocol):
    """A configuration of whatever set."""

    @property
    def document(self) -> Any: ...
    def setting_id(self, dev: str) -> str: ...


class AnySetting(Protocol):
    """A resource allocation of a configuration of whatever set."""

    @property
    def configuration(self) -> AnyConfiguration: ...
    @property
    def vm(self) -> Vm: ...
    @property
    def kind(self) -> Kind[Any]: ...
    @property
    def resource(self) -> Resource: ...


def properties(setting: AnySetting) -> Properties:
    """A whole RASD; an image that is a volume of the host is named by the instance path of that (DSP1041)."""
    volume = image.volume_of(setting.resource, setting.vm.images)
    if volume is None or volume.key is None:
        return written(setting)
    return written(setting) | {"HostResource": [host_uris.of_volume(setting.vm.host, volume.key)]}


def written(setting: AnySetting) -> Properties:
    """A whole RASD as requests are compared with it: what the document says, and what the host knows beyond it."""
    resource = setting.resource
    found = resources.setting(setting.configuration.setting_id, resource)
    bound = found.get("HostResource")
    if isinstance(bound, list) and resource.kind.single:
        found["HostResource"] = [host_uris.of_unit(setting.vm.host, resource.kind, text) for text in bound]
    if isinstance(resource.view, Hostdev) and setting.vm.passed:
        found |= host_uris.of_passed(setting.vm, resource.view)
    found["PoolID"] = pool_id_of(setting)
    sub_type = divisions.sub_type_of(found["PoolID"]) if resource.kind is BASE_MEMORY else None
    of_image = image.setting_properties(resource, setting.vm.images, setting.configuration.document)
    return found | of_image | ({"ResourceSubType": sub_type} if sub_type else {})


def device_properties(device: Device) -> Properties:
    """What a device is, as far as its kind and the volume it is on tell."""
    found = device.kind.device(device.resource.view, device.index)
    return found | image.device_properties(device.resource, device.vm.images) | _failure(device)


def load(device: Device) -> Properties:
    """How busy a virtual processor is; not known before it has been looked at for a while."""
    vm = device.vm
    percent = vm.host.figures.loads.guests.get((vm.uuid, device.index)) if vm.active else None
    return {} if percent is None else {"LoadPercentage": percent}


def _failure(device: Device) -> Properties:
    """What a disk says that failed; its system is paused for it."""
    code = dict(device.vm.disk_errors).get(device.dev)
    if code is None:
        return {}
    text = "no space is left on the host" if code == NO_SPACE else "reading or writing failed"
    return {"OperationalStatus": [ERROR], "StatusDescriptions": [text], "HealthState": MAJOR_FAILURE}


def pool_id_of(setting: AnySetting) -> str:
    """The PoolID of a setting: that of the image, where it is a volume, else what the document says."""
    return pool_of_resource(setting.vm, setting.resource)


def pool_of_resource(vm: Vm, resource: Resource) -> str:
    """The PoolID of what a document of a system says."""
    if isinstance(resource.view, Domain) and resource.kind is PROCESSORS:
        return divisions.processors_from(resource.view, vm.facts.capabilities, vm.facts.node.cpus)
    if isinstance(resource.view, Hostdev):
        return divisions.device_from(resource.view, vm.passed)
    if resource.kind in (BASE_MEMORY, MEMORY_MODULE):
        document = Domain(resource.view.element.getroottree().getroot())
        return divisions.memory_from(document, vm.facts.capabilities)
    return resources.pool_id_of(resource, vm.images)


def twin(setting: Setting) -> Setting | None:
    """The setting of the same resource in the other configuration; None when only one has it."""
    other = counterpart(setting.configuration)
    return None if other is None else by_dev(other).get(setting.dev)


def devices(vm: Vm) -> tuple[Device, ...]:
    """The devices of the State configuration."""
    _warm(vm)
    return kept(vm, "_devices", lambda: tuple(_devices(vm)))


def _devices(vm: Vm) -> Iterator[Device]:
    for setting in settings(state_of(vm)):
        for index in setting.devices:
            yield Device(setting, index)


def setting_of(device: Device) -> Setting:
    """The State setting that a device is made from."""
    return device.setting


def devices_of(setting: Setting) -> list[Device]:
    """The devices that a State setting makes; a Defined one makes none."""
    if setting.configuration.defined:
        return []
    return [device for device in devices(setting.vm) if device.setting.dev == setting.dev]
