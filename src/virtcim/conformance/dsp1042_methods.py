"""DSP1042 System Virtualization: the contract of the service's methods, tried on systems of the suite's own."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName, CIMParameter, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.dsp1042 import METHODS, SERVICE, listed_methods, service_capabilities
from virtcim.conformance.dsp1042_settings import add, remove
from virtcim.conformance.dsp1052 import expect_not_supported
from virtcim.conformance.methods import (
    INVALID_SETTINGS,
    JOB_STARTED,
    OK,
    UNSUPPORTED,
    Answer,
    complete,
    embedded,
    ended_job,
    expect_code,
    invoke,
)
from virtcim.conformance.paths import key, keys, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    MEMORY,
    activate,
    content,
    define_call,
    defined_settings,
    defined_system,
    enabled_state,
    memory,
    new_name,
    processors,
    rasd,
    resource,
    resources,
    service,
    spare_device,
    state_settings,
    sweep,
    temporary,
    vssd,
)
from virtcim.conformance.values import return_values
from virtcim.conformance.verdict import Skipped, expect, expect_none, skip_unless

RESULTS = {
    "DefineSystem": "ResultingSystem",
    "AddResourceSettings": "ResultingResourceSettings",
    "ModifyResourceSettings": "ResultingResourceSettings",
}
NO_SUCH_TYPE = "DMTF:virtcim-conformance-none"


def exercise(site: Site) -> list[Answer]:
    """Every method of the service with harmless good parameters, each answer with its job ended."""
    managing = service(site)
    answers = [define_call(site, vssd(site, ElementName=new_name(site)), [processors(site, 1), memory(site, 64)])]
    system = defined_system(site, answers[0])
    head = defined_settings(site, system)
    part = resource(site, head.path, MEMORY)
    for method, parameter in (
        ("ModifyResourceSettings", embedded("ResourceSettings", [part])),
        ("ModifySystemSettings", ("SystemSettings", CIMInstance(head.classname, head.properties))),
    ):
        answers.append(settled(site, invoke(site, managing, method, parameter)))
    answers += add_and_remove(site, head.path)
    answers.append(settled(site, invoke(site, managing, "DestroySystem", ("AffectedSystem", system))))
    sweep(site)
    return answers


def add_and_remove(site: Site, head: CIMInstanceName) -> list[Answer]:
    """AddResourceSettings and RemoveResourceSettings, if the server has a device to take as a pattern."""
    try:
        device = spare_device(site)
    except Skipped:
        return []
    before = keys([one.path for one in resources(site, head)], site.namespace)
    adding = settled(site, add(site, head, [device]))
    new = [one.path for one in resources(site, head) if key(one.path, site.namespace) not in before]
    return [adding, settled(site, remove(site, new))] if new else [adding]


def settled(site: Site, answer: Answer) -> Answer:
    """The answer once its job, if any, has ended."""
    ended_job(site, answer)
    site.forget()
    return answer


def bad_calls(site: Site, system: CIMInstanceName) -> list[Answer]:
    """Every method of the service once with nothing to work on."""
    managing = service(site)
    nothing: CIMParameter = embedded("ResourceSettings", [])
    none_to_remove = CIMParameter("ResourceSettings", "reference", value=[], is_array=True)
    head = defined_settings(site, system).path
    return [
        define_call(site, vssd(site, ElementName=new_name(site), VirtualSystemType=NO_SUCH_TYPE)),
        invoke(site, managing, "AddResourceSettings", ("AffectedConfiguration", head), nothing),
        invoke(site, managing, "ModifyResourceSettings", nothing),
        invoke(site, managing, "ModifySystemSettings", ("SystemSettings", vssd(site, InstanceID="virtcim:none"))),
        invoke(site, managing, "RemoveResourceSettings", none_to_remove),
        invoke(site, managing, "DestroySystem", ("AffectedSystem", ghost_of(system))),
    ]


def ghost_of(path: CIMInstanceName) -> CIMInstanceName:
    """A path like this one that names nothing."""
    ghost = path.copy()
    last = "Name" if "Name" in ghost.keybindings else "InstanceID"
    ghost.keybindings[last] = f"{ghost.keybindings[last]}-virtcim-none"
    return ghost


@check("DSP1042-R07", write=True)
def methods_as_listed(site: Site) -> None:
    """A method in neither list returns 1, one in the synchronous list only starts no job, and the reverse."""
    synchronous, asynchronous = listed_methods(service_capabilities(site))
    numbers = {name: number for number, name in METHODS.items()}
    faults = []
    for answer in exercise(site):
        number = numbers[answer.method]
        if number not in synchronous | asynchronous and answer.code != UNSUPPORTED:
            faults.append(f"{answer} although it is in neither list")
        elif number in synchronous | asynchronous and not answer.accepted:
            faults.append(f"{answer} although it is listed as supported")
        elif answer.code == JOB_STARTED and number not in asynchronous:
            faults.append(f"{answer} although it is not in AsynchronousMethodsSupported")
        elif answer.code == OK and number not in synchronous:
            faults.append(f"{answer} although it is not in SynchronousMethodsSupported")
    expect_none(faults)


@check("DSP1042-R08", write=True)
def results_or_job(site: Site) -> None:
    """Return value 0 comes with the results and no Job, 4096 with a Job and no results."""
    faults = []
    for answer in exercise(site):
        result = RESULTS.get(answer.method)
        given = answer.out.get(result) if result else None
        if answer.code == OK and (answer.job is not None or (result and given is None)):
            faults.append(f"{answer} with Job {answer.job} and {result} {given}")
        if answer.code == JOB_STARTED and (answer.job is None or given is not None):
            faults.append(f"{answer} with Job {answer.job} and {result} {given}")
    expect_none(faults)


@check("DSP1042-R09", write=True)
def listed_return_values(site: Site) -> None:
    """Every return value, of good calls and of bad ones, is in the ValueMap of the method."""
    answers = exercise(site)
    with temporary(site) as system:
        answers += bad_calls(site, system)
    sweep(site)
    declared = service(site).classname or SERVICE
    expect_none([str(one) for one in answers if not return_values(site, declared, one.method)(one.code)])


@check("DSP1042-R10", write=True)
def minimal_definition(site: Site) -> None:
    """DefineSystem with a bare VSSD makes a system in state Defined with the given name and a supported type."""
    name = new_name(site)
    supported = service_capabilities(site).get("VirtualSystemTypesSupported") or []
    with temporary(site, CIMInstance("CIM_VirtualSystemSettingData", {"ElementName": name}), []) as system:
        state = enabled_state(site, system)
        expect(state == DISABLED, f"the new system has EnabledState {state}")
        head = state_settings(site, system)
        expect(
            head.get("ElementName") == name, f"the new VSSD is named {head.get('ElementName')!r} instead of {name!r}"
        )
        kind = head.get("VirtualSystemType")
        expect(not supported or kind in supported, f"the new VSSD has type {kind!r}, supported are {supported}")


@check("DSP1042-R13", write=True)
def unsupported_type(site: Site) -> None:
    """DefineSystem with an unsupported VirtualSystemType returns 4 and creates nothing."""
    skip_unless(site.write, "creates a system of its own; not allowed without --write")
    before = keys([one.path for one in site.systems()], site.namespace)
    answer = define_call(site, vssd(site, ElementName=new_name(site), VirtualSystemType=NO_SUCH_TYPE))
    site.forget()
    after = keys([one.path for one in site.systems()], site.namespace)
    sweep(site)
    expect_code(answer, INVALID_SETTINGS)
    expect(before == after, f"DefineSystem refused with 4 but changed {len(before ^ after)} systems")


@check("DSP1042-R14", write=True)
def destruction(site: Site) -> None:
    """DestroySystem of an active system removes it with its configurations, devices and associations."""
    with temporary(site) as system:
        activate(site, system)
        belongings = [one.path for one in belonging(site, system)]
        host = site.across_names(system, "CIM_HostedDependency", "CIM_System", "Dependent")
        complete(site, invoke(site, service(site), "DestroySystem", ("AffectedSystem", system)))
        left = [show(path) for path in [system, *belongings] if site.exists(path)]
        expect(not left, f"after DestroySystem there are still {left}")
        for one in host:
            hosted = site.across_names(one, "CIM_HostedDependency", "CIM_ComputerSystem", "Antecedent")
            expect(not keys([system]) & keys(hosted, site.namespace), f"{show(one)} still hosts {show(system)}")


def belonging(site: Site, system: CIMInstanceName) -> list[CIMInstance]:
    """Settings of both configurations and devices of a system."""
    heads = [state_settings(site, system), defined_settings(site, system)]
    parts = [part for head in heads for part in resources(site, head.path)]
    return [*heads, *parts, *site.across(system, "CIM_SystemDevice", "CIM_LogicalDevice", "GroupComponent")]


@check("DSP1042-R17", write=True)
def modification_identity(site: Site) -> None:
    """ModifyResourceSettings without or with an unknown InstanceID returns 4; NULL properties change nothing."""
    with temporary(site) as system:
        head = defined_settings(site, system).path
        before = content(resources(site, head))
        nameless = memory(site, 96)
        unknown = rasd(site, MEMORY, InstanceID="virtcim:no/such/setting")
        for bad, what in ((nameless, "no"), (unknown, "an unknown")):
            answer = invoke(site, service(site), "ModifyResourceSettings", embedded("ResourceSettings", [bad]))
            expect_code(answer, INVALID_SETTINGS, why=f"for {what} InstanceID")
        setting = resource(site, head, MEMORY)
        bare = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"], "ResourceType": Uint16(MEMORY)})
        complete(site, invoke(site, service(site), "ModifyResourceSettings", embedded("ResourceSettings", [bare])))
        after = content(resources(site, head))
    expect(before == after, "modifying with NULL properties only changed the configuration")


@check("DSP1042-R28", write=True)
def no_direct_writes(site: Site) -> None:
    """Creating or deleting systems and settings as instances gives 7 (not supported)."""
    with temporary(site) as system:
        head = defined_settings(site, system)
        for path in (system, head.path, resource(site, head.path, MEMORY).path):
            expect_not_supported(site, path)


@check("DSP1042-R30", write=True)
def wrong_classes(site: Site) -> None:
    """An embedded instance or reference of the wrong class makes a method return 4, not end in a CIM error."""
    alien = CIMInstance("CIM_ResourceAllocationSettingData", {"InstanceID": "virtcim:none"})
    with temporary(site) as system:
        head = defined_settings(site, system).path
        answers = [
            define_call(site, alien),
            define_call(site, vssd(site, ElementName=new_name(site)), [vssd(site, ElementName=new_name(site))]),
            define_call(site, vssd(site, ElementName=new_name(site)), reference=system),
            invoke(site, service(site), "DestroySystem", ("AffectedSystem", head)),
        ]
        still = site.exists(system)
    sweep(site)
    expect_none([f"{one} instead of {INVALID_SETTINGS}" for one in answers if one.code != INVALID_SETTINGS])
    expect(still, "DestroySystem of a VSSD destroyed the system")
