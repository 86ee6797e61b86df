"""Volumes as the settings they could have been made from, which is how libvirt-cim showed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Hosts, Pool, Volume
from virtcim.mapping import ids, storage_settings
from virtcim.profiles.elements import kept, present
from virtcim.profiles.pools import ResourcePool, pools_of


@dataclass(frozen=True, eq=False)
class VolumeSetting:
    """A volume as the setting it could have been made from."""

    volume: Volume
    pool: Pool

    @property
    def platform(self) -> str:
        return self.volume.host.platform

    @property
    def id(self) -> str:
        """libvirt-cim's InstanceID, the path."""
        return ids.host_scoped(self.volume.host, self.volume.path)


def volume_settings(pool: Pool) -> tuple[VolumeSetting, ...]:
    return kept(pool, "_volume_settings", lambda: tuple(VolumeSetting(one, pool) for one in pool.volumes))


def setting_of_volume(volume: Volume) -> VolumeSetting | None:
    """None once no pool lists it."""
    pool = next((one for one in volume.host.pools if one.uuid == volume.pool_uuid), None)
    return next((one for one in volume_settings(pool) if one.volume.name == volume.name), None) if pool else None


def all_volume_settings(world: Hosts) -> list[VolumeSetting]:
    return [one for host in world.reachable() for pool in host.pools for one in volume_settings(pool)]


def find_volume_setting(world: Hosts, keys: Keys) -> list[VolumeSetting]:
    return [one for one in all_volume_settings(world) if one.id == keys["InstanceID"]]


def volumes_in(pool: ResourcePool) -> Sequence[VolumeSetting]:
    return volume_settings(pool.source) if isinstance(pool.source, Pool) else ()


def pool_of_volume(one: VolumeSetting) -> list[ResourcePool]:
    found = pools_of(one.volume.host).get(ids.pool_id("Disk", one.pool.name))
    return [found] if found else []


def volume_properties(one: VolumeSetting) -> Properties:
    """A volume as libvirt-cim's setting, with sizes in bytes."""
    volume = one.volume
    format_type = storage_settings.format_of(volume.xml)
    properties: Properties = {
        "InstanceID": one.id,
        "ElementName": volume.name,
        "ResourceType": 31,
        "PoolID": ids.pool_id("Disk", one.pool.name),
        "VolumeName": volume.name,
        "Address": volume.path,
        "Path": volume.path.rpartition("/")[0] or None,
        "FormatType": format_type,
        "AllocationUnits": "byte",
        "VirtualQuantityUnits": "byte",
        "VirtualQuantity": volume.capacity,
        "Reservation": volume.allocation,
    }
    return present(properties)
