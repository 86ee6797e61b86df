"""What the pool configuration service does: storage pools, networks and volumes, made and removed through libvirt."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Reference, Refused, Returned, Work
from virtcim.host import networks
from virtcim.host.inventory import Host, Pool
from virtcim.mapping import allocation_pools, ids, network_settings
from virtcim.mapping.disk import ANY_DISK
from virtcim.mapping.divisions import Division
from virtcim.mapping.kind import ETHERNET, MEMORY, PROCESSOR
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.processor import PROCESSORS
from virtcim.mapping.storage_settings import BAD_NAME
from virtcim.messages import message
from virtcim.profiles import pools_divisions, storage_pools
from virtcim.profiles.of_host import OfHost, kept_of
from virtcim.profiles.pools import NETWORK_POOL, STORAGE_POOL, ResourcePool, pools_of
from virtcim.profiles.pools_lookup import children_of, settings_from
from virtcim.profiles.requests import given, refusing, undoing

SETTING = "Settings[0]"
CONNECTION = 33  # ResourceType
NETWORKS = frozenset({ETHERNET, CONNECTION})


class PoolService(OfHost):
    """The pool configuration service of a host."""


class PoolServiceCapabilities(OfHost):
    """What the service of a host can do."""


def service(host: Host) -> PoolService:
    return kept_of(host, "_pool_service", lambda: PoolService(host))


def capabilities(host: Host) -> PoolServiceCapabilities:
    return kept_of(host, "_pool_service_capabilities", lambda: PoolServiceCapabilities(host))


# Making and removing pools


def create(host: Host, name: str | None, settings: Sequence[Instance], parents: Sequence[Reference]) -> Returned | Work:
    """A storage pool or a network, running. Errors: Refused, HostError; nothing is left behind then."""
    if len(settings) != 1 or len(parents) > 1:
        raise Refused("Invalid Parameter", "Settings and ParentPool: a storage pool or network is made of one")
    wanted = given(settings[0])
    parent = _parent(host, settings[0], wanted, parents)
    chosen = bool(name)
    name = name or f"pool-{uuid4().hex[:8]}"
    if name == ids.PRIMORDIAL or BAD_NAME.search(name):
        raise Refused("Invalid Parameter", f"ElementName: {name!r} cannot be the name of a pool")
    if parent.pool_id == STORAGE_POOL:
        return storage_pools.create(host, name, wanted)
    return Returned(Pool=storage_pools.there(host, _create(parent, name, wanted, chosen)))


def _create(parent: ResourcePool, name: str, wanted: Properties, chosen: bool) -> str:
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
        raise Refused("Invalid Parameter", message("POOL_NOT_FOUND", "ParentPool[0]", host.name, parents[0].path))
    asked = wanted.get("ResourceType")
    if meant not in (None, parent.type.id) or not _fits(asked, parent):
        reason = f"{SETTING} of ResourceType {asked} does not fit {parent.id}"
        raise Refused("Incorrect ResourceType for the Pool", message("POOL_RESOURCE_TYPE", reason))
    if parent.pool_id not in (STORAGE_POOL, NETWORK_POOL) and not pools_divisions.divisible(parent):
        raise Refused("Not Supported", message("POOL_INDIVISIBLE", parent.id))
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


def _create_network(host: Host, name: str, wanted: Properties) -> str:
    with refusing(SETTING):
        document = network_settings.network_document(name, wanted)
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
        raise Refused("Invalid Parameter", message("POOL_NOT_FOUND", name, host.name, named))
    return found


def delete(pool: ResourcePool) -> None:
    """Remove a storage pool or network that no system uses, which libvirt would not ask. Errors: Refused, HostError."""
    if pool.source is None:
        raise Refused("Not Supported", message("POOL_PRIMORDIAL", pool.id))
    if isinstance(pool.source, Pool):
        storage_pools.remove(pool)
        return
    used = next((one.id for one in children_of(pool)), None) or next((one.id for one in settings_from(pool)), None)
    if used is not None:
        raise Refused("In Use", message("POOL_IN_USE", pool.id, used))
    if isinstance(pool.source, Division):
        pools_divisions.remove(pool, pool.source)
        return
    left = networks.stop(pool.source) if pool.source.active else pool.source
    if left is not None:
        networks.undefine(left)
