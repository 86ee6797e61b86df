"""What became of storage pools and volumes that an earlier run of the server was making: libvirt goes on without it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from virtcim.broker.call import Properties, Value
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Work
from virtcim.host import storage
from virtcim.host.inventory import Host, Hosts, Volume
from virtcim.host.storage import Standing
from virtcim.mapping import ids
from virtcim.mapping.volumes import RAW
from virtcim.profiles.dsp1047_owning import is_used
from virtcim.profiles.dsp1047_volumes import Plan
from virtcim.profiles.pools import pools_of
from virtcim.profiles.resumption import Waiting, host_of, identity_of
from virtcim.profiles.storage_volumes import setting_of_volume

POOL, VOLUMES = "pool", "volumes"
GRACE = 5.0  # seconds for what libvirt may have been told last and not yet begun


@dataclass(frozen=True)
class Made:
    """A volume that is to be made: its pool, its name, and the bytes that are set aside for it."""

    pool: str
    name: str
    reserved: int


def made_by(plan: Plan) -> Made:
    """The volume that a plan makes; only raw ones show how much of them is set aside already."""
    request = plan.request
    return Made(plan.pool.name, request.name, request.reserved if request.format == RAW else 0)


def of_pool(host: Host, name: str, autostart: bool) -> Intent:
    """What is kept of the making of a storage pool."""
    return Intent(POOL, {**identity_of(host), "name": name, "autostart": autostart})


def of_volumes(host: Host, made: Sequence[Made], *, used: bool) -> Intent:
    """What is kept of the making of volumes; `used`: for disks that are put on them."""
    facts: Properties = {
        **identity_of(host),
        "pools": [one.pool for one in made],
        "names": [one.name for one in made],
        "reserved": [one.reserved for one in made],
        "used": used,
    }
    return Intent(VOLUMES, facts)


def resume_pool(world: Hosts, facts: Properties) -> Work:
    """The work of finding out whether a storage pool was made; it waits while libvirt builds it."""
    name = str(facts["name"])

    def look(host: Host, late: bool, *_: object) -> Returned | None:
        if not pool_verdict(storage.standing(host, name), name, bool(facts["autostart"]), late):
            return None
        return Returned(Pool=pools_of(host).get(ids.pool_id("Disk", name)))

    return looking(world, facts, look)


def pool_verdict(now: Standing | None, name: str, autostart: bool, late: bool) -> bool:
    """Whether the pool was made; False while it may still be. Errors: Refused."""
    if now is not None and now.active and not now.building and now.autostart >= autostart:
        return True
    if not late or (now is not None and now.building):
        return False
    left = "libvirt has none of that name"
    if now is not None:
        left = "it does not start by itself" if now.active else "it is defined, and not active"
    raise Refused("Failed", f"the server ended while it made the storage pool {name}: {left}")


def resume_volumes(world: Hosts, facts: Properties) -> Work:
    """The work of finding out whether volumes were made; it waits while libvirt makes them."""
    wanted = [Made(str(pool), str(name), int(str(size))) for pool, name, size in _rows(facts)]

    def look(host: Host, late: bool, *_: object) -> Returned | None:
        settings = []
        for one in wanted:
            pool = storage.settled(host, one.pool)
            found = next((each for each in pool.volumes if each.name == one.name), None) if pool else None
            if pool is None or (found is None and not late):
                return None
            settings.append(setting_of_volume(whole(found, one, in_use=_in_use(found, bool(facts["used"])))))
        return Returned() if facts["used"] else Returned(Resource=settings[0])

    return looking(world, facts, look)


def _in_use(volume: Volume | None, matters: bool) -> bool:
    return not matters or (volume is not None and is_used(volume.host, volume.path))


def whole(found: Volume | None, wanted: Made, *, in_use: bool) -> Volume:
    """The volume, which was made as it was to be. Errors: Refused."""
    what = f"the volume {wanted.name} in {wanted.pool}"
    if found is None:
        raise Refused("Failed", f"the server ended before {what} was made: there is none")
    if found.allocation < wanted.reserved:
        reason = f"{found.allocation} of {wanted.reserved} bytes are set aside"
        raise Refused("Failed", f"{what} is not whole: {reason}")
    if not in_use:
        raise Refused("Failed", f"{what} was made, but the server ended before a disk was put on it")
    return found


def _rows(facts: Properties) -> list[tuple[Value, ...]]:
    columns = [facts[name] for name in ("pools", "names", "reserved")]
    return list(zip(*(one if isinstance(one, list) else [] for one in columns), strict=True))


Look = Callable[[Host, bool, Progress, Waiting], Returned | None]


def looking(world: Hosts, facts: Properties, look: Look, kills: bool = False) -> Work:
    """Work that looks until there is an answer; `look` is told when nothing new is to be expected."""
    waiting = Waiting()

    def run(progress: Progress) -> Returned:
        host = host_of(world, facts, waiting)
        deadline = time.monotonic() + GRACE
        while True:
            late = time.monotonic() >= deadline or waiting.cancelled.is_set()
            if (returned := look(host, late, progress, waiting)) is not None:
                return returned
            waiting.pause()

    end = waiting.cancelled.set
    return Work("", (), run, cancel=end, kill=end if kills else None, leave=waiting.left.set)
