"""DSP1097 Virtual Ethernet Switch: switches, their settings, ports and endpoints, as they are found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.paths import key, keys, local, same, show
from virtcim.conformance.services import MANAGEMENT_CAPABILITIES, switch_services
from virtcim.conformance.site import ETHERNET_SWITCH, VIRTUAL_SWITCH, VIRTUAL_SYSTEM, Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

SETTINGS = "CIM_VirtualEthernetSwitchSettingData"
PORT, LAN, VLAN = "CIM_EthernetPort", "CIM_LANEndpoint", "CIM_VLANEndpoint"
CONNECTION = 33  # ResourceType
ACTIVE, INACTIVE = 2, 3  # EnabledState
OTHER_MODE, VENDOR_MODES = 1, 0x8000  # EVBMode
BACK_END = 3  # UsageRestriction
TYPE = re.compile(r"[^: ]+:[^ ]+")
URI = re.compile(r"(//[^/]*)?/(?P<namespace>[^:]+):(?P<classname>\w+)\.InstanceID=\"(?P<id>.*)\"")


def switches(site: Site) -> list[CIMInstance]:
    """The virtual switches, or the check is not applicable."""
    site.require_profile(*VIRTUAL_SWITCH)
    central = keys(site.central(*VIRTUAL_SWITCH), site.namespace)
    found = [one for one in site.instances("CIM_ComputerSystem") if key(one.path, site.namespace) in central]
    skip_unless(found, "the server has no virtual switch")
    return found


def settings_of(site: Site, switch: CIMInstance) -> list[CIMInstance]:
    """What CIM_SettingsDefineState leads to."""
    return site.across(switch.path, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData", "ManagedElement")


def all_settings(site: Site) -> list[CIMInstance]:
    """The settings of all switches, State and Defined."""
    switches(site)
    found = site.instances(SETTINGS)
    skip_unless(found, f"the server has no {SETTINGS}")
    return found


def ports_of(site: Site, switch: CIMInstance) -> list[CIMInstance]:
    """The ports of a switch."""
    return site.across(switch.path, "CIM_SystemDevice", PORT, "GroupComponent")


def guest_ports(site: Site, switch: CIMInstance) -> list[CIMInstance]:
    """The ports of a switch but those that lead to the outside."""
    return [one for one in ports_of(site, switch) if one.get("UsageRestriction") != BACK_END]


def all_ports(site: Site) -> list[CIMInstance]:
    """The ports of all switches, or the check is not applicable."""
    found = [port for switch in switches(site) for port in ports_of(site, switch)]
    skip_unless(found, "no virtual switch has a port")
    return found


def endpoints(site: Site, port: CIMInstance, classname: str) -> list[CIMInstance]:
    """The endpoints of a class that a port implements."""
    return site.across(port.path, "CIM_DeviceSAPImplementation", classname, "Antecedent")


def pool_path(site: Site, text: str) -> CIMInstanceName | None:
    """The path that a value of AssociatedResourcePool stands for, None when it is none."""
    found = URI.fullmatch(text)
    if found is None:
        return None
    return CIMInstanceName(
        found["classname"], {"InstanceID": found["id"].replace('\\"', '"')}, namespace=found["namespace"]
    )


@check("DSP1097-R01")
def registered(site: Site) -> None:
    """Virtual Ethernet Switch 1.1.0 is registered by DMTF and every system that is dedicated to it conforms."""
    versions = [one.get("RegisteredVersion") for one in site.require_profile(*VIRTUAL_SWITCH)]
    expect("1.1.0" in versions, f"Virtual Ethernet Switch is registered in versions {versions}")
    central = keys(site.central(*VIRTUAL_SWITCH), site.namespace)
    dedicated = [one for one in site.instances("CIM_ComputerSystem") if ETHERNET_SWITCH in (one.get("Dedicated") or [])]
    expect_none([f"{show(one)} does not conform" for one in dedicated if key(one.path, site.namespace) not in central])


@check("DSP1097-R02")
def on_a_host(site: Site) -> None:
    """Every switch is dedicated as Ethernet switch (38) and depends on exactly one host."""
    hosts = keys(site.require_hosts(), site.namespace)
    faults = []
    for switch in switches(site):
        if ETHERNET_SWITCH not in (switch.get("Dedicated") or []):
            faults.append(f"{show(switch)} has Dedicated {switch.get('Dedicated')}")
        found = site.across_names(switch.path, "CIM_HostedDependency", "CIM_System", "Dependent")
        if len(found) != 1 or not keys(found, site.namespace) <= hosts:
            faults.append(f"{show(switch)} depends on {len(found)} systems, or on one that is no host")
    expect_none(faults)


@check("DSP1097-R03")
def not_only_a_virtual_system(site: Site) -> None:
    """No system dedicated as Ethernet switch conforms to Virtual System alone."""
    site.require_profile(*VIRTUAL_SWITCH)
    own = keys(site.central(*VIRTUAL_SWITCH), site.namespace)
    general = keys(site.central(*VIRTUAL_SYSTEM), site.namespace)
    faults = []
    for one in site.instances("CIM_ComputerSystem"):
        place = key(one.path, site.namespace)
        if ETHERNET_SWITCH in (one.get("Dedicated") or []) and place in general and place not in own:
            faults.append(f"{show(one)} conforms to Virtual System alone")
    expect_none(faults)


@check("DSP1097-R04")
def one_state(site: Site) -> None:
    """Every switch has exactly one set of settings as its state, of the class for switches."""
    faults = []
    for switch in switches(site):
        found = settings_of(site, switch)
        if len(found) != 1 or not site.is_a(found[0].classname, SETTINGS):
            faults.append(f"{show(switch)} has {[one.classname for one in found]}")
    expect_none(faults)


@check("DSP1097-R05")
def identified(site: Site) -> None:
    """VirtualSystemIdentifier is not NULL; VirtualSystemType is <organization>:<type> and among those supported."""
    supported = {one for caps in switch_capabilities(site) for one in caps.get("VirtualSystemTypesSupported") or []}
    faults = []
    for one in all_settings(site):
        kind = str(one.get("VirtualSystemType"))
        if not one.get("VirtualSystemIdentifier"):
            faults.append(f"{show(one)} has no VirtualSystemIdentifier")
        if not TYPE.fullmatch(kind) or (supported and kind not in supported):
            faults.append(f"{show(one)} has VirtualSystemType {kind}")
    expect_none(faults)


def switch_capabilities(site: Site) -> Iterator[CIMInstance]:
    """The capabilities of the services that manage switches."""
    for managing in switch_services(site):
        yield from site.across(managing, "CIM_ElementCapabilities", MANAGEMENT_CAPABILITIES, "ManagedElement")


@check("DSP1097-R06")
def bridging_mode(site: Site) -> None:
    """EVBMode is 0 to 5 or a vendor's; OtherEVBMode is given exactly when it is 1."""
    faults = []
    for one in all_settings(site):
        mode, other = one.get("EVBMode"), one.get("OtherEVBMode")
        if mode is not None and mode not in range(6) and mode < VENDOR_MODES:
            faults.append(f"{show(one)} has EVBMode {mode}")
        if (mode == OTHER_MODE) != (other is not None):
            faults.append(f"{show(one)} has EVBMode {mode} and OtherEVBMode {other!r}")
    expect_none(faults)


@check("DSP1097-R07")
def pools_of_connections(site: Site) -> None:
    """Every AssociatedResourcePool is the path of a pool with ResourceType 33 that is there."""
    faults = []
    for one in all_settings(site):
        for text in one.get("AssociatedResourcePool") or []:
            path = pool_path(site, text)
            if path is None or not site.exists(path):
                faults.append(f"{show(one)} has AssociatedResourcePool {text!r}, which is no pool")
            elif site.get(path).get("ResourceType") != CONNECTION:
                faults.append(f"{text!r} has ResourceType {site.get(path).get('ResourceType')}")
    expect_none(faults)


@check("DSP1097-R08")
def vlans(site: Site) -> None:
    """VLANConnection holds numbers from 1 to 4094, none twice."""
    faults = []
    for one in all_settings(site):
        texts = one.get("VLANConnection") or []
        wrong = [text for text in texts if not re.fullmatch("[0-9]{1,4}", text) or int(text) not in range(1, 4095)]
        twice = [text for text, count in Counter(texts).items() if count > 1]
        if wrong or twice:
            faults.append(f"{show(one)} has VLANConnection {texts}")
    expect_none(faults)


@check("DSP1097-R09")
def ports(site: Site) -> None:
    """Every port belongs to one switch and implements one LAN endpoint, which that switch hosts."""
    faults = []
    for port in all_ports(site):
        owners = site.across_names(port.path, "CIM_SystemDevice", "CIM_System", "PartComponent")
        lans = endpoints(site, port, LAN)
        if len(owners) != 1 or len(lans) != 1:
            faults.append(f"{show(port)} has {len(owners)} systems and {len(lans)} LAN endpoints")
            continue
        hosting = site.across_names(lans[0].path, "CIM_HostedAccessPoint", "CIM_System", "Dependent")
        if keys(hosting, site.namespace) != keys(owners, site.namespace):
            faults.append(f"the LAN endpoint of {show(port)} is hosted by {len(hosting)} systems, or another one")
    expect_none(faults)


@check("DSP1097-R10")
def connections(site: Site) -> None:
    """Every active connection joins LAN endpoints of two systems, and no port has two."""
    switches(site)
    found = site.instances("CIM_ActiveConnection")
    skip_unless(found, "nothing is connected")
    faults, count = [], Counter[object]()
    for link in found:
        ends = [local(link[role], site.namespace) for role in ("Antecedent", "Dependent")]
        count.update(key(end, site.namespace) for end in ends)
        if any(not site.is_a(end.classname, LAN) for end in ends) or same(ends[0], ends[1], site.namespace):
            faults.append(f"{show(link.path)} does not join two LAN endpoints")
        elif ends[0].get("SystemName") == ends[1].get("SystemName"):
            faults.append(f"{show(link.path)} stays inside {ends[0].get('SystemName')}")
    for port in all_ports(site):
        if any(count[key(one.path, site.namespace)] > 1 for one in endpoints(site, port, LAN)):
            faults.append(f"{show(port)} has several active connections")
    expect_none(faults)


@check("DSP1097-R11")
def ports_for_connections(site: Site) -> None:
    """An active switch has a port for each connection from its pools that is the state of an active system."""
    faults = []
    for switch in switches(site):
        if switch.get("EnabledState") != ACTIVE:
            continue
        count = sum(len(connections_from(site, text)) for text in pool_texts(site, switch))
        found = guest_ports(site, switch)
        if len(found) != count:
            faults.append(f"{show(switch)} has {len(found)} ports for {count} connections")
    expect_none(faults)


def pool_texts(site: Site, switch: CIMInstance) -> list[str]:
    """AssociatedResourcePool of the state of a switch."""
    return [text for one in settings_of(site, switch) for text in one.get("AssociatedResourcePool") or []]


def connections_from(site: Site, text: str) -> list[CIMInstance]:
    """The connections a pool has given that make a port now."""
    path = pool_path(site, text)
    resource = "CIM_ResourceAllocationSettingData"
    found = site.across(path, "CIM_ResourceAllocationFromPool", resource, "Antecedent") if path else []
    active = (one for one in found if one.get("ResourceType") == CONNECTION)
    return [one for one in active if site.across_names(one.path, "CIM_SettingsDefineState", PORT, "SettingData")]


@check("DSP1097-R22")
def inactive_switches(site: Site) -> None:
    """A switch that is not active has no ports, and keeps its settings."""
    inactive = [one for one in switches(site) if one.get("EnabledState") != ACTIVE]
    skip_unless(inactive, "every virtual switch is active")
    faults = [
        f"{show(one)} has EnabledState {one.get('EnabledState')}"
        for one in inactive
        if one.get("EnabledState") != INACTIVE
    ]
    faults += [f"{show(one)} has ports" for one in inactive if ports_of(site, one)]
    faults += [f"{show(one)} has no settings" for one in inactive if not settings_of(site, one)]
    expect_none(faults)
