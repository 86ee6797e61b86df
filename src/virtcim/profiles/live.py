"""Resource settings of a running system: what QEMU can plug, change and unplug while the guest runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host import domains
from virtcim.host.inventory import Vm
from virtcim.mapping.resources import Domain, Resource, change, resource_for
from virtcim.mapping.table import to_cim
from virtcim.profiles.elements import settings, state_of
from virtcim.profiles.requests import element, find, put, refusing, undoing


@dataclass(frozen=True)
class Change:
    """Properties for the resource of a key; `where` is the parameter that holds them."""

    where: str
    dev: str
    properties: Properties


def attach(vm: Vm, instances: Sequence[Instance]) -> list[str]:
    """Plug the devices in, all or none, and into the definition where there is one; their device keys."""
    added = put(domains.running(vm), instances)
    for number, resource in enumerate(added):
        if not resource.kind.attachable:
            label = resource.kind.label.lower()
            raise Refused("Failed", f"{element(number)}: {label} cannot be added to a running system")
    before = {setting.resource.dev for setting in settings(state_of(vm))}
    with undoing() as undo:
        for resource in added:
            domains.attach(vm, resource.view.xml, live=True, config=vm.persistent)
            undo.callback(domains.detach, vm, resource.view.xml, live=True, config=vm.persistent)
    return _devs(vm, added, before)


def _devs(vm: Vm, resources: Sequence[Resource], before: set[str]) -> list[str]:
    """The keys that the new devices have now: what was not there before, in order within each kind."""
    new = vm.host.vm(vm.uuid)
    there = [setting.resource for setting in settings(state_of(new))] if new else []
    fresh: dict[str, list[str]] = {}
    for resource in there:
        if resource.dev not in before:
            fresh.setdefault(resource.kind.name, []).append(resource.dev)
    return [fresh[resource.kind.name].pop(0) for resource in resources]


def update(vm: Vm, changes: Sequence[Change], undo: ExitStack) -> None:
    """Change the resources of the running system, what undoes it put on the stack. Errors: Refused, HostError."""
    document = domains.running(vm)
    before = document.copy()
    steps = [_step(vm, document, find(before, one.dev), one) for one in changes]
    for do, back in steps:
        do()
        undo.callback(back)


Step = tuple[Callable[[], object], Callable[[], object]]


def _step(vm: Vm, document: Domain, old: Resource, wanted: Change) -> Step:
    """How to make one change, and how to take it back."""
    resource = find(document, wanted.dev)
    with refusing(wanted.where):
        change(resource, wanted.properties, document)
    changed = _changed(old, resource)
    if resource.kind.single:
        return _tune(vm, resource, old, changed, wanted.where)
    if not changed:
        return (lambda: None), (lambda: None)
    new_xml, old_xml, config = resource.view.xml, old.view.xml, _is_defined(vm, wanted.dev)
    return (
        lambda: domains.update(vm, new_xml, live=True, config=config),
        lambda: domains.update(vm, old_xml, live=True, config=config),
    )


def _is_defined(vm: Vm, dev: str) -> bool:
    """Whether the definition has the device as well: one may have been plugged into the running system alone."""
    document = vm.defined_document
    return document is not None and resource_for(document, dev) is not None


def _changed(old: Resource, new: Resource) -> set[str]:
    was, will = (to_cim(one.kind.rows, one.view) for one in (old, new))
    return {name for name in was.keys() | will.keys() if was.get(name) != will.get(name)}


def _tune(vm: Vm, new: Resource, old: Resource, changed: set[str], where: str) -> Step:
    """Processors and memory: only numbers, each by a call of its own."""
    tunings = TUNINGS[new.kind.name]
    beyond = sorted(changed - {name for tuning in tunings for name in tuning[0]})
    if beyond:
        raise Refused("Invalid State", f"{where}: {', '.join(beyond)} cannot be changed while the system is active")
    calls = [call for names, call in tunings if changed & set(names)]
    return (
        lambda: [call(vm, new) for call in calls],
        lambda: [call(vm, old) for call in reversed(calls)],
    )


def _set_memory(vm: Vm, resource: Resource) -> None:
    domain = _domain(resource)
    domains.set_memory(vm, domain.current_memory or domain.memory or 0, live=True, config=vm.persistent)


def _set_vcpus(vm: Vm, resource: Resource) -> None:
    domain = _domain(resource)
    domains.set_vcpus(vm, domain.current_vcpu or domain.vcpu or 1, live=True, config=vm.persistent)


def _set_scheduler(vm: Vm, resource: Resource) -> None:
    domain = _domain(resource)
    wanted = {
        "cpu_shares": domain.shares,
        "global_period": domain.global_period,
        "global_quota": domain.global_quota if domain.global_quota is not None else -1,
    }
    parameters = {name: value for name, value in wanted.items() if value is not None}
    domains.set_scheduler(vm, parameters, live=True, config=vm.persistent)


def _domain(resource: Resource) -> Domain:
    assert isinstance(resource.view, Domain)
    return resource.view


# By kind: the properties that a running system can take, and the call that gives them to it.
TUNINGS: dict[str, list[tuple[tuple[str, ...], Callable[[Vm, Resource], None]]]] = {
    "mem": [(("VirtualQuantity", "Reservation"), _set_memory)],
    "proc": [(("VirtualQuantity",), _set_vcpus), (("Weight", "Limit"), _set_scheduler)],
}


def detach(vm: Vm, devs: Sequence[str], undo: ExitStack, cancelled: Callable[[], bool]) -> None:
    """Unplug the devices, waiting for the guest each time; what undoes it put on the stack."""
    document = domains.running(vm)
    for resource in [find(document, dev) for dev in devs]:
        xml, config = resource.view.xml, _is_defined(vm, resource.dev)
        domains.detach(vm, xml, live=True, config=config, cancelled=cancelled)
        undo.callback(domains.attach, vm, xml, live=True, config=config)
