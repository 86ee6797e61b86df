"""DSP1027 Power State Management: one service of each host that switches the host's virtual systems."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile, Reference, Refused, Returned, Work
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.mapping import ids, state
from virtcim.messages import message
from virtcim.profiles.elements import host_class
from virtcim.profiles.lookup import vms_of
from virtcim.profiles.of_host import OfHost, kept_of
from virtcim.profiles.transitions import (
    IDLE_POWER,
    Wish,
    available,
    carry_out,
    check_timeout,
    current,
    last_wish,
    row_of,
)

profile = Profile("dsp1027")

NOT_APPLICABLE = 12  # RequestedPowerState
# PowerChangeCapabilities entry -> the requests that it promises, by their PowerState
PROMISES = {3: {2}, 4: {5}, 6: {9}, 7: {10}, 8: {12, 13, 14, 15, 16}}


class PowerService(OfHost):
    """The power management service of a host."""


class PowerCapabilities(OfHost):
    """What the service of a host can do."""


def service(host: Host) -> PowerService:
    return kept_of(host, "_power_service", lambda: PowerService(host))


def capabilities(host: Host) -> PowerCapabilities:
    return kept_of(host, "_power_capabilities", lambda: PowerCapabilities(host))


def services(world: Hosts) -> Iterator[PowerService]:
    return (service(host) for host in world.hosts)


def all_capabilities(world: Hosts) -> Iterator[PowerCapabilities]:
    return (capabilities(host) for host in world.hosts)


profile.central("Virt_PowerManagementService", PowerService)
profile.source(PowerService, services)
profile.source(PowerCapabilities, all_capabilities)


@profile.instance("Virt_PowerManagementService", of=PowerService)
def power_management_service(service: PowerService) -> Properties:
    return {
        "SystemCreationClassName": host_class(service.host),
        "SystemName": ids.host_token(service.host),
        "Name": ids.POWER_SERVICE,
        "ElementName": "Power management",
        "EnabledState": 2,  # Enabled
        "RequestedState": 12,  # Not Applicable
        "TransitioningToState": 12,
        "OperationalStatus": [2],  # OK
        "HealthState": 5,  # OK
        "Started": True,
    }


@profile.instance("Virt_PowerManagementCapabilities", of=PowerCapabilities)
def power_management_capabilities(capabilities: PowerCapabilities) -> Properties:
    """What can be requested of the platform's driver (clause 7.2)."""
    requests = state.requested_powers(capabilities.platform)
    return {
        "InstanceID": ids.host_scoped(capabilities.host, ids.POWER_CAPABILITIES),
        "ElementName": "Power management capabilities",
        "PowerStatesSupported": [*state.power_states(capabilities.platform)],
        "RequestedPowerStatesSupported": [*requests],
        "PowerChangeCapabilities": [entry for entry, promised in PROMISES.items() if promised & set(requests)],
    }


profile.associate(
    "Virt_HostedService",
    End("Antecedent", "Virt_HostSystem", across=lambda host: [service(host)]),
    End("Dependent", "Virt_PowerManagementService", across=lambda service: [service.host]),
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", "Virt_PowerManagementService", across=lambda service: [capabilities(service.host)]),
    End("Capabilities", "Virt_PowerManagementCapabilities", across=lambda found: [service(found.host)]),
)


def power_state(_: PowerService, vm: Vm) -> Properties:
    """The power state of a virtual system (clause 7.3); two of the properties number the graceful states one higher."""
    row, wish = row_of(vm), last_wish(vm)
    possible = row.available_power(vm.platform, vm.persistent)
    properties: Properties = {
        "PowerState": row.power_state,
        "RequestedPowerState": NOT_APPLICABLE if wish is None else state.requested_power_property(wish.power),
        "AvailableRequestedPowerStates": [*available(vm, possible, row.power_requests)],
        "TransitioningToPowerState": IDLE_POWER if vm.underway is None else vm.underway.power,
    }
    return properties | ({"OtherPowerState": row.name} if row.power_state == 1 else {})


profile.associate(
    "Virt_AssociatedPowerManagementService",
    End("ServiceProvided", "Virt_PowerManagementService", across=lambda service: vms_of(service.host)),
    End("UserOfService", "Virt_ComputerSystem", across=lambda vm: [service(vm.host)]),
    properties=power_state,
)


@profile.method("Virt_PowerManagementService", "RequestPowerStateChange", kills=True)
def request_power_state_change(
    service: PowerService,
    PowerState: int | None,
    ManagedElement: Reference | None,
    Time: str | None,
    TimeoutPeriod: str | None,
) -> Returned | Work:
    """Clause 8.1."""
    vm = ManagedElement.target if ManagedElement else None
    if not isinstance(vm, Vm) or vm.host is not service.host:
        named = ManagedElement.path if ManagedElement else "nothing"
        raise Refused("Invalid Parameter", message("VS_NOT_FOUND", "ManagedElement", "this service", named))
    if PowerState is None:
        raise Refused("Invalid Parameter", "PowerState is missing")
    if Time is not None:
        raise Refused("Not Supported", "Time: power states cannot be changed at a set time")
    check_timeout(TimeoutPeriod)
    vm = current(vm)
    verb = state.power_verb_for(row_of(vm), PowerState, vm.platform, vm.persistent)
    return carry_out(vm, f"PowerState {PowerState}", verb, Wish(state.REQUEST_OF_POWER.get(PowerState, 0), PowerState))


for method in ("StartService", "StopService"):
    profile.leaves_out("CIM_Service", method, "a service is there as long as the server is")
profile.leaves_out("CIM_Service", "ChangeAffectedElementsAssignedSequence", "virtual systems have no order")
profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
profile.leaves_out(
    "CIM_PowerManagementService", "SetPowerState", "deprecated: see CIM_PowerManagementService.RequestPowerStateChange"
)
