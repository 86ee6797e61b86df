"""DSP1076 KVM Redirection: the service, and the access points to graphical consoles."""

from __future__ import annotations

from pywbem import CIMInstance

from virtcim.conformance import redirection
from virtcim.conformance.check import check
from virtcim.conformance.paths import show
from virtcim.conformance.redirection import KVM, OTHER, access_points, of_system
from virtcim.conformance.site import Site
from virtcim.conformance.systems import resources, state_settings
from virtcim.conformance.verdict import expect, expect_none, skip_unless

PROFILE = "KVM Redirection"
ACCESS = "CIM_KVMRedirectionSAP"
GRAPHICS = 24  # ResourceType
PROTOCOLS = {"vnc": 4, "rdp": 3, "spice": OTHER}  # ResourceSubType -> KVMProtocol


def consoles(site: Site, system: CIMInstance) -> list[str]:
    """The types of the consoles in the State configuration of a system that can be reached from elsewhere."""
    settings = resources(site, state_settings(site, system.path).path)
    words = [str(one.get("ResourceSubType")) for one in settings if one.get("ResourceType") == GRAPHICS]
    return [word for word in words if word in PROTOCOLS]


@check("DSP1076-R01")
def one_service_each(site: Site) -> None:
    """Each host has exactly one redirection service for keyboard, video and mouse, with one set of capabilities."""
    redirection.one_service_each(site, KVM, PROFILE)


@check("DSP1076-R02")
def one_for_each_console(site: Site) -> None:
    """A system has as many access points as its configuration has consoles that can be reached from elsewhere."""
    redirection.services(site, KVM)
    for system in site.require_virtual_systems():
        wanted, found = consoles(site, system), of_system(site, system.path, ACCESS)
        expect(len(found) == len(wanted), f"{show(system)} has {len(found)} access points for {wanted}")


@check("DSP1076-R03")
def belongs_to_one_system(site: Site) -> None:
    """Each access point is of the service, available for one virtual system, and hosted by the one its keys name."""
    redirection.belongs_to_one_system(site, ACCESS, KVM)


@check("DSP1076-R04")
def other_is_named(site: Site) -> None:
    """OtherKVMProtocol is there exactly if KVMProtocol is 1 (Other)."""
    redirection.other_is_named(site, ACCESS, "KVMProtocol", "OtherKVMProtocol")


@check("DSP1076-R05")
def protocols(site: Site) -> None:
    """A VNC console has KVMProtocol 4, one of RDP 3."""
    faults, seen = [], 0
    for system in site.require_virtual_systems():
        wanted = sorted(PROTOCOLS[word] for word in consoles(site, system))
        found = sorted(int(one.get("KVMProtocol") or 0) for one in of_system(site, system.path, ACCESS))
        seen += len(wanted)
        faults += [f"{show(system)} has {found} instead of {wanted}"] if found != wanted else []
    skip_unless(seen, "no system has such a console")
    expect_none(faults)


@check("DSP1076-R07")
def not_too_many(site: Site) -> None:
    """No more access points are enabled than MaxCurrentEnabledSAPs of their service."""
    redirection.not_too_many(site, KVM, ACCESS)


@check("DSP1076-R08")
def sharing_is_supported(site: Site) -> None:
    """SharingMode of a service is among SharingModeSupported of its capabilities."""
    redirection.sharing_is_supported(site, KVM)


@check("DSP1076-R11")
def affects_whom_it_serves(site: Site) -> None:
    """A service affects every virtual system with an access point of it."""
    access_points(site, ACCESS)
    redirection.affects_whom_it_serves(site, KVM, ACCESS)
