"""Adding, changing and removing devices of a domain."""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from virtcim.host.calls import affect, change, opened, require_active, require_persistent
from virtcim.host.errors import HostError, Kind
from virtcim.host.events import Event, EventKind
from virtcim.host.system import Vm
from virtcim.host.watches import never
from virtcim.messages import message
from virtcim.model.domain import Domain
from virtcim.model.tree import Element, parse, serialise

_IDENTITIES = {"disk": ("target", "dev"), "interface": ("mac", "address"), "filesystem": ("target", "dir")}


def live_secure_xml(vm: Vm) -> str:
    """The running document with its secrets, to build an update from."""
    with opened(vm) as domain:
        require_active(domain, "read the running document of")
        return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)


def running(vm: Vm) -> Domain:
    """The running document with its secrets, to build a change from.

    An interface on a network that stands for a bridge is shown as one on the bridge, which libvirt takes back only as
    one on the network.
    """
    document = Domain.parse(live_secure_xml(vm))
    for interface in document.interfaces:
        if interface.network is not None:
            interface.type = "network"
    return document


def attach(vm: Vm, device_xml: str, live: bool, config: bool) -> Vm | None:
    """Add a device to the running domain, its definition or both; both or nothing."""
    return _apply(
        vm, "add a device to", live, config, lambda domain, flags: domain.attachDeviceFlags(device_xml, flags)
    )


def update(vm: Vm, device_xml: str, live: bool, config: bool) -> Vm | None:
    """Change a device; libvirt finds it by what it cannot change (target, MAC address), both or nothing."""
    return _apply(
        vm, "change a device of", live, config, lambda domain, flags: domain.updateDeviceFlags(device_xml, flags)
    )


def _apply(vm: Vm, verb: str, live: bool, config: bool, call: Callable[[libvirt.virDomain, int], object]) -> Vm | None:
    def calls(domain: libvirt.virDomain) -> None:
        _require(domain, verb, live, config)
        call(domain, sum(affect(live, config)))  # one call: libvirt does both or refuses both

    with vm.host.lock(vm.uuid):
        return change(vm, calls)


def _require(domain: libvirt.virDomain, verb: str, live: bool, config: bool) -> None:
    affect(live, config)
    if live:
        require_active(domain, verb)
    if config:
        require_persistent(domain, verb)


def detach(
    vm: Vm,
    device_xml: str,
    live: bool,
    config: bool,
    timeout: float | None = None,
    cancelled: Callable[[], bool] = never,
) -> Vm | None:
    """Remove a device; from a running domain first, waiting until the guest has let go, then from the definition.

    HostError(TIMEOUT) when it has not within `timeout` seconds (default HostSettings.detach_timeout): the device is
    still there then and may go later. FAILED when the guest refuses, NOT_FOUND when there is no such device.
    """
    with opened(vm) as domain:
        _require(domain, "remove a device from", live, config)
    if live:
        limit = vm.host.settings.detach_timeout if timeout is None else timeout
        _detach_live(vm, device_xml, limit, cancelled)
    if not config:
        return vm.host.refresh(vm.uuid)
    with vm.host.lock(vm.uuid):
        return change(vm, lambda domain: domain.detachDeviceFlags(device_xml, libvirt.VIR_DOMAIN_AFFECT_CONFIG))


def _detach_live(vm: Vm, device_xml: str, timeout: float, cancelled: Callable[[], bool]) -> None:
    """libvirt's success means only that the guest was asked; the event, or the device missing, that it is done."""
    with vm.host.watch(vm.uuid) as watch, opened(vm) as domain:
        document = domain.XMLDesc()
        alias = alias_of(document, device_xml)

        def gone(event: Event | None) -> bool:
            if event is not None and event.values[:1] == (alias,):
                if event.kind is EventKind.DEVICE_REMOVAL_FAILED:
                    raise HostError(Kind.FAILED, message("RESOURCE_UNPLUG_REFUSED", vm.name, alias))
                if event.kind is EventKind.DEVICE_REMOVED:
                    return True
            return alias not in aliases(domain.XMLDesc())

        # As it is now: some devices libvirt finds only by all that it knows of them.
        domain.detachDeviceFlags(serialise(aliases(document)[alias]), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        what = f"waiting for the guest of domain {vm.name} to release the device {alias}"
        watch.wait(
            gone, timeout, cancelled, what, lambda after: message("RESOURCE_UNPLUG_TIMEOUT", vm.name, alias, after)
        )


def aliases(domain_xml: str) -> dict[str, Element]:
    """The devices of a running document by alias."""
    devices = parse(domain_xml).find("devices")
    named = ((_attribute(device, "alias", "name"), device) for device in ([] if devices is None else devices))
    return {alias: device for alias, device in named if alias is not None}


def alias_of(domain_xml: str, device_xml: str) -> str:
    """The alias of a device in a running document. HostError(NOT_FOUND) when it has no such device.

    It is found by its alias, else by what names it (target, MAC address), else by having all that is given.
    """
    wanted = parse(device_xml)
    known = {alias: device for alias, device in aliases(domain_xml).items() if device.tag == wanted.tag}
    for same in (_same_alias, _same_identity, _has_all):
        for alias, device in known.items():
            if same(device, wanted):
                return alias
    raise HostError(Kind.NOT_FOUND, f"the running domain has no such {wanted.tag} device")


def _attribute(device: Element, child: str, name: str) -> str | None:
    found = device.find(child)
    return None if found is None else found.get(name)


def _same_alias(device: Element, wanted: Element) -> bool:
    return _attribute(device, "alias", "name") == _attribute(wanted, "alias", "name")


def _same_identity(device: Element, wanted: Element) -> bool:
    child, name = _IDENTITIES.get(wanted.tag, ("alias", "name"))
    asked = _attribute(wanted, child, name)
    return asked is not None and asked.lower() == (_attribute(device, child, name) or "").lower()


def _has_all(device: Element, wanted: Element) -> bool:
    """Whether every attribute and child given is found again; never for a device that is named and has another name."""
    if wanted.tag in _IDENTITIES and _attribute(wanted, *_IDENTITIES[wanted.tag]) is not None:
        return False
    return _contains(device, wanted)


def _contains(element: Element, wanted: Element) -> bool:
    if any(element.get(name) != value for name, value in wanted.items()):
        return False
    if (wanted.text or "").strip() not in ("", (element.text or "").strip()):
        return False
    return all(any(_contains(child, part) for child in element.findall(part.tag)) for part in wanted)
