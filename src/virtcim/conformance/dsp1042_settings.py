"""DSP1042 System Virtualization: adding, changing, removing and cloning settings on systems of the suite's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pywbem import CIMInstance, CIMInstanceName, CIMParameter, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.methods import JOB_COMPLETED, OK, Answer, complete, embedded, ended_job, invoke
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    ETHERNET,
    MEMORY,
    activate,
    content,
    defined_settings,
    is_dual,
    memory,
    new_name,
    pattern_of,
    processors,
    resources,
    service,
    spare_device,
    state_settings,
    temporary,
    vssd,
)
from virtcim.conformance.verdict import Skipped, expect, skip_unless

OTHER_TYPE = 1


def add(site: Site, configuration: CIMInstanceName, settings: Sequence[CIMInstance]) -> Answer:
    """AddResourceSettings as asked, whatever it answers."""
    target = ("AffectedConfiguration", local(configuration, site.namespace))
    return invoke(site, service(site), "AddResourceSettings", target, embedded("ResourceSettings", settings))


def remove(site: Site, settings: Sequence[CIMInstanceName]) -> Answer:
    """RemoveResourceSettings as asked, whatever it answers."""
    paths = CIMParameter(
        "ResourceSettings", "reference", value=[local(path, site.namespace) for path in settings], is_array=True
    )
    return invoke(site, service(site), "RemoveResourceSettings", paths)


def added(site: Site, configuration: CIMInstanceName, settings: Sequence[CIMInstance]) -> list[CIMInstanceName]:
    """The new settings after a successful AddResourceSettings."""
    before = keys([one.path for one in resources(site, configuration)], site.namespace)
    answer = add(site, configuration, settings)
    complete(site, answer)
    if answer.code == OK:
        return list(answer.out.get("ResultingResourceSettings") or [])
    present = [one.path for one in resources(site, configuration)]
    return [path for path in present if key(path, site.namespace) not in before]


def kinds(settings: Sequence[CIMInstance]) -> Counter[tuple[str, ...]]:
    """How many settings there are of each type, subtype, quantity and unit."""
    names = ("ResourceType", "ResourceSubType", "VirtualQuantity", "AllocationUnits")
    return Counter(tuple(str(one.get(name)) for name in names) for one in settings)


def addresses(settings: Sequence[CIMInstance]) -> set[str]:
    """The MAC addresses among the settings."""
    return {
        str(one["Address"]).lower() for one in settings if one.get("ResourceType") == ETHERNET and one.get("Address")
    }


@check("DSP1042-R11", write=True)
def cloning(site: Site) -> None:
    """DefineSystem with a reference configuration alone makes an equal system of its own identity."""
    with temporary(site, resources=[processors(site, 1), memory(site, 64), *spare_network(site)]) as original:
        model = defined_settings(site, original)
        with temporary(site, resources=[], reference=model.path) as copy:
            clone = defined_settings(site, copy)
            theirs, ours = resources(site, model.path), resources(site, clone.path)
            different = (kinds(theirs) - kinds(ours)) + (kinds(ours) - kinds(theirs))
            expect(not different, f"original and clone differ in {dict(different)}")
            expect(
                not addresses(theirs) & addresses(ours),
                f"the clone has the address {addresses(theirs) & addresses(ours)}",
            )
            for name in ("InstanceID", "ConfigurationID", "VirtualSystemIdentifier"):
                repeated = clone.get(name) is not None and clone.get(name) == model.get(name)
                expect(not repeated, f"the clone has the original's {name} {clone.get(name)!r}")


def spare_network(site: Site) -> list[CIMInstance]:
    """A network interface to give to a system, if the server has one to take as a pattern."""
    try:
        device = spare_device(site)
    except Skipped:
        return []
    return [device] if device.get("ResourceType") == ETHERNET else []


@check("DSP1042-R12", write=True)
def overriding(site: Site) -> None:
    """What SystemSettings gives overrides the reference configuration, what it leaves out is retained."""
    first, second = new_name(site), new_name(site)
    with temporary(site, vssd(site, ElementName=first, Notes=["virtcim conformance"])) as original:
        model = defined_settings(site, original)
        with temporary(site, vssd(site, ElementName=second), [memory(site, 96)], model.path) as copy:
            clone = defined_settings(site, copy)
            expect(
                clone.get("ElementName") == second, f"ElementName is {clone.get('ElementName')!r} instead of {second!r}"
            )
            for name in ("Notes", "VirtualSystemType", "AutomaticStartupAction", "AutomaticRecoveryAction"):
                same = clone.get(name) == model.get(name)
                expect(same, f"{name} is {clone.get(name)!r}, the reference has {model.get(name)!r}")
            theirs, ours = resources(site, model.path), resources(site, clone.path)
            kept = kinds([one for one in theirs if one["ResourceType"] != MEMORY])
            got = kinds([one for one in ours if one["ResourceType"] != MEMORY])
            expect(kept == got, f"resources other than memory differ in {dict((kept - got) + (got - kept))}")
            expect(kinds(theirs) != kinds(ours), "the memory given did not override the reference")


@check("DSP1042-R15", write=True)
def adding(site: Site) -> None:
    """AddResourceSettings returns as many settings as were given, each part of the affected configuration."""
    device = spare_device(site)
    with temporary(site) as system:
        head = defined_settings(site, system).path
        results = added(site, head, [device, pattern_of(device)])
        expect(len(results) == 2, f"{len(results)} settings came of 2")
        present = keys([one.path for one in resources(site, head)], site.namespace)
        missing = [show(path) for path in results if key(path, site.namespace) not in present]
        expect(not missing, f"not part of the affected configuration: {missing}")


@check("DSP1042-R16", write=True)
def adding_to_the_definition(site: Site) -> None:
    """Adding to the Defined configuration of an active system leaves its State configuration as it is."""
    device = spare_device(site)
    with temporary(site) as system:
        skip_unless(is_dual(site, system), "State and Defined are one configuration")
        activate(site, system)
        before = identities(site, system)
        added(site, defined_settings(site, system).path, [device])
        after = identities(site, system)
    expect(before == after, f"the State configuration changed in {sorted(before ^ after)}")


def identities(site: Site, system: CIMInstanceName) -> set[str]:
    """The InstanceIDs of the resource settings of the State configuration."""
    return {str(one.get("InstanceID")) for one in resources(site, state_settings(site, system).path)}


@check("DSP1042-R18", write=True)
def removing(site: Site) -> None:
    """RemoveResourceSettings removes the setting, from an active system together with its device."""
    device = spare_device(site)
    with temporary(site) as system:
        results = added(site, defined_settings(site, system).path, [device])
        complete(site, remove(site, results))
        left = [show(path) for path in results if site.exists(local(path, site.namespace))]
        expect(not left, f"removed but still there: {left}")
        activate(site, system)
        answer = add(site, state_settings(site, system).path, [device])
        if answer.accepted and answer.code == OK:
            expect_device_goes(site, system, answer.out["ResultingResourceSettings"][0])


def expect_device_goes(site: Site, system: CIMInstanceName, setting: CIMInstanceName) -> None:
    """Fail unless removing the setting of an active system takes its device along."""
    devices = site.across_names(setting, "CIM_SettingsDefineState", "CIM_LogicalDevice", "SettingData")
    expect(len(devices) == 1, f"{show(setting)}, added while {show(system)} is active, has {len(devices)} devices")
    answer = remove(site, [setting])
    job = ended_job(site, answer)
    skip_unless(
        answer.accepted and (job is None or job.get("JobState") == JOB_COMPLETED),
        "the guest did not give the device back",
    )
    expect(not site.exists(local(setting, site.namespace)), f"{show(setting)} is still there")
    expect(not site.exists(local(devices[0], site.namespace)), f"{show(devices[0])} is still there")


@check("DSP1042-R19", write=True)
def all_or_nothing(site: Site) -> None:
    """A call with several settings of which one is bad fails and leaves the configuration as it was."""
    impossible = CIMInstance(
        "CIM_ResourceAllocationSettingData",
        {"ResourceType": Uint16(OTHER_TYPE), "OtherResourceType": "virtcim-conformance-none"},
    )
    good = memory(site, 96)
    with temporary(site) as system:
        head = defined_settings(site, system)
        before = content([head, *resources(site, head.path)])
        for settings in ([*spare_network(site), impossible], [good, impossible]):
            answer = add(site, head.path, settings)
            job = ended_job(site, answer)
            failed = not answer.accepted if job is None else job.get("JobState") != JOB_COMPLETED
            expect(failed, f"{answer} for a resource of no known type")
        after = content([defined_settings(site, system), *resources(site, head.path)])
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    expect(not changed, f"the failed call changed {changed}")
