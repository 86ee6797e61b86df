"""DSP1041 Resource Allocation: the pools of a host, and what virtual systems take from them."""

from __future__ import annotations

from typing import TypeVar

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import End, Profile, Reference, Refused, Returned, Work
from virtcim.host.inventory import Network, Pool
from virtcim.mapping import ids, pools
from virtcim.messages import message
from virtcim.profiles import pools as stock
from virtcim.profiles import pools_lookup as lookup
from virtcim.profiles import pools_service as making
from virtcim.profiles import storage_pools
from virtcim.profiles import storage_volumes as volumes
from virtcim.profiles.elements import Device, Setting, host_class, present
from virtcim.profiles.lookup import version
from virtcim.profiles.pools import ResourcePool
from virtcim.profiles.pools_service import PoolService, PoolServiceCapabilities
from virtcim.profiles.storage_volumes import VolumeSetting

profile = Profile("dsp1041")
T = TypeVar("T")

FINE, STOPPED, LOST = 2, 10, 13  # OperationalStatus
HEALTHY, UNKNOWN = 5, 0  # HealthState


# The pool (clause 10.1)


def _pool_of(of: type[ResourcePool], classname: str) -> None:
    @profile.instance(
        classname,
        of=of,
        when=lambda pool: pool.type.classname == classname,
        find=lookup.find_pool,
        among=lookup.pools_of_type(of, classname),
    )
    def pool(pool: ResourcePool) -> Properties:
        return pool_properties(pool)


for of in stock.POOL_TYPES:
    profile.source(of, lookup.pools_of_type(of), follows=version)
    profile.central("CIM_ResourcePool", of)
for pool_type, classname in stock.SERVED:
    _pool_of(pool_type, classname)


def pool_properties(pool: ResourcePool) -> Properties:
    active = pool.source.active if isinstance(pool.source, Pool | Network) else True
    properties: Properties = {
        "InstanceID": pool.id,
        "PoolID": pool.pool_id,
        "ElementName": pool.name,
        "Caption": pool.name,
        "Primordial": pool.primordial,
        "ResourceType": pool.resource_type,
        "OtherResourceType": pool.other_type,
        "ResourceSubType": pool.sub_type,
        "AllocationUnits": pool.type.units,
        "Capacity": pool.capacity,
        "Reserved": pool.reserved,
        "ConsumedResourceUnits": pool.type.consumed_units,
        "CurrentlyConsumedResource": pool.consumed,
        "OperationalStatus": [FINE if active else STOPPED],
        "HealthState": HEALTHY,
        **_of_source(pool.source),
    }
    return present(properties)


def _of_source(source: object) -> Properties:
    if isinstance(source, Pool):
        shown = pools.storage_properties(source.xml) | pools.storage_state(source.state)
        return shown | {"Autostart": int(source.autostart)}
    return pools.network_properties(source.xml) if isinstance(source, Network) else {}


# Where it belongs, and what comes from it (clauses 10.5 to 10.8)


profile.associate(
    "Virt_HostedResourcePool",
    End("GroupComponent", "Virt_HostSystem", across=lookup.pools_on),
    End("PartComponent", "CIM_ResourcePool", across=lambda pool: [pool.host], of=ResourcePool),
)
profile.associate(
    "Virt_ElementAllocatedFromPool",
    End("Antecedent", "CIM_ResourcePool", across=lookup.children_of, of=ResourcePool),
    End("Dependent", "CIM_ResourcePool", across=lookup.parent_of, of=ResourcePool),
)
profile.associate(
    "Virt_ElementAllocatedFromPool",
    End("Antecedent", "CIM_ResourcePool", across=lookup.devices_from, of=ResourcePool),
    End("Dependent", "CIM_LogicalDevice", across=lookup.pool_of_device, of=Device),
)
profile.associate(
    "Virt_ResourceAllocationFromPool",
    End("Antecedent", "CIM_ResourcePool", across=lookup.settings_from, of=ResourcePool),
    End("Dependent", "CIM_ResourceAllocationSettingData", across=lookup.pool_of_setting, of=Setting),
)


# The service that makes and removes pools (clauses 8.1 and 10.9)


CREATE_CHILD, DELETE = 3, 4  # SynchronousMethodsSupported
MANAGES = 5  # ElementEffects
SERVICE, CAPABILITIES = "Virt_ResourcePoolConfigurationService", "Virt_ResourcePoolConfigurationCapabilities"
VOLUME = "Virt_StorageVolumeResourceAllocationSettingData"

profile.source(PoolService, lambda world: (making.service(host) for host in world.hosts), follows=version)
profile.source(
    PoolServiceCapabilities, lambda world: (making.capabilities(host) for host in world.hosts), follows=version
)
profile.source(VolumeSetting, volumes.all_volume_settings, follows=version)
profile.instance(VOLUME, of=VolumeSetting, find=volumes.find_volume_setting)(volumes.volume_properties)


@profile.instance(SERVICE, of=PoolService)
def pool_service(service: PoolService) -> Properties:
    return {
        "SystemCreationClassName": host_class(service.host),
        "SystemName": ids.host_token(service.host),
        "Name": ids.POOL_CONFIGURATION_SERVICE,
        "ElementName": "Pool configuration service",
        "EnabledState": 2,  # Enabled
        "RequestedState": 12,  # Not Applicable
        "OperationalStatus": [FINE],
        "HealthState": HEALTHY,
        "Started": True,
    }


@profile.instance(CAPABILITIES, of=PoolServiceCapabilities)
def pool_service_capabilities(capabilities: PoolServiceCapabilities) -> Properties:
    return {
        "InstanceID": ids.host_scoped(capabilities.host, ids.POOL_CONFIGURATION_CAPABILITIES),
        "ElementName": "Pool configuration capabilities",
        "SynchronousMethodsSupported": [DELETE],
        "AsynchronousMethodsSupported": [CREATE_CHILD],  # a job where a storage pool takes its time
    }


profile.associate(
    "Virt_HostedService",
    End("Antecedent", "Virt_HostSystem", across=lambda host: [making.service(host)]),
    End("Dependent", SERVICE, across=lambda service: [service.host]),
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", SERVICE, across=lambda service: [making.capabilities(service.host)]),
    End("Capabilities", CAPABILITIES, across=lambda found: [making.service(found.host)]),
)
profile.associate(
    "Virt_ServiceAffectsElement",
    End("AffectingElement", SERVICE, across=lambda service: lookup.pools_on(service.host)),
    End("AffectedElement", "CIM_ResourcePool", across=lambda pool: [making.service(pool.host)], of=ResourcePool),
    properties=lambda *_: {"ElementEffects": [MANAGES]},
)
profile.associate(
    "Virt_ResourceAllocationFromPool",
    End("Antecedent", "CIM_ResourcePool", across=volumes.volumes_in, of=ResourcePool),
    End("Dependent", VOLUME, across=volumes.pool_of_volume, of=VolumeSetting),
)


@profile.method("CIM_ResourcePoolConfigurationService", "CreateChildResourcePool")
def create_child_resource_pool(
    service: PoolService,
    ElementName: str | None,
    Settings: list[Instance | None] | None,
    ParentPool: list[Reference | None] | None,
) -> Returned | Work:
    """Clause 8.1.2: storage pools and networks; the parent may be left out, as by clients of libvirt-cim."""
    settings, parents = [*(Settings or [])], [*(ParentPool or [])]
    if None in settings or None in parents:
        raise Refused("Invalid Parameter", message("SETTINGS_BLANK", "Settings or ParentPool"))
    return making.create(service.host, ElementName, filled(settings), filled(parents))


def filled(given: list[T | None]) -> list[T]:
    return [one for one in given if one is not None]


@profile.method("CIM_ResourcePoolConfigurationService", "DeleteResourcePool")
def delete_resource_pool(service: PoolService, Pool: Reference | None) -> Returned:
    """Clause 8.1.3: not while a configuration of a system names it; what is stored in a storage pool stays."""
    making.delete(making.target(service.host, Pool))
    return Returned()


@profile.method(SERVICE, "CreateResourceInPool")
def create_resource_in_pool(service: PoolService, Settings: Instance | None, Pool: Reference | None) -> Work:
    """As libvirt-cim: a volume in a storage pool."""
    return storage_pools.create_volume(making.target(service.host, Pool), Settings)


@profile.method(SERVICE, "DeleteResourceInPool")
def delete_resource_in_pool(service: PoolService, Resource: Instance | None, Pool: Reference | None) -> Returned:
    """As libvirt-cim, but not while a system uses the volume."""
    storage_pools.delete_volume(making.target(service.host, Pool), Resource)
    return Returned()


@profile.method(SERVICE, "RefreshResourcesInPool")
def refresh_resources_in_pool(service: PoolService, Pool: Reference | None) -> Returned:
    storage_pools.refresh(making.target(service.host, Pool))
    return Returned()


@profile.method("CIM_ResourcePoolConfigurationService", "CreateResourcePool")
def create_resource_pool(
    service: PoolService, ElementName: object, HostResources: object, ResourceType: object
) -> None:
    raise Refused("Not Supported", "a pool is made below a primordial one, by CreateChildResourcePool")


@profile.method("CIM_ResourcePoolConfigurationService", "AddResourcesToResourcePool")
def add_resources(service: PoolService, HostResources: object, Pool: object) -> None:
    raise Refused("Not Supported", "libvirt does not grow a pool")


@profile.method("CIM_ResourcePoolConfigurationService", "RemoveResourcesFromResourcePool")
def remove_resources(service: PoolService, HostResources: object, Pool: object) -> None:
    raise Refused("Not Supported", "libvirt does not shrink a pool")


@profile.method("CIM_ResourcePoolConfigurationService", "ChangeParentResourcePool")
def change_parent(service: PoolService, ChildPool: object, ParentPool: object, Settings: object) -> None:
    raise Refused("Not Supported", "every pool has the one parent it can have")


for method in ("StartService", "StopService"):
    profile.leaves_out("CIM_Service", method, "a service is there as long as the server is")
profile.leaves_out("CIM_Service", "ChangeAffectedElementsAssignedSequence", "pools have no order")
profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
