"""DSP1024 Text Console Redirection: the service, and the access points to text consoles."""

from __future__ import annotations

from pywbem import CIMInstance

from virtcim.conformance import redirection
from virtcim.conformance.check import check
from virtcim.conformance.paths import show
from virtcim.conformance.redirection import ENABLED, OFFLINE, TEXT, access_points
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect_none

PROFILE = "Text Console Redirection"
ACCESS = "CIM_TextRedirectionSAP"
OFF, ERROR = 3, 6  # EnabledState, OperationalStatus of a system


@check("DSP1024-R01")
def one_service_each(site: Site) -> None:
    """Each host has exactly one redirection service for text, with one set of capabilities."""
    redirection.one_service_each(site, TEXT, PROFILE)


@check("DSP1024-R02")
def belongs_to_one_system(site: Site) -> None:
    """Each access point is of the service, available for one virtual system, and hosted by the one its keys name."""
    redirection.belongs_to_one_system(site, ACCESS, TEXT)


@check("DSP1024-R03")
def other_is_named(site: Site) -> None:
    """OtherTextFlowType is there exactly if TextFlowType is 1 (Other)."""
    redirection.other_is_named(site, ACCESS, "TextFlowType", "OtherTextFlowType")


@check("DSP1024-R04")
def not_while_off(site: Site) -> None:
    """No access point of a system that is off is enabled; one that has crashed may still be looked at."""
    faults = []
    for one in access_points(site, ACCESS):
        systems = site.across(one.path, "CIM_SAPAvailableForElement", "CIM_ComputerSystem", "AvailableSAP")
        off = any(_is_off(system) for system in systems)
        faults += [show(one)] if off and one.get("EnabledState") in (ENABLED, OFFLINE) else []
    expect_none(faults)


def _is_off(system: CIMInstance) -> bool:
    return system.get("EnabledState") == OFF and ERROR not in (system.get("OperationalStatus") or [])


@check("DSP1024-R05")
def not_too_many(site: Site) -> None:
    """No more access points are enabled than MaxCurrentEnabledSAPs of their service."""
    redirection.not_too_many(site, TEXT, ACCESS)


@check("DSP1024-R06")
def sharing_is_supported(site: Site) -> None:
    """SharingMode of a service is among SharingModeSupported of its capabilities."""
    redirection.sharing_is_supported(site, TEXT)


@check("DSP1024-R07")
def affects_whom_it_serves(site: Site) -> None:
    """A service affects every virtual system with an access point of it."""
    redirection.affects_whom_it_serves(site, TEXT, ACCESS)
