"""Requests for storage as the volumes that are made for them (DSP1047): looked at first, then made, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Progress, Refused
from virtcim.host import storage
from virtcim.host.images import image_of
from virtcim.host.inventory import Host, Pool, Volume
from virtcim.mapping import ids, volumes
from virtcim.mapping.disk import DISK
from virtcim.mapping.pools import READY_MADE, STORAGE, storage_properties
from virtcim.mapping.volumes import Request, Room
from virtcim.messages import message
from virtcim.profiles.elements import kept
from virtcim.profiles.requests import Undo, Wish, given, refusing

DEFAULT_POOL = "default"  # the pool that libvirt's own tools take


@dataclass(frozen=True)
class Plan:
    """A volume for the setting with a number."""

    number: int
    properties: Properties
    pool: Pool
    request: Request


def plans(host: Host, system: str, instances: Sequence[Instance]) -> list[Plan]:
    """What is to be made for those settings that ask for storage. Errors: Refused, HostError."""
    found: list[Plan] = []
    for number, one in enumerate(instances):
        if not volumes.is_request(one.properties):
            continue
        wish = Wish(f"ResourceSettings[{number}]", one.classname, given(one))
        if wish.kind is DISK:
            found.append(plan(host, system, number, wish.where, wish.properties, found))
    return found


def plan(host: Host, system: str, number: int, where: str, asked: Properties, earlier: Sequence[Plan] = ()) -> Plan:
    """What is to be made of one setting, beside what is to be made before. Errors: Refused, HostError."""
    pool = _fresh(pool_for(host, asked, where), where)
    before = [one for one in earlier if one.pool.uuid == pool.uuid]
    taken = {one.name for one in pool.volumes} | {one.request.name for one in before}
    name = str(asked.get("VolumeName") or volumes.made_name(system, asked, taken))
    with refusing(where):
        room = Room(pool.name, pool_type(pool), pool.available - _reserved(before))
        request = volumes.request(asked, room, name, _below(host, asked, where))
    if name in taken:
        raise Refused("Failed", message("VOLUME_EXISTS", f"{where}.VolumeName", pool.name, name))
    check_room(request.reserved, room, f"{where}.VirtualQuantity")
    return Plan(number, asked, pool, request)


def _reserved(plans: Sequence[Plan]) -> int:
    return sum(one.request.reserved for one in plans)


def check_room(reserved: int, room: Room, where: str) -> None:
    """Refuse to set aside bytes that a pool does not have; what is thin may grow larger than its pool."""
    if reserved > room.available:
        raise Refused("Failed", message("RESOURCE_EXHAUSTED", where, reserved, room.available, room.pool))


def pool_type(pool: Pool) -> str:
    """libvirt's word for what a storage pool is."""
    return kept(pool, "_type", lambda: str(storage_properties(pool.xml)["StorageType"]))


def pool_for(host: Host, asked: Properties, where: str) -> Pool:
    """The storage pool that a setting names; the usual one when it names none. Errors: Refused."""
    if not asked.get("PoolID"):
        able = [one for one in host.pools if one.active and pool_type(one) not in READY_MADE]
        if not able:
            reason = f"is missing: {host.name} has no active storage pool to make a volume in"
            raise Refused("Failed", message("RESOURCE_POOL_UNKNOWN", where, "PoolID", reason))
        return max(able, key=lambda one: (one.name == DEFAULT_POOL, one.available))
    pool_id = str(asked["PoolID"])
    word, name = ids.parse_pool_id(pool_id) or ("", "")
    if word == STORAGE and name == ids.PRIMORDIAL:
        reason = f"{pool_id!r} has no volumes: they are made in the pools below it"
        raise Refused("Invalid Parameter", message("RESOURCE_POOL_UNKNOWN", where, "PoolID", reason))
    pool = host.pool_named(name) if word == STORAGE else None
    if pool is None:
        reason = f"{pool_id!r} is no storage pool of {host.name}"
        raise Refused("Invalid Parameter", message("RESOURCE_POOL_UNKNOWN", where, "PoolID", reason))
    return pool


def _fresh(pool: Pool, where: str) -> Pool:
    """As it is now: libvirt notices files that others have written only when it is asked to look."""
    if not pool.active:
        raise Refused("Failed", message("POOL_INACTIVE", f"{where}.PoolID", pool.name))
    return storage.refresh(pool) or pool


def _below(host: Host, asked: Properties, where: str) -> volumes.Below | None:
    """The volume that BackingImage names: what is in no pool is not handed to guests this way."""
    text = asked.get("BackingImage")
    if not text:
        return None
    found = volume_at(host, volumes.image_location(str(text)))
    if found is None:
        raise Refused("Invalid Parameter", f"{where}.BackingImage {text!r} is no volume of a storage pool")
    image = image_of(found[0].name, found[1])
    told = asked.get("BackingFormat")
    if told and told != image.format:
        raise Refused("Invalid Parameter", f"{where}.BackingFormat {told!r} is not that of BackingImage")
    return found[1].path, image


def volume_at(host: Host, location: str) -> tuple[Pool, Volume] | None:
    """The volume at a path, or with a key `volume:<pool>/<name>`."""
    for pool in host.pools:
        for volume in pool.volumes:
            if location in (volume.path, volumes.volume_name(pool.name, volume.name)):
                return pool, volume
    return None


def make(plan: Plan, undo: Undo, progress: Progress) -> Volume:
    """The volume of a plan. Errors: HostError."""
    request = plan.request

    def tell(written: int) -> None:
        progress.percent = min(99, 100 * written // max(1, request.reserved))

    whole = request.full and request.format != volumes.RAW
    made = storage.create_volume(plan.pool, request.xml, request.name, full=whole, tell=tell if request.full else None)
    undo(partial(storage.delete_volume, plan.pool, made.name))
    return made


def filled(instances: Sequence[Instance], plan: Plan, made: Volume) -> list[Instance]:
    """The settings with the volume put where it was asked for."""
    found = list(instances)
    properties = volumes.placed(plan.properties, plan.request, made.path)
    found[plan.number] = replace(found[plan.number], properties=properties)
    return found
