"""DSP1059 Generic Device Resource Virtualization: devices of all further kinds, their pools and settings."""

from __future__ import annotations

from collections import Counter

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.amounts import references
from virtcim.conformance.check import check
from virtcim.conformance.dsp1043 import owned
from virtcim.conformance.paths import Key, key, keys, show
from virtcim.conformance.pools import (
    ADAPTER,
    ALLOCATED,
    ASKED,
    CONNECTION,
    MEMORY,
    OTHER,
    PROCESSOR,
    RASD,
    STORAGE,
    active_systems,
    allocated,
    family,
    linked,
    passed_through,
    pools,
    state_resources,
)
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect_none, skip_unless

NAME = "Generic Device Resource Virtualization"
SPECIAL = (PROCESSOR, MEMORY, ADAPTER, 30, CONNECTION, *STORAGE)
CONTROLLERS = (OTHER, 5, 6, 23)
DVD, DEDICATED, SPECIFIC, GENERAL, BOTH = 16, 2, 2, 3, 4
DEVICE_ID_LENGTH = 64
DEPENDS, COMPONENT = "CIM_HostedDependency", "CIM_ConcreteComponent"
HOST_DEVICES = ("CIM_PCIDevice", "CIM_USBDevice", "CIM_FCPort")


def generic_pools(site: Site) -> list[CIMInstance]:
    """The pools of devices that no other profile is about."""
    found = [one for one in pools(site) if one.get("ResourceType") not in SPECIAL]
    skip_unless(found, "there are no pools of further devices")
    return found


def generic_settings(site: Site) -> list[CIMInstance]:
    """The State settings that are from these pools."""
    names = {one.get("PoolID") for one in generic_pools(site)}
    found = [one for one in state_resources(site) if one.get("PoolID") in names]
    skip_unless(found, "no virtual system has further devices")
    return found


@check("DSP1059-R01")
def registered(site: Site) -> None:
    """Generic Device Resource Virtualization 1.0.0 is registered, for pools that no other profile is about."""
    references(site, NAME)
    central = keys(site.central(NAME), site.namespace)
    found = [one for one in pools(site) if key(one.path, site.namespace) in central]
    expect_none([f"{show(one)} has type {one['ResourceType']}" for one in found if one["ResourceType"] in SPECIAL])


@check("DSP1059-R02")
def counted(site: Site) -> None:
    """Pools of devices count them, say whether they are primordial, and are hosted."""
    hosts = linked(site, "CIM_HostedResourcePool", "PartComponent", "GroupComponent")
    faults = []
    for one in generic_pools(site):
        hosted = len(hosts.get(key(one.path, site.namespace), ()))
        if one.get("AllocationUnits") != "count" or one.get("Primordial") is None or hosted != 1:
            faults.append(f"{show(one)} counts in {one.get('AllocationUnits')!r}, hosted by {hosted}")
    expect_none(faults)


@check("DSP1059-R03")
def other_types(site: Site) -> None:
    """Pools, settings and capabilities of type Other all tell the same OtherResourceType."""
    links = linked(site, ASKED, "Antecedent", "Dependent")
    settings = {key(one.path, site.namespace): one for one in state_resources(site)}
    faults = []
    for pool, one in owned(site):
        if pool.get("ResourceType") != OTHER:
            continue
        names = [key(path, site.namespace) for path in links.get(key(pool.path, site.namespace), ())]
        members = [one, *(settings[name] for name in names if name in settings)]
        words = {each.get("OtherResourceType") for each in (pool, *members)}
        faults += [f"{show(pool)}: {words}"] if len(words) != 1 or None in words else []
    expect_none(faults)


@check("DSP1059-R04")
def quantities_are_counts(site: Site) -> None:
    """Settings of devices are for at least one device."""
    expect_none(
        [
            f"{show(one)} has {one.get('VirtualQuantity')} {one.get('VirtualQuantityUnits')}"
            for one in generic_settings(site)
            if not one.get("VirtualQuantity") or one.get("VirtualQuantityUnits") != "count"
        ]
    )


@check("DSP1059-R05")
def devices_are_allocated(site: Site) -> None:
    """Each device of an active system is part of it alone, from one pool, and defined by one setting."""
    names = {key(one.path, site.namespace) for one in generic_pools(site)}
    below = {key(one.path, site.namespace) for one in pools(site)}
    systems = linked(site, "CIM_SystemDevice", "PartComponent", "GroupComponent")
    settings = linked(site, "CIM_SettingsDefineState", "ManagedElement", "SettingData")
    faults = []
    for device, sources in linked(site, ALLOCATED, "Dependent", "Antecedent").items():
        if device not in below and keys(sources, site.namespace) & names:
            counts = [len(links.get(device, ())) for links in (systems, settings)]
            faults += [f"{dict(device[2])}: {counts}"] if counts != [1, 1] or len(sources) != 1 else []
    expect_none(faults)


@check("DSP1059-R06")
def host_devices_are_named(site: Site) -> None:
    """A setting that passes a device through names exactly one, which is what the virtual device depends on."""
    devices = linked(site, "CIM_SettingsDefineState", "SettingData", "ManagedElement")
    below = linked(site, DEPENDS, "Dependent", "Antecedent")
    faults = []
    for one in passed_through(site):
        named = one.get("HostResource") or []
        faults += [f"{show(one)} names {named}"] if len(named) != 1 else []
        for device in devices.get(key(one.path, site.namespace), ()) if one.get("ResourceType") not in SPECIAL else ():
            hosts = [str(host["DeviceID"]) for host in below.get(key(device, site.namespace), ())]
            wrong = len(hosts) != 1 or ("DeviceID=" in str(named) and hosts[0] not in str(named))
            faults += [f"{show(one)} names {named}, its device depends on {hosts}"] if wrong else []
    expect_none(faults)


@check("DSP1059-R07")
def host_devices_have_one_user(site: Site) -> None:
    """A device of the host that is dedicated carries at most one virtual device."""
    carried: Counter[Key] = Counter()
    dedicated = {key(pool.path, site.namespace) for pool, one in owned(site) if one.get("SharingMode") == DEDICATED}
    members = linked(site, COMPONENT, "GroupComponent", "PartComponent")
    known = {key(path, site.namespace) for pool in dedicated for path in members.get(pool, ())}
    for name, users in linked(site, DEPENDS, "Antecedent", "Dependent").items():
        carried[name] += len(users)
    expect_none([f"{dict(name[2])} carries {carried[name]}" for name in known if carried[name] > 1])


@check("DSP1059-R08")
def parents(site: Site) -> None:
    """Parent leads to the setting of a controller in the same configuration."""
    configurations = linked(site, "CIM_VirtualSystemSettingDataComponent", "PartComponent", "GroupComponent")
    known = {str(one.get("InstanceID")): one for one in site.instances(RASD)}
    faults = []
    for one in generic_settings(site):
        if not one.get("Parent"):
            continue
        found = known.get(_instance_id(one["Parent"]))
        homes = [configurations.get(key(each.path, site.namespace)) for each in (one, found) if each is not None]
        if found is None or homes[0] != homes[-1] or found.get("ResourceType") not in CONTROLLERS:
            faults.append(f"{show(one)} has Parent {one['Parent']!r}")
    expect_none(faults)


def _instance_id(parent: str) -> str:
    """A Parent is an InstanceID, or a WBEM URI that holds it."""
    if "InstanceID=" not in parent:
        return parent
    return str(CIMInstanceName.from_wbem_uri(parent)["InstanceID"])


@check("DSP1059-R09")
def places(site: Site) -> None:
    """No two settings of a configuration have the same place on the same controller."""
    configurations = linked(site, "CIM_VirtualSystemSettingDataComponent", "PartComponent", "GroupComponent")
    taken: Counter[tuple[object, ...]] = Counter()
    for one in state_resources(site):
        if one.get("Parent") and one.get("AddressOnParent"):
            homes = configurations.get(key(one.path, site.namespace), [])
            taken.update((key(home, site.namespace), one["Parent"], one["AddressOnParent"]) for home in homes)
    expect_none([f"{place[1:]} is taken {count} times" for place, count in taken.items() if count > 1])


@check("DSP1059-R15")
def capacity_of_host_devices(site: Site) -> None:
    """The capacity of a pool of the host's devices is their number, what is reserved of it those in use."""
    members = linked(site, COMPONENT, "GroupComponent", "PartComponent")
    taken = allocated(site)
    faults = []
    for one in generic_pools(site):
        name = key(one.path, site.namespace)
        count, used = len(members.get(name, ())), sum(len(taken.get(part, ())) for part in family(site, one))
        if one.get("Capacity") is not None and (one["Capacity"], one.get("Reserved")) != (count, used):
            faults.append(f"{show(one)} has {one.get('Reserved')} of {one['Capacity']}, not {used} of {count}")
    expect_none(faults)


@check("DSP1059-R16")
def device_ids(site: Site) -> None:
    """DeviceIDs have at most 64 characters."""
    found = [
        path
        for system in site.require_virtual_systems()
        for path in site.across_names(system.path, "CIM_SystemDevice", role="GroupComponent")
    ]
    expect_none([f"{show(one)} is longer" for one in found if len(str(one.keybindings["DeviceID"])) > DEVICE_ID_LENGTH])


@check("DSP1059-R20")
def devices_have_settings(site: Site) -> None:
    """Each device of an active system has a State setting."""
    settings = linked(site, "CIM_SettingsDefineState", "ManagedElement", "SettingData")
    faults = []
    for system in active_systems(site):
        for device in site.across_names(system.path, "CIM_SystemDevice", role="GroupComponent"):
            faults += [] if settings.get(key(device, site.namespace)) else [f"{show(device)} has none"]
    expect_none(faults)
