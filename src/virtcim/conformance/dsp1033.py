"""DSP1033 Profile Registration: which profiles a server has, and what conforms to them."""

from __future__ import annotations

import re
import socket
from collections import Counter
from urllib.parse import urlsplit

from pywbem import CIMError, CIMInstance, CIMInstanceName, WBEMServer

from virtcim.conformance.check import check
from virtcim.conformance.methods import invoke
from virtcim.conformance.paths import keys, local, same, show
from virtcim.conformance.profile_facts import ALWAYS_CENTRAL, AUTONOMOUS, COMPONENT
from virtcim.conformance.site import DMTF, VIRTUAL_SYSTEM, Site
from virtcim.conformance.systems import temporary
from virtcim.conformance.verdict import expect, expect_none, skip, skip_unless

VERSION = re.compile(r"\d+\.\d+\.\d+")
ORG_AND_LOCAL = re.compile(r"[^:]+:.+")
OTHER_TYPE, NOT_ADVERTISED, SLP = 1, 2, 3
METHOD_ABSENT = (1, 7, 16, 17)
SLP_PORT = 427


def label(profile: CIMInstance) -> str:
    """A registered profile for a report."""
    return f"{profile.get('RegisteredName')} {profile.get('RegisteredVersion')} ({profile.get('InstanceID')})"


@check("DSP1033-R01")
def one_interop_namespace(site: Site) -> None:
    """Registered profiles are enumerable in Interop; interop and root/interop, if both answer, are one."""
    expect(site.profiles(), f"no CIM_RegisteredProfile in {site.interop}")
    seen = {}
    for namespace in ("interop", "root/interop"):
        try:
            found = site.cim.EnumerateInstanceNames("CIM_RegisteredProfile", namespace)
        except CIMError:
            continue
        seen[namespace] = {path.keybindings["InstanceID"] for path in found}
    expect(len({frozenset(ids) for ids in seen.values()}) <= 1, f"{' and '.join(seen)} hold different profiles")


@check("DSP1033-R02")
def name_and_version(site: Site) -> None:
    """Every registered profile has an organization, a name, and a version of three numbers."""
    faults = []
    for profile in site.profiles():
        if not VERSION.fullmatch(profile.get("RegisteredVersion") or ""):
            faults.append(f"{label(profile)} has RegisteredVersion {profile.get('RegisteredVersion')!r}")
        faults += [
            f"{label(profile)} has no {name}"
            for name in ("RegisteredOrganization", "RegisteredName")
            if profile.get(name) in (None, "")
        ]
    expect_none(faults)


@check("DSP1033-R03")
def unique_registrations(site: Site) -> None:
    """InstanceIDs are unique and OrgID:LocalID; organization, name and version repeat only in different scopes."""
    ids = Counter(profile.get("InstanceID") for profile in site.profiles())
    faults = [f"InstanceID {one!r} occurs {count} times" for one, count in ids.items() if count > 1]
    faults += [f"InstanceID {one!r} is not OrgID:LocalID" for one in ids if not ORG_AND_LOCAL.fullmatch(one or "")]
    uses: dict[tuple[object, ...], list[CIMInstance]] = {}
    for profile in site.profiles():
        named = tuple(profile.get(f"Registered{part}") for part in ("Organization", "Name", "Version"))
        uses.setdefault(named, []).append(profile)
    for named, profiles in uses.items():
        scopes = [one for profile in profiles for one in keys(referrers(site, profile.path), site.interop)]
        if len(profiles) > 1 and (not scopes or len(scopes) != len(set(scopes))):
            faults.append(f"{named} is registered {len(profiles)} times in the same scope")
    expect_none(faults)


@check("DSP1033-R04")
def advertise_types(site: Site) -> None:
    """AdvertiseTypes is not empty, holds 2 (Not Advertised) only alone, and other types are described."""
    faults = []
    for profile in site.profiles():
        types = profile.get("AdvertiseTypes") or []
        described = profile.get("AdvertiseTypeDescriptions")
        if not types or (NOT_ADVERTISED in types and len(types) > 1):
            faults.append(f"{label(profile)} has AdvertiseTypes {types}")
        if described is not None and len(described) != len(types):
            faults.append(f"{label(profile)} has {len(described)} AdvertiseTypeDescriptions for {len(types)} types")
        if OTHER_TYPE in types and not (described and described[types.index(OTHER_TYPE)]):
            faults.append(f"{label(profile)} does not describe its other AdvertiseType")
    expect_none(faults)


@check("DSP1033-R05")
def autonomous_profiles_conform(site: Site) -> None:
    """An autonomous profile leads to its central instances, and each instance a profile leads to can be read."""
    needed = set(ALWAYS_CENTRAL) | (set(VIRTUAL_SYSTEM) if site.virtual_systems() else set())
    faults = []
    for profile in site.profiles():
        central = site.conforming(profile.path)
        dmtf = profile.get("RegisteredOrganization") == DMTF
        if not central and dmtf and profile.get("RegisteredName") in needed:
            faults.append(f"{label(profile)} has no central instance")
        faults += [
            f"{label(profile)} leads to {show(path)}, which is not there" for path in central if not site.exists(path)
        ]
    expect_none(faults)


@check("DSP1033-R06")
def conformance_both_ways(site: Site) -> None:
    """From each central instance, in its own namespace, the association leads back to the profile."""
    faults = []
    for profile in site.profiles():
        for path in site.conforming(profile.path):
            back = site.across_names(path, "CIM_ElementConformsToProfile", "CIM_RegisteredProfile", "ManagedElement")
            if not any(same(profile.path, one, site.interop) for one in back):
                faults.append(f"{show(path)} does not lead back to {label(profile)}")
    expect_none(faults)


def referrers(site: Site, profile: CIMInstanceName) -> list[CIMInstanceName]:
    """The profiles that reference the profile."""
    found = site.across_names(profile, "CIM_ReferencedProfile", "CIM_RegisteredProfile", "Antecedent")
    return [local(path, site.interop) for path in found]


def is_scoped(site: Site, profile: CIMInstanceName, passed: list[CIMInstanceName]) -> bool:
    """Whether an autonomous profile references it, at once or through others."""
    if site.get(profile).get("RegisteredName") in AUTONOMOUS:
        return True
    ahead = [one for one in referrers(site, profile) if not any(same(one, seen) for seen in passed)]
    return any(is_scoped(site, one, [*passed, one]) for one in ahead)


@check("DSP1033-R07")
def reference_direction(site: Site) -> None:
    """CIM_ReferencedProfile runs from the referencing profile (Dependent), never to itself, and scopes components."""
    faults = []
    for profile in site.profiles():
        referring = referrers(site, profile.path)
        if any(same(profile.path, one, site.interop) for one in referring):
            faults.append(f"{label(profile)} references itself")
        if profile.get("RegisteredName") in AUTONOMOUS:
            users = [site.get(one).get("RegisteredName") for one in referring]
            faults += [
                f"{label(profile)} is referenced by component profile {user}" for user in users if user in COMPONENT
            ]
        elif profile.get("RegisteredName") in COMPONENT and not is_scoped(site, profile.path, [profile.path]):
            faults.append(f"{label(profile)} is not scoped by any autonomous profile")
    expect_none(faults)


@check("DSP1033-R08")
def component_scope(site: Site) -> None:
    """A component profile is referenced by at most one profile or has conforming instances of its own."""
    faults = []
    for profile in site.profiles():
        if profile.get("RegisteredName") not in COMPONENT:
            continue
        count = len(referrers(site, profile.path))
        if count > 1 and not site.conforming(profile.path):
            faults.append(f"{label(profile)} has {count} referencing profiles and no conforming instance of its own")
    expect_none(faults)


@check("DSP1033-R09")
def central_instances_method(site: Site) -> None:
    """GetCentralInstances, where implemented, returns 0 and the same instances as CIM_ElementConformsToProfile."""
    faults = []
    for profile in site.profiles():
        try:
            answer = invoke(site, profile.path, "GetCentralInstances")
        except CIMError as error:
            if error.status_code in METHOD_ABSENT:
                skip("GetCentralInstances is not implemented")
            raise
        if answer.code != 0:
            faults.append(f"{label(profile)}: {answer}")
        got = keys(answer.out.get("CentralInstances") or [], site.interop)
        different = got ^ keys(site.conforming(profile.path))
        if different:
            faults.append(f"{label(profile)}: {len(different)} instances are in one of method and association only")
    expect_none(faults)


@check("DSP1033-R10")
def organization_and_type(site: Site) -> None:
    """OtherRegisteredOrganization is set exactly for organization 1, and SpecificationType is 2 (Profile)."""
    faults = []
    for profile in site.profiles():
        other = profile.get("OtherRegisteredOrganization")
        if (other is not None) != (profile.get("RegisteredOrganization") == 1):
            faults.append(f"{label(profile)} has OtherRegisteredOrganization {other!r}")
        if profile.get("SpecificationType", 2) != 2:
            faults.append(f"{label(profile)} has SpecificationType {profile.get('SpecificationType')}")
    expect_none(faults)


@check("DSP1033-R11")
def central_instances_by_client(site: Site) -> None:
    """A client library finds the central instances of every profile from the profile alone."""
    server = WBEMServer(site.cim)
    for profile in site.profiles():
        found = server.get_central_instances(profile.path)
        expect(
            found is not None and len(found) == len(keys(found, site.interop)), f"{label(profile)} repeats an instance"
        )


@check("DSP1033-R12", write=True)
def new_system_conforms(site: Site) -> None:
    """A defined virtual system becomes a central instance of Virtual System; a destroyed one is none any more."""
    site.require_profile(*VIRTUAL_SYSTEM)
    with temporary(site) as system:
        expect(
            any(same(system, one) for one in site.central(*VIRTUAL_SYSTEM)), f"{show(system)} is no central instance"
        )
    expect(not any(same(system, one) for one in site.central(*VIRTUAL_SYSTEM)), f"{show(system)} still is one")


@check("DSP1033-R13")
def slp_claims(site: Site) -> None:
    """A profile claims to be advertised by SLP only if an SLP agent answers on the server."""
    claiming = [profile for profile in site.profiles() if SLP in (profile.get("AdvertiseTypes") or [])]
    if not claiming:
        return
    skip_unless(site.raw_url, "the connection under test is no HTTP connection")
    host = urlsplit(site.raw_url or "").hostname or ""
    try:
        socket.create_connection((host, SLP_PORT), timeout=5).close()
    except OSError as error:
        expect(False, f"{label(claiming[0])} claims SLP, but {host}:{SLP_PORT} does not answer: {error}")
