"""DSP1027 Power State Management: power services, their capabilities and power state changes."""

from __future__ import annotations

from collections.abc import Iterator

from pywbem import CIMDateTime, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.dsp1057_status import power_faults
from virtcim.conformance.methods import (
    INVALID_PARAMETER,
    INVALID_TRANSITION,
    JOB_COMPLETED,
    JOB_STARTED,
    NO_TIMEOUTS,
    OK,
    SETTLING,
    UNSUPPORTED,
    complete,
    ended_job,
    expect_code,
    wait_until,
)
from virtcim.conformance.paths import keys, local, show
from virtcim.conformance.power import (
    LINK,
    capabilities,
    need,
    power,
    power_link,
    power_links,
    request_of,
    request_power,
    requestable,
    services,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import DISABLED, ENABLED, QUIESCE, settle, state_settings, temporary
from virtcim.conformance.verdict import expect, expect_none, skip_unless

ON, SLEEP_LIGHT, HIBERNATE, OFF_SOFT, BUS_RESET, OFF_GRACEFUL = 2, 3, 7, 8, 10, 12
GRACEFUL = {12, 13, 14, 15, 16}
REQUESTS = range(2, 17)
# PowerChangeCapabilities value -> the requests of which at least one has to be supported
CHANGES = {4: {5}, 6: {9}, 7: {10}, 8: GRACEFUL}
SETTABLE = 3
# RequestedPowerState numbers the graceful states one higher than the parameter does.
NOT_APPLICABLE, SHIFTED_OFF_GRACEFUL = 12, 13
IDLE = (None, 18, 19)
FIVE_SECONDS, NO_TIME = CIMDateTime("00000000000005.000000:000"), CIMDateTime("00000000000000.000000:000")


@check("DSP1027-R01")
def one_service_each(site: Site) -> None:
    """Each virtual system has exactly one power service, and that service is hosted by a system."""
    services(site)
    faults = []
    for system in site.require_virtual_systems():
        links = power_links(site, system.path)
        if len(links) != 1:
            faults.append(f"{show(system)} has {len(links)} {LINK}")
        for link in links:
            service = local(link["ServiceProvided"], site.namespace)
            if len(site.across_names(service, "CIM_HostedService", "CIM_System", "Dependent")) != 1:
                faults.append(f"{show(service)} is not hosted by one system")
    expect_none(faults)


@check("DSP1027-R02")
def one_capabilities(site: Site) -> None:
    """Each power service has exactly one set of power capabilities."""
    for service in services(site):
        capabilities(site, service)


@check("DSP1027-R03", write=True)
def settable_as_listed(site: Site) -> None:
    """A service lists Power State Settable exactly if RequestPowerStateChange to On is not answered with 1."""
    services(site)
    with temporary(site) as system:
        service = local(power_link(site, system)["ServiceProvided"], site.namespace)
        listed = SETTABLE in (capabilities(site, service).get("PowerChangeCapabilities") or [])
        answer = request_power(site, system, ON)
        ended_job(site, answer)
    expect(listed == (answer.code != UNSUPPORTED), f"Power State Settable is {listed=}, but {answer}")


@check("DSP1027-R04")
def changes_as_listed(site: Site) -> None:
    """Each ability in PowerChangeCapabilities has its power states among those that can be requested."""
    faults = []
    for service in services(site):
        listed = capabilities(site, service).get("PowerChangeCapabilities") or []
        supported = requestable(site, service)
        faults += [
            f"{show(service)} lists change {change} but none of the requests {sorted(states)}"
            for change, states in CHANGES.items()
            if change in listed and not states & supported
        ]
    expect_none(faults)


@check("DSP1027-R05")
def power_state_agrees(site: Site) -> None:
    """PowerState goes with EnabledState for every virtual system."""
    services(site)
    expect_none(power_faults(site))


@check("DSP1027-R06", write=True)
def available_as_accepted(site: Site) -> None:
    """AvailableRequestedPowerStates is within the supported ones, and any other request is refused in that state."""
    services(site)
    faults = []
    with temporary(site) as system:
        supported = requestable(site, local(power_link(site, system)["ServiceProvided"], site.namespace))
        for state in visited(site, system, supported):
            given = power_link(site, system).get("AvailableRequestedPowerStates")
            skip_unless(given is not None, "AvailableRequestedPowerStates is not given")
            if not set(given) <= supported:
                faults.append(f"EnabledState {state} offers {given} beyond {sorted(supported)}")
            for request in set(REQUESTS) - set(given):
                answer = request_power(site, system, request)
                if answer.code not in (UNSUPPORTED, INVALID_PARAMETER, INVALID_TRANSITION):
                    faults.append(f"power state {request}, not available in EnabledState {state}: {answer}")
    expect_none(faults)


def visited(site: Site, system: CIMInstanceName, supported: set[int]) -> Iterator[int]:
    """Bring the system to Defined, Active and Paused by power states; yields EnabledState."""
    yield DISABLED
    for request, target in ((ON, ENABLED), (SLEEP_LIGHT, QUIESCE)):
        if request in supported:
            power(site, system, request, target)
            yield target


@check("DSP1027-R07", write=True)
def unknown_power_states(site: Site) -> None:
    """A power state outside the ValueMap returns 5 or 1."""
    services(site)
    with temporary(site) as system:
        for state in (17, 99):
            expect_code(
                request_power(site, system, state), INVALID_PARAMETER, UNSUPPORTED, why=f"for power state {state}"
            )


@check("DSP1027-R08", write=True)
def wrong_element(site: Site) -> None:
    """A ManagedElement that the service does not manage, or none, returns 5."""
    for service in services(site):
        for element in (service, None):
            answer = request_of(site, service, element, ON)
            expect_code(answer, INVALID_PARAMETER, why=f"for ManagedElement {show(element) if element else 'NULL'}")


@check("DSP1027-R09", write=True)
def requested_power_state(site: Site) -> None:
    """RequestedPowerState is 12 or 0 at first, 2 after On, and 13 after the graceful request 12."""
    services(site)
    with temporary(site) as system:
        first = power_link(site, system).get("RequestedPowerState")
        expect(first in (0, NOT_APPLICABLE), f"a new system has RequestedPowerState {first}")
        need(site, system, ON, OFF_GRACEFUL)
        power(site, system, ON, ENABLED)
        expect_requested(site, system, ON)
        answer = request_power(site, system, OFF_GRACEFUL)
        expect_code(answer, OK, JOB_STARTED)
        expect_requested(site, system, SHIFTED_OFF_GRACEFUL)
        ended_job(site, answer)


def expect_requested(site: Site, system: CIMInstanceName, wanted: int) -> None:
    """Fail unless RequestedPowerState is as wanted."""
    got = power_link(site, system).get("RequestedPowerState")
    expect(got == wanted, f"RequestedPowerState is {got} instead of {wanted}")


@check("DSP1027-R10", write=True)
def transition_ends(site: Site) -> None:
    """TransitioningToPowerState is 19 again, or 18 where not tracked, once a change has ended."""
    services(site)
    with temporary(site) as system:
        need(site, system, ON, OFF_SOFT)
        for state, target in ((ON, ENABLED), (OFF_SOFT, DISABLED)):
            power(site, system, state, target)
            got = power_link(site, system).get("TransitioningToPowerState")
            expect(got in IDLE, f"TransitioningToPowerState is {got} after the change to {state}")


@check("DSP1027-R11", write=True)
def timeouts(site: Site) -> None:
    """A TimeoutPeriod of five seconds is honoured or refused with 4098; one of zero is accepted."""
    services(site)
    with temporary(site) as system:
        need(site, system, ON)
        answer = request_power(site, system, ON, FIVE_SECONDS)
        expect_code(answer, OK, JOB_STARTED, NO_TIMEOUTS, why="with a TimeoutPeriod of 5 s")
        if not answer.accepted:
            complete(site, request_power(site, system, ON, NO_TIME))


@check("DSP1027-R12", write=True)
def bus_reset(site: Site) -> None:
    """A master bus reset leaves the system active, in the same run where the platform can tell."""
    services(site)
    with temporary(site) as system:
        need(site, system, ON, BUS_RESET)
        power(site, system, ON, ENABLED)
        name = str(state_settings(site, system).get("VirtualSystemIdentifier"))
        before = site.truth.run_id(name) if site.truth else None
        power(site, system, BUS_RESET, ENABLED)
        expect(before == (site.truth.run_id(name) if site.truth else None), f"{name} was started anew by a reset")


@check("DSP1027-R13", write=True)
def graceful_off(site: Site) -> None:
    """A graceful power off ends in Defined, or on a guest that ignores it in a failed job with the system active."""
    services(site)
    with temporary(site) as system:
        need(site, system, ON, OFF_GRACEFUL)
        power(site, system, ON, ENABLED)
        answer = request_power(site, system, OFF_GRACEFUL)
        expect_code(answer, OK, JOB_STARTED)
        job = ended_job(site, answer)
        wanted = DISABLED if job is None or job.get("JobState") == JOB_COMPLETED else ENABLED
        settle(site, system, wanted, "the graceful power off")


@check("DSP1027-R14", write=True)
def hibernation(site: Site) -> None:
    """Hibernate leads to PowerState 7, and On brings the system back."""
    services(site)
    with temporary(site) as system:
        need(site, system, ON, HIBERNATE)
        power(site, system, ON, ENABLED)
        complete(site, request_power(site, system, HIBERNATE))
        wait_until(site, lambda: power_link(site, system).get("PowerState") == HIBERNATE, "PowerState 7", SETTLING)
        power(site, system, ON, ENABLED)


@check("DSP1027-R15")
def found_by_superclass(site: Site) -> None:
    """The power service is found through the superclass association CIM_ServiceAvailableToElement."""
    for service in services(site):
        direct = keys(site.across_names(service, LINK, None, "ServiceProvided"), site.namespace)
        general = keys(
            site.across_names(service, "CIM_ServiceAvailableToElement", None, "ServiceProvided"), site.namespace
        )
        expect(direct <= general, f"{len(direct - general)} systems of {show(service)} are found by {LINK} only")
