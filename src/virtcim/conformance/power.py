"""Power services and power states, as the checks of Power State Management use them."""

from __future__ import annotations

from typing import Any

from pywbem import CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.methods import Answer, complete, invoke
from virtcim.conformance.paths import local, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import settle
from virtcim.conformance.verdict import expect, skip_unless

SERVICE = "CIM_PowerManagementService"
LINK = "CIM_AssociatedPowerManagementService"


def services(site: Site) -> list[CIMInstanceName]:
    """The power services, or the check is not applicable."""
    found = site.names(SERVICE)
    skip_unless(found, f"the server has no {SERVICE}")
    return found


def power_links(site: Site, system: CIMInstanceName) -> list[CIMInstance]:
    """The power association of a system, with its states."""
    return site.links(system, LINK, "UserOfService")


def power_link(site: Site, system: CIMInstanceName) -> CIMInstance:
    """The only power association of a system."""
    found = power_links(site, system)
    expect(len(found) == 1, f"{show(system)} has {len(found)} {LINK} instead of one")
    return found[0]


def capabilities(site: Site, service: CIMInstanceName) -> CIMInstance:
    """The only power capabilities of a service."""
    found = site.across(service, "CIM_ElementCapabilities", "CIM_PowerManagementCapabilities", "ManagedElement")
    expect(len(found) == 1, f"{show(service)} has {len(found)} CIM_PowerManagementCapabilities instead of one")
    return found[0]


def requestable(site: Site, service: CIMInstanceName) -> set[int]:
    """RequestedPowerStatesSupported of a service."""
    return {int(state) for state in capabilities(site, service).get("RequestedPowerStatesSupported") or []}


def request_power(site: Site, system: CIMInstanceName, state: int, timeout: Any = None) -> Answer:
    """RequestPowerStateChange as asked, whatever it answers."""
    service = local(power_link(site, system)["ServiceProvided"], site.namespace)
    return request_of(site, service, system, state, timeout)


def request_of(
    site: Site, service: CIMInstanceName, element: CIMInstanceName | None, state: int, timeout: Any = None
) -> Answer:
    """RequestPowerStateChange of a service for some element."""
    parameters = (("PowerState", Uint16(state)), ("ManagedElement", element), ("TimeoutPeriod", timeout))
    return invoke(site, service, "RequestPowerStateChange", *parameters)


def power(site: Site, system: CIMInstanceName, state: int, target: int) -> None:
    """Request the power state, wait for the job and for EnabledState to be the target."""
    complete(site, request_power(site, system, state))
    settle(site, system, target, f"power state {state}")


def need(site: Site, system: CIMInstanceName, *states: int) -> None:
    """The check is not applicable unless the power states can be requested."""
    supported = requestable(site, local(power_link(site, system)["ServiceProvided"], site.namespace))
    skip_unless(set(states) <= supported, f"power states {sorted(set(states) - supported)} cannot be requested")
