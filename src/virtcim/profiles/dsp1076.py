"""DSP1076 KVM Redirection: the graphical consoles of virtual systems, and the ports and addresses of all consoles."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile
from virtcim.host.inventory import Hosts, Vm
from virtcim.mapping import ids
from virtcim.mapping.consoles import protocol, word
from virtcim.mapping.inputs import POINTING_DEVICE
from virtcim.profiles import consoles, redirection
from virtcim.profiles.consoles import Address, Port, access_point, caption
from virtcim.profiles.elements import Device, devices, present
from virtcim.profiles.of_host import OfHost
from virtcim.profiles.redirection import ADDRESS, PORT, SYSTEM, Redirection

profile = Profile("dsp1076")

KVM = 3  # RedirectionServiceType
URL = 200  # InfoFormat
OTHER_CONTEXT = 1  # AccessContext
TCP = 4111  # ProtocolIFType


class ConsoleService(OfHost):
    """The service that makes the graphical consoles of a host's systems reachable."""


class ConsoleCapabilities(OfHost):
    """What that service can do."""


WHAT = Redirection(
    service_class="Virt_ConsoleRedirectionService",
    capabilities_class="Virt_ConsoleRedirectionServiceCapabilities",
    access_class="Virt_KVMRedirectionSAP",
    service=ConsoleService,
    capabilities=ConsoleCapabilities,
    name=ids.CONSOLE_SERVICE,
    capabilities_id=ids.CONSOLE_CAPABILITIES,
    label="Graphical consoles",
    type=KVM,
    consoles=consoles.graphical,
    is_one=consoles.is_graphical,
)


def access_to(device: Device) -> Properties:
    """ElementName is what libvirt-cim called it: its port, and that of the client: -1 without any, 0 as it waits."""
    state = consoles.state_of(device)
    found = {
        **access_point(device, ids.device_id(device.vm, device.dev), state),
        "ElementName": consoles.old_name(device),
        "Caption": caption(device, f"{word(device.resource)} console"),
        **protocol(device.resource),
    }
    return present(found)


redirection.declare(profile, WHAT, access_to)


# Where consoles are served (optional)


def all_ports(world: Hosts) -> Iterator[Port]:
    return (port for vm in world.vms() for port in consoles.ports_of(vm))


def all_addresses(world: Hosts) -> Iterator[Address]:
    return (address for vm in world.vms() for address in consoles.addresses_of(vm))


profile.source(Port, all_ports)
profile.source(Address, all_addresses)
profile.hangs_off(Vm, Port, consoles.ports_of, back=lambda port: port.console.vm)
profile.hangs_off(Vm, Address, consoles.addresses_of, back=lambda address: address.console.vm)


@profile.instance(PORT, of=Port, find=consoles.find_port)
def port(port: Port) -> Properties:
    return {
        **access_point(port.console, port.name, consoles.ENABLED),
        "NameFormat": "DeviceID",
        "ElementName": f"{port.name} {port.number}",
        "PortNumber": port.number,
        "ProtocolIFType": TCP,
    }


@profile.instance(ADDRESS, of=Address, find=consoles.find_address)
def address(address: Address) -> Properties:
    return {
        **access_point(address.console, address.name, consoles.ENABLED),
        "ElementName": address.url,
        "AccessInfo": address.url,
        "InfoFormat": URL,
        "AccessContext": OTHER_CONTEXT,
        "OtherAccessContext": "Console",
    }


def system_of(part: Port | Address) -> list[Vm]:
    return [part.console.vm]


profile.leaves_out(PORT, "BroadcastReset", "a TCP port has no broadcasts")
profile.method(PORT, "RequestStateChange")(redirection.keeps_its_state)
profile.method(ADDRESS, "RequestStateChange")(redirection.keeps_its_state)
for classname, kind, parts in ((PORT, Port, consoles.ports_of), (ADDRESS, Address, consoles.addresses_of)):
    profile.associate(
        "Virt_HostedAccessPoint",
        End("Antecedent", SYSTEM, across=parts),
        End("Dependent", classname, across=system_of, of=kind),
    )
profile.associate(
    "Virt_RemoteAccessAvailableToElement",
    End("Antecedent", ADDRESS, across=system_of, of=Address),
    End("Dependent", SYSTEM, across=consoles.addresses_of),
)


# As libvirt-cim: the service works on what its users see and touch, too


def services(device: Device) -> list[OfHost]:
    return WHAT.service_for(device.vm) if is_used(device) else []


def is_used(device: Device) -> bool:
    return device.kind is POINTING_DEVICE or consoles.is_graphical(device)


def used_on(service: OfHost) -> Iterator[Device]:
    for vm in WHAT.systems_on(service.host):
        yield from (device for device in devices(vm) if is_used(device))


profile.associate(
    "Virt_ServiceAffectsElement",
    End("AffectingElement", WHAT.service_class, across=used_on, of=ConsoleService),
    End("AffectedElement", "CIM_LogicalDevice", across=services, of=Device),
    properties=redirection.managed,
)
