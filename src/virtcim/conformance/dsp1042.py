"""DSP1042 System Virtualization: the host, its management service and their capabilities, as they are found."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.paths import key, keys, show
from virtcim.conformance.services import services_of, switch_services
from virtcim.conformance.site import SYSTEM_VIRTUALIZATION, Site
from virtcim.conformance.systems import service
from virtcim.conformance.verdict import expect, expect_none, skip_unless

MANAGES = 5
# numbers of SynchronousMethodsSupported and AsynchronousMethodsSupported
METHODS = {
    2: "DefineSystem",
    3: "DestroySystem",
    5: "ModifyResourceSettings",
    6: "ModifySystemSettings",
    7: "RemoveResourceSettings",
    10: "AddResourceSettings",
}
PAIRS = ((2, 3), (5, 6), (7, 10))
CAPABILITIES = "CIM_VirtualSystemManagementCapabilities"
SERVICE = "CIM_VirtualSystemManagementService"


def services(site: Site, host: CIMInstanceName) -> list[CIMInstanceName]:
    """The management services a host has."""
    return services_of(site, host)


def every_service(site: Site) -> list[CIMInstanceName]:
    """All management services, or the check is not applicable."""
    switching = keys(switch_services(site), site.namespace)
    found = [path for path in site.names(SERVICE) if key(path, site.namespace) not in switching]
    skip_unless(found, "the server has no virtual system management service")
    return found


def capabilities_of(site: Site, element: CIMInstanceName) -> list[CIMInstance]:
    """The management capabilities of a host or service."""
    return site.across(element, "CIM_ElementCapabilities", CAPABILITIES, "ManagedElement")


def listed_methods(capabilities: CIMInstance) -> tuple[set[int], set[int]]:
    """The numbers of the methods that may return at once, and of those that may start a job."""
    synchronous = set(capabilities.get("SynchronousMethodsSupported") or [])
    return synchronous, set(capabilities.get("AsynchronousMethodsSupported") or [])


def service_capabilities(site: Site) -> CIMInstance:
    """The capabilities of the service the checks work with."""
    found = capabilities_of(site, service(site))
    expect(len(found) == 1, f"{show(service(site))} has {len(found)} {CAPABILITIES} instead of one")
    return found[0]


@check("DSP1042-R01")
def registered_with_host(site: Site) -> None:
    """System Virtualization 1.0.0 is registered and leads to the host systems."""
    found = site.registered(*SYSTEM_VIRTUALIZATION)
    versions = [one.get("RegisteredVersion") for one in found]
    expect("1.0.0" in versions, f"System Virtualization is registered in versions {versions}")
    central = site.central(*SYSTEM_VIRTUALIZATION)
    expect(central, "System Virtualization has no central instance")
    expect_none([f"{show(one)} is no CIM_System" for one in central if not site.is_a(one.classname, "CIM_System")])


@check("DSP1042-R02")
def one_host_each(site: Site) -> None:
    """Every virtual system depends on exactly one host, by CIM_HostedDependency."""
    hosts = keys(site.require_hosts(), site.namespace)
    faults = []
    for system in site.require_virtual_systems():
        found = site.across_names(system.path, "CIM_HostedDependency", "CIM_System", "Dependent")
        known = [one for one in found if key(one, site.namespace) in hosts]
        if len(found) != 1 or len(known) != 1:
            faults.append(f"{show(system)} depends on {len(found)} systems, {len(known)} of them hosts")
    expect_none(faults)


@check("DSP1042-R03")
def one_capabilities(site: Site) -> None:
    """A host has exactly one set of management capabilities, the same as its service."""
    faults = []
    for host in site.require_hosts():
        found = keys([one.path for one in capabilities_of(site, host)], site.namespace)
        if len(found) != 1:
            faults.append(f"{show(host)} has {len(found)} {CAPABILITIES}")
        for one in services(site, host):
            if keys([item.path for item in capabilities_of(site, one)], site.namespace) != found:
                faults.append(f"{show(one)} and its host {show(host)} have different {CAPABILITIES}")
    expect_none(faults)


@check("DSP1042-R04")
def one_service(site: Site) -> None:
    """A host has at most one management service, and each service is hosted by exactly one host."""
    faults = []
    for host in site.require_hosts():
        count = len(services(site, host))
        if count > 1:
            faults.append(f"{show(host)} hosts {count} management services")
    hosts = keys(site.require_hosts(), site.namespace)
    for one in every_service(site):
        hosting = keys(site.across_names(one, "CIM_HostedService", "CIM_System", "Dependent"), site.namespace)
        if len(hosting) != 1 or not hosting <= hosts:
            faults.append(f"{show(one)} is hosted by {len(hosting)} systems, {len(hosting & hosts)} of them hosts")
    expect_none(faults)


@check("DSP1042-R05")
def service_manages_systems(site: Site) -> None:
    """The management service affects exactly the virtual systems of its host, with effect 5 (Manages)."""
    faults = []
    for one in every_service(site):
        links = site.links(one, "CIM_ServiceAffectsElement", "AffectingElement")
        systems = [link for link in links if site.is_a(link["AffectedElement"].classname, "CIM_ComputerSystem")]
        wrong = [show(link["AffectedElement"]) for link in systems if MANAGES not in (link.get("ElementEffects") or [])]
        faults += [f"{show(one)} affects {name} without managing it" for name in wrong]
        affected = keys([link["AffectedElement"] for link in systems], site.namespace)
        hosted = keys(hosted_beside(site, one), site.namespace)
        if affected != hosted:
            faults.append(
                f"{show(one)} affects {len(affected - hosted)} foreign and misses {len(hosted - affected)} systems"
            )
    expect_none(faults)


def hosted_beside(site: Site, managing: CIMInstanceName) -> list[CIMInstanceName]:
    """The virtual systems of the host of a service."""
    virtual = keys([one.path for one in site.virtual_systems()], site.namespace)
    found: list[CIMInstanceName] = []
    for host in site.across_names(managing, "CIM_HostedService", "CIM_System", "Dependent"):
        found += site.across_names(host, "CIM_HostedDependency", "CIM_ComputerSystem", "Antecedent")
    return [one for one in found if key(one, site.namespace) in virtual]


@check("DSP1042-R06")
def known_methods(site: Site) -> None:
    """The lists of supported methods name only methods the service has, define and destroy and the like in pairs."""
    found = site.instances(CAPABILITIES)
    skip_unless(found, f"the server has no {CAPABILITIES}")
    faults = []
    for one in found:
        synchronous, asynchronous = listed_methods(one)
        listed = synchronous | asynchronous
        if not listed <= set(METHODS):
            faults.append(f"{show(one)} lists methods {sorted(listed - set(METHODS))}")
        for pair in PAIRS:
            if len(listed & set(pair)) == 1:
                faults.append(f"{show(one)} lists only one of {METHODS[pair[0]]} and {METHODS[pair[1]]}")
    expect_none(faults)
