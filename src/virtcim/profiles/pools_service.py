"""What the pool configuration service does: storage pools, networks and volumes, made and removed through libvirt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Keys, Reference, Refused
from virtcim.host import networks, storage
from virtcim.host.inventory import Host, Hosts, Network, Pool, Volume
from virtcim.mapping import allocation_pools, ids, pools_settings
from virtcim.mapping.disk import ANY_DISK
from virtcim.mapping.divisions import Division
from virtcim.mapping.kind import ETHERNET, MEMORY, PROCESSOR
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import pools_divisions
from virtcim.profiles.elements import kept, present
from virtcim.profiles.pools import NETWORK_POOL, STORAGE_POOL, ResourcePool, children_of, pools_of, settings_from
from virtcim.profiles.requests import given, refusing, undoing

SETTING = "Settings[0]"
CONNECTION = 33  # ResourceType
NETWORKS = frozenset({ETHERNET, CONNECTION})


@dataclass(frozen=True, eq=False)
class PoolService:
    """The pool configuration service of a host."""

    host: Host

    @property
    def platform(self) -> str:
        return self.host.platform


@dataclass(frozen=True, eq=False)
class PoolServiceCapabilities:
    """What the service of a host can do."""

    host: Host

    @property
    def platform(self) -> str:
        return self.host.platform


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


def service(host: Host) -> PoolService:
    return kept(host, "_pool_service", lambda: PoolService(host))


def capabilities(host: Host) -> PoolServiceCapabilities:
    return kept(host, "_pool_service_capabilities", lambda: PoolServiceCapabilities(host))


def volume_settings(pool: Pool) -> tuple[VolumeSetting, ...]:
    return kept(pool, "_volume_settings", lambda: tuple(VolumeSetting(one, pool) for one in pool.volumes))


def all_volume_settings(world: Hosts) -> list[VolumeSetting]:
    return [one for host in world.reachable() for pool in host.pools for one in volume_settings(pool)]


def find_volume_setting(world: Hosts, keys: Keys) -> list[VolumeSetting]:
    return [one for one in all_volume_settings(world) if one.id == keys["InstanceID"]]


def volumes_in(pool: ResourcePool) -> Sequence[VolumeSetting]:
    return volume_settings(pool.source) if isinstance(pool.source, Pool) else ()


def pool_of_volume(one: VolumeSetting) -> list[ResourcePool]:
    found = pools_of(one.volume.host).get(ids.pool_id("Disk", one.pool.name))
    return [found] if found else []


# Making and removing pools


def create(host: Host, name: str | None, settings: Sequence[Instance], parents: Sequence[Reference]) -> ResourcePool:
    """A storage pool or a network, running. Errors: Refused, HostError; nothing is left behind then."""
    if len(settings) != 1 or len(parents) > 1:
        raise Refused("Invalid Parameter", "Settings and ParentPool: a storage pool or network is made of one")
    wanted = given(settings[0])
    parent = _parent(host, settings[0], wanted, parents)
    chosen = bool(name)
    name = name or f"pool-{uuid4().hex[:8]}"
    if name == ids.PRIMORDIAL or "/" in name:
        raise Refused("Invalid Parameter", f"ElementName: {name!r} cannot be the name of a pool")
    pool_id = _create(parent, name, wanted, chosen)
    found = pools_of(host).get(pool_id)
    if found is None:
        raise Refused("Failed", f"{pool_id} has disappeared")
    return found


def _create(parent: ResourcePool, name: str, wanted: Properties, chosen: bool) -> str:
    if parent.pool_id == STORAGE_POOL:
        return _create_storage(parent.host, name, wanted)
    if parent.pool_id == NETWORK_POOL:
        return _create_network(parent.host, name, wanted)
    return pools_divisions.create(SETTING, parent, name, wanted, chosen)


def _parent(host: Host, setting: Instance, wanted: Properties, parents: Sequence[Reference]) -> ResourcePool:
    """The primordial pool that the new one belongs to: the one given, else the one the setting tells."""
    meant = _meant(setting, wanted)
    if not parents:
        if meant is None:
            raise Refused("Invalid Parameter", f"{SETTING}.ResourceType: neither it nor ParentPool tells what to make")
        return pools_of(host)[meant]
    parent = parents[0].target
    if not isinstance(parent, ResourcePool) or parent.host is not host:
        raise Refused("Invalid Parameter", f"ParentPool[0] is no pool of {host.name}: {parents[0].path}")
    asked = wanted.get("ResourceType")
    if meant not in (None, parent.type.id) or not _fits(asked, parent):
        reason = f"{SETTING} of ResourceType {asked} does not fit {parent.id}"
        raise Refused("Incorrect ResourceType for the Pool", reason)
    if parent.pool_id not in (STORAGE_POOL, NETWORK_POOL) and not pools_divisions.divisible(parent):
        raise Refused("Not Supported", f"ParentPool[0]: libvirt cannot divide {parent.id}")
    return parent


def _fits(asked: object, parent: ResourcePool) -> bool:
    kin = ANY_DISK if parent.type.id == STORAGE_POOL else NETWORKS if parent.type.id == NETWORK_POOL else ()
    return asked is None or asked == parent.type.resource_type or asked in kin


def _meant(setting: Instance, wanted: Properties) -> str | None:
    """The primordial pool that a setting means by its class, else by its ResourceType."""
    _, _, word = setting.classname.partition("_")
    if word == allocation_pools.NETWORK.partition("_")[2]:
        return NETWORK_POOL
    if word == allocation_pools.STORAGE_POOL.partition("_")[2]:
        return STORAGE_POOL
    number = wanted.get("ResourceType")
    if number in (PROCESSOR, MEMORY):
        return PROCESSORS.pool if number == PROCESSOR else BASE_MEMORY.pool
    return NETWORK_POOL if number in NETWORKS else STORAGE_POOL if number in ANY_DISK else None


def _create_storage(host: Host, name: str, wanted: Properties) -> str:
    with refusing(SETTING):
        document = pools_settings.storage_document(name, wanted)
    build, autostart = document.type in pools_settings.BUILT, bool(wanted.get("Autostart"))
    made = storage.define(host, document.xml, name, build=build, autostart=autostart)
    return ids.pool_id("Disk", made.name)


def _create_network(host: Host, name: str, wanted: Properties) -> str:
    with refusing(SETTING):
        document = pools_settings.network_document(name, wanted)
    with undoing() as undo:
        made = networks.define(host, document.xml, new=True)
        undo(lambda: networks.undefine(made))
        networks.start(made)
        networks.set_autostart(made, True)
    return ids.pool_id("Network", made.name)


def target(host: Host, reference: Reference | None, name: str = "Pool") -> ResourcePool:
    """The pool that a parameter names. Errors: Refused."""
    found = reference.target if reference else None
    if not isinstance(found, ResourcePool) or found.host is not host:
        named = reference.path if reference else "nothing"
        raise Refused("Invalid Parameter", f"{name} names no pool of {host.name}: {named}")
    return found


def delete(pool: ResourcePool) -> None:
    """Remove a storage pool or network that no system uses, which libvirt would not ask. Errors: Refused, HostError."""
    if pool.source is None:
        raise Refused("Not Supported", f"{pool.id} is primordial")
    used = next((one.id for one in children_of(pool)), None) or next((one.id for one in settings_from(pool)), None)
    if used is not None:
        raise Refused("In Use", f"{pool.id} is used by {used}")
    if isinstance(pool.source, Division):
        pools_divisions.remove(pool, pool.source)
        return
    if isinstance(pool.source, Network):
        left = networks.stop(pool.source) if pool.source.active else pool.source
        if left is not None:
            networks.undefine(left)
    else:
        storage.remove(pool.source)


# What is in a storage pool


def _storage_of(pool: ResourcePool) -> Pool:
    if not isinstance(pool.source, Pool):
        raise Refused("Not Supported", f"{pool.id} is no storage pool of libvirt")
    return pool.source


def create_volume(pool: ResourcePool, setting: Instance | None) -> VolumeSetting:
    """A new volume. Errors: Refused, HostError."""
    if setting is None:
        raise Refused("Invalid Parameter", "Settings is NULL")
    source, wanted = _storage_of(pool), given(setting)
    with refusing("Settings"):
        document = pools_settings.volume_document(wanted)
    made = storage.create_volume(source, document.xml, str(document.name))
    fresh = source.host.pool_named(source.name) or source
    return next(one for one in volume_settings(fresh) if one.volume.name == made.name)


def delete_volume(pool: ResourcePool, setting: Instance | None) -> None:
    """Delete the volume of an Address that no system uses. Errors: Refused, HostError."""
    source = _storage_of(pool)
    address = str(given(setting).get("Address") or "") if setting else ""
    volume = next((one for one in source.volumes if one.path == address), None)
    if volume is None:
        raise Refused("Invalid Parameter", f"Resource.Address {address!r} is no volume of {pool.id}")
    user = next((one for one in settings_from(pool) if _uses(one.resource.view, source, volume)), None)
    if user is not None:
        raise Refused("In Use", f"Resource.Address {address!r} is used by {user.id}")
    storage.delete_volume(source, volume.name)


def _uses(disk: object, pool: Pool, volume: Volume) -> bool:
    names = (getattr(disk, name, None) for name in ("file", "block"))
    by_name = (getattr(disk, "pool", None), getattr(disk, "volume", None)) == (pool.name, volume.name)
    return by_name or volume.path in names


def refresh(pool: ResourcePool) -> None:
    """Look again for the volumes. Errors: Refused, HostError."""
    storage.refresh(_storage_of(pool))


def volume_properties(one: VolumeSetting) -> Properties:
    """A volume as libvirt-cim's setting, with sizes in bytes."""
    volume = one.volume
    format_type = pools_settings.format_of(volume.xml)
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
