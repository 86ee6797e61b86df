"""Virtual systems of the suite's own: defining, changing state, looking at their settings, cleaning up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, CIMProperty, Error, Uint16, Uint64

from virtcim.conformance.methods import (
    SETTLING,
    UNSUPPORTED,
    Answer,
    complete,
    embedded,
    ended_job,
    invoke,
    wait_until,
)
from virtcim.conformance.paths import keys, local, show
from virtcim.conformance.services import MANAGEMENT_SERVICE, services_of
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import Failed, expect, skip_unless

PREFIX = "virtcim-conformance-"

ENABLED, DISABLED, SHUT_DOWN, OFFLINE, TEST, DEFER, QUIESCE, REBOOT, RESET = 2, 3, 4, 6, 7, 8, 9, 10, 11
STARTING = 10
PROCESSOR, MEMORY, ETHERNET = 3, 4, 10

IS_DEFAULT = 1
_IDENTITY = {"instanceid", "parent", "generation", "caption", "description", "elementname"}


def service(site: Site) -> CIMInstanceName:
    """The virtual system management service the checks work with: the first one of the first host that has one."""
    for host in site.hosts():
        hosted = services_of(site, host)
        if hosted:
            return hosted[0]
    found = site.names(MANAGEMENT_SERVICE)
    skip_unless(found, "the server has no virtual system management service")
    return local(found[0], site.namespace)


def new_name(site: Site) -> str:
    """A name no other system has, and by which this run knows its own."""
    return f"{PREFIX}{site.run}-{uuid.uuid4().hex[:8]}"


# settings as parameters


def vssd(site: Site, **properties: Any) -> CIMInstance:
    """A CIM_VirtualSystemSettingData to send, of the class the server itself uses for such settings."""
    return CIMInstance(_setting_class(site, "CIM_VirtualSystemSettingData", None), properties)


def rasd(site: Site, resource_type: int, **properties: Any) -> CIMInstance:
    """A CIM_ResourceAllocationSettingData to send, of the class the server itself uses for the resource type."""
    classname = _setting_class(site, "CIM_ResourceAllocationSettingData", resource_type)
    return CIMInstance(classname, {"ResourceType": Uint16(resource_type), **properties})


def _setting_class(site: Site, declared: str, resource_type: int | None) -> str:
    """Asked of the server once: it is the same for all systems."""
    known, sought = site.setting_classes, (declared, resource_type)
    if sought not in known:
        first = next((one for one in _hosted_settings(site) if _is_such(site, one, *sought)), None)
        known.update({} if first is None else {sought: str(first.classname)})
    return known.get(sought, declared)


def _is_such(site: Site, setting: CIMInstance, declared: str, resource_type: int | None) -> bool:
    return resource_type in (None, setting.get("ResourceType")) and site.is_a(setting.classname, declared)


def _hosted_settings(site: Site) -> list[CIMInstance]:
    """The settings of the virtual systems that our management service manages (one platform of perhaps several)."""
    managed = site.across_names(service(site), "CIM_ServiceAffectsElement", "CIM_ComputerSystem", "AffectingElement")
    found: list[CIMInstance] = []
    for system in managed[:10]:
        state = site.across(system, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData", "ManagedElement")
        found += state
        for one in state:
            found += resources(site, one.path)
    return found


def memory(site: Site, mebibytes: int) -> CIMInstance:
    """Memory to ask for, the same at all times."""
    quantity = Uint64(mebibytes)
    return rasd(site, MEMORY, VirtualQuantity=quantity, Limit=quantity, AllocationUnits="byte*2^20")


def processors(site: Site, count: int) -> CIMInstance:
    """Virtual processors to ask for."""
    return rasd(site, PROCESSOR, VirtualQuantity=Uint64(count))


def spare_device(site: Site) -> CIMInstance:
    """A device to add: one like what some virtual system of the server has, a network interface if possible."""
    present = [one for one in _hosted_settings(site) if one.get("ResourceType") not in (None, PROCESSOR, MEMORY)]
    present.sort(key=lambda one: one["ResourceType"] != ETHERNET)
    skip_unless(present, "no virtual system of the server has a device to take as a pattern")
    return pattern_of(present[0])


def pattern_of(setting: CIMInstance) -> CIMInstance:
    """The setting without what identifies it, fit to ask for another one like it."""
    kept = [
        CIMProperty(one.name, one.value, type=one.type, is_array=one.is_array, embedded_object=one.embedded_object)
        for one in setting.properties.values()
        if one.value is not None and not _identifies(one.name.lower())
    ]
    return CIMInstance(setting.classname, kept)


def _identifies(name: str) -> bool:
    return name in _IDENTITY or "address" in name


# life of a system


def define_call(
    site: Site,
    settings: CIMInstance | None,
    resources: Sequence[CIMInstance] = (),
    reference: CIMInstanceName | None = None,
) -> Answer:
    """DefineSystem as asked, whatever it answers; what it created is recorded for clean-up by its caller."""
    return invoke(
        site,
        service(site),
        "DefineSystem",
        ("SystemSettings", settings),
        embedded("ResourceSettings", resources),
        ("ReferenceConfiguration", reference),
    )


def defined_system(site: Site, answer: Answer) -> CIMInstanceName:
    """The system a DefineSystem call has made."""
    skip_unless(answer.code != UNSUPPORTED, "the server does not define virtual systems")
    job = complete(site, answer)
    if job is None:
        expect(answer.out.get("ResultingSystem") is not None, "DefineSystem returned 0 without a ResultingSystem")
        return local(answer.out["ResultingSystem"], site.namespace)
    made = site.across_names(job.path, "CIM_AffectedJobElement", "CIM_ComputerSystem", "AffectingElement")
    expect(len(made) == 1, f"the DefineSystem job affects {len(made)} computer systems instead of one")
    return local(made[0], site.namespace)


@contextmanager
def temporary(
    site: Site,
    settings: CIMInstance | None = None,
    resources: Sequence[CIMInstance] | None = None,
    reference: CIMInstanceName | None = None,
) -> Iterator[CIMInstanceName]:
    """A virtual system of one processor and 64 MiB, or as asked; destroyed in the end whatever happens."""
    skip_unless(site.write, "creates a system of its own; not allowed without --write")
    if resources is None:
        resources = [processors(site, 1), memory(site, 64)]
    settings = settings if settings is not None or reference is not None else vssd(site, ElementName=new_name(site))
    system = defined_system(site, define_call(site, settings, resources, reference))
    try:
        yield system
    finally:
        destroy(site, system)


def destroy(site: Site, system: CIMInstanceName) -> None:
    """Destroy a system of ours; one that stays is recorded as left over."""
    problem = ""
    for pause in (0, 0.2, 1, 2, 4):
        time.sleep(min(pause, site.patience))
        problem = _try_to_destroy(site, system)
        if not problem:
            break
    else:
        site.leftovers.append(f"{show(system)}: {problem}")
    site.forget()


def _try_to_destroy(site: Site, system: CIMInstanceName) -> str:
    try:
        if not site.exists(system):
            return ""
        answer = invoke(site, service(site), "DestroySystem", ("AffectedSystem", system))
        ended_job(site, answer)
        return str(answer) if site.exists(system) else ""
    except (Error, Failed) as error:
        return str(error)


def sweep(site: Site) -> None:
    """Destroy what this run has named, such as a system that a server made although it refused to."""
    for system in site.instances("CIM_ComputerSystem"):
        if str(system.get("ElementName")).startswith(f"{PREFIX}{site.run}-"):
            destroy(site, local(system.path, site.namespace))


# states


def request_state(site: Site, system: CIMInstanceName, state: int, timeout: Any = None) -> Answer:
    """RequestStateChange as asked, whatever it answers."""
    return invoke(site, system, "RequestStateChange", ("RequestedState", Uint16(state)), ("TimeoutPeriod", timeout))


def enabled_state(site: Site, system: CIMInstanceName) -> int | None:
    """The EnabledState of this moment."""
    state = site.get(system).get("EnabledState")
    return None if state is None else int(state)


def reach(site: Site, system: CIMInstanceName, request: int, target: int) -> None:
    """Request the state, wait for the job and for EnabledState to be the target."""
    complete(site, request_state(site, system, request))
    settle(site, system, target, f"requesting {request}")


def settle(site: Site, system: CIMInstanceName, target: int, event: str, patience: float = SETTLING) -> None:
    """Wait for EnabledState to be the target after the event, or fail."""
    waited_for = f"EnabledState {target} after {event}"
    wait_until(site, lambda: enabled_state(site, system) == target, waited_for, patience)


def activate(site: Site, system: CIMInstanceName) -> None:
    """Make the system Active."""
    reach(site, system, ENABLED, ENABLED)


def supported_states(site: Site, system: CIMInstanceName) -> list[int]:
    """What the system's capabilities say can be requested."""
    found = site.across(system, "CIM_ElementCapabilities", "CIM_EnabledLogicalElementCapabilities", "ManagedElement")
    return [int(state) for one in found for state in one.get("RequestedStatesSupported") or []]


# configurations


def state_settings(site: Site, system: CIMInstanceName) -> CIMInstance:
    """The VSSD of the State configuration."""
    found = site.across(system, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData", "ManagedElement")
    expect(len(found) == 1, f"{show(system)} has {len(found)} VSSDs by CIM_SettingsDefineState instead of one")
    return found[0]


def defined_settings(site: Site, system: CIMInstanceName) -> CIMInstance:
    """The VSSD of the Defined configuration; the State one where one set serves both."""
    state = state_settings(site, system)
    for link in site.links(state.path, "CIM_ElementSettingData", "ManagedElement"):
        if link.get("IsDefault") == IS_DEFAULT:
            return site.get(local(link["SettingData"], site.namespace))
    return state


def is_dual(site: Site, system: CIMInstanceName) -> bool:
    """Whether State and Defined are separate configurations."""
    pair = [state_settings(site, system).path, defined_settings(site, system).path]
    return len(keys(pair, site.namespace)) == 2


def resources(site: Site, configuration: CIMInstanceName) -> list[CIMInstance]:
    """The resource settings of a configuration."""
    component = "CIM_VirtualSystemSettingDataComponent"
    return site.across(configuration, component, "CIM_ResourceAllocationSettingData", "GroupComponent")


def resource(site: Site, configuration: CIMInstanceName, resource_type: int) -> CIMInstance:
    """The first resource setting of the type in a configuration."""
    for one in resources(site, configuration):
        if one.get("ResourceType") == resource_type:
            return one
    raise Failed(f"{show(configuration)} has no resource setting of type {resource_type}")


def content(instances: Sequence[CIMInstance]) -> dict[str, dict[str, str]]:
    """Settings by InstanceID with all their values, to compare before with after."""
    return {
        str(one.get("InstanceID")): {name.lower(): repr(value.value) for name, value in one.properties.items()}
        for one in instances
    }
