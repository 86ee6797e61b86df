"""DSP1052 Computer System: what every computer system says of itself."""

from __future__ import annotations

import time

from pywbem import CIMDateTime, CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.methods import NO_TIMEOUTS, UNSUPPORTED, ended_job, expect_code
from virtcim.conformance.paths import same, show
from virtcim.conformance.site import NOT_SUPPORTED, SYSTEM_VIRTUALIZATION, Site, cim_status
from virtcim.conformance.systems import (
    DEFER,
    DISABLED,
    ENABLED,
    QUIESCE,
    activate,
    enabled_state,
    reach,
    request_state,
    supported_states,
    temporary,
)
from virtcim.conformance.values import unlisted
from virtcim.conformance.verdict import expect, expect_none, skip_unless

COMPUTER_SYSTEM = ("Computer System",)
OTHER = 1
OTHER_DEDICATED = 2
NO_CHANGE, NOT_APPLICABLE = 5, 12
TRANSIENT_STATES = (4, 10)
FIVE_SECONDS = CIMDateTime("00000000000005.000000:000")
MANDATORY = (
    "Name",
    "CreationClassName",
    "ElementName",
    "EnabledState",
    "RequestedState",
    "OperationalStatus",
    "HealthState",
    "Dedicated",
)


@check("DSP1052-R01")
def mandatory_properties(site: Site) -> None:
    """Every computer system has its mandatory properties."""
    expect_none(
        [
            f"{show(system)} has {name} {system.get(name)!r}"
            for system in site.systems()
            for name in MANDATORY
            if system.get(name) in (None, [], "")
        ]
    )


@check("DSP1052-R02")
def creation_class(site: Site) -> None:
    """CreationClassName is the class of the instance."""
    expect_none(
        [
            f"{show(system)} has CreationClassName {system.get('CreationClassName')!r}"
            for system in site.systems()
            if str(system.get("CreationClassName")).lower() != system.classname.lower()
        ]
    )


@check("DSP1052-R03")
def listed_values(site: Site) -> None:
    """Every value of a computer system is in the ValueMap of its property, NameFormat included."""
    expect_none([fault for system in site.systems() for fault in unlisted(site, system)])


@check("DSP1052-R04")
def identifying_info(site: Site) -> None:
    """OtherIdentifyingInfo and IdentifyingDescriptions have the same length."""
    expect_none(
        [
            f"{show(system)} has OtherIdentifyingInfo {system.get('OtherIdentifyingInfo')} "
            f"described by {system.get('IdentifyingDescriptions')}"
            for system in site.systems()
            if len(system.get("OtherIdentifyingInfo") or []) != len(system.get("IdentifyingDescriptions") or [])
        ]
    )


@check("DSP1052-R05")
def other_dedicated(site: Site) -> None:
    """A system dedicated to something else says to what."""
    expect_none(
        [
            f"{show(system)} is dedicated to 2 (Other) without OtherDedicatedDescriptions"
            for system in site.systems()
            if OTHER_DEDICATED in (system.get("Dedicated") or []) and not system.get("OtherDedicatedDescriptions")
        ]
    )


@check("DSP1052-R06", write=True)
def requestable_states(site: Site) -> None:
    """A host that lists no states answers 1 to RequestStateChange; a virtual system supports what it lists."""
    for host in site.require_hosts():
        if not supported_states(site, host):
            expect_code(request_state(site, host, ENABLED), UNSUPPORTED, why=f"on {show(host)}")
    with temporary(site) as system:
        supported = set(supported_states(site, system))
        never = supported - available(site, system)
        for state in (ENABLED, QUIESCE):
            if state in supported:
                reach(site, system, state, state)
                never -= available(site, system)
    expect(not never, f"RequestedState {sorted(never)} is supported but available in no state")


def available(site: Site, system: CIMInstanceName) -> set[int]:
    """AvailableRequestedStates of this moment, or the check is not applicable."""
    states = site.get(system).get("AvailableRequestedStates")
    skip_unless(states is not None, "AvailableRequestedStates is not given")
    return {int(state) for state in states}


@check("DSP1052-R07")
def available_states(site: Site) -> None:
    """AvailableRequestedStates is a subset of RequestedStatesSupported."""
    faults = []
    for system in site.systems():
        available = set(system.get("AvailableRequestedStates") or [])
        extra = available - set(supported_states(site, system.path)) if available else set()
        if extra:
            faults.append(f"{show(system)} offers {sorted(extra)} beyond RequestedStatesSupported")
    expect_none(faults)


@check("DSP1052-R08")
def other_enabled_state(site: Site) -> None:
    """OtherEnabledState is set exactly where EnabledState is 1 (Other)."""
    expect_none(
        [
            f"{show(system)} has EnabledState {system.get('EnabledState')} "
            f"and OtherEnabledState {system.get('OtherEnabledState')!r}"
            for system in site.systems()
            if (system.get("OtherEnabledState") is not None) != (system.get("EnabledState") == OTHER)
        ]
    )


@check("DSP1052-R09", write=True)
def requested_state_follows(site: Site) -> None:
    """RequestedState is the request after 0 or 4096, and as it was after any other answer."""
    with temporary(site) as system:
        for request in (DISABLED, ENABLED, ENABLED, QUIESCE, DEFER, ENABLED, 99, DISABLED):
            before = site.get(system).get("RequestedState")
            answer = request_state(site, system, request)
            ended_job(site, answer)
            after = site.get(system).get("RequestedState")
            wanted = request if answer.accepted else before
            expect(after == wanted, f"RequestedState is {after} instead of {wanted} after request {request}: {answer}")


@check("DSP1052-R10", write=True)
def state_timeouts(site: Site) -> None:
    """A TimeoutPeriod is honoured, or refused with 4098."""
    with temporary(site) as system:
        answer = request_state(site, system, ENABLED, timeout=FIVE_SECONDS)
        expect_code(answer, 0, 4096, NO_TIMEOUTS)
        state = enabled_state(site, system)
        expect(answer.accepted or state == DISABLED, f"the system left state Defined for {state} although {answer}")


@check("DSP1052-R11")
def transitioning_state(site: Site) -> None:
    """TransitioningToState is 12 where not tracked, else 5 while no transition is in progress."""
    expect_none(
        [
            f"{show(system)} has TransitioningToState {system.get('TransitioningToState')} in EnabledState "
            f"{system.get('EnabledState')}"
            for system in site.systems()
            if system.get("TransitioningToState") not in (None, NO_CHANGE, NOT_APPLICABLE)
            and system.get("EnabledState") not in TRANSIENT_STATES
        ]
    )


@check("DSP1052-R12")
def host_conforms(site: Site) -> None:
    """A host of virtual systems is a central instance of System Virtualization and of Computer System if registered."""
    hosting = hosting_links(site)
    skip_unless(hosting, "no host of virtual systems")
    faults = []
    for names in (SYSTEM_VIRTUALIZATION, COMPUTER_SYSTEM):
        if not site.registered(*names):
            continue
        central = site.central(*names)
        for link in hosting:
            if not any(same(link["Antecedent"], one, site.namespace) for one in central):
                faults.append(f"host {show(link['Antecedent'])} is no central instance of {names[0]}")
    expect_none(sorted(set(faults)))


def hosting_links(site: Site) -> list[CIMInstance]:
    """The host dependencies of virtual systems."""
    systems = [system.path for system in site.virtual_systems()]
    return [link for system in systems for link in site.links(system, "CIM_HostedDependency", "Dependent")]


@check("DSP1052-R13", write=True)
def time_of_state_change(site: Site) -> None:
    """TimeOfLastStateChange changes when EnabledState changes and only then."""
    with temporary(site) as system:
        first = changed_at(site, system)
        activate(site, system)
        second = changed_at(site, system)
        expect(first != second, "TimeOfLastStateChange is the same after the system was activated")
        time.sleep(1.1)
        request_state(site, system, 99)
        expect(changed_at(site, system) == second, "TimeOfLastStateChange changed without a change of state")


def changed_at(site: Site, system: CIMInstanceName) -> str:
    """TimeOfLastStateChange, or the check is not applicable."""
    when = site.get(system).get("TimeOfLastStateChange")
    skip_unless(when is not None, "TimeOfLastStateChange is not tracked")
    return str(when)


@check("DSP1052-R14", write=True)
def no_direct_creation(site: Site) -> None:
    """Creating or deleting a computer system as an instance gives 7 (not supported)."""
    with temporary(site) as system:
        expect_not_supported(site, system)


def expect_not_supported(site: Site, path: CIMInstanceName) -> None:
    """Fail unless CreateInstance of such an instance and DeleteInstance of this one are not supported."""
    instance = site.get(path)
    faults = []
    template = CIMInstance(instance.classname, {name: instance[name] for name in path.keybindings})
    for name, operation in (
        ("CreateInstance", lambda: site.cim.CreateInstance(template, namespace=path.namespace)),
        ("DeleteInstance", lambda: site.cim.DeleteInstance(path)),
    ):
        got = cim_status(operation)
        if got != NOT_SUPPORTED:
            faults.append(f"{name} of {show(path)} gave {got} instead of {NOT_SUPPORTED}")
    expect_none(faults)
