"""What NewSystemSettingData and NewResourceSettingData make of a system's documents (DSP1081)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host import domains, migration
from virtcim.host.inventory import Vm
from virtcim.mapping import ids, vssd
from virtcim.mapping.migration import LIVE, RESUME
from virtcim.mapping.resources import Domain, change, resource_for
from virtcim.profiles import elements
from virtcim.profiles.definition import ELSEWHERE, check_lengths
from virtcim.profiles.elements import Setting, configurations, settings
from virtcim.profiles.requests import changes, given, refusing

HEAD, RESOURCES = "NewSystemSettingData", "NewResourceSettingData"
INCOMPATIBLE = "Incompatible Parameters"
WITH_MEMORY = (LIVE, RESUME)


@dataclass(frozen=True)
class Wanted:
    """What is to be different at the destination: the head, and resources by parameter, key and properties."""

    name: str
    autostart: bool
    head: Properties
    resources: tuple[tuple[str, str, Properties], ...]

    @property
    def same(self) -> bool:
        """Whether the documents stay as they are, but for the name perhaps."""
        return not self.head and not self.resources


@dataclass(frozen=True)
class Documents:
    """A system at its destination: what it is, and the texts with its secrets that make it so, None where none is."""

    shown: Domain
    running: str | None
    definition: str | None


def wanted_of(vm: Vm, head: Instance | None, resources: Sequence[Instance | None]) -> Wanted:
    """What a client wants to be different. Errors: Refused."""
    properties = given(head) if head else {}
    named = properties.pop("InstanceID", None)
    if named is not None and named not in [one.id for one in configurations(vm)]:
        raise Refused(INCOMPATIBLE, f"{HEAD}.InstanceID {named!r} is no configuration of {vm.name}")
    with refusing(HEAD):
        vssd.check_system_type(properties, vm.platform)
        autostart = vssd.autostart_of(properties)
    present = vssd.head(vm, vm.defined_document or vm.state_document, vm.persistent, vm.autostart)
    different = changes(properties, present)
    name = str(different.get("VirtualSystemIdentifier") or vm.name)
    with refusing(HEAD):
        vssd.set_name(Domain.new(), name)
    check_lengths({"VirtualSystemIdentifier": name, "ElementName": different.get("ElementName")}, HEAD)
    rest = {key: value for key, value in different.items() if key not in ELSEWHERE}
    found = tuple(_resource(vm, f"{RESOURCES}[{number}]", one) for number, one in enumerate(resources))
    return Wanted(name, vm.autostart if autostart is None else autostart, rest, tuple(one for one in found if one[2]))


def _resource(vm: Vm, where: str, instance: Instance | None) -> tuple[str, str, Properties]:
    if instance is None:
        raise Refused("Invalid Parameter", f"{where} is NULL")
    properties = given(instance)
    setting = _setting(vm, where, properties.get("InstanceID"))
    return where, setting.dev, changes(properties, elements.properties(setting))


def _setting(vm: Vm, where: str, instance_id: object) -> Setting:
    """The setting of the system that InstanceID names. Errors: Refused."""
    if not instance_id:
        raise Refused("Invalid Parameter", f"{where}.InstanceID is missing")
    parsed = ids.parse_setting_id(str(instance_id))
    for configuration in configurations(vm):
        for setting in settings(configuration):
            if parsed and setting.id == ids.setting_id(vm, setting.dev, parsed.defined) == str(instance_id):
                return setting
    raise Refused(INCOMPATIBLE, f"{where}.InstanceID {instance_id!r} is no setting of {vm.name}")


def documents_of(vm: Vm, kind: int, wanted: Wanted) -> Documents:
    """The documents for a move of some MigrationType. Errors: Refused, HostError."""
    definition = _changed(domains.definition(vm), wanted) if vm.persistent else None
    if definition is not None:
        definition.name = wanted.name
    text = None if definition is None else definition.xml
    if kind not in WITH_MEMORY:
        return Documents(vm.state_document if definition is None else definition, None, text)
    running = _changed(migration.live_document(vm), wanted)
    shown = running.copy()
    shown.name = wanted.name
    return Documents(shown, None, None) if wanted.same else Documents(shown, running.xml, text)


def _changed(xml: str, wanted: Wanted) -> Domain:
    document = Domain.parse(xml)
    with refusing(HEAD):
        vssd.change_head(document, wanted.head)
    for where, dev, properties in wanted.resources:
        resource = resource_for(document, dev)
        with refusing(where):
            if resource is not None:  # else it is in the other configuration alone
                change(resource, properties, document)
    return document
