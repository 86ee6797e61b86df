"""DSP1052 Computer System: each libvirt connection as the host system of its virtual systems."""

from __future__ import annotations

from typing import NoReturn

from virtcim.broker.call import Properties
from virtcim.broker.provider import Profile, Refused
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import ids
from virtcim.profiles.lookup import find_host

profile = Profile("dsp1052")

REACHABLE: Properties = {
    "EnabledState": 2,  # Enabled
    "OperationalStatus": [2],  # OK
    "StatusDescriptions": ["libvirt answers"],
    "HealthState": 5,  # OK
    "OperatingStatus": 16,  # In Service
    "PrimaryStatus": 1,  # OK
    "DetailedStatus": 1,  # No Additional Information
    "CommunicationStatus": 2,  # Communication OK
}
UNREACHABLE: Properties = {
    "EnabledState": 0,  # Unknown
    "OperationalStatus": [13],  # Lost Communication
    "HealthState": 0,  # Unknown
    "OperatingStatus": 0,  # Unknown
    "PrimaryStatus": 0,  # Unknown
    "DetailedStatus": 0,  # Not Available
    "CommunicationStatus": 3,  # Lost Communication
}


def hosts(world: Hosts) -> tuple[Host, ...]:
    return world.hosts


profile.central("Virt_HostSystem", Host)
profile.source(Host, hosts)


@profile.instance("Virt_HostSystem", of=Host, find=find_host, volatile=True)  # reachable or not: it changes by itself
def host_system(host: Host) -> Properties:
    """The host (clause 7.1); its Name is the FQDN, or the host UUID where keys are made of UUIDs."""
    status = REACHABLE if host.reachable else UNREACHABLE | {"StatusDescriptions": [host.reason]}
    return {
        "Name": ids.host_token(host),
        "NameFormat": "UUID" if host.naming == "uuid" else "Other",
        "ElementName": host.name,
        "Caption": "Host system",
        "Description": f"Host of {host.platform} virtual systems at {host.uri}",
        "OtherIdentifyingInfo": [host.uuid, host.uri],
        "IdentifyingDescriptions": ["UUID", "libvirt URI"],
        "Dedicated": [0],  # Not Dedicated
        "Roles": ["Hypervisor"],
        "RequestedState": 12,  # Not Applicable
        "TransitioningToState": 12,
        "EnabledDefault": 2,
        "ResetCapability": 5,  # Not Implemented
        **status,
    }


@profile.method("CIM_EnabledLogicalElement", "RequestStateChange")
def no_state_change(element: object, RequestedState: int | None, TimeoutPeriod: str | None) -> NoReturn:
    """What is no virtual system keeps its state: hosts, devices and services."""
    raise Refused("Not Supported", f"the state of a {type(element).__name__.lower()} follows from what it belongs to")


profile.leaves_out(
    "CIM_ComputerSystem", "SetPowerState", "deprecated: see CIM_PowerManagementService.RequestPowerStateChange"
)
