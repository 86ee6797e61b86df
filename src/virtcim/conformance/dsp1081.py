"""DSP1081 Virtual System Migration: the services, what they say they can do, and what is asked in vain."""

from __future__ import annotations

from pywbem import CIMError, CIMInstanceName, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.methods import JOB_STARTED, OK, UNSUPPORTED, expect_code, invoke
from virtcim.conformance.migration import (
    BAD_STATE,
    CHECK_TO_HOST,
    CHECK_TO_SYSTEM,
    DEFAULT,
    INCOMPATIBLE,
    INVALID,
    LIVE,
    METHODS,
    MIGRATE_TO_HOST,
    MIGRATE_TO_SYSTEM,
    NOWHERE,
    OTHER,
    PROFILE,
    RESTART,
    RESUME,
    SERVICE,
    ask,
    capabilities,
    check_host,
    default_for,
    host_of,
    of_type,
    samples,
    service_of,
    services,
    setting,
    supported_types,
)
from virtcim.conformance.paths import keys, same, show
from virtcim.conformance.site import SYSTEM_VIRTUALIZATION, Site
from virtcim.conformance.systems import (
    OFFLINE,
    activate,
    content,
    defined_settings,
    reach,
    resources,
    state_settings,
    supported_states,
    temporary,
)
from virtcim.conformance.values import unlisted
from virtcim.conformance.verdict import expect, expect_none, skip_unless

PARAMETERS = {
    MIGRATE_TO_HOST: {"DestinationHost", "Job"},
    MIGRATE_TO_SYSTEM: {"DestinationSystem", "NewComputerSystem", "Job"},
    CHECK_TO_HOST: {"DestinationHost", "IsMigratable"},
    CHECK_TO_SYSTEM: {"DestinationSystem", "IsMigratable"},
}
SHARED = {"ComputerSystem", "MigrationSettingData", "NewSystemSettingData", "NewResourceSettingData"}
NOT_AVAILABLE = (16, 17)  # CIM status: METHOD_NOT_AVAILABLE, METHOD_NOT_FOUND
# DestinationHostFormatsSupported -> a destination in that format which is soon answered for
EXAMPLES = {2: NOWHERE, 3: "127.0.0.1", 4: "::1"}
BROKEN = (
    "",
    "no_such_host",
    "two..dots",
    "-dash.example",
    "300.1.1.1",
    "1.2.3",
    "fe80:::1",
    "http://host.example",
    "a b",
)


@check("DSP1081-R01")
def registered(site: Site) -> None:
    """Virtual System Migration is registered, System Virtualization refers to it, and its services conform to it."""
    profiles = site.require_profile(PROFILE)
    found = services(site)
    expect(keys(found, site.namespace) == keys(site.central(PROFILE), site.namespace), "other instances conform to it")
    for one in profiles:
        users = site.across(one.path, "CIM_ReferencedProfile", None, "Antecedent")
        names = [str(user.get("RegisteredName")) for user in users]
        expect(SYSTEM_VIRTUALIZATION[0] in names, f"{show(one)} is referred to by {names}")


@check("DSP1081-R02")
def one_service_each(site: Site) -> None:
    """Each host has exactly one migration service, and each of these exactly one set of capabilities."""
    services(site)
    for host in site.require_hosts():
        found = site.across_names(host, "CIM_HostedService", SERVICE, "Antecedent")
        expect(len(found) == 1, f"{show(host)} hosts {len(found)} {SERVICE}")
    for service in services(site):
        capabilities(site, service)


@check("DSP1081-R03")
def methods_declared(site: Site) -> None:
    """The class of the service has the four methods with their parameters."""
    services(site)
    declared = site.cls(SERVICE)
    expect(declared is not None, f"there is no class {SERVICE}")
    for method, own in PARAMETERS.items():
        expect(declared is not None and method in declared.methods, f"{SERVICE} has no method {method}")
        names = set(declared.methods[method].parameters) if declared is not None else set()
        expect(names == own | SHARED, f"{method} has the parameters {sorted(names)}")


@check("DSP1081-R04")
def methods_listed(site: Site) -> None:
    """Only moves are listed as asynchronous, and nothing but the four methods as synchronous."""
    for service in services(site):
        found = capabilities(site, service)
        later, at_once = (set(found.get(f"{word}MethodsSupported") or []) for word in ("Asynchronous", "Synchronous"))
        expect(later <= {2, 3}, f"{show(found)} lists {sorted(later)} as asynchronous")
        expect(at_once <= set(METHODS), f"{show(found)} lists {sorted(at_once)} as synchronous")


@check("DSP1081-R05", write=True)
def methods_as_listed(site: Site) -> None:
    """A method in neither list returns 1 or is not available; a listed one is there and returns something else."""
    faults = []
    for service in services(site):
        found = capabilities(site, service)
        listed = {*(found.get("AsynchronousMethodsSupported") or []), *(found.get("SynchronousMethodsSupported") or [])}
        for number, method in METHODS.items():
            done = _is_done(site, service, method)
            if done != (number in listed):
                faults.append(f"{method} of {show(service)} is {'done' if done else 'not done'}, listed are {listed}")
    expect_none(faults)


def _is_done(site: Site, service: CIMInstanceName, method: str) -> bool:
    """Without any parameter, so that nothing is moved."""
    try:
        return invoke(site, service, method).code != UNSUPPORTED
    except CIMError as error:
        if error.status_code in NOT_AVAILABLE:
            return False
        raise


@check("DSP1081-R06", write=True)
def destination_formats(site: Site) -> None:
    """A DestinationHost in none of the listed formats returns 4, and one in each of them does not."""
    with temporary(site) as system:
        listed = capabilities(site, service_of(site, system)).get("DestinationHostFormatsSupported") or []
        for text in BROKEN:
            for method in (CHECK_TO_HOST, MIGRATE_TO_HOST):
                expect_code(ask(site, system, method, text), INVALID, why=f"for DestinationHost {text!r}")
        for number, text in EXAMPLES.items():
            answer = check_host(site, system, text)
            expect((answer.code == INVALID) != (number in listed), f"{answer} for {text}, listed are {listed}")


@check("DSP1081-R07", write=True)
def verdicts(site: Site) -> None:
    """A check returns 0 exactly if IsMigratable has a value."""
    with temporary(site) as system:
        answers = [check_host(site, system, host) for host in (NOWHERE, "", "127.0.0.1")]
        answers.append(ask(site, system, CHECK_TO_SYSTEM, system))
        answers.append(check_host(site, system, NOWHERE, setting(site, system, MigrationType=Uint16(9))))
    for answer in answers:
        value = answer.out.get("IsMigratable")
        expect((answer.code == OK) == (value is not None), f"{answer} with IsMigratable {value}")
    expect(answers[0].out.get("IsMigratable") is False, f"{NOWHERE} cannot be moved to, but {answers[0].out}")


@check("DSP1081-R08", write=True)
def checks_change_nothing(site: Site) -> None:
    """A check starts no job and changes neither the system nor its configurations."""
    with temporary(site) as system:
        before = _all_of(site, system)
        jobs = keys(site.names("CIM_ConcreteJob"), site.namespace)
        for host in (NOWHERE, "127.0.0.1"):
            answer = check_host(site, system, host)
            expect(answer.code != JOB_STARTED and answer.job is None, f"{answer} and the job {answer.job}")
        site.forget()
        started = keys(site.names("CIM_ConcreteJob"), site.namespace) - jobs
        expect(not started, f"there are {len(started)} jobs more")
        expect(_all_of(site, system) == before, f"{show(system)} has changed")


def _all_of(site: Site, system: CIMInstanceName) -> object:
    """The system and its configurations with all their values."""
    state, defined = state_settings(site, system), defined_settings(site, system)
    found = [state, defined, *resources(site, state.path), *resources(site, defined.path)]
    return content([site.get(system)]), content(found)


@check("DSP1081-R09")
def affected(site: Site) -> None:
    """A service affects exactly the virtual systems of its host."""
    for service in services(site):
        (host,) = site.across_names(service, "CIM_HostedService", "CIM_System", "Dependent")
        own = site.across_names(host, "CIM_HostedDependency", "CIM_ComputerSystem", "Antecedent")
        virtual = keys([one.path for one in site.virtual_systems()], site.namespace)
        wanted = keys(own, site.namespace) & virtual
        found = keys(site.across_names(service, "CIM_ServiceAffectsElement", None, "AffectingElement"), site.namespace)
        expect(found == wanted, f"{show(service)} affects {len(found)} elements, {len(wanted)} systems are on its host")


@check("DSP1081-R10", write=True)
def types_by_state(site: Site) -> None:
    """A type that the state of the system does not allow returns 5 or 4."""
    with temporary(site) as system:
        supported = supported_types(site, service_of(site, system))
        for number in {LIVE, RESUME, RESTART} & supported:
            answer = check_host(site, system, NOWHERE, of_type(site, system, number))
            expect_code(answer, BAD_STATE, INVALID, why=f"for type {number} of a system that is off")
        if OTHER in supported:
            activate(site, system)
            answer = check_host(site, system, NOWHERE, of_type(site, system, OTHER))
            expect_code(answer, BAD_STATE, INVALID, why="for type 1 of an active system")


@check("DSP1081-R14", write=True)
def defaults(site: Site) -> None:
    """MigrationSettingData that are NULL mean the same as the system's default ones."""
    with temporary(site) as system:
        pairs = [(check_host(site, system, NOWHERE), check_host(site, system, NOWHERE, default_for(site, system)))]
        activate(site, system)
        pairs += [(check_host(site, system, NOWHERE), check_host(site, system, NOWHERE, default_for(site, system)))]
    for bare, given in pairs:
        expect((bare.code, bare.out) == (given.code, given.out), f"{bare} and {bare.out}, with settings {given.out}")
        expect_code(bare, OK, why="for default settings")


@check("DSP1081-R15", write=True)
def transports(site: Site) -> None:
    """TransportType is in its ValueMap, and OtherTransportType is there exactly if it is 1."""
    for service in services(site):
        for one in (*samples(site, service, DEFAULT), *samples(site, service, 3)):
            expect_none(unlisted(site, one))
            other = one.get("OtherTransportType")
            expect((one.get("TransportType") == 1) == (other is not None), f"{show(one)} has {other!r}")
    with temporary(site) as system:
        for given in ({"TransportType": Uint16(99)}, {"TransportType": Uint16(1)}, {"OtherTransportType": "pigeon"}):
            answer = check_host(site, system, NOWHERE, setting(site, system, **given))
            expect_code(answer, INVALID, why=f"for {given}")


@check("DSP1081-R16", write=True)
def bandwidths(site: Site) -> None:
    """A bandwidth of zero is the default, and one of more than 100 percent returns 4."""
    with temporary(site) as system:
        zero = check_host(site, system, NOWHERE, setting(site, system, Bandwidth=Uint16(0)))
        expect_code(zero, OK, why="for a bandwidth of zero")
        much = setting(site, system, Bandwidth=Uint16(101), BandwidthUnit="percent")
        expect_code(check_host(site, system, NOWHERE, much), INVALID, why="for 101 percent")


@check("DSP1081-R17", write=True)
def suspended(site: Site) -> None:
    """A suspended system cannot be moved, which returns 5."""
    services(site)
    with temporary(site) as system:
        skip_unless(OFFLINE in supported_states(site, system), "no system can be suspended")
        activate(site, system)
        reach(site, system, OFFLINE, OFFLINE)
        for method in (CHECK_TO_HOST, MIGRATE_TO_HOST):
            expect_code(ask(site, system, method, NOWHERE), BAD_STATE, why="for a suspended system")


@check("DSP1081-R21")
def one_default(site: Site) -> None:
    """Exactly one setting is the default of the capabilities."""
    for service in services(site):
        found = samples(site, service, DEFAULT)
        expect(len(found) == 1, f"{show(service)} has {len(found)} default settings")


@check("DSP1081-R22", write=True)
def to_itself(site: Site) -> None:
    """A move to the host of the system itself returns 4 or 6."""
    with temporary(site) as system:
        own = host_of(site, system)
        for method in (CHECK_TO_SYSTEM, MIGRATE_TO_SYSTEM):
            expect_code(ask(site, system, method, own), INVALID, INCOMPATIBLE, why="for its own host")
        for method in (CHECK_TO_HOST, MIGRATE_TO_HOST):
            expect_code(ask(site, system, method, "localhost"), INVALID, INCOMPATIBLE, why="for localhost")
        expect(same(host_of(site, system), own, site.namespace), f"{show(system)} is on another host")
