"""DSP1050: values that settings of Ethernet ports may have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pywbem import CIMInstance

from virtcim.conformance.check import check
from virtcim.conformance.dsp1050 import ADAPTER, CONNECTION, SWITCH_PORT, settings_of_type
from virtcim.conformance.dsp1097 import PORT, VLAN, endpoints
from virtcim.conformance.paths import show
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect_none, skip_unless

OTHER, VENDOR = 1, 0x8000  # DesiredVLANEndpointMode
OTHER_PROFILE, UUID_PROFILE = 1, 3  # NetworkPortProfileIDType
LAST_TYPE = 16777215  # VSITypeID
NUMBERS = ("PortVID", "DefaultPortVID")
LISTS = ("AllowedToReceiveVLANs", "AllowedToTransmitVLANs")
PAIRS = (
    ("AllowedToReceiveVLANs", "AllowedToReceiveMACAddresses"),
    ("AllowedToTransmitVLANs", "AllowedToTransmitMACAddresses"),
)
RATES = ("Limit", "Reservation", "ReceiveBandwidthLimit", "ReceiveBandwidthReservation")
ORDERED = (("Reservation", "Limit"), ("ReceiveBandwidthReservation", "ReceiveBandwidthLimit"))
UUID = re.compile("[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
RATE_UNIT = re.compile(r"\s*(bit|byte)\s*/\s*second\b.*")


def every_setting(site: Site) -> list[CIMInstance]:
    """The settings of adapters, switch ports and connections, or the check is not applicable."""
    return settings_of_type(site, ADAPTER, SWITCH_PORT, CONNECTION)


@check("DSP1050-R10")
def vlan_mode(site: Site) -> None:
    """DesiredVLANEndpointMode is 1 to 6 or a vendor's; OtherEndpointMode is given exactly when it is 1."""
    faults = []
    for one in every_setting(site):
        mode, other = one.get("DesiredVLANEndpointMode"), one.get("OtherEndpointMode")
        if mode is not None and mode not in range(1, 7) and mode < VENDOR:
            faults.append(f"{show(one)} has DesiredVLANEndpointMode {mode}")
        if (mode == OTHER) != (other is not None):
            faults.append(f"{show(one)} has DesiredVLANEndpointMode {mode} and OtherEndpointMode {other!r}")
    expect_none(faults)


@check("DSP1050-R11")
def vlan_numbers(site: Site) -> None:
    """VLANs are numbers from 1 to 4094; 0 stands for none."""
    faults = []
    for one in every_setting(site):
        values = [one.get(name) for name in NUMBERS] + [value for name in LISTS for value in one.get(name) or []]
        wrong = [value for value in values if value is not None and value not in range(4095)]
        if wrong:
            faults.append(f"{show(one)} has VLANs {wrong}")
    expect_none(faults)


@check("DSP1050-R12")
def parallel_lists(site: Site) -> None:
    """VLANs and addresses that a port may receive or send have the same number of values where both are given."""
    faults = []
    for one in every_setting(site):
        for vlans, addresses in PAIRS:
            both = one.get(vlans), one.get(addresses)
            if None not in both and len(both[0]) != len(both[1]):
                faults.append(f"{show(one)} has {len(both[0])} {vlans} and {len(both[1])} {addresses}")
    expect_none(faults)


@check("DSP1050-R13")
def operational_mode(site: Site) -> None:
    """The VLAN endpoint of a port is in the mode that the settings of the port ask for."""
    faults, looked = [], 0
    for one in settings_of_type(site, CONNECTION):
        wanted = one.get("DesiredVLANEndpointMode")
        for mode in operational_modes(site, one) if wanted else ():
            looked += 1
            if mode != wanted:
                faults.append(f"{show(one)} asks for mode {wanted}, its port is in {mode}")
    expect_none(faults)
    skip_unless(looked, "no connection that is in use asks for a VLAN mode")


def operational_modes(site: Site, setting: CIMInstance) -> Iterator[object]:
    """OperationalEndpointMode of the VLAN endpoints of what a setting defines."""
    for port in site.across(setting.path, "CIM_SettingsDefineState", PORT, "SettingData"):
        for endpoint in endpoints(site, port, VLAN):
            yield endpoint.get("OperationalEndpointMode")


@check("DSP1050-R14")
def profiles_of_ports(site: Site) -> None:
    """VSITypeID has 24 bits; what the profile's identifier is in words is told exactly when its type is 1."""
    faults = []
    for one in every_setting(site):
        kind, words = one.get("NetworkPortProfileIDType"), one.get("OtherNetworkPortProfileIDTypeInfo")
        if (one.get("VSITypeID") or 0) > LAST_TYPE:
            faults.append(f"{show(one)} has VSITypeID {one['VSITypeID']}")
        if (kind == OTHER_PROFILE) != (words is not None):
            faults.append(f"{show(one)} has NetworkPortProfileIDType {kind} and {words!r} in words")
        if kind == UUID_PROFILE and not UUID.fullmatch(str(one.get("NetworkPortProfileID"))):
            faults.append(f"{show(one)} has NetworkPortProfileID {one.get('NetworkPortProfileID')!r}")
    expect_none(faults)


@check("DSP1050-R15")
def bandwidths(site: Site) -> None:
    """Bandwidths have a unit of bits or bytes a second, and no reservation is beyond its limit."""
    faults = []
    for one in every_setting(site):
        given = [name for name in RATES if one.get(name) is not None]
        if given and not RATE_UNIT.fullmatch(str(one.get("AllocationUnits"))):
            faults.append(f"{show(one)} has {', '.join(given)} in {one.get('AllocationUnits')!r}")
        for least, most in ORDERED:
            if None not in (one.get(least), one.get(most)) and one[least] > one[most]:
                faults.append(f"{show(one)} has {least} {one[least]} beyond {most} {one[most]}")
    expect_none(faults)
