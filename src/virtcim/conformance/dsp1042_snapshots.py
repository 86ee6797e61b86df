"""DSP1042 System Virtualization: the snapshot service, and snapshots that the suite takes of systems of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pywbem import CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.dsp1047_changes import pool_with_room, storage
from virtcim.conformance.methods import Answer, complete, expect_code, invoke
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    activate,
    content,
    enabled_state,
    memory,
    new_name,
    processors,
    request_state,
    resources,
    service,
    state_settings,
    temporary,
    vssd,
)
from virtcim.conformance.verdict import Skipped, expect, expect_none, skip_unless

SERVICE = "CIM_VirtualSystemSnapshotService"
OF_SERVICE, OF_SYSTEM = f"{SERVICE}Capabilities", "CIM_VirtualSystemSnapshotCapabilities"
HEAD = "CIM_VirtualSystemSettingData"
FULL, NO_SUCH_TYPE, INVALID_TYPE = 2, 31999, 6
LISTS = ("SynchronousMethodsSupported", "AynchronousMethodsSupported")


def snapshot_services(site: Site) -> list[CIMInstanceName]:
    """All of them, or the check is not applicable."""
    found = site.names(SERVICE)
    skip_unless(found, "the server has no virtual system snapshot service")
    return [local(one, site.namespace) for one in found]


def capabilities_of(site: Site, one: CIMInstanceName) -> list[CIMInstance]:
    return site.across(one, "CIM_ElementCapabilities", OF_SERVICE, "ManagedElement")


def methods_in(capabilities: CIMInstance) -> set[int]:
    return {number for name in LISTS for number in capabilities.get(name) or []}


def snapshot_service(site: Site) -> CIMInstanceName:
    """That of the host whose systems the suite makes."""
    hosts = keys(site.across_names(service(site), "CIM_HostedService", "CIM_System", "Dependent"), site.namespace)
    for one in snapshot_services(site):
        if keys(site.across_names(one, "CIM_HostedService", "CIM_System", "Dependent"), site.namespace) & hosts:
            return one
    raise Skipped("the host that the suite makes systems on has no snapshot service")


def enabled_types(site: Site, system: CIMInstanceName) -> list[int]:
    found = site.across(system, "CIM_ElementCapabilities", OF_SYSTEM, "ManagedElement")
    return [int(kind) for one in found for kind in one.get("SnapshotTypesEnabled") or []]


@contextmanager
def subject(site: Site) -> Iterator[CIMInstanceName]:
    """A system that a full snapshot can be taken of: with a disk where one can be had."""
    snapshot_service(site)
    parts = [processors(site, 1), memory(site, 64)]
    with temporary(site, vssd(site, ElementName=new_name(site)), [*parts, *_disk(site)]) as system:
        skip_unless(FULL in enabled_types(site, system), "no full snapshot can be taken of a system of the suite")
        yield system


def _disk(site: Site) -> list[CIMInstance]:
    try:
        return [storage(site, pool_with_room(site), 4, ResourceSubType="qcow2")]
    except Skipped:
        return []


def take(site: Site, system: CIMInstanceName, kind: int = FULL) -> Answer:
    """CreateSnapshot as asked, whatever it answers."""
    given = ("AffectedSystem", system), ("SnapshotType", Uint16(kind))
    return invoke(site, snapshot_service(site), "CreateSnapshot", *given)


def taken(site: Site, system: CIMInstanceName) -> CIMInstanceName:
    """A full snapshot."""
    before = keys(snapshots_of(site, system), site.namespace)
    complete(site, take(site, system))
    new = [one for one in snapshots_of(site, system) if key(one, site.namespace) not in before]
    expect(len(new) == 1, f"CreateSnapshot made {len(new)} snapshots of {show(system)}")
    return local(new[0], site.namespace)


def snapshots_of(site: Site, system: CIMInstanceName) -> list[CIMInstanceName]:
    return site.across_names(system, "CIM_SnapshotOfVirtualSystem", HEAD, "Antecedent")


def apply(site: Site, snapshot: CIMInstanceName) -> None:
    complete(site, invoke(site, snapshot_service(site), "ApplySnapshot", ("Snapshot", snapshot)))


def last_applied(site: Site, system: CIMInstanceName) -> list[CIMInstanceName]:
    return site.across_names(system, "CIM_LastAppliedSnapshot", HEAD, "Dependent")


@check("DSP1042-R20")
def service_with_methods(site: Site) -> None:
    """The snapshot service is present exactly where snapshot capabilities list a method."""
    faults = []
    for one in snapshot_services(site):
        found = capabilities_of(site, one)
        if len(found) != 1 or not methods_in(found[0]):
            faults.append(f"{show(one)} has {len(found)} {OF_SERVICE}, with methods {[*map(methods_in, found)]}")
    for lone in site.instances(OF_SERVICE):
        owners = site.across_names(lone.path, "CIM_ElementCapabilities", SERVICE, "Capabilities")
        if methods_in(lone) and not owners:
            faults.append(f"{show(lone.path)} lists methods and belongs to no {SERVICE}")
    expect_none(faults)


@check("DSP1042-R21")
def enabled_among_supported(site: Site) -> None:
    """The snapshot types enabled for a system are among the supported types."""
    snapshot_services(site)
    supported = {kind for one in site.instances(OF_SERVICE) for kind in one.get("SnapshotTypesSupported") or []}
    found = ((one.path, set(one.get("SnapshotTypesEnabled") or [])) for one in site.instances(OF_SYSTEM))
    expect_none([f"{show(path)} enables {sorted(kinds - supported)}" for path, kinds in found if kinds - supported])


@check("DSP1042-R22", write=True)
def creation(site: Site) -> None:
    """CreateSnapshot of an unsupported type returns 6; a snapshot belongs to one system and has resources."""
    with subject(site) as system:
        expect_code(take(site, system, NO_SUCH_TYPE), INVALID_TYPE)
        expect(not snapshots_of(site, system), "CreateSnapshot refused with 6 and took a snapshot")
        snapshot = taken(site, system)
        owners = site.across_names(snapshot, "CIM_SnapshotOfVirtualSystem", "CIM_ComputerSystem", "Dependent")
        expect(keys(owners, site.namespace) == keys([system], site.namespace), f"it belongs to {owners}")
        expect(resources(site, snapshot), f"{show(snapshot)} has no resource settings")


@check("DSP1042-R23", write=True)
def applied_last(site: Site) -> None:
    """After ApplySnapshot exactly one CIM_LastAppliedSnapshot leads to that snapshot, before it none."""
    with subject(site) as system:
        first, second = taken(site, system), taken(site, system)
        expect(not last_applied(site, system), "a snapshot counts as applied before any was")
        for one in (second, first):
            apply(site, one)
            found = keys(last_applied(site, system), site.namespace)
            expect(found == keys([one], site.namespace), f"after ApplySnapshot of {show(one)} there are {found}")


@check("DSP1042-R24", write=True)
def application(site: Site) -> None:
    """Applying a full snapshot restores the captured state, and applying it again changes nothing more."""
    with subject(site) as system:
        activate(site, system)
        skip_unless(FULL in enabled_types(site, system), "no full snapshot can be taken of a running system")
        captured = enabled_state(site, system)
        snapshot = taken(site, system)
        complete(site, request_state(site, system, DISABLED))
        apply(site, snapshot)
        expect(enabled_state(site, system) == captured, f"EnabledState is {enabled_state(site, system)}")
        before = content(resources(site, state_settings(site, system).path))
        apply(site, snapshot)
        expect(enabled_state(site, system) == captured, "applied again it leads to another state")
        after = content(resources(site, state_settings(site, system).path))
    expect(before.keys() == after.keys(), "applied again it changed the resources of the system")


@check("DSP1042-R25", write=True)
def destruction(site: Site) -> None:
    """DestroySnapshot removes the snapshot's settings and association and leaves the system alone."""
    with subject(site) as system:
        snapshot = taken(site, system)
        parts = [snapshot, *(one.path for one in resources(site, snapshot))]
        before = content(resources(site, state_settings(site, system).path))
        complete(site, invoke(site, snapshot_service(site), "DestroySnapshot", ("AffectedSnapshot", snapshot)))
        left = [show(one) for one in parts if site.exists(one)]
        expect(not left and not snapshots_of(site, system), f"after DestroySnapshot there are still {left}")
        after = content(resources(site, state_settings(site, system).path))
    expect(before == after, "DestroySnapshot changed the system")


@check("DSP1042-R26")
def spelling(site: Site) -> None:
    """The property spelled AynchronousMethodsSupported is present in snapshot service capabilities."""
    snapshot_services(site)
    expect_none([f"{show(one.path)} lacks {LISTS[1]}" for one in site.instances(OF_SERVICE) if LISTS[1] not in one])


@check("DSP1042-R27", write=True)
def no_state(site: Site) -> None:
    """Snapshot configurations have neither CIM_ElementSettingData nor CIM_SettingsDefineState."""
    with subject(site) as system:
        snapshot = taken(site, system)
        faults = [
            f"{show(snapshot)} has {name}"
            for name in ("CIM_ElementSettingData", "CIM_SettingsDefineState")
            for role in ("SettingData", "ManagedElement")
            if site.across_names(snapshot, name, "CIM_ManagedElement", role)
        ]
    expect_none(faults)
