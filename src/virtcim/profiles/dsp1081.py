"""DSP1081 Virtual System Migration: the host's service that moves virtual systems to other hosts."""

from __future__ import annotations

from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import End, Profile, Reference, Returned, Work
from virtcim.host.inventory import Hosts, Vm
from virtcim.profiles import migration, migration_resumption, migration_routes
from virtcim.profiles import migration_offers as offers
from virtcim.profiles.lookup import vms_of
from virtcim.profiles.migration import Asked, Plan, Way
from virtcim.profiles.migration_offers import MigrationCapabilities, MigrationService, Sample

SERVICE, CAPABILITIES = "Virt_VirtualSystemMigrationService", "Virt_VirtualSystemMigrationCapabilities"
SETTING = "Virt_VirtualSystemMigrationSettingData"
METHODS = "CIM_VirtualSystemMigrationService"
MANAGES = 5  # ElementEffects
IS_DEFAULT, NOT_NEXT = 1, 2
CURRENT = 3  # Characteristics
ALWAYS_THERE = "the service runs as long as the server does"

Given = Instance | None
Several = list[Instance | None] | None


def make(world: Hosts) -> Profile:
    """The profile over the hosts, among which destinations are looked for."""
    profile = Profile("dsp1081")
    profile.central(SERVICE, MigrationService)
    profile.source(MigrationService, offers.services)
    profile.source(MigrationCapabilities, offers.all_capabilities)
    profile.source(Sample, offers.all_samples)
    profile.instance(SERVICE, of=MigrationService, volatile=True)(offers.migration_service)
    profile.instance(CAPABILITIES, of=MigrationCapabilities)(offers.capabilities_properties)
    profile.instance(SETTING, of=Sample)(offers.sample_properties)
    _declare_associations(profile)
    _declare_to_host(profile, world)
    _declare_to_system(profile, world)
    profile.resumes(migration_resumption.KIND, migration_resumption.resume)
    for method in ("StartService", "StopService"):
        profile.leaves_out("CIM_Service", method, ALWAYS_THERE)
    profile.leaves_out("CIM_Service", "ChangeAffectedElementsAssignedSequence", "systems have no order")
    profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
    return profile


def _current(*_: Any) -> Properties:
    return {"Characteristics": [CURRENT]}


def _managed(*_: Any) -> Properties:
    return {"ElementEffects": [MANAGES]}


def _default(_vm: Vm, _sample: Sample) -> Properties:
    return {"IsDefault": IS_DEFAULT, "IsNext": NOT_NEXT}


def _declare_associations(profile: Profile) -> None:
    profile.associate(
        "Virt_HostedService",
        End("Antecedent", "Virt_HostSystem", across=lambda host: [offers.service(host)]),
        End("Dependent", SERVICE, across=lambda service: [service.host]),
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", SERVICE, across=lambda service: [offers.capabilities(service.host)]),
        End("Capabilities", CAPABILITIES, across=lambda found: [offers.service(found.host)]),
        properties=_current,
    )
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", "Virt_HostSystem", across=lambda host: [offers.capabilities(host)]),
        End("Capabilities", CAPABILITIES, across=lambda found: [found.host]),
        properties=_current,
    )
    profile.associate(
        "Virt_ServiceAffectsElement",
        End("AffectingElement", SERVICE, across=lambda service: vms_of(service.host)),
        End("AffectedElement", "Virt_ComputerSystem", across=lambda vm: [offers.service(vm.host)]),
        properties=_managed,
    )
    profile.associate(
        "Virt_SettingsDefineCapabilities",
        End("GroupComponent", CAPABILITIES, across=lambda found: offers.samples(found.host)),
        End("PartComponent", SETTING, across=lambda sample: [offers.capabilities(sample.host)]),
        properties=offers.roles,
    )
    profile.associate(
        "Virt_ElementSettingData",
        End("ManagedElement", "Virt_ComputerSystem", across=offers.default_of),
        End("SettingData", SETTING, across=offers.moved_by_default),
        properties=_default,
    )


def _plan(service: MigrationService, way: Way, system: Reference | None, *given: Any) -> Plan:
    setting, head, resources = given
    return migration.plan(service.host, Asked(system, setting, head, resources or []), way)


def _declare_to_host(profile: Profile, world: Hosts) -> None:
    def way(service: MigrationService, name: str | None) -> Way:
        return lambda manner: migration_routes.to_host(world, service.host, name, manner)

    @profile.method(METHODS, "MigrateVirtualSystemToHost", kills=True)
    def migrate_to_host(
        service: MigrationService,
        ComputerSystem: Reference | None,
        DestinationHost: str | None,
        MigrationSettingData: Given,
        NewSystemSettingData: Given,
        NewResourceSettingData: Several,
    ) -> Work:
        given = (MigrationSettingData, NewSystemSettingData, NewResourceSettingData)
        return migration.migrate(world, _plan(service, way(service, DestinationHost), ComputerSystem, *given))

    @profile.method(METHODS, "CheckVirtualSystemIsMigratableToHost")
    def check_to_host(
        service: MigrationService,
        ComputerSystem: Reference | None,
        DestinationHost: str | None,
        MigrationSettingData: Given,
        NewSystemSettingData: Given,
        NewResourceSettingData: Several,
    ) -> Returned:
        given = (MigrationSettingData, NewSystemSettingData, NewResourceSettingData)
        return migration.check(world, _plan(service, way(service, DestinationHost), ComputerSystem, *given))


def _declare_to_system(profile: Profile, world: Hosts) -> None:
    def way(service: MigrationService, system: Reference | None) -> Way:
        return lambda manner: migration_routes.to_system(world, service.host, system, manner)

    @profile.method(METHODS, "MigrateVirtualSystemToSystem", kills=True)
    def migrate_to_system(
        service: MigrationService,
        ComputerSystem: Reference | None,
        DestinationSystem: Reference | None,
        MigrationSettingData: Given,
        NewSystemSettingData: Given,
        NewResourceSettingData: Several,
    ) -> Work:
        given = (MigrationSettingData, NewSystemSettingData, NewResourceSettingData)
        made = _plan(service, way(service, DestinationSystem), ComputerSystem, *given)
        return migration.migrate(world, made, returns=True)

    @profile.method(METHODS, "CheckVirtualSystemIsMigratableToSystem")
    def check_to_system(
        service: MigrationService,
        ComputerSystem: Reference | None,
        DestinationSystem: Reference | None,
        MigrationSettingData: Given,
        NewSystemSettingData: Given,
        NewResourceSettingData: Several,
    ) -> Returned:
        given = (MigrationSettingData, NewSystemSettingData, NewResourceSettingData)
        return migration.check(world, _plan(service, way(service, DestinationSystem), ComputerSystem, *given))
