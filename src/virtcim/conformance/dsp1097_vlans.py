"""DSP1097: VLANs of ports, what hosts carry, and what switches forward among."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pywbem import CIMInstance

from virtcim.conformance.check import check
from virtcim.conformance.dsp1097 import VLAN, all_ports, endpoints, ports_of, settings_of, switches
from virtcim.conformance.paths import keys, show
from virtcim.conformance.site import ETHERNET_SWITCH, Site
from virtcim.conformance.verdict import expect_none, skip_unless

SETTING = "CIM_VLANEndpointSettingData"
ADDRESS = re.compile("[0-9A-Fa-f]{12}")


def vlans_of(site: Site, port: CIMInstance) -> Iterator[tuple[str, int]]:
    """What says which VLAN untagged frames of a port are in; nothing where they are in none."""
    settings = site.across(port.path, "CIM_SettingsDefineState", "CIM_EthernetPortAllocationSettingData")
    named = [("PVID", port), *(("PortVID", one) for one in settings)]
    for endpoint in endpoints(site, port, VLAN):
        found = site.across(endpoint.path, "CIM_ElementSettingData", SETTING, "ManagedElement")
        named += [("AccessVLAN", one) for one in found]
    for name, instance in named:
        if instance.get(name):
            yield name, int(instance[name])


@check("DSP1097-R12")
def port_vlan(site: Site) -> None:
    """PVID of a port, PortVID of the settings that define it and AccessVLAN of its VLAN endpoint are the same."""
    faults, compared = [], 0
    for port in all_ports(site):
        given = dict(vlans_of(site, port))
        compared += len(given) > 1
        if len(set(given.values())) > 1:
            faults.append(f"{show(port)} has {given}")
    expect_none(faults)
    skip_unless(compared, "no port is in a VLAN")


@check("DSP1097-R13")
def reached_vlans(site: Site) -> None:
    """Where VLANConnection is given, the VLAN of every port is in it."""
    faults, looked = [], 0
    for switch in switches(site):
        reached = [text for one in settings_of(site, switch) for text in one.get("VLANConnection") or []]
        for port in ports_of(site, switch) if reached else []:
            looked += 1
            if port.get("PVID") and str(port["PVID"]) not in reached:
                faults.append(f"{show(port)} is in VLAN {port['PVID']}, its switch reaches {reached}")
    expect_none(faults)
    skip_unless(looked, "no switch with VLANs has a port")


@check("DSP1097-R20")
def systems_and_switches(site: Site) -> None:
    """From a host CIM_HostedDependency leads to its virtual systems and its switches; Dedicated tells them apart."""
    found: set[object] = set()
    for host in site.require_hosts():
        carried = site.across_names(host, "CIM_HostedDependency", "CIM_ComputerSystem", "Antecedent")
        found |= set(keys(carried, site.namespace))
    faults = [
        f"{show(one)} is not carried by a host"
        for one in switches(site)
        if not keys([one.path], site.namespace) <= found
    ]
    for one in site.virtual_systems():
        if not keys([one.path], site.namespace) <= found:
            faults.append(f"{show(one)} is not carried by a host")
        if ETHERNET_SWITCH in (one.get("Dedicated") or []):
            faults.append(f"{show(one)} is dedicated as a switch")
    expect_none(faults)


@check("DSP1097-R21")
def forwarding(site: Site) -> None:
    """Addresses of forwarding entries have twelve hexadecimal digits."""
    switches(site)
    entries = site.instances("CIM_DynamicForwardingEntry")
    skip_unless(entries, "the server shows no forwarding entries")
    wrong = [one for one in entries if not ADDRESS.fullmatch(str(one.get("MACAddress")))]
    expect_none([f"{show(one)} has MACAddress {one.get('MACAddress')}" for one in wrong])
