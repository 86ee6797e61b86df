"""What is counted and learned of network interfaces while they run: traffic, and the addresses that DHCP gave them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Keys, Profile
from virtcim.host.figures import Lease, Traffic
from virtcim.host.inventory import Hosts, Vm
from virtcim.mapping import ids
from virtcim.mapping.net import INTERFACE
from virtcim.profiles import elements, switches_ports
from virtcim.profiles.dsp1097_model import endpoint
from virtcim.profiles.elements import Device, kept, present
from virtcim.profiles.switches_ports import SwitchPort, interface_of

ADAPTER, PORT, LAN = "Virt_NetworkPort", "Virt_SwitchEthernetPort", "Virt_LANEndpoint"
STATISTICS, ADDRESS = "Virt_EthernetPortStatistics", "Virt_IPProtocolEndpoint"
IPV4, IPV6 = 4096, 4097  # ProtocolIFType
DHCP, DHCPV6 = 4, 7  # AddressOrigin
GLOBAL = 6  # IPv6AddressType
RECEIVED = ("BytesReceived", "PacketsReceived", "ReceiveErrors", "ReceiveDrops")
SENT = ("BytesTransmitted", "PacketsTransmitted", "TransmitErrors", "TransmitDrops")
NO_RESET = "the hypervisor goes on counting"


@dataclass(frozen=True, eq=False)
class Statistics:
    """What is counted at an adapter, or at the port of a switch that it is plugged into."""

    owner: Device | SwitchPort

    @property
    def adapter(self) -> Device:
        return self.owner.adapter if isinstance(self.owner, SwitchPort) else self.owner

    @property
    def platform(self) -> str:
        return self.owner.platform

    @property
    def id(self) -> str:
        own = self.owner.id if isinstance(self.owner, SwitchPort) else ids.device_id(self.owner.vm, self.owner.dev)
        return ids.statistics_id(own)


@dataclass(frozen=True, eq=False)
class Address:
    """An address that DHCP has given to a network interface."""

    adapter: Device
    lease: Lease

    @property
    def platform(self) -> str:
        return self.adapter.platform

    @property
    def name(self) -> str:
        return ids.address_name(ids.device_id(self.adapter.vm, self.adapter.dev), self.lease.address)


# Where they are


def _runs(device: Device) -> bool:
    """Whether it is a network interface of an active system."""
    return device.kind is INTERFACE and device.vm.active


def statistics_of(owner: Device | SwitchPort) -> list[Statistics]:
    """Of an adapter that is none, or whose system is off, nothing is counted."""
    if isinstance(owner, Device) and not _runs(owner):
        return []
    return [kept(owner, "_statistics", lambda: Statistics(owner))]


def all_statistics(world: Hosts) -> Iterator[Statistics]:
    for vm in world.vms():
        if vm.active:
            owners: list[Device | SwitchPort] = [*switches_ports.adapters_of(vm), *switches_ports.ports_of_vm(vm)]
            yield from (one for owner in owners for one in statistics_of(owner))


def addresses_of(adapter: Device) -> list[Address]:
    """Those of the network that the interface is plugged into now."""
    if not _runs(adapter):
        return []
    view = interface_of(adapter)
    found = adapter.vm.host.figures.leases.get((view.mac or "").lower(), ())
    return [Address(adapter, lease) for lease in found if lease.network == view.network]


def adapter_of(one: Address) -> list[Device]:
    return [one.adapter]


def system_of(one: Address) -> list[Vm]:
    return [one.adapter.vm]


def addresses_in(vm: Vm) -> Iterator[Address]:
    for adapter in switches_ports.adapters_of(vm) if vm.active else ():
        yield from addresses_of(adapter)


def all_addresses(world: Hosts) -> Iterator[Address]:
    for vm in world.vms():
        yield from addresses_in(vm)


def find_addresses(world: Hosts, keys: Keys) -> Iterator[Address]:
    """By the Name of the system."""
    return (one for vm in world.vm_by_key(str(keys["SystemName"])) for one in addresses_in(vm))


# What they show


def statistics(one: Statistics) -> Properties:
    """NULL until they have been read; of a switch port they are those of the adapter the other way round."""
    vm, view = one.adapter.vm, interface_of(one.adapter)
    sample = vm.host.figures
    found = sample.traffic.get((vm.uuid, view.target or ""))
    properties: Properties = {
        "InstanceID": one.id,
        "ElementName": f"Traffic of {one.id.removesuffix('/statistics')}",
        "StatisticTime": sample.taken if found else None,
    }
    return present({**properties, **(_counted(found, isinstance(one.owner, SwitchPort)) if found else {})})


def _counted(found: Traffic, at_switch: bool) -> Properties:
    inwards = (found.received, found.received_packets, found.receive_errors, found.receive_drops)
    outwards = (found.sent, found.sent_packets, found.send_errors, found.send_drops)
    received, sent = (outwards, inwards) if at_switch else (inwards, outwards)
    return {**dict(zip(RECEIVED, received, strict=True)), **dict(zip(SENT, sent, strict=True))}


def address(one: Address) -> Properties:
    lease, vm = one.lease, one.adapter.vm
    owner: Properties = {"SystemCreationClassName": elements.system_class(vm), "SystemName": ids.system_token(vm)}
    properties: Properties = {
        **endpoint(owner, one.name),
        "HostName": lease.hostname,
        "LeaseExpires": lease.expires,
        "AddressOrigin": DHCPV6 if lease.is_v6 else DHCP,
        "ProtocolIFType": IPV6 if lease.is_v6 else IPV4,
        **(_v6(lease) if lease.is_v6 else _v4(lease)),
    }
    return present(properties)


def _v4(lease: Lease) -> Properties:
    mask = ipaddress.ip_network(f"0.0.0.0/{lease.prefix}").netmask
    return {"IPv4Address": lease.address, "SubnetMask": str(mask), "PrefixLength": lease.prefix}


def _v6(lease: Lease) -> Properties:
    return {"IPv6Address": lease.address, "IPv6SubnetPrefixLength": lease.prefix, "IPv6AddressType": GLOBAL}


def declare(profile: Profile) -> None:
    """Both change by themselves, so they are asked anew each time."""
    profile.source(Statistics, all_statistics)
    profile.source(Address, all_addresses)
    profile.instance(STATISTICS, of=Statistics, volatile=True)(statistics)
    profile.instance(ADDRESS, of=Address, find=find_addresses, volatile=True)(address)
    profile.leaves_out("CIM_StatisticalData", "ResetSelectedStats", NO_RESET)
    for classname, kind in ((ADAPTER, Device), (PORT, SwitchPort)):
        profile.associate(
            "Virt_ElementStatisticalData",
            End("ManagedElement", classname, across=statistics_of, of=kind),
            End("Stats", STATISTICS, across=_owner_as(kind)),
        )
    profile.associate(
        "Virt_HostedAccessPoint",
        End("Antecedent", "Virt_ComputerSystem", across=addresses_in),
        End("Dependent", ADDRESS, across=system_of),
    )
    profile.associate(
        "Virt_BindsToLANEndpoint",
        End("Antecedent", LAN, across=addresses_of, of=Device),
        End("Dependent", ADDRESS, across=adapter_of),
    )


def _owner_as(kind: type[Device] | type[SwitchPort]) -> Callable[[Statistics], list[Device | SwitchPort]]:
    return lambda one: [one.owner] if isinstance(one.owner, kind) else []
