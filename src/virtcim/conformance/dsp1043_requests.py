"""DSP1043 Allocation Capabilities: what pools say can be asked of them, asked on systems of the suite's own."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName, Uint64

from virtcim.conformance.check import check
from virtcim.conformance.dsp1042_settings import add, remove
from virtcim.conformance.dsp1043 import owned
from virtcim.conformance.methods import OK, complete, ended_job
from virtcim.conformance.paths import local, show
from virtcim.conformance.pools import (
    AC,
    CAPABILITIES,
    DEFAULT,
    MAXIMUM,
    MEMORY,
    MINIMUM,
    PROCESSOR,
    change,
    of_type,
    passed_through,
    request,
    sample,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    ENABLED,
    activate,
    content,
    defined_settings,
    enabled_state,
    request_state,
    resources,
    service,
    state_settings,
    temporary,
)
from virtcim.conformance.verdict import Failed, expect, expect_none, skip_unless

SPECIFIC, GENERAL = 2, 3
DEDICATED = 2  # SharingMode
FAILED, INVALID, BAD_STATE = 2, 4, 5
HOST_RESOURCE = "file:///dev/null"


def offered(site: Site, state: int, *requests: int) -> list[tuple[CIMInstance, CIMInstance]]:
    """The capabilities of pools of devices that take requests of these types in a state, with their defaults."""
    found = []
    for _, one in owned(site):
        states = [int(value) for value in one.get("SupportedAddStates") or []]
        if state in states and one.get("RequestTypesSupported") in requests:
            default = sample(site, local(one.path, site.namespace), DEFAULT)
            found += [(one, default)] if default is not None and one.get("ResourceType") != MEMORY else []
    skip_unless(found, f"no capabilities of devices claim requests {requests} in state {state}")
    return found


def identities(site: Site, head: CIMInstanceName) -> set[str]:
    return set(content(resources(site, head)))


@check("DSP1043-R12", write=True)
def defaults_are_accepted(site: Site) -> None:
    """What is asked as the default says is added to a system in a state that SupportedAddStates names."""
    faults = []
    with temporary(site) as system:
        for one, default in offered(site, DISABLED, GENERAL, 4):
            answer = add(site, defined_settings(site, system).path, [request(default)])
            faults += [f"{answer} for the default of {show(one)}"] if answer.code != OK else []
    expect_none(faults)


@check("DSP1043-R13", write=True)
def more_than_the_maximum(site: Site) -> None:
    """A request for more than the maximum is refused and leaves no setting behind."""
    with temporary(site) as system:
        head = defined_settings(site, system).path
        before, faults = identities(site, head), []
        for one, default in offered(site, DISABLED, GENERAL, 4):
            most = sample(site, local(one.path, site.namespace), MAXIMUM)
            if most is None or most.get("VirtualQuantity") is None:
                continue
            wanted = request(default, VirtualQuantity=Uint64(int(most["VirtualQuantity"]) + 1))
            answer = add(site, head, [wanted])
            faults += [f"{answer} for {show(one)}"] if answer.code not in (INVALID, FAILED) else []
        expect(identities(site, head) == before, f"refused requests left {identities(site, head) - before}")
        expect_none(faults)


@check("DSP1043-R14", write=True)
def states_that_do_not_let_go(site: Site) -> None:
    """Removing from a system in a state that SupportedRemoveStates does not name returns 5 or 2."""
    keeping = [
        (one, default)
        for one, default in offered(site, DISABLED, GENERAL, 4)
        if ENABLED not in [int(state) for state in one.get("SupportedRemoveStates") or []]
    ]
    skip_unless(keeping, "all devices can be removed while a system is active")
    for one, default in keeping:
        with temporary(site) as system:
            complete(site, add(site, defined_settings(site, system).path, [request(default)]))
            if _runs(site, system):
                _expect_refusal(site, system, int(one["ResourceType"]), default)
                return
    skip_unless(False, "no system runs with such a device")


def _runs(site: Site, system: CIMInstanceName) -> bool:
    """Whether a system can be activated with the device that it was given."""
    ended_job(site, request_state(site, system, ENABLED))
    return enabled_state(site, system) == ENABLED


def _expect_refusal(site: Site, system: CIMInstanceName, number: int, default: CIMInstance) -> None:
    head = state_settings(site, system).path
    before = identities(site, head)
    found = next((one for one in of_type(site, system, number) if _like(one, default)), None)
    if found is None:
        raise Failed(f"the active system shows no {show(default)}")
    answer = remove(site, [found.path])
    expect(answer.code in (BAD_STATE, FAILED), f"{answer} for {show(found)} of an active system")
    expect(identities(site, head) == before, "a refused removal removed something")


def _like(setting: CIMInstance, default: CIMInstance) -> bool:
    names = ("PoolID", "OtherResourceType")
    return all(setting.get(name) == default.get(name) for name in names)


@check("DSP1043-R15", write=True)
def request_types(site: Site) -> None:
    """Pools of specific requests refuse one without HostResource, pools of general requests one with it."""
    faults = []
    with temporary(site) as system:
        head = defined_settings(site, system).path
        for requests in (SPECIFIC, GENERAL):
            for one, default in offered(site, DISABLED, requests):
                extra = {"HostResource": [HOST_RESOURCE]} if requests == GENERAL else {}
                answer = add(site, head, [request(default, **extra)])
                faults += [f"{answer} for {show(one)} with {extra}"] if answer.code in (OK, 4096) else []
    expect_none(faults)


@check("DSP1043-R16", write=True)
def dedicated_to_one(site: Site) -> None:
    """The same dedicated host resource is refused to a second active system."""
    dedicated = {pool.get("PoolID") for pool, one in owned(site) if one.get("SharingMode") == DEDICATED}
    held = [one for one in passed_through(site) if one.get("PoolID") in dedicated]
    skip_unless(held, "no active system has a dedicated resource of the host")
    expect_not_shared(site, held[0])


def expect_not_shared(site: Site, held: CIMInstance) -> None:
    """What an active system has of the host is not given to a second one: neither added to it, nor when it starts."""
    with temporary(site) as system:
        answer = add(site, defined_settings(site, system).path, [request(held)])
        ended_job(site, answer)
        if answer.accepted:
            expect(not _runs(site, system), f"a second system runs with the resource of {show(held)}")


@check("DSP1043-R19", write=True)
def mutability_holds(site: Site) -> None:
    """Where a setting has capabilities of its own, a change within their range is made."""
    with temporary(site) as system:
        activate(site, system)
        tried = 0
        for number in (PROCESSOR, MEMORY):
            for setting in of_type(site, system, number):
                for one in site.across(local(setting.path, site.namespace), CAPABILITIES, AC, "ManagedElement"):
                    tried += 1
                    _change_within(site, setting, one)
        skip_unless(tried, "no setting of an active system has capabilities")


def _change_within(site: Site, setting: CIMInstance, one: CIMInstance) -> None:
    path = local(one.path, site.namespace)
    low, high = (sample(site, path, role) for role in (MINIMUM, MAXIMUM))
    expect(low is not None and high is not None, f"{show(one)} has no range")
    for bound in (low, high):
        amount = Uint64(int(bound["VirtualQuantity"])) if bound is not None else None
        wanted = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"], "VirtualQuantity": amount})
        complete(site, change(site, service(site), wanted))
