"""What the redirection of graphical and of text consoles has in common: a service of each host, and access points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile, Refused, Returned
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping import ids
from virtcim.profiles import consoles
from virtcim.profiles.consoles import Address, Port
from virtcim.profiles.elements import Device
from virtcim.profiles.lookup import vms_of
from virtcim.profiles.of_host import OfHost, kept_of, service_properties

SYSTEM, HOST = "Virt_ComputerSystem", "Virt_HostSystem"
PORT, ADDRESS = "Virt_TCPProtocolEndpoint", "Virt_RemoteServiceAccessPoint"
SHARED = 3  # SharingMode
MANAGES = 5  # ElementEffects
CURRENT = 3  # Characteristics
AS_MANY_AS_THERE_ARE = 65535  # MaxCurrentEnabledSAPs


@dataclass(frozen=True, eq=False)
class Redirection:
    """The words of one profile: its classes, the types that stand for them, and whose consoles it is about."""

    service_class: str
    capabilities_class: str
    access_class: str
    service: type[OfHost]
    capabilities: type[OfHost]
    name: str
    capabilities_id: str
    label: str
    type: int  # RedirectionServiceType
    consoles: Callable[[Vm], list[Device]]
    is_one: Callable[[Device], bool]

    def service_on(self, host: Host) -> OfHost:
        return kept_of(host, f"_{self.name}", lambda: self.service(host))

    def capabilities_on(self, host: Host) -> OfHost:
        return kept_of(host, f"_{self.capabilities_id}", lambda: self.capabilities(host))

    def consoles_on(self, host: Host) -> Iterator[Device]:
        return (device for vm in vms_of(host) for device in self.consoles(vm))

    def systems_on(self, host: Host) -> Iterator[Vm]:
        """Those that have a console of the kind."""
        return (vm for vm in vms_of(host) if self.consoles(vm))

    def service_for(self, vm: Vm) -> list[OfHost]:
        return [self.service_on(vm.host)] if self.consoles(vm) else []


def declare(profile: Profile, what: Redirection, says: Callable[[Device], Properties]) -> None:
    """The service, its capabilities, and an access point for each console; `says` makes the latter's properties."""
    profile.central(what.service_class, what.service)
    profile.source(what.service, lambda world: _each(world, what.service_on))
    profile.source(what.capabilities, lambda world: _each(world, what.capabilities_on))
    profile.instance(what.service_class, of=what.service, volatile=True)(lambda one: _service(what, one))
    profile.instance(what.capabilities_class, of=what.capabilities)(lambda one: _capabilities(what, one))
    profile.instance(what.access_class, of=Device, when=what.is_one, find=consoles.find_console, parts=what.consoles)(
        says
    )
    profile.method(what.service_class, "RequestStateChange")(keeps_its_state)
    profile.method(what.access_class, "RequestStateChange")(keeps_its_state)
    for method in ("StartService", "StopService"):
        profile.leaves_out(what.service_class, method, "a service is there as long as the server is")
    profile.leaves_out(what.service_class, "ChangeAffectedElementsAssignedSequence", "consoles have no order")
    profile.leaves_out(what.capabilities_class, "CreateGoalSettings", "capabilities have no goals here")
    _declare_service(profile, what)
    _declare_access(profile, what)


def _each(world: Hosts, make: Callable[[Host], OfHost]) -> Iterable[OfHost]:
    return (make(host) for host in world.hosts)


def _service(what: Redirection, service: OfHost) -> Properties:
    host = service.host
    description = f"{what.label} of the virtual systems of {host.name}"
    return {
        **service_properties(host, what.name, what.name, description),
        "Caption": what.label,
        "TransitioningToState": consoles.NOT_APPLICABLE,
        "RedirectionServiceType": [what.type],
        "SharingMode": SHARED,
        "MaxCurrentEnabledSAPs": AS_MANY_AS_THERE_ARE,
    }


def _capabilities(what: Redirection, found: OfHost) -> Properties:
    """There is nothing to ask of the service, so RequestedStatesSupported is NULL."""
    return {
        "InstanceID": ids.host_scoped(found.host, what.capabilities_id),
        "ElementName": what.capabilities_id,
        "ElementNameEditSupported": False,
        "SharingModeSupported": [SHARED],
    }


def keeps_its_state(element: object, RequestedState: int | None, TimeoutPeriod: str | None) -> Returned:
    """libvirt can neither end a session nor stop listening while the guest runs."""
    if RequestedState is None:
        raise Refused("Invalid Parameter", "RequestedState is missing")
    raise Refused("Not Supported", "a console is served as long as its system is active: libvirt cannot disconnect it")


def _current(*_: Any) -> Properties:
    return {"Characteristics": [CURRENT]}


def managed(*_: Any) -> Properties:
    return {"ElementEffects": [MANAGES]}


def _declare_service(profile: Profile, what: Redirection) -> None:
    """What ties the service to its host, its capabilities and the systems that it works for."""
    service, capabilities = what.service_class, what.capabilities_class
    profile.associate(
        "Virt_HostedService",
        End("Antecedent", HOST, across=lambda host: [what.service_on(host)]),
        End("Dependent", service, across=lambda one: [one.host]),
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", service, across=lambda one: [what.capabilities_on(one.host)]),
        End("Capabilities", capabilities, across=lambda found: [what.service_on(found.host)]),
        properties=_current,
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", HOST, across=lambda host: [what.capabilities_on(host)]),
        End("Capabilities", capabilities, across=lambda found: [found.host]),
        properties=_current,
    )
    profile.associate(
        "Virt_ServiceAffectsElement",
        End("AffectingElement", service, across=lambda one: what.systems_on(one.host)),
        End("AffectedElement", SYSTEM, across=what.service_for),
        properties=managed,
    )


def _declare_access(profile: Profile, what: Redirection) -> None:
    """What ties an access point to the service, to its system, and to the ports and addresses of the console."""
    access = what.access_class

    def system_of(console: Device) -> list[Vm]:
        return [console.vm]

    profile.associate(
        "Virt_ServiceAccessBySAP",
        End("Antecedent", what.service_class, across=lambda one: what.consoles_on(one.host)),
        End("Dependent", access, across=lambda console: [what.service_on(console.vm.host)], of=Device),
    )
    profile.associate(
        "Virt_HostedAccessPoint",
        End("Antecedent", SYSTEM, across=what.consoles),
        End("Dependent", access, across=system_of, of=Device),
    )
    profile.associate(
        "Virt_SAPAvailableForElement",
        End("ManagedElement", SYSTEM, across=what.consoles),
        End("AvailableSAP", access, across=system_of, of=Device),
    )
    profile.associate(
        "Virt_BindsTo",
        End("Antecedent", PORT, across=console_of, of=Port),
        End("Dependent", access, across=consoles.ports, of=Device),
    )
    profile.associate(
        "Virt_RemoteAccessAvailableToElement",
        End("Antecedent", ADDRESS, across=console_of, of=Address),
        End("Dependent", access, across=consoles.addresses, of=Device),
    )


def console_of(part: Port | Address) -> list[Device]:
    return [part.console]
