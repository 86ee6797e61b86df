"""What the checks of DSP1024 and DSP1076 share: redirection services, and the access points to consoles."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.paths import keys, local, same, show
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

SERVICE, CAPABILITIES = "CIM_RedirectionService", "CIM_RedirectionServiceCapabilities"
TEXT, KVM = 2, 3  # RedirectionServiceType
OTHER = 1  # KVMProtocol, TextFlowType
ENABLED, DISABLED, OFFLINE = 2, 3, 6  # EnabledState


def services(site: Site, kind: int) -> list[CIMInstance]:
    """The services that redirect consoles of a kind."""
    found = [one for one in site.instances(SERVICE) if kind in (one.get("RedirectionServiceType") or [])]
    skip_unless(found, f"the server has no {SERVICE} of type {kind}")
    return found


def access_points(site: Site, classname: str) -> list[CIMInstance]:
    found = site.instances(classname)
    skip_unless(found, f"the server has no {classname}")
    return found


def one_service_each(site: Site, kind: int, name: str) -> None:
    """Each host has exactly one service of the kind, with one set of capabilities; they conform to the profile."""
    site.require_profile(name)
    found = services(site, kind)
    for host in site.require_hosts():
        hosted = keys(site.across_names(host, "CIM_HostedService", SERVICE, "Antecedent"), site.namespace)
        own = [one for one in found if keys([one.path], site.namespace) <= hosted]
        expect(len(own) == 1, f"{show(host)} hosts {len(own)} {SERVICE} of type {kind}")
    for one in found:
        capable = site.across_names(one.path, "CIM_ElementCapabilities", CAPABILITIES, "ManagedElement")
        expect(len(capable) == 1, f"{show(one)} has {len(capable)} {CAPABILITIES}")
    central = keys(site.central(name), site.namespace)
    expect(central == keys([one.path for one in found], site.namespace), f"other instances conform to {name}")


def belongs_to_one_system(site: Site, classname: str, kind: int) -> None:
    """Each access point is of one service, available for one virtual system, and hosted by what its keys name."""
    of_kind = keys([one.path for one in services(site, kind)], site.namespace)
    for one in access_points(site, classname):
        serving = keys(site.across_names(one.path, "CIM_ServiceAccessBySAP", SERVICE, "Dependent"), site.namespace)
        expect(len(serving) == 1 and serving <= of_kind, f"{show(one)} is of {len(serving)} services")
        systems = site.across_names(one.path, "CIM_SAPAvailableForElement", "CIM_ComputerSystem", "AvailableSAP")
        expect(len(systems) == 1, f"{show(one)} is available for {len(systems)} systems")
        hosts = site.across_names(one.path, "CIM_HostedAccessPoint", None, "Dependent")
        expect(len(hosts) == 1, f"{show(one)} is hosted by {len(hosts)} systems")
        expect(_named(one, hosts[0]), f"the keys of {show(one)} do not name {show(hosts[0])}")


def _named(access: CIMInstance, system: CIMInstanceName) -> bool:
    pairs = (("SystemName", "Name"), ("SystemCreationClassName", "CreationClassName"))
    return all(access.get(mine) == system.keybindings.get(its) for mine, its in pairs)


def other_is_named(site: Site, classname: str, number: str, words: str) -> None:
    """The property in words is there exactly if the number is 1 (Other)."""
    expect_none(
        [
            f"{show(one)} has {number} {one.get(number)} and {words} {one.get(words)!r}"
            for one in access_points(site, classname)
            if (one.get(number) == OTHER) is not bool(one.get(words))
        ]
    )


def not_too_many(site: Site, kind: int, classname: str) -> None:
    """No more access points are enabled than the service admits."""
    for service in services(site, kind):
        own = site.across(service.path, "CIM_ServiceAccessBySAP", classname, "Antecedent")
        enabled = sum(one.get("EnabledState") == ENABLED for one in own)
        limit = service.get("MaxCurrentEnabledSAPs")
        expect(limit is None or enabled <= limit, f"{show(service)} has {enabled} of at most {limit} enabled")


def sharing_is_supported(site: Site, kind: int) -> None:
    """SharingMode is among SharingModeSupported of the capabilities."""
    for service in services(site, kind):
        for capable in site.across(service.path, "CIM_ElementCapabilities", CAPABILITIES, "ManagedElement"):
            mode, supported = service.get("SharingMode"), capable.get("SharingModeSupported") or []
            expect(mode in supported, f"{show(service)} has SharingMode {mode}, supported are {supported}")


def affects_whom_it_serves(site: Site, kind: int, classname: str) -> None:
    """Each service affects every virtual system that has an access point of it."""
    for service in services(site, kind):
        affected = site.across_names(
            service.path, "CIM_ServiceAffectsElement", "CIM_ComputerSystem", "AffectingElement"
        )
        for one in site.across(service.path, "CIM_ServiceAccessBySAP", classname, "Antecedent"):
            for system in site.across_names(one.path, "CIM_SAPAvailableForElement", None, "AvailableSAP"):
                known = any(same(system, other, site.namespace) for other in affected)
                expect(known, f"{show(service)} does not affect {show(system)}, which has {show(one)}")


def of_system(site: Site, system: CIMInstanceName, classname: str) -> list[CIMInstance]:
    """The access points available for a virtual system, as they are now."""
    found = site.across(system, "CIM_SAPAvailableForElement", classname, "ManagedElement")
    for one in found:
        one.path = local(one.path, site.namespace)
    return found
