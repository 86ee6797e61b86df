"""DSP1050 Ethernet Port Resource Virtualization: pools, adapters and connections, as they are found."""

from __future__ import annotations

import re
from collections import Counter

from pywbem import CIMInstance

from virtcim.conformance.check import check
from virtcim.conformance.dsp1097 import LAN, PORT, endpoints, pool_texts
from virtcim.conformance.paths import key, show
from virtcim.conformance.site import VIRTUAL_SWITCH, Site
from virtcim.conformance.systems import resources, state_settings
from virtcim.conformance.verdict import expect, expect_none, skip_unless

PROFILE = ("Ethernet Port Resource Virtualization",)
ADAPTER, SWITCH_PORT, CONNECTION = 10, 30, 33  # ResourceType
ALLOCATION = "CIM_EthernetPortAllocationSettingData"
SETTING = "CIM_ResourceAllocationSettingData"
ENABLED = 2
MAC = re.compile("[0-9A-Fa-f]{12}")


def settings_of_type(site: Site, *types: int) -> list[CIMInstance]:
    """The resource settings of these types, or the check is not applicable."""
    site.require_profile(*PROFILE)
    found = [one for one in site.instances(SETTING) if one.get("ResourceType") in types]
    skip_unless(found, f"the server has no resource setting of type {' or '.join(map(str, types))}")
    return found


def pools_of_type(site: Site, number: int) -> list[CIMInstance]:
    """The pools of a type."""
    site.require_profile(*PROFILE)
    return [one for one in site.instances("CIM_ResourcePool") if one.get("ResourceType") == number]


def active_systems(site: Site) -> list[CIMInstance]:
    """The virtual systems that are active, or the check is not applicable."""
    site.require_profile(*PROFILE)
    found = [one for one in site.require_virtual_systems() if one.get("EnabledState") == ENABLED]
    skip_unless(found, "no virtual system is active")
    return found


def adapters_of(site: Site, system: CIMInstance) -> list[CIMInstance]:
    """The Ethernet ports of a system."""
    return site.across(system.path, "CIM_SystemDevice", PORT, "GroupComponent")


def active_adapters(site: Site) -> list[CIMInstance]:
    """The adapters of active systems, or the check is not applicable."""
    found = [port for system in active_systems(site) for port in adapters_of(site, system)]
    skip_unless(found, "no active virtual system has an Ethernet adapter")
    return found


def bare(address: object) -> str:
    """An Ethernet address as twelve digits in upper case."""
    return re.sub("[:-]", "", str(address or "")).upper()


@check("DSP1050-R01")
def registered(site: Site) -> None:
    """Ethernet Port Resource Virtualization 1.1.0 is registered by DMTF."""
    versions = [one.get("RegisteredVersion") for one in site.require_profile(*PROFILE)]
    expect("1.1.0" in versions, f"Ethernet Port Resource Virtualization is registered in versions {versions}")


@check("DSP1050-R02")
def pools(site: Site) -> None:
    """There is a primordial pool of adapters, and a pool of connections is primordial or a child of another one."""
    adapters = pools_of_type(site, ADAPTER)
    expect(any(one.get("Primordial") for one in adapters), "no primordial pool has ResourceType 10")
    faults = []
    for pool in pools_of_type(site, CONNECTION):
        parents = site.across(pool.path, "CIM_ElementAllocatedFromPool", "CIM_ResourcePool", "Dependent")
        if not pool.get("Primordial") and not any(one.get("ResourceType") == CONNECTION for one in parents):
            faults.append(f"{show(pool)} is not primordial and has no parent")
    expect_none(faults)


@check("DSP1050-R03")
def classes_of_settings(site: Site) -> None:
    """Settings of type 10, 30 and 33 in a configuration are CIM_EthernetPortAllocationSettingData."""
    found = settings_of_type(site, ADAPTER, SWITCH_PORT, CONNECTION)
    others = [one for one in found if not site.is_a(one.classname, ALLOCATION)]
    component = "CIM_VirtualSystemSettingDataComponent"
    wrong = [one for one in others if site.across_names(one.path, component, role="PartComponent")]
    expect_none([f"{show(one)} is none" for one in wrong])


@check("DSP1050-R04")
def adapters_and_settings(site: Site) -> None:
    """An active system has as many Ethernet ports as State settings of type 10."""
    faults = []
    for system in active_systems(site):
        state = resources(site, state_settings(site, system.path).path)
        count = sum(one.get("ResourceType") == ADAPTER for one in state)
        if count != len(adapters_of(site, system)):
            faults.append(f"{show(system)} has {len(adapters_of(site, system))} ports and {count} settings")
    expect_none(faults)


@check("DSP1050-R05")
def one_address(site: Site) -> None:
    """Adapter, LAN endpoint and setting have the same address; the endpoint's has twelve hexadecimal digits."""
    faults = []
    for adapter in active_adapters(site):
        settings = site.across(adapter.path, "CIM_SettingsDefineState", SETTING, "ManagedElement")
        lans = endpoints(site, adapter, LAN)
        addresses = {bare(one.get("Address")) for one in settings} | {bare(one.get("MACAddress")) for one in lans}
        if addresses != {bare(adapter.get("PermanentAddress"))}:
            faults.append(f"{show(adapter)} has {adapter.get('PermanentAddress')} beside {sorted(addresses)}")
        faults += [
            f"{show(one)} has MACAddress {one.get('MACAddress')}"
            for one in lans
            if not MAC.fullmatch(str(one.get("MACAddress")))
        ]
    expect_none(faults)


@check("DSP1050-R06")
def addresses_differ(site: Site) -> None:
    """No two adapters of active systems have the same address."""
    count = Counter(bare(one.get("PermanentAddress")) for one in active_adapters(site))
    expect_none([f"{address} is that of {number} adapters" for address, number in count.items() if number > 1])


@check("DSP1050-R07")
def parents(site: Site) -> None:
    """Every connection has the setting of an adapter of its configuration as Parent, which no other one has."""
    faults = []
    for configuration in configurations_of(site, settings_of_type(site, CONNECTION)):
        here = resources(site, configuration.path)
        adapters = {str(one["InstanceID"]) for one in here if one.get("ResourceType") == ADAPTER}
        wires = [one for one in here if one.get("ResourceType") == CONNECTION]
        for wire in wires:
            if not any(str(wire.get("Parent")).endswith(one) for one in adapters):
                faults.append(f"{show(wire)} has Parent {wire.get('Parent')!r}")
        count = Counter(str(one.get("Parent")) for one in wires)
        faults += [f"{name} is Parent of {number} connections" for name, number in count.items() if number > 1]
    expect_none(faults)


def configurations_of(site: Site, settings: list[CIMInstance]) -> list[CIMInstance]:
    """The configurations that settings belong to, each once."""
    found: dict[object, CIMInstance] = {}
    for one in settings:
        for head in site.across(one.path, "CIM_VirtualSystemSettingDataComponent", role="PartComponent"):
            found.setdefault(key(head.path, site.namespace), head)
    return list(found.values())


@check("DSP1050-R08")
def pools_of_connections(site: Site) -> None:
    """PoolID of a connection is that of a pool of type 33, and HostResource has one value at most."""
    known = {str(one.get("PoolID")) for one in pools_of_type(site, CONNECTION)}
    faults = []
    for one in settings_of_type(site, CONNECTION):
        if str(one.get("PoolID")) not in known:
            faults.append(f"{show(one)} has PoolID {one.get('PoolID')!r}")
        if len(one.get("HostResource") or []) > 1:
            faults.append(f"{show(one)} has HostResource {one['HostResource']}")
    expect_none(faults)


@check("DSP1050-R09")
def plugged_in(site: Site) -> None:
    """An active adapter with a connection is joined to one port of a switch whose pools have that of the connection."""
    site.require_profile(*VIRTUAL_SWITCH)
    faults, looked = [], 0
    for adapter in active_adapters(site):
        for wire in connections_of(site, adapter):
            looked += 1
            faults += _faults_of(site, adapter, wire)
    expect_none(faults)
    skip_unless(looked, "no active adapter is connected")


def connections_of(site: Site, adapter: CIMInstance) -> list[CIMInstance]:
    """The State connections of an adapter."""
    found = []
    for setting in site.across(adapter.path, "CIM_SettingsDefineState", SETTING, "ManagedElement"):
        for head in site.across(setting.path, "CIM_VirtualSystemSettingDataComponent", role="PartComponent"):
            here = (one for one in resources(site, head.path) if one.get("ResourceType") == CONNECTION)
            found += [one for one in here if str(one.get("Parent")).endswith(str(setting["InstanceID"]))]
    return found


def _faults_of(site: Site, adapter: CIMInstance, wire: CIMInstance) -> list[str]:
    ports = far_ports(site, adapter)
    if len(ports) != 1:
        return [f"{show(adapter)} is joined to {len(ports)} ports of switches"]
    (switch,) = site.across(ports[0].path, "CIM_SystemDevice", "CIM_ComputerSystem", "PartComponent")
    given = site.across_names(wire.path, "CIM_ResourceAllocationFromPool", "CIM_ResourcePool", "Dependent")
    named = [str(one["InstanceID"]) for one in given]
    if any(name in text for name in named for text in pool_texts(site, switch)):
        return []
    return [f"{show(switch)} does not name the pool {named} that {show(wire)} comes from"]


def far_ports(site: Site, adapter: CIMInstance) -> list[CIMInstance]:
    """The ports that the endpoint of an adapter is joined to."""
    found = []
    for lan in endpoints(site, adapter, LAN):
        for other in site.across(lan.path, "CIM_ActiveConnection", LAN):
            found += site.across(other.path, "CIM_DeviceSAPImplementation", PORT, "Dependent")
    return found


@check("DSP1050-R20")
def reserved(site: Site) -> None:
    """Reserved of a pool of connections is the number of connections from it that make a port now."""
    faults = []
    for pool in pools_of_type(site, CONNECTION):
        given = site.across(pool.path, "CIM_ResourceAllocationFromPool", SETTING, "Antecedent")
        active = [one for one in given if site.across_names(one.path, "CIM_SettingsDefineState", PORT, "SettingData")]
        if not pool.get("Primordial") and pool.get("Reserved") != len(active):
            faults.append(f"{show(pool)} has Reserved {pool.get('Reserved')} for {len(active)} connections")
    expect_none(faults)
