"""Resource settings added to, changed in and removed from a configuration: all that a call names, or nothing.

The Defined configuration, and either one of a system that is off, is the persistent definition. The State configuration
of an active system is the running system: a change goes to the guest and to the definition, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Progress, Refused, Returned, Work
from virtcim.host import domains
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import ids, resources
from virtcim.mapping.resources import change, properties_of
from virtcim.profiles import live
from virtcim.profiles.elements import Configuration, Setting, configurations, settings
from virtcim.profiles.requests import changes, element, find, given, put, refusing, undoing

REMOVED = 5  # ElementEffects, "Manages": what the job does to the system whose device goes
PATIENCE = 5.0  # seconds that a removal waits for the guest before it answers with a job


@dataclass(frozen=True)
class Wish:
    """A setting to change, the properties given for it, and the parameter that holds them."""

    where: str
    setting: Setting
    properties: Properties


def is_running(configuration: Configuration) -> bool:
    """Whether a change of the configuration concerns the running system."""
    return not configuration.defined and configuration.vm.active


def current(configuration: Configuration) -> Configuration:
    """The configuration as it is now; call with the domain's lock held."""
    vm = configuration.vm.host.refresh(configuration.vm.uuid)
    found = [one for one in configurations(vm) if one.defined == configuration.defined] if vm else []
    if not found:
        raise Refused("Failed", f"{configuration.id} is gone")
    return found[0]


# Adding


def add(configuration: Configuration, instances: Sequence[Instance]) -> list[Setting]:
    """The settings added, in the order given. Errors: Refused, HostError; nothing is added then."""
    vm = configuration.vm
    with vm.host.lock(vm.uuid):
        configuration = current(configuration)
        devs = live.attach(configuration.vm, instances) if is_running(configuration) else _define(vm, instances)
        return _named(current(configuration), devs)


def _define(vm: Vm, instances: Sequence[Instance]) -> list[str]:
    with domains.edit(vm) as document:
        added = put(document, instances)
        single = next((one.kind for one in added if one.kind.single), None)
        if single is not None:
            raise Refused("Failed", f"a virtual system has its {single.label.lower()} already: modify them")
        return [one.dev for one in added]


def _named(configuration: Configuration, devs: Iterable[str]) -> list[Setting]:
    known = {setting.resource.dev: setting for setting in settings(configuration)}
    missing = [dev for dev in devs if dev not in known]
    if missing:
        raise Refused("Failed", f"libvirt accepted {', '.join(missing)} but does not show it")
    return [known[dev] for dev in devs]


# Changing


def modify(host: Host, instances: Sequence[Instance]) -> list[Setting]:
    """The settings changed, in the order given. Errors: Refused, HostError; nothing is changed then."""
    wishes = [_wish(host, element(number), given(instance)) for number, instance in enumerate(instances)]
    by_configuration: dict[Configuration, list[Wish]] = {}
    for wish in wishes:
        by_configuration.setdefault(wish.setting.configuration, []).append(wish)
    with undoing() as undo:
        for configuration, members in by_configuration.items():
            _modify(configuration, members, undo)
        return [_again(wish.setting) for wish in wishes]


def _wish(host: Host, where: str, properties: Properties) -> Wish:
    instance_id = properties.get("InstanceID")
    parsed = ids.parse_setting_id(str(instance_id)) if instance_id else None
    if parsed is None:
        what = f"{instance_id!r} is no setting" if instance_id else "is missing"
        raise Refused("Invalid Parameter", f"{where}.InstanceID {what}")
    vm = host.vm(parsed.token) if host.naming == "uuid" else host.vm_named(parsed.token)
    for configuration in configurations(vm) if vm else ():
        if configuration.defined == parsed.defined:
            for setting in settings(configuration):
                if setting.resource.dev == parsed.dev:
                    present = resources.setting(vm, setting.resource, parsed.defined) if vm else {}
                    return Wish(where, setting, changes(properties, present))
    raise Refused("Invalid Parameter", f"{where}.InstanceID {instance_id!r} does not exist on {host.name}")


def _modify(configuration: Configuration, wishes: Sequence[Wish], undo: ExitStack) -> None:
    vm = configuration.vm
    with vm.host.lock(vm.uuid):
        configuration = current(configuration)
        if is_running(configuration):
            changes = [live.Change(wish.where, wish.setting.resource.dev, wish.properties) for wish in wishes]
            live.update(configuration.vm, changes, undo)
            return
        before = domains.definition(vm)
        with domains.edit(vm) as document:
            for wish in wishes:
                with refusing(wish.where):
                    change(find(document, wish.setting.resource.dev), wish.properties, document)
        undo.callback(domains.define, vm.host, before)


def _again(setting: Setting) -> Setting:
    return _named(current(setting.configuration), [setting.resource.dev])[0]


# Removing


def remove(host: Host, targets: Sequence[Setting]) -> Returned | Work:
    """Remove the settings; from a running guest as work that waits for it. Errors: Refused, HostError."""
    for setting in targets:
        _check_removable(setting, targets)
    running = [setting for setting in targets if is_running(setting.configuration)]
    if not running:
        _remove(targets, lambda: False)
        return Returned()
    cancelled: list[bool] = []

    def run(_: Progress) -> Returned:
        _remove(targets, lambda: bool(cancelled))
        return Returned()

    affected = [(vm, REMOVED) for vm in dict.fromkeys(setting.vm for setting in running)]
    return Work("RemoveResourceSettings", affected, run, lambda: cancelled.append(True), PATIENCE)


def _check_removable(setting: Setting, targets: Sequence[Setting]) -> None:
    kind = setting.resource.kind
    if kind.single:
        raise Refused("Invalid Parameter", f"{setting.id}: a virtual system cannot be without its {kind.label.lower()}")
    going = {one.resource.dev for one in targets if one.configuration is setting.configuration}
    for other in settings(setting.configuration):
        if other.resource.dev not in going and _parent(other) == setting.resource.dev:
            raise Refused("Failed", f"{setting.id} is in use: {other.id} is attached to it")
    if is_running(setting.configuration) and not kind.detachable:
        raise Refused("Invalid State", f"{setting.id}: {kind.label.lower()} cannot be removed from a running system")


def _parent(setting: Setting) -> str | None:
    """The key of the controller that a device is attached to."""
    return properties_of(setting.resource).get("Parent")


def _remove(targets: Sequence[Setting], cancelled: Callable[[], bool]) -> None:
    by_configuration: dict[Configuration, list[Setting]] = {}
    for setting in targets:
        by_configuration.setdefault(setting.configuration, []).append(setting)
    with undoing() as undo:
        for configuration, members in by_configuration.items():
            if is_running(configuration):
                live.detach(configuration.vm, [one.resource.dev for one in members], undo, cancelled)
            else:
                _undefine(configuration.vm, members, undo)


def _undefine(vm: Vm, members: Sequence[Setting], undo: ExitStack) -> None:
    with vm.host.lock(vm.uuid):
        before = domains.definition(vm)
        with domains.edit(vm) as document:
            for resource in [find(document, setting.resource.dev) for setting in members]:
                resource.view.remove()
        undo.callback(domains.define, vm.host, before)
