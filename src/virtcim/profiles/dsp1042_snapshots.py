"""DSP1042 System Virtualization: the host's service that takes, applies and destroys snapshots, and the snapshots."""

from __future__ import annotations

from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import End, Profile, Reference, Returned, Work
from virtcim.host.inventory import Vm
from virtcim.mapping import ids, ids_snapshots, resources, snapshots
from virtcim.mapping.kind import Kind
from virtcim.mapping.snapshots import NOT_CHANGEABLE
from virtcim.profiles import dsp1057, elements, snapshots_requests, snapshots_resumption
from virtcim.profiles import snapshots as model
from virtcim.profiles.elements import label
from virtcim.profiles.lookup import vm_of, vms_of
from virtcim.profiles.of_host import service_properties
from virtcim.profiles.snapshots import (
    Snapshot,
    SnapshotService,
    SnapshotServiceCapabilities,
    SnapshotSetting,
    SystemSnapshotCapabilities,
)
from virtcim.profiles.snapshots_asked import types_enabled

SERVICE, CAPABILITIES = "Virt_VirtualSystemSnapshotService", "Virt_VirtualSystemSnapshotServiceCapabilities"
OF_SYSTEM, HEAD = "Virt_VirtualSystemSnapshotCapabilities", "Virt_VirtualSystemSettingData"
METHODS = "CIM_VirtualSystemSnapshotService"
CREATE, DESTROY, APPLY = 2, 3, 4  # SynchronousMethodsSupported, AynchronousMethodsSupported
MANAGES, CURRENT = 5, 3  # ElementEffects, Characteristics


def declare(profile: Profile) -> None:
    """Add snapshots to the profile, where the driver of a host has such."""
    profile.source(SnapshotService, model.all_services)
    profile.source(SnapshotServiceCapabilities, model.all_service_capabilities)
    profile.source(SystemSnapshotCapabilities, model.all_capabilities)
    profile.source(Snapshot, model.all_snapshots)
    profile.source(SnapshotSetting, model.all_settings)
    profile.hangs_off(Vm, SystemSnapshotCapabilities, model.capabilities_of, back=vm_of)
    profile.hangs_off(Vm, Snapshot, model.snapshots_of, back=vm_of)
    profile.hangs_off(Vm, SnapshotSetting, model.settings_in, back=vm_of)
    profile.comes_with(Vm, model.parts_of)
    profile.resumes(snapshots_resumption.KIND, snapshots_resumption.resume)
    profile.instance(SERVICE, of=SnapshotService, volatile=True)(_service)
    profile.instance(CAPABILITIES, of=SnapshotServiceCapabilities)(_service_capabilities)
    profile.instance(OF_SYSTEM, of=SystemSnapshotCapabilities, find=model.find_capabilities)(_system_capabilities)
    profile.instance(HEAD, of=Snapshot, find=model.find_snapshot)(_head)
    for kind in resources.KINDS:
        _setting_of(profile, kind)
    _associate_service(profile)
    _associate_snapshots(profile)
    _declare_methods(profile)


def _service(service: SnapshotService) -> Properties:
    description = f"Takes, applies and destroys snapshots of the virtual systems of {service.host.name}"
    return service_properties(service.host, ids.SNAPSHOT_SERVICE, "Virtual system snapshot service", description)


def _service_capabilities(found: SnapshotServiceCapabilities) -> Properties:
    """Each method answers at once when it is done within a few seconds, else with a job."""
    return {
        "InstanceID": ids.host_scoped(found.host, ids.SNAPSHOT_CAPABILITIES),
        "ElementName": "Virtual system snapshot capabilities",
        "SynchronousMethodsSupported": [CREATE, DESTROY, APPLY],
        "AynchronousMethodsSupported": [CREATE, DESTROY, APPLY],
        "SnapshotTypesSupported": [*snapshots.types_of(found.platform)],
    }


def _system_capabilities(found: SystemSnapshotCapabilities) -> Properties:
    vm = found.vm
    return {
        "InstanceID": ids_snapshots.snapshot_capabilities_id(vm),
        "ElementName": f"Snapshots of {label(vm)}",
        "SnapshotTypesEnabled": [*types_enabled(vm)],
        "GuestOSNotificationEnabled": vm.active and snapshots.agent_listens(vm.state_document),
    }


def _head(snapshot: Snapshot) -> Properties:
    found = snapshots.snapshot_head(snapshot.id, snapshot.platform, snapshot.head, snapshot.document)
    return elements.present(found)


def _setting_of(profile: Profile, kind: Kind[Any]) -> None:
    @profile.instance(
        kind.setting_class,
        of=SnapshotSetting,
        when=lambda setting: setting.kind is kind,
        find=model.find_setting,
        parts=model.settings_of_kind(kind),
    )
    def setting(setting: SnapshotSetting) -> Properties:
        return {**dsp1057.setting_properties(setting), "ChangeableType": NOT_CHANGEABLE}


def _current(*_: Any) -> Properties:
    return {"Characteristics": [CURRENT]}


def _managed(*_: Any) -> Properties:
    return {"ElementEffects": [MANAGES]}


def _affected(service: SnapshotService) -> list[Vm]:
    return [*vms_of(service.host)]


def _associate_service(profile: Profile) -> None:
    profile.associate(
        "Virt_HostedService",
        End("Antecedent", "Virt_HostSystem", across=model.services_on),
        End("Dependent", SERVICE, across=lambda service: [service.host]),
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", SERVICE, across=lambda service: [model.service_capabilities(service.host)]),
        End("Capabilities", CAPABILITIES, across=lambda found: [model.service(found.host)]),
        properties=_current,
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", "Virt_HostSystem", across=model.service_capabilities_on),
        End("Capabilities", CAPABILITIES, across=lambda found: [found.host]),
        properties=_current,
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", "Virt_ComputerSystem", across=model.capabilities_of),
        End("Capabilities", OF_SYSTEM, across=lambda found: [found.vm]),
        properties=_current,
    )
    profile.associate(
        "Virt_ServiceAffectsElement",
        End("AffectingElement", SERVICE, across=_affected),
        End("AffectedElement", "Virt_ComputerSystem", across=lambda vm: model.services_on(vm.host)),
        properties=_managed,
    )


def _associate_snapshots(profile: Profile) -> None:
    def of_system(snapshot: Snapshot) -> list[Vm]:
        return [snapshot.vm]

    profile.associate(
        "Virt_SnapshotOfVirtualSystem",
        End("Antecedent", "Virt_ComputerSystem", across=model.snapshots_of),
        End("Dependent", HEAD, across=of_system, of=Snapshot),
    )
    profile.associate(
        "Virt_LastAppliedSnapshot",
        End("Antecedent", HEAD, across=lambda one: of_system(one) if one in model.last_applied(one.vm) else [],
            of=Snapshot),
        End("Dependent", "Virt_ComputerSystem", across=model.last_applied),
    )  # fmt: skip
    profile.associate(
        "Virt_MostCurrentSnapshotInBranch",
        End("Antecedent", "Virt_ComputerSystem", across=model.current_of),
        End("Dependent", HEAD, across=lambda one: of_system(one) if one.record.current else [], of=Snapshot),
    )
    profile.associate(
        "CIM_ConcreteDependency",
        End("Antecedent", HEAD, across=model.children_of, of=Snapshot),
        End("Dependent", HEAD, across=model.parent_of, of=Snapshot),
    )
    profile.associate(
        "Virt_VirtualSystemSettingDataComponent",
        End("GroupComponent", HEAD, across=model.settings_of, of=Snapshot),
        End(
            "PartComponent",
            "CIM_ResourceAllocationSettingData",
            across=lambda setting: [setting.configuration],
            of=SnapshotSetting,
        ),
    )


def _declare_methods(profile: Profile) -> None:
    @profile.method(METHODS, "CreateSnapshot")
    def create_snapshot(
        service: SnapshotService,
        AffectedSystem: Reference | None,
        SnapshotSettings: Instance | None,
        SnapshotType: int | None,
    ) -> Returned | Work:
        """Clause 8.3.1."""
        return snapshots_requests.create(service.host, AffectedSystem, SnapshotSettings, SnapshotType)

    @profile.method(METHODS, "DestroySnapshot")
    def destroy_snapshot(service: SnapshotService, AffectedSnapshot: Reference | None) -> Returned | Work:
        """Clause 8.3.2: those that descend from it stay."""
        return snapshots_requests.destroy(service.host, AffectedSnapshot)

    @profile.method(METHODS, "ApplySnapshot")
    def apply_snapshot(service: SnapshotService, Snapshot: Reference | None) -> Returned | Work:
        """Clause 8.3.3."""
        return snapshots_requests.apply(service.host, Snapshot)
