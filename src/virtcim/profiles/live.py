"""Resource settings of a running system: what QEMU can plug, change and unplug while the guest runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from virtcim.broker.call import Properties
from virtcim.broker.provider import Refused
from virtcim.host import blocks, domains
from virtcim.host.inventory import Vm
from virtcim.host.states import DomainState
from virtcim.mapping.affinity import dedicated, present_pins
from virtcim.mapping.disk import LIMITS, limits_of
from virtcim.mapping.memory import limit
from virtcim.mapping.net_source import forget_inherited
from virtcim.mapping.resources import Domain, Resource, change, resource_for, resources_of
from virtcim.mapping.switch_ports import Adapter, inherit_vlans
from virtcim.mapping.table import to_cim
from virtcim.messages import message
from virtcim.profiles.dsp1044_sharing import refuse_dedicated_with
from virtcim.profiles.requests import Place, Undo, Wish, find, place_of, put, refusing, unless_running
from virtcim.profiles.switches import switch_of

NAMED = ("disk", "interface", "filesystem", "controller")  # devices whose names no two may share
UNLIMITED = 9007199254740991  # KiB, libvirt's VIR_DOMAIN_MEMORY_PARAM_UNLIMITED
EMULATED = "qemu"  # domain type of a guest without hardware support


@dataclass(frozen=True)
class Change:
    """Properties for the resource of a key; `where` is the parameter that holds them."""

    where: str
    dev: str
    properties: Properties


def bound(resource: Resource, possible: bool) -> str | None:
    """Why a device can come or go only while the system is off; None when it can at any time."""
    kind = resource.kind
    return kind.bound(resource.view) if possible else f"{kind.label.lower()} is there from the start to the end"


# Adding


def attach(vm: Vm, asked: Sequence[Wish], undo: Undo) -> list[Place]:
    """Plug the devices in, and into the definition if there is one; where they are then. Errors: Refused, HostError."""
    document = domains.running(vm)
    if vm.defined_document is not None:
        _reserve(document, vm.defined_document)
    added = put(vm.host, document, asked)
    for wish, resource in zip(asked, added, strict=True):
        reason = bound(resource, resource.kind.attachable)
        if reason:
            raise Refused("Failed", message("RESOURCE_HOTPLUG_UNSUPPORTED", wish.where, reason))
    if vm.persistent:
        before = domains.definition(vm)
        undo(lambda: domains.put_back(vm, before))
    for wish, resource in zip(asked, added, strict=True):
        with unless_running(wish.where, "Failed"):
            domains.attach(vm, resource.view.xml, live=True, config=vm.persistent)
        undo(partial(domains.detach, vm, resource.view.xml, live=True, config=False))
    return [place_of(resource, document) for resource in added]


def _reserve(document: Domain, definition: Domain) -> None:
    """Take the names that only the definition uses: a new device gets one that both can have."""
    for resource in resources_of(definition):
        if resource.view.tag in NAMED and resource_for(document, resource.dev) is None:
            document.add(resource.view.copy(), inside="devices")


# Changing


Step = tuple[str, Callable[[], object], Callable[[], object]]


def update(vm: Vm, asked: Sequence[Change], undo: Undo) -> None:
    """Change the resources of the running system, not of its definition. Errors: Refused, HostError."""
    document = domains.running(vm)
    _forget_inherited(document, vm.defined_document)
    before = document.copy()
    steps = [step for one in asked for step in _steps(vm, document, find(before, one.dev), one)]
    for where, do, back in steps:
        with unless_running(where, "Invalid State"):
            do()
        undo(back)


def _forget_inherited(document: Domain, definition: Domain | None) -> None:
    """Nobody knows what a system without a definition was given, and what its networks have added."""
    defined = {one.mac: one for one in definition.interfaces} if definition else {}
    for interface in document.interfaces:
        if interface.mac in defined:
            forget_inherited(interface, defined[interface.mac])


def _inherit(vm: Vm, resource: Resource) -> None:
    """What an interface without VLANs of its own has from its network."""
    view = resource.view
    network = vm.host.network_named(view.network or "") if isinstance(view, Adapter) else None
    if isinstance(view, Adapter) and network is not None and not view.vlan_tags:
        inherit_vlans(view, switch_of(network).state_document)


def _steps(vm: Vm, document: Domain, old: Resource, wanted: Change) -> Iterator[Step]:
    """How to make one change, and how to take each step of it back."""
    new = find(document, wanted.dev)
    with refusing(wanted.where):
        change(new, wanted.properties, document)
    for one in (old, new):
        _inherit(vm, one)
    changed = _changed(old, new)
    if new.kind.single:
        yield from _tune(vm, new, old, changed, wanted.where)
    elif changed and changed <= LIMITS.keys():
        limits = [partial(blocks.limit, vm, wanted.dev, limits_of(one.view)) for one in (new, old)]
        yield wanted.where, limits[0], limits[1]
    elif changed or "Password" in wanted.properties:
        if resource_for(document, wanted.dev) is None:
            named, reason = f"{wanted.where}.{', '.join(sorted(changed))}", "the running system has no such resource"
            raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", named, vm.name, reason))
        now, then = (partial(domains.update, vm, one.view.xml, live=True, config=False) for one in (new, old))
        yield wanted.where, now, then


def _changed(old: Resource, new: Resource) -> set[str]:
    was, will = (to_cim(one.kind.rows, one.view) for one in (old, new))
    return {name for name in was.keys() | will.keys() if was.get(name) != will.get(name)}


def _tune(vm: Vm, new: Resource, old: Resource, changed: set[str], where: str) -> Iterator[Step]:
    """Processors and memory: only numbers, each by a call of its own."""
    tunings = TUNINGS[new.kind.name]
    if limit(_domain(new)) == limit(_domain(old)) and new.kind.name == "mem":
        changed = changed - {"Limit"}  # what it shows follows HardLimit
    beyond = sorted(changed - {name for names, _ in tunings for name in names})
    if beyond:
        named = f"{where}.{', '.join(beyond)}"
        raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", named, vm.name, "libvirt has no way to"))
    if "VirtualQuantity" in changed and new.kind.name == "mem" and vm.state is DomainState.PAUSED:
        reason = "a guest that is paused cannot give or take memory"
        raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", f"{where}.VirtualQuantity", vm.name, reason))
    if "VirtualQuantity" in changed and new.kind.name == "proc":
        _refuse_unplugging(vm, new, old, where)
    if new.kind.name == "proc" and changed & BINDING:
        _refuse_binding(vm, new, old, where)
    for names, call in tunings:
        if changed & set(names):
            yield where, partial(call, vm, _domain(new)), partial(call, vm, _domain(old))


def _refuse_unplugging(vm: Vm, new: Resource, old: Resource, where: str) -> None:
    """QEMU 7.2 has been seen to crash when a processor was taken from an emulated guest."""
    if _domain(new).type == EMULATED and len(new.devices) < len(old.devices):
        reason = "an emulated guest cannot give processors back"
        raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", f"{where}.VirtualQuantity", vm.name, reason))


def _refuse_binding(vm: Vm, new: Resource, old: Resource, where: str) -> None:
    if bool(dedicated(_domain(new))) is not bool(dedicated(_domain(old))):
        reason = "processors are dedicated, or shared again, while the system is off"
        raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", f"{where}.MappingBehavior", vm.name, reason))
    refuse_dedicated_with(vm, _domain(new), where)


def _set_memory(vm: Vm, domain: Domain) -> None:
    domains.set_memory(vm, domain.current_memory or domain.memory or 0, live=True, config=False)


def _set_vcpus(vm: Vm, domain: Domain) -> None:
    domains.set_vcpus(vm, domain.current_vcpu or domain.vcpu or 1, live=True, config=False)


def _set_scheduler(vm: Vm, domain: Domain) -> None:
    wanted = {
        "cpu_shares": domain.shares,
        "global_period": domain.global_period,
        "global_quota": domain.global_quota if domain.global_quota is not None else -1,
    }
    parameters = {name: value for name, value in wanted.items() if value is not None}
    domains.set_scheduler(vm, parameters, live=True, config=False)


def _set_pins(vm: Vm, domain: Domain) -> None:
    domains.set_pins(vm, present_pins(domain), live=True, config=False)


def _set_memory_limits(vm: Vm, domain: Domain) -> None:
    wanted = {
        "hard_limit": domain.hard_limit,
        "soft_limit": domain.soft_limit,
        "swap_hard_limit": domain.swap_hard_limit,
    }
    parameters = {name: UNLIMITED if kib is None else kib for name, kib in wanted.items()}
    domains.set_memory_limits(vm, parameters, live=True, config=False)


def _domain(resource: Resource) -> Domain:
    assert isinstance(resource.view, Domain)
    return resource.view


BINDING = frozenset({"HostResource", "CPUSet", "CPUPins", "MappingBehavior"})
# By kind: the properties that a running system can take, and the call that gives them to it.
TUNINGS: dict[str, list[tuple[tuple[str, ...], Callable[[Vm, Domain], None]]]] = {
    "mem": [
        (("VirtualQuantity", "Reservation"), _set_memory),
        (("HardLimit", "SoftLimit", "SwapHardLimit"), _set_memory_limits),
    ],
    "proc": [
        (("VirtualQuantity", "Reservation"), _set_vcpus),
        (("Weight", "Limit"), _set_scheduler),
        ((*BINDING,), _set_pins),
    ],
}


# Removing


def detach(vm: Vm, devs: Sequence[str], undo: Undo, cancelled: Callable[[], bool]) -> None:
    """Unplug the devices, not out of the definition, waiting for the guest each time. Errors: Refused, HostError."""
    document = domains.running(vm)
    for resource in [find(document, dev) for dev in devs]:
        with unless_running(resource.dev, "Invalid State"):
            domains.detach(vm, resource.view.xml, live=True, config=False, cancelled=cancelled)
        undo(partial(domains.attach, vm, resource.view.xml, live=True, config=False))
