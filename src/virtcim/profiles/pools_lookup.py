"""Where the resource pools of all hosts are, by type and by key, and what comes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import ids
from virtcim.profiles.elements import (
    Configuration,
    Device,
    Setting,
    configurations,
    devices_of,
    kept,
    pool_id_of,
    setting_of,
    settings,
    state_of,
)
from virtcim.profiles.pools import ResourcePool, above, pools_of


def pools_on(host: Host) -> Iterable[ResourcePool]:
    """The pools of a host; what they were before it went out of reach is not told."""
    return pools_of(host).values() if host.readable else ()


def all_pools(world: Hosts) -> Iterator[ResourcePool]:
    for host in world.reachable():
        yield from pools_of(host).values()


def pools_of_type(of: type[ResourcePool], classname: str = "") -> Callable[[Hosts], Iterator[ResourcePool]]:
    """All pools of a type, and of a class where one is given."""

    def among(world: Hosts) -> Iterator[ResourcePool]:
        found = (pool for pool in all_pools(world) if type(pool) is of)
        return (pool for pool in found if classname in ("", pool.type.classname))

    return among


def pool_by_id(world: Hosts, instance_id: str) -> Iterator[ResourcePool]:
    """The pools with an InstanceID, on several platforms perhaps."""
    for host in world.reachable():
        prefix = ids.host_scoped(host, "")
        found = pools_of(host).get(instance_id.removeprefix(prefix)) if instance_id.startswith(prefix) else None
        if found is not None:
            yield found


def find_pool(world: Hosts, keys: Keys) -> Iterator[ResourcePool]:
    """By InstanceID of a pool."""
    return pool_by_id(world, str(keys["InstanceID"]))


# What comes from a pool


def pool_of_setting(setting: Setting) -> list[ResourcePool]:
    """The pool that a setting names; none when what it names is not there."""
    found = pools_of(setting.vm.host).get(pool_id_of(setting))
    return [found] if found else []


def settings_from(pool: ResourcePool) -> Iterator[Setting]:
    """The settings of both sets that name the pool."""
    for vm in pool.host.vms if pool.host.readable else ():
        for configuration in configurations(vm):
            yield from _by_pool(configuration).get(pool.pool_id, ())


def _by_pool(configuration: Configuration) -> Mapping[str, list[Setting]]:
    def make() -> dict[str, list[Setting]]:
        found: dict[str, list[Setting]] = {}
        for setting in settings(configuration):
            found.setdefault(pool_id_of(setting), []).append(setting)
        return found

    return kept(configuration, "_by_pool", make)


def pool_of_device(device: Device) -> list[ResourcePool]:
    """The pool a device was taken from; devices of a system that is off take nothing."""
    return pool_of_setting(setting_of(device)) if device.vm.active else []


def devices_from(pool: ResourcePool) -> Iterator[Device]:
    """The devices of active systems that were taken from the pool."""
    for vm in pool.host.vms if pool.host.readable else ():
        for setting in _by_pool(state_of(vm)).get(pool.pool_id, ()) if vm.active else ():
            yield from devices_of(setting)


def parent_of(pool: ResourcePool) -> list[ResourcePool]:
    known = pools_of(pool.host)
    return [known[name] for name in above(pool.pool_id)[:1]]


def children_of(pool: ResourcePool) -> list[ResourcePool]:
    found = pools_of(pool.host).values()
    return [one for one in found if above(one.pool_id)[:1] == [pool.pool_id]]
