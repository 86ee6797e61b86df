"""Resource settings added to, changed in and removed from a configuration: all that a call names, or nothing.

The Defined configuration, and either one of a system that is off, is the persistent definition. The State configuration
of an active system is the running system: a change goes to the guest and to the definition, where there is one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Progress, Refused, Returned, Work
from virtcim.host import domains
from virtcim.host.inventory import Host, Vm
from virtcim.host.states import DomainState
from virtcim.mapping import ids, resources
from virtcim.mapping.resources import Domain, change, properties_of, resources_of
from virtcim.messages import message
from virtcim.profiles import elements, live
from virtcim.profiles.elements import Configuration, Setting, configurations, defined_of, settings
from virtcim.profiles.placing import placed
from virtcim.profiles.removal import intent_of
from virtcim.profiles.requests import (
    Place,
    Undo,
    Wish,
    changes,
    find,
    place_of,
    put,
    refusing,
    settings_at,
    undoing,
    wishes,
)

PERFORMANCE_IMPACT = 3  # ElementEffects: what the job does to the system whose device goes
PATIENCE = 5.0  # seconds that a removal waits for the guest before it answers with a job


def is_running(configuration: Configuration) -> bool:
    """Whether a change of the configuration concerns the running system."""
    return not configuration.defined and configuration.vm.active


def refuse_saved(configuration: Configuration, where: str, answer: str) -> None:
    """The State of a system with a saved image is that image: nobody can change it. Errors: Refused with `answer`."""
    vm = configuration.vm
    if vm.managed_save and not vm.active and not configuration.defined:
        raise Refused(answer, message("RESOURCE_SAVED", where, vm.name, ids.configuration_id(vm, True)))


def current(configuration: Configuration) -> Configuration:
    """The configuration as it is now; call with the domain's lock held. Errors: Refused when it is gone."""
    vm = configuration.vm.host.refresh(configuration.vm.uuid)
    found = [one for one in configurations(vm) if one.defined == configuration.defined] if vm else []
    if not found:
        raise Refused("Failed", message("RESOURCE_GONE", configuration.id))
    return found[0]


# Adding


def add(configuration: Configuration, instances: Sequence[Instance]) -> list[Setting]:
    """The settings added, in the order given. Errors: Refused, HostError; nothing is added then."""
    asked = wishes(instances)
    for wish in asked:
        if wish.kind.single:
            reason = f"has its {wish.kind.label.lower()} already: use ModifyResourceSettings"
            raise Refused("Failed", message("RESOURCE_SINGLE", wish.where, reason))
    vm = configuration.vm
    with vm.host.lock(vm.uuid), undoing() as undo:
        configuration = current(configuration)
        refuse_saved(configuration, "AffectedConfiguration", "Failed")
        put_in = live.attach if is_running(configuration) else _define
        places = put_in(configuration.vm, asked, undo)
        return settings_at(current(configuration), places)


def _define(vm: Vm, asked: Sequence[Wish], undo: Undo) -> list[Place]:
    before = domains.definition(vm)
    with domains.edit(vm) as document:
        places = [place_of(one, document) for one in put(vm.host, document, asked)]
    undo(lambda: domains.put_back(vm, before))
    return places


# Changing


Last = Callable[[Undo], None]  # what is done when all else has been; what it raises takes that back


def _nothing(_undo: Undo) -> None: ...


def modify(host: Host, instances: Sequence[Instance], last: Last = _nothing) -> list[Setting]:
    """The settings changed, in the order given. Errors: Refused, HostError; nothing is changed then."""
    asked = wishes(instances)
    targets = [_target(host, wish) for wish in asked]
    changed: dict[int, Setting] = {}
    with undoing() as undo:
        for configuration, members in _by_configuration(targets).items():
            found = _modify(configuration, [(targets[number], asked[number]) for number in members], undo)
            changed.update(zip(members, found, strict=True))
        last(undo)
    return [changed[number] for number in range(len(asked))]


def _target(host: Host, wish: Wish) -> Setting:
    """The setting that InstanceID names."""
    instance_id = wish.properties.get("InstanceID")
    if not instance_id:
        raise Refused("Invalid Parameter", message("SETTING_INSTANCEID_MISSING", wish.where))
    parsed = ids.parse_setting_id(str(instance_id))
    if parsed is not None:
        vm = host.vm(parsed.token) if host.naming == "uuid" else host.vm_named(parsed.token)
        for configuration in configurations(vm) if vm else ():
            found = resources.called(settings(configuration), parsed.dev)
            if found is not None and configuration.defined == parsed.defined:
                return found
    raise Refused("Invalid Parameter", message("SETTING_INSTANCEID", wish.where, repr(instance_id), host.name))


def _by_configuration(targets: Sequence[Setting]) -> dict[Configuration, list[int]]:
    """The numbers of the targets by configuration; an event may have replaced its object in between."""
    by_id: dict[str, Configuration] = {}
    grouped: dict[Configuration, list[int]] = {}
    for number, setting in enumerate(targets):
        configuration = by_id.setdefault(setting.configuration.id, setting.configuration)
        grouped.setdefault(configuration, []).append(number)
    return grouped


def _modify(configuration: Configuration, members: Sequence[tuple[Setting, Wish]], undo: Undo) -> list[Setting]:
    vm = configuration.vm
    with vm.host.lock(vm.uuid):
        configuration = current(configuration)
        asked = [_without_the_known(setting, wish) for setting, wish in members]
        for one in asked:
            if set(one.properties) - {"InstanceID"}:  # what is sent back as it is changes nothing
                refuse_saved(configuration, one.where, "Invalid State")
        if is_running(configuration):
            live.update(configuration.vm, asked, undo)
            _follow(configuration.vm, asked, undo)
            places = [place_of(one.resource, one.configuration.document) for one, _ in members]
        else:
            places = redefine(configuration.vm, asked, undo)
        return settings_at(current(configuration), places)


def _without_the_known(setting: Setting, wish: Wish) -> live.Change:
    present = elements.written(setting)
    if "RequestedQuantity" in present and "RequestedQuantity" not in wish.properties:
        present["VirtualQuantity"] = present["RequestedQuantity"]  # who says this alone means what is to become of it
    with refusing(wish.where):
        wanted = placed(setting.vm.host, setting.kind, changes(wish.properties, present))
    return live.Change(wish.where, setting.dev, wanted)


def _follow(vm: Vm, asked: Sequence[live.Change], undo: Undo) -> None:
    """Change in the definition what was changed in the running system, as far as it is there too."""
    document = vm.defined_document
    redefine(vm, [one for one in asked if document and resources.resource_for(document, one.dev)], undo)


def redefine(vm: Vm, asked: Sequence[live.Change], undo: Undo) -> list[Place]:
    """Change resources of the definition; where they are then."""
    if not asked:
        return []
    before = domains.definition(vm)
    with domains.edit(vm) as document:
        found = [find(document, one.dev) for one in asked]
        old = [properties_of(resource) for resource in found]
        for resource, one in zip(found, asked, strict=True):
            with refusing(one.where):
                change(resource, one.properties, document)
        wanted = [properties_of(resource) for resource in found]
        places = [place_of(resource, document) for resource in found]
    undo(lambda: domains.put_back(vm, before))
    latest = vm.host.vm(vm.uuid)
    present = defined_of(latest) if latest else None
    if present is None:
        raise Refused("Failed", message("VS_GONE", vm.name))
    shown = settings_at(present, places)
    for one, was, will, setting in zip(asked, old, wanted, shown, strict=True):
        _refuse_ignored(one.where, was, will, properties_of(setting.resource))
    return places


def _refuse_ignored(where: str, was: Properties, will: Properties, now: Properties) -> None:
    """libvirt keeps some things as they were without a word, such as a console that follows its serial port."""
    names = [name for name in will.keys() | was.keys() if was.get(name) != will.get(name)]
    ignored = sorted(name for name in names if now.get(name) == was.get(name))
    if ignored:
        raise Refused("Failed", message("SETTING_IGNORED", where, ", ".join(ignored)))


# Removing


Group = dict[str, Setting]  # by device key


def remove(targets: Sequence[Setting], last: Last = _nothing) -> Returned | Work:
    """Remove the settings; from a running guest as work that waits for it. Errors: Refused, HostError."""
    groups: dict[tuple[str, bool], Group] = {}
    for setting in targets:
        groups.setdefault((setting.vm.uuid, is_running(setting.configuration)), {})[setting.dev] = setting
    for group in groups.values():
        _check_removable(group)
    ordered = [groups[key] for key in sorted(groups, key=lambda key: key[1])]  # what cannot be refused comes first
    running = [one for group in ordered for one in group.values() if is_running(one.configuration)]
    if not running:
        _remove(ordered, lambda: False, last)
        return Returned()
    stop = threading.Event()

    def run(_: Progress) -> Returned:
        _remove(ordered, stop.is_set, last)
        return Returned()

    affected = list({one.vm.uuid: (one.vm, PERFORMANCE_IMPACT) for one in running}.values())
    return Work("RemoveResourceSettings", affected, run, stop.set, PATIENCE, leave=stop.set, intent=intent_of(targets))


def _check_removable(group: Group) -> None:
    for dev, setting in group.items():
        refuse_saved(setting.configuration, f"ResourceSettings: {setting.id}", "Invalid State")
        kind = setting.kind
        if kind.single:
            what = f"cannot be without its {kind.label.lower()}"
            raise Refused("Invalid Parameter", message("RESOURCE_SINGLE", f"ResourceSettings: {setting.id}", what))
        for other in settings(setting.configuration):
            if other.dev not in group and _parent(other) == dev:
                raise Refused("Failed", message("RESOURCE_IN_USE", "ResourceSettings", setting.id, other.id))
        reason = _held(setting) if is_running(setting.configuration) else None
        if reason:
            raise Refused("Invalid State", message("RESOURCE_UNPLUG_UNSUPPORTED", setting.id, reason))


def _held(setting: Setting) -> str | None:
    """Why a device cannot be taken from an active system now; None when it can."""
    if setting.vm.state is DomainState.PAUSED:
        return "a guest that is paused does not let go of it"
    return live.bound(setting.resource, setting.kind.detachable)


def _parent(setting: Setting) -> str | None:
    """The key of the controller that a device is attached to."""
    return properties_of(setting.resource).get("Parent")


def _remove(groups: Iterable[Group], cancelled: Callable[[], bool], last: Last) -> None:
    with undoing() as undo:
        for group in groups:
            first = next(iter(group.values()))
            vm, devs = first.vm, list(group)
            if is_running(first.configuration):
                live.detach(vm, devs, undo, cancelled)
                devs = _still_defined(vm, devs)
            if devs:
                _undefine(vm, devs, undo)
        last(undo)


def _still_defined(vm: Vm, devs: Sequence[str]) -> list[str]:
    """Those of the devices that the definition has, now that the running system has them no more."""
    latest = vm.host.refresh(vm.uuid)
    document = latest.defined_document if latest else None
    return [dev for dev in devs if document and resources.resource_for(document, dev)]


def _undefine(vm: Vm, devs: Sequence[str], undo: Undo) -> None:
    with vm.host.lock(vm.uuid):
        before = domains.definition(vm)
        with domains.edit(vm) as document:
            for resource in [find(document, dev) for dev in devs]:
                resource.view.remove()
            left = _count(document)
        undo(lambda: domains.put_back(vm, before))
        new = vm.host.vm(vm.uuid)
        back = _count(new.defined_document) - left if new and new.defined_document else Counter[str]()
        unwilling = [dev for dev in devs if back[find(Domain.parse(before), dev).kind.name]]
        if unwilling:
            raise Refused("Failed", f"ResourceSettings: libvirt gives {vm.name} its {', '.join(unwilling)} back")


def _count(document: Domain) -> Counter[str]:
    """How many resources of each kind the document has."""
    return Counter(one.kind.name for one in resources_of(document))
