"""What every system has an amount of, processors and memory alike: one setting, devices from a pool, a change later."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.dsp1042_settings import remove
from virtcim.conformance.methods import Answer
from virtcim.conformance.paths import local, show
from virtcim.conformance.pools import ALLOCATED, POOL, RASD, active_systems, change, of_type, pools_of_type
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    ENABLED,
    defined_settings,
    resource,
    service,
    state_settings,
    temporary,
)
from virtcim.conformance.verdict import expect, expect_none, skip_unless


def primordial(site: Site, resource_type: int) -> CIMInstance:
    """The primordial pool of a type, as it is now."""
    found = [one for one in pools_of_type(site, resource_type) if one.get("Primordial")]
    skip_unless(found, f"there is no primordial pool of type {resource_type}")
    return site.get(local(found[0].path, site.namespace))


def devices(site: Site, system: CIMInstanceName, classname: str) -> list[CIMInstance]:
    """The devices of a class that a system has."""
    return site.across(system, "CIM_SystemDevice", classname, "GroupComponent")


def setting(site: Site, system: CIMInstanceName, resource_type: int) -> CIMInstance:
    """The State setting of a type of a system."""
    return resource(site, state_settings(site, system).path, resource_type)


def all_settings(site: Site, resource_type: int) -> list[CIMInstance]:
    """The State settings of a type of all systems."""
    return [one for system in site.require_virtual_systems() for one in of_type(site, system.path, resource_type)]


def ask(site: Site, one: CIMInstance, **properties: object) -> Answer:
    """Change properties of a setting, whatever the answer."""
    return change(site, service(site), CIMInstance(one.classname, {"InstanceID": one["InstanceID"], **properties}))


def references(site: Site, name: str) -> None:
    """A profile is registered as 1.0.0 and refers to Resource Allocation and Allocation Capabilities."""
    found = [one for one in site.registered(name) if one.get("RegisteredVersion") == "1.0.0"]
    expect(len(found) == 1, f"{name} 1.0.0 is registered {len(found)} times")
    others = site.across(local(found[0].path, site.interop), "CIM_ReferencedProfile", role="Dependent")
    names = {one.get("RegisteredName") for one in others}
    missing = {"Resource Allocation", "Allocation Capabilities"} - names
    expect(not missing, f"{name} does not refer to {sorted(missing)}")


def are_allocated(site: Site, classname: str, resource_type: int) -> None:
    """Each device of a class in an active system is from one pool of the type and defined by one setting of it."""
    faults = []
    for system in active_systems(site):
        for one in devices(site, system.path, classname):
            path = local(one.path, site.namespace)
            sources = site.across(path, ALLOCATED, POOL, "Dependent")
            settings = site.across(path, "CIM_SettingsDefineState", RASD, "ManagedElement")
            types = [each.get("ResourceType") for each in (*sources, *settings)]
            faults += [f"{show(one)} is tied to {types}"] if types != [resource_type, resource_type] else []
    expect_none(faults)


def systems_that_are_off(site: Site) -> list[CIMInstance]:
    """Those; the check is skipped where there are none."""
    off = [one for one in site.require_virtual_systems() if one.get("EnabledState") == DISABLED]
    skip_unless(off, "no virtual system is off")
    return off


def enabled_of(site: Site, systems: list[CIMInstance], classname: str) -> list[str]:
    """The devices of a class of systems that are off which say that they are enabled."""
    found = [one for system in systems for one in devices(site, system.path, classname)]
    return [f"{show(one)} is enabled" for one in found if one.get("EnabledState") == ENABLED]


def stays(site: Site, resource_type: int) -> None:
    """The setting of a type that every system has cannot be removed from a definition."""
    with temporary(site) as system:
        defined = resource(site, defined_settings(site, system).path, resource_type)
        answer = remove(site, [defined.path])
        expect(not answer.accepted, f"{answer} for what every system has")
        expect(site.exists(local(defined.path, site.namespace)), f"{show(defined)} is gone")
