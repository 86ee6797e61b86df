"""DSP1057 Virtual System: identity, configurations and devices of virtual systems, as they are found."""

from __future__ import annotations

import re
from collections import Counter

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.paths import Key, key, keys, show
from virtcim.conformance.site import VIRTUAL_SYSTEM, Site, require_truth
from virtcim.conformance.systems import DISABLED, ENABLED, OFFLINE, QUIESCE, resources, state_settings
from virtcim.conformance.verdict import Skipped, expect_none, skip_unless

SYSTEM_TYPE = re.compile(r"[^\s\x00-\x1f\x7f]+")
UNKNOWN_TYPE = "DMTF:unknown"
IS_DEFAULT_VALUES, IS_NEXT_VALUES, IS_NEXT = (0, 1, 2), (0, 1, 2, 3), (1, 3)
# EnabledState by the platform's state; a crashed system is either Disabled or Other.
STATE_TABLE = {
    "running": (ENABLED,),
    "paused": (QUIESCE,),
    "saved": (OFFLINE,),
    "shutoff": (DISABLED,),
    "shutdown": (4,),
    "pmsuspended": (QUIESCE,),
    "crashed": (1, DISABLED),
}


def identifiers(site: Site) -> dict[str, CIMInstance]:
    """The virtual systems by the platform's name for them (VirtualSystemIdentifier)."""
    found = {}
    for system in site.require_virtual_systems():
        found[str(state_settings(site, system.path).get("VirtualSystemIdentifier"))] = system
    return found


@check("DSP1057-R01")
def one_system_each(site: Site) -> None:
    """Every virtual system of the platform is exactly one computer system."""
    systems = site.require_virtual_systems()
    twice = [path for path, count in Counter(key(one.path, site.namespace) for one in systems).items() if count > 1]
    expect_none([f"{path} is returned twice" for path in twice])
    if site.truth is None:
        raise Skipped(f"{len(systems)} systems, each once; the platform's own count is not known")
    shown, real = set(identifiers(site)), set(site.truth.domains())
    expect_none(
        [f"{name} is no computer system" for name in sorted(real - shown)]
        + [f"computer system {name} is not on the platform" for name in sorted(shown - real)]
    )


@check("DSP1057-R02")
def every_system_conforms(site: Site) -> None:
    """Every virtual system conforms to the registered profile Virtual System."""
    site.require_profile(*VIRTUAL_SYSTEM)
    central = keys(site.central(*VIRTUAL_SYSTEM), site.namespace)
    expect_none(
        [
            f"{show(system)} does not conform to {VIRTUAL_SYSTEM[0]}"
            for system in site.require_virtual_systems()
            if key(system.path, site.namespace) not in central
        ]
    )


@check("DSP1057-R03")
def one_state_configuration(site: Site) -> None:
    """CIM_SettingsDefineState ties each virtual system to exactly one VSSD and no VSSD to two systems."""
    owners: Counter[Key] = Counter()
    faults = []
    for system in site.require_virtual_systems():
        states = site.across_names(
            system.path, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData", "ManagedElement"
        )
        owners.update(keys(states, site.namespace))
        if len(states) != 1:
            faults.append(f"{show(system)} has {len(states)} State VSSDs")
    faults += [f"{path[1]} is the state of {count} systems" for path, count in owners.items() if count > 1]
    expect_none(faults)


def element_settings(site: Site, system: CIMInstance) -> list[CIMInstance]:
    """What CIM_ElementSettingData says about the State VSSD of a system."""
    return site.links(state_settings(site, system.path).path, "CIM_ElementSettingData", "ManagedElement")


@check("DSP1057-R04")
def one_default_configuration(site: Site) -> None:
    """The State VSSD of a persistent system has exactly one default configuration and at most one next."""
    faults = []
    for system in site.require_virtual_systems():
        links = element_settings(site, system)
        default = [link for link in links if link.get("IsDefault") == 1]
        coming = [link for link in links if link.get("IsNext") in IS_NEXT]
        if links and (len(default) != 1 or len(coming) > 1):
            faults.append(f"{show(system)} has {len(default)} default and {len(coming)} next configurations")
    expect_none(faults)


@check("DSP1057-R05")
def setting_flags(site: Site) -> None:
    """IsDefault and IsNext of CIM_ElementSettingData are never NULL and within their ValueMaps."""
    faults = []
    for system in site.require_virtual_systems():
        for link in element_settings(site, system):
            for name, allowed in (("IsDefault", IS_DEFAULT_VALUES), ("IsNext", IS_NEXT_VALUES)):
                if link.get(name) not in allowed:
                    faults.append(f"{link.classname} of {show(system)} has {name} {link.get(name)}")
    expect_none(faults)


@check("DSP1057-R06")
def names_agree(site: Site) -> None:
    """System and State VSSD have the same ElementName; VirtualSystemIdentifier is unique on a host."""
    faults = []
    used: Counter[tuple[object, ...]] = Counter()
    for system in site.require_virtual_systems():
        state = state_settings(site, system.path)
        if state.get("ElementName") != system.get("ElementName"):
            faults.append(f"{show(system)} is {system.get('ElementName')!r}, its VSSD {state.get('ElementName')!r}")
        hosts = site.across_names(system.path, "CIM_HostedDependency", "CIM_System", "Dependent")
        if state.get("VirtualSystemIdentifier"):
            used[(state["VirtualSystemIdentifier"], *map(show, hosts))] += 1
    faults += [f"VirtualSystemIdentifier {name[0]!r} occurs {count} times" for name, count in used.items() if count > 1]
    expect_none(faults)


@check("DSP1057-R07")
def system_types(site: Site) -> None:
    """VirtualSystemType is a word without blanks and among the supported types, or DMTF:unknown."""
    offered = {
        kind
        for one in site.instances("CIM_VirtualSystemManagementCapabilities")
        for kind in one.get("VirtualSystemTypesSupported") or []
    }
    faults = []
    for system in site.require_virtual_systems():
        kind = state_settings(site, system.path).get("VirtualSystemType")
        if kind is None:
            continue
        if not SYSTEM_TYPE.fullmatch(kind) or (offered and kind not in offered | {UNKNOWN_TYPE}):
            faults.append(f"{show(system)} has VirtualSystemType {kind!r}, supported are {sorted(offered)}")
    expect_none(faults)


@check("DSP1057-R08")
def state_table(site: Site) -> None:
    """EnabledState follows the table of virtual system states for each state of the platform."""
    systems = site.require_virtual_systems()
    known = {state for states in STATE_TABLE.values() for state in states} | {0, 5, 10}
    expect_none(
        [
            f"{show(one)} has EnabledState {one.get('EnabledState')}"
            for one in systems
            if one.get("EnabledState") not in known
        ]
    )
    if site.truth is None:
        return
    states = site.truth.domains()
    expect_none(
        [
            f"{name} is {states[name]} and has EnabledState {system.get('EnabledState')}"
            for name, system in identifiers(site).items()
            if name in states and system.get("EnabledState") not in STATE_TABLE[states[name]]
        ]
    )


@check("DSP1057-R14")
def settings_belong_once(site: Site) -> None:
    """Every resource setting of a virtual system belongs to exactly one VSSD."""
    links = site.instances("CIM_VirtualSystemSettingDataComponent")
    skip_unless(links, "no resource setting belongs to a VSSD")
    owners = Counter(key(link["PartComponent"], site.namespace) for link in links)
    faults = [f"{path[1]} {dict(path[2])} belongs to {count} VSSDs" for path, count in owners.items() if count > 1]
    for device in devices(site):
        states = device_settings(site, device)
        faults += [f"{show(one)} belongs to no VSSD" for one in states if key(one, site.namespace) not in owners]
    expect_none(faults)


def devices(site: Site) -> list[CIMInstanceName]:
    """The virtual devices of all virtual systems."""
    found: list[CIMInstanceName] = []
    for system in site.require_virtual_systems():
        found += site.across_names(system.path, "CIM_SystemDevice", "CIM_LogicalDevice", "GroupComponent")
    return found


def device_settings(site: Site, device: CIMInstanceName) -> list[CIMInstanceName]:
    """The State resource settings of a device."""
    resource = "CIM_ResourceAllocationSettingData"
    return site.across_names(device, "CIM_SettingsDefineState", resource, "ManagedElement")


@check("DSP1057-R15")
def device_state(site: Site) -> None:
    """Each device of an active system has exactly one State resource setting, which is part of the State VSSD."""
    active = [one for one in site.require_virtual_systems() if one.get("EnabledState") == ENABLED]
    skip_unless(active, "no virtual system is active")
    faults = []
    for system in active:
        parts = keys([one.path for one in resources(site, state_settings(site, system.path).path)], site.namespace)
        for device in site.across_names(system.path, "CIM_SystemDevice", "CIM_LogicalDevice", "GroupComponent"):
            states = keys(device_settings(site, device), site.namespace)
            if len(states) != 1 or not states <= parts:
                faults.append(
                    f"{show(device)} has {len(states)} State settings, {len(states & parts)} of them in the State VSSD"
                )
    expect_none(faults)


@check("DSP1057-R16")
def no_device_enabled_when_off(site: Site) -> None:
    """No device of a system in state Defined is enabled."""
    off = [one for one in site.require_virtual_systems() if one.get("EnabledState") == DISABLED]
    skip_unless(off, "no virtual system is in state Defined")
    faults = []
    for system in off:
        for device in site.across(system.path, "CIM_SystemDevice", "CIM_LogicalDevice", "GroupComponent"):
            if device.get("EnabledState") == ENABLED:
                faults.append(f"{show(device)} is enabled although {show(system)} is off")
    expect_none(faults)


@check("DSP1057-R21")
def transient_systems(site: Site) -> None:
    """A transient system has no CIM_ElementSettingData."""
    transients = require_truth(site).transients()
    named = [system for name, system in identifiers(site).items() if name in transients]
    skip_unless(named, "no transient system is running")
    expect_none(
        [
            f"transient {show(one)} has {len(element_settings(site, one))} default settings"
            for one in named
            if element_settings(site, one)
        ]
    )
