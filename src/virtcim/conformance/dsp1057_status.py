"""DSP1057 Virtual System: status, power state and capabilities of virtual systems, as they are found."""

from __future__ import annotations

import re

from virtcim.conformance.check import check
from virtcim.conformance.dsp1057 import identifiers
from virtcim.conformance.paths import local, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import DISABLED, ENABLED, OFFLINE, QUIESCE, SHUT_DOWN, STARTING
from virtcim.conformance.verdict import expect_none, skip_unless

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
ERROR, ABORTED, MAJOR_FAILURE = 6, 14, 20
POWER_STATES = {ENABLED: (2,), DISABLED: (6, 8), QUIESCE: (3, 4), OFFLINE: (7,), SHUT_DOWN: (2,), STARTING: (2,)}


@check("DSP1057-R22")
def crashed_systems(site: Site) -> None:
    """A crashed system has HealthState 20 or worse and says Error or Aborted in OperationalStatus."""
    states = site.truth.domains() if site.truth else {}
    faults = []
    for system in site.require_virtual_systems():
        status = set(system.get("OperationalStatus") or [])
        if status & {ERROR, ABORTED} and (system.get("HealthState") or 0) < MAJOR_FAILURE:
            faults.append(f"{show(system)} has status {sorted(status)} with HealthState {system.get('HealthState')}")
    for name, system in identifiers(site).items() if states else ():
        if states.get(name) == "crashed" and not set(system.get("OperationalStatus") or []) & {ERROR, ABORTED}:
            faults.append(f"crashed {name} has OperationalStatus {system.get('OperationalStatus')}")
    expect_none(faults)


@check("DSP1057-R23")
def data_roots(site: Site) -> None:
    """Every ...DataRoot property of a VSSD is a URI."""
    found = site.instances("CIM_VirtualSystemSettingData")
    skip_unless(found, "the server has no VSSD")
    expect_none(
        [
            f"{show(one)} has {name} {value.value!r}"
            for one in found
            for name, value in one.properties.items()
            if name.endswith("DataRoot") and value.value is not None and not URI.fullmatch(str(value.value))
        ]
    )


@check("DSP1057-R25")
def other_state_named(site: Site) -> None:
    """OtherEnabledState of a virtual system is NULL unless EnabledState is 1 (Other)."""
    expect_none(
        [
            f"{show(one)} has EnabledState {one.get('EnabledState')} named {one.get('OtherEnabledState')!r}"
            for one in site.require_virtual_systems()
            if one.get("EnabledState") != 1 and one.get("OtherEnabledState") is not None
        ]
    )


@check("DSP1057-R26")
def power_state_agrees(site: Site) -> None:
    """PowerState and EnabledState agree where Power State Management is registered."""
    site.require_profile("Power State Management")
    expect_none(power_faults(site))


def power_faults(site: Site) -> list[str]:
    """The virtual systems whose PowerState is none that goes with their EnabledState."""
    faults = []
    for listed in site.require_virtual_systems():
        system = site.get(local(listed.path, site.namespace))
        for link in site.links(system.path, "CIM_AssociatedPowerManagementService", "UserOfService"):
            wanted = POWER_STATES.get(system.get("EnabledState"))
            if wanted and link.get("PowerState") not in wanted:
                states = f"EnabledState {system.get('EnabledState')} and PowerState {link.get('PowerState')}"
                faults.append(f"{show(system)} has {states}")
    return faults


@check("DSP1057-R27")
def one_capabilities(site: Site) -> None:
    """Each virtual system has exactly one CIM_EnabledLogicalElementCapabilities."""
    faults = []
    for system in site.require_virtual_systems():
        found = site.across_names(
            system.path, "CIM_ElementCapabilities", "CIM_EnabledLogicalElementCapabilities", "ManagedElement"
        )
        if len(found) != 1:
            faults.append(f"{show(system)} has {len(found)} CIM_EnabledLogicalElementCapabilities")
    expect_none(faults)
