"""What every profile says of the host's own devices: whose they are, which pools have them, what sits on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile
from virtcim.host.inventory import Host
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device, devices
from virtcim.profiles.lookup import sampled, version
from virtcim.profiles.pools import ResourcePool, pools_of
from virtcim.profiles.pools_host import HostDevice

Present = Callable[[Host], Iterable[Any]]
PoolIds = Callable[[Any], Iterable[str]]
Below = Callable[[Device], Iterable[object]]


def aggregate(
    profile: Profile,
    of: type[Any],
    classname: str,
    virtual: str,
    present: Present,
    pools: PoolIds,
    below: Below,
    pool_class: type[ResourcePool],
    above: Callable[[Any], Iterable[Device]] | None = None,
    gauges: Callable[[Any], Properties] | None = None,
) -> None:
    """Serve the devices `present` on a host as `classname`.

    `pools`: the PoolIDs that have one. `below`: the devices of the host that a virtual device, of class `virtual`,
    sits on; `above` leads back, where that takes no look at every system. `gauges`: what of it changes by itself.
    """

    profile.source(of, hardware.everywhere(present), follows=version)
    serve = profile.instance(classname, of=of, find=hardware.by_keys(present), gauges=gauges, measured=sampled)
    serve(hardware.device_properties)
    profile.associate(
        "Virt_SystemDevice",
        End("GroupComponent", "Virt_HostSystem", across=hardware.on(present)),
        End("PartComponent", classname, across=lambda one: [one.host]),
    )
    profile.associate(
        "Virt_ConcreteComponent",
        End("GroupComponent", "CIM_ResourcePool", across=partial(_members, present, pools), of=pool_class),
        End("PartComponent", classname, across=partial(_holders, pools)),
    )
    profile.associate(
        "Virt_DeviceHostedDependency",
        End("Antecedent", classname, across=above or partial(_users, below)),
        End("Dependent", virtual, across=below, of=Device),
    )


def _holders(pools: PoolIds, one: HostDevice) -> Iterator[ResourcePool]:
    known = pools_of(one.host)
    return (known[pool_id] for pool_id in pools(one) if pool_id in known)


def _members(present: Present, pools: PoolIds, pool: ResourcePool) -> list[HostDevice]:
    return [one for one in present(pool.host) if pool.pool_id in pools(one)] if pool.host.readable else []


def _users(below: Below, one: HostDevice) -> Iterator[Device]:
    for vm in one.host.vms if one.host.readable else ():
        yield from (device for device in devices(vm) if one in below(device)) if vm.active else ()
