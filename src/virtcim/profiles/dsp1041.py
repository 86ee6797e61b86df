"""DSP1041 Resource Allocation: the pools of a host, and what virtual systems take from them."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile
from virtcim.host.inventory import Network, Pool
from virtcim.mapping import pools
from virtcim.mapping.kind import DISK_DRIVE
from virtcim.mapping.pools import STORAGE
from virtcim.profiles import pools as stock
from virtcim.profiles.elements import Device, Setting, present
from virtcim.profiles.pools import ResourcePool

profile = Profile("dsp1041")

FINE, STOPPED, LOST = 2, 10, 13  # OperationalStatus
HEALTHY, UNKNOWN = 5, 0  # HealthState


# The pool (clause 10.1)


def _pool_of(of: type[ResourcePool], classname: str) -> None:
    @profile.instance(
        classname,
        of=of,
        when=lambda pool: pool.type.classname == classname,
        find=stock.find_pool,
        among=stock.pools_of_type(of, classname),
    )
    def pool(pool: ResourcePool) -> Properties:
        return pool_properties(pool)


for of in stock.POOL_TYPES:
    profile.source(of, stock.pools_of_type(of))
    profile.central("CIM_ResourcePool", of)
for of, classname in stock.SERVED:
    _pool_of(of, classname)


def resource_type(pool: ResourcePool) -> int:
    """ResourceType of the pool and of all that comes from it."""
    old = pool.type.word == STORAGE and pool.host.settings.legacy_resource_types
    return DISK_DRIVE if old else pool.type.resource_type


def pool_properties(pool: ResourcePool) -> Properties:
    active = pool.source is None or pool.source.active
    properties: Properties = {
        "InstanceID": pool.id,
        "PoolID": pool.pool_id,
        "ElementName": pool.name,
        "Caption": pool.name,
        "Primordial": pool.primordial,
        "ResourceType": resource_type(pool),
        "OtherResourceType": pool.type.other_type,
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


def _of_source(source: Pool | Network | None) -> Properties:
    if isinstance(source, Pool):
        return pools.storage_properties(source.xml) | {"Autostart": int(source.autostart)}
    return {} if source is None else pools.network_properties(source.xml)


# Where it belongs, and what comes from it (clauses 10.5 to 10.8)


profile.associate(
    "Virt_HostedResourcePool",
    End("GroupComponent", "Virt_HostSystem", across=stock.pools_on),
    End("PartComponent", "CIM_ResourcePool", across=lambda pool: [pool.host], of=ResourcePool),
)
profile.associate(
    "Virt_ElementAllocatedFromPool",
    End("Antecedent", "CIM_ResourcePool", across=stock.children_of, of=ResourcePool),
    End("Dependent", "CIM_ResourcePool", across=stock.parent_of, of=ResourcePool),
)
profile.associate(
    "Virt_ElementAllocatedFromPool",
    End("Antecedent", "CIM_ResourcePool", across=stock.devices_from, of=ResourcePool),
    End("Dependent", "CIM_LogicalDevice", across=stock.pool_of_device, of=Device),
)
profile.associate(
    "Virt_ResourceAllocationFromPool",
    End("Antecedent", "CIM_ResourcePool", across=stock.settings_from, of=ResourcePool),
    End("Dependent", "CIM_ResourceAllocationSettingData", across=stock.pool_of_setting, of=Setting),
)
