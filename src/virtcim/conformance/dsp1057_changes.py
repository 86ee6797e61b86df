"""DSP1057 Virtual System: state transitions and configuration changes, tried on systems of the suite's own."""

from __future__ import annotations

from collections.abc import Iterator

from pywbem import CIMDateTime, CIMInstanceName, Uint64

from virtcim.conformance.check import check
from virtcim.conformance.dsp1057 import identifiers
from virtcim.conformance.methods import (
    INVALID_PARAMETER,
    INVALID_TRANSITION,
    JOB_COMPLETED,
    JOB_STARTED,
    NO_TIMEOUTS,
    OK,
    UNSUPPORTED,
    Answer,
    complete,
    embedded,
    ended_job,
    expect_code,
    invoke,
)
from virtcim.conformance.paths import show
from virtcim.conformance.site import Site, require_truth
from virtcim.conformance.systems import (
    DEFER,
    DISABLED,
    ENABLED,
    MEMORY,
    OFFLINE,
    QUIESCE,
    REBOOT,
    RESET,
    SHUT_DOWN,
    TEST,
    activate,
    defined_settings,
    enabled_state,
    is_dual,
    reach,
    request_state,
    resource,
    resources,
    service,
    settle,
    state_settings,
    supported_states,
    temporary,
)
from virtcim.conformance.verdict import expect, expect_none, skip_unless

EVERY_STATE = (ENABLED, DISABLED, SHUT_DOWN, OFFLINE, TEST, DEFER, QUIESCE, REBOOT, RESET)
# (request, EnabledState it leads to), walking every transition that needs no help from the guest
WALK = (
    (ENABLED, ENABLED),
    (QUIESCE, QUIESCE),
    (ENABLED, ENABLED),
    (OFFLINE, OFFLINE),
    (ENABLED, ENABLED),
    (RESET, ENABLED),
    (QUIESCE, QUIESCE),
    (RESET, ENABLED),
    (QUIESCE, QUIESCE),
    (OFFLINE, OFFLINE),
    (DISABLED, DISABLED),
    (ENABLED, ENABLED),
    (QUIESCE, QUIESCE),
    (DISABLED, DISABLED),
    (ENABLED, ENABLED),
    (DISABLED, DISABLED),
)
FIVE_SECONDS, NO_TIME = CIMDateTime("00000000000005.000000:000"), CIMDateTime("00000000000000.000000:000")


def requested(site: Site, system: CIMInstanceName) -> int | None:
    """RequestedState of this moment."""
    return site.get(system).get("RequestedState")  # type: ignore[no-any-return, unused-ignore]


def visits(site: Site, system: CIMInstanceName) -> Iterator[int]:
    """Bring the system into Defined, Active, Paused, Active, Suspended in turn; yields EnabledState each time."""
    yield DISABLED
    supported = supported_states(site, system)
    for request in (ENABLED, QUIESCE, ENABLED, OFFLINE):
        if request in supported and enabled_state(site, system) != request:
            reach(site, system, request, request)
            yield request


@check("DSP1057-R09", write=True)
def transitions(site: Site) -> None:
    """Each supported transition (shut down apart) returns 0 or 4096, reaches its state and sets RequestedState."""
    with temporary(site) as system:
        supported = supported_states(site, system)
        skip_unless(supported, "the server changes no states")
        for request, target in WALK:
            is_there = request != RESET and enabled_state(site, system) == target
            if request not in supported or is_there:
                continue
            reach(site, system, request, target)
            got = requested(site, system)
            expect(got == request, f"RequestedState is {got} after a successful request of {request}")
        if REBOOT in supported:
            activate(site, system)
            ask_guest(site, system, REBOOT, ENABLED)


@check("DSP1057-R10", write=True)
def invalid_transitions(site: Site) -> None:
    """A supported request that the current state does not allow returns 4097 and leaves RequestedState as it was."""
    faults = []
    invalid = {
        DISABLED: (DISABLED, SHUT_DOWN, OFFLINE, QUIESCE, REBOOT, RESET),
        ENABLED: (ENABLED,),
        OFFLINE: (QUIESCE,),
    }
    with temporary(site) as system:
        supported = supported_states(site, system)
        for state in visits(site, system):
            for request in invalid.get(state, ()):
                if request in supported:
                    faults += refusal_faults(site, system, request, INVALID_TRANSITION)
    expect_none(faults)


def refusal_faults(site: Site, system: CIMInstanceName, request: int, *codes: int) -> list[str]:
    """What is wrong with how the request is refused."""
    state, before = enabled_state(site, system), requested(site, system)
    answer = request_state(site, system, request)
    faults = []
    if answer.code not in codes:
        faults.append(f"request {request} in EnabledState {state} returned {answer.code} instead of {codes}")
    if requested(site, system) != before:
        faults.append(f"RequestedState became {requested(site, system)} by a request of {request}: {answer}")
    return faults


@check("DSP1057-R11", write=True)
def unsupported_requests(site: Site) -> None:
    """Requests the system does not support return 1 or 5, a value outside the ValueMap returns 5."""
    with temporary(site) as system:
        supported = supported_states(site, system)
        faults = []
        for request in (TEST, DEFER):
            if request not in supported:
                faults += refusal_faults(site, system, request, UNSUPPORTED, INVALID_PARAMETER)
        faults += refusal_faults(site, system, 99, INVALID_PARAMETER)
    expect_none(faults)


@check("DSP1057-R12", write=True)
def available_is_accepted(site: Site) -> None:
    """AvailableRequestedStates is within RequestedStatesSupported, and any other request is refused in that state."""
    faults = []
    with temporary(site) as system:
        supported = set(supported_states(site, system))
        for state in visits(site, system):
            listed = site.get(system).get("AvailableRequestedStates")
            skip_unless(listed is not None, "AvailableRequestedStates is not given")
            if not set(listed) <= supported:
                faults.append(f"EnabledState {state} offers {listed} beyond {sorted(supported)}")
            for request in set(EVERY_STATE) - set(listed):
                faults += refusal_faults(site, system, request, UNSUPPORTED, INVALID_PARAMETER, INVALID_TRANSITION)
    expect_none(faults)


@check("DSP1057-R13", write=True)
def timeouts(site: Site) -> None:
    """A TimeoutPeriod of five seconds is honoured or refused with 4098; one of zero is accepted."""
    with temporary(site) as system:
        answer = request_state(site, system, ENABLED, timeout=FIVE_SECONDS)
        expect_code(answer, OK, JOB_STARTED, NO_TIMEOUTS, why="with a TimeoutPeriod of 5 s")
        if answer.accepted:
            complete(site, answer)
            reach(site, system, DISABLED, DISABLED)
        complete(site, request_state(site, system, ENABLED, timeout=NO_TIME))


@check("DSP1057-R17", write=True)
def suspension(site: Site) -> None:
    """A suspended system can be activated again, or deactivated to state Defined for a fresh start."""
    with temporary(site) as system:
        skip_unless(OFFLINE in supported_states(site, system), "the server does not suspend systems")
        for request, target in ((ENABLED, ENABLED), (OFFLINE, OFFLINE), (ENABLED, ENABLED), (OFFLINE, OFFLINE)):
            reach(site, system, request, target)
        reach(site, system, DISABLED, DISABLED)
        faults = refusal_faults(site, system, DISABLED, INVALID_TRANSITION)
        expect_none(faults)


@check("DSP1057-R18", write=True)
def pause_keeps_running(site: Site) -> None:
    """Pausing and activating again continues the same run of the system."""
    truth = require_truth(site)
    with temporary(site) as system:
        activate(site, system)
        name = str(state_settings(site, system).get("VirtualSystemIdentifier"))
        before = truth.run_id(name)
        reach(site, system, QUIESCE, QUIESCE)
        activate(site, system)
        expect(truth.run_id(name) == before, f"{name} was started anew")


@check("DSP1057-R19", write=True)
def shut_down(site: Site) -> None:
    """A shut down request ends in Defined, or on a guest that ignores it in a failed job with the system active."""
    with temporary(site) as system:
        skip_unless(SHUT_DOWN in supported_states(site, system), "the server does not shut systems down")
        activate(site, system)
        ask_guest(site, system, SHUT_DOWN, DISABLED)


def ask_guest(site: Site, system: CIMInstanceName, request: int, target: int) -> None:
    """Request what the guest has to do; if it does not, the job has to fail and the system to stay active."""
    answer = request_state(site, system, request)
    expect_code(answer, OK, JOB_STARTED)
    expect(requested(site, system) == request, f"RequestedState is {requested(site, system)} after {answer}")
    job = ended_job(site, answer)
    obeyed = job is None or job.get("JobState") == JOB_COMPLETED
    settle(site, system, target if obeyed else ENABLED, f"request {request}")
    expect(requested(site, system) == request, f"RequestedState is {requested(site, system)} after request {request}")


@check("DSP1057-R20", write=True)
def changes_from_outside(site: Site) -> None:
    """A change of state made with the platform's own tools shows within two seconds."""
    truth = require_truth(site)
    with temporary(site) as system:
        activate(site, system)
        name = str(state_settings(site, system).get("VirtualSystemIdentifier"))
        for verb, target in (("suspend", QUIESCE), ("resume", ENABLED)):
            truth.change(name, verb)
            settle(site, system, target, verb, patience=2)
        site.forget()
        expect(name in identifiers(site), f"{name} is not among the virtual systems")


@check("DSP1057-R24", write=True)
def stable_ids(site: Site) -> None:
    """InstanceIDs of the persistent configuration and the path of the system stay through start and stop."""
    with temporary(site) as system:
        before = configuration_ids(site, system)
        activate(site, system)
        running = configuration_ids(site, system)
        reach(site, system, DISABLED, DISABLED)
        after = configuration_ids(site, system)
    expect(before == running, f"starting changed {sorted(before ^ running)}")
    expect(before == after, f"stopping changed {sorted(before ^ after)}")


def configuration_ids(site: Site, system: CIMInstanceName) -> set[str]:
    """The InstanceIDs of the Defined configuration."""
    head = defined_settings(site, system)
    return {str(one.get("InstanceID")) for one in [head, *resources(site, head.path)]}


@check("DSP1057-R28", write=True)
def definition_changes_later(site: Site) -> None:
    """A change to the Defined configuration of an active system shows in the State one at the next activation."""
    with temporary(site) as system:
        skip_unless(is_dual(site, system), "State and Defined are one configuration")
        activate(site, system)
        before = memory_of(site, system)
        complete(site, change_memory(site, system, before * 2))
        expect(memory_of(site, system) == before, "the running system's memory setting changed at once")
        reach(site, system, DISABLED, DISABLED)
        activate(site, system)
        got = memory_of(site, system)
        expect(got == before * 2, f"after the next activation memory is {got} instead of {before * 2}")


def memory_of(site: Site, system: CIMInstanceName) -> int:
    """VirtualQuantity of the memory of the State configuration."""
    return int(resource(site, state_settings(site, system).path, MEMORY)["VirtualQuantity"])


def change_memory(site: Site, system: CIMInstanceName, quantity: int) -> Answer:
    """Ask for another VirtualQuantity of memory in the Defined configuration, in the units it has there."""
    setting = resource(site, defined_settings(site, system).path, MEMORY)
    for name in ("VirtualQuantity", "Reservation", "Limit"):
        if setting.get(name) is not None:
            setting[name] = Uint64(quantity)
    expect(setting.get("InstanceID"), f"{show(setting)} has no InstanceID")
    return invoke(site, service(site), "ModifyResourceSettings", embedded("ResourceSettings", [setting]))
