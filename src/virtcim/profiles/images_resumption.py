"""What became of images that an earlier run of the server was copying or merging: libvirt goes on, and is gone on with.

A block job of a running system that has all its data waits until somebody says with which image the disk goes on. The
next run of the server does, as the one that began it would have.
"""

from __future__ import annotations

from functools import partial

from virtcim.broker.call import Properties
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Unknown, Work
from virtcim.host import blocks, domains, storage
from virtcim.host.blocks import Standing
from virtcim.host.errors import HostError, Kind
from virtcim.host.images import image_of
from virtcim.host.inventory import Host, Hosts, Vm, Volume
from virtcim.profiles.dsp1047_owning import is_used, leave
from virtcim.profiles.dsp1047_volumes import volume_at
from virtcim.profiles.elements import Setting
from virtcim.profiles.resumption import Waiting, identity_of
from virtcim.profiles.storage_resumption import Made, looking, whole
from virtcim.profiles.storage_volumes import setting_of_volume

COPY, MERGE = "copyImage", "mergeImage"
Found = tuple[Vm, Standing, bool]  # the system, its disk, and whether it is in the run that the block job began in


def of_copy(host: Host, running: Setting | None, made: Made, was: str, pivot: bool) -> Intent:
    """What is kept of a copy; `running`: the disk, where a guest goes on writing to it."""
    facts: Properties = {"pool": made.pool, "name": made.name, "reserved": made.reserved, "was": was, "pivot": pivot}
    return Intent(COPY, {**identity_of(host), **facts, **(_disk(running) if running else {})})


def of_merge(disk: Setting, was: str, below: str | None) -> Intent:
    """What is kept of a commit into the image `below`; of a pull, which fills the image of the disk, where None."""
    return Intent(MERGE, {**identity_of(disk.vm.host), **_disk(disk), "was": was, "below": below})


def _disk(disk: Setting) -> Properties:
    return {"uuid": disk.vm.uuid, "system": disk.vm.name, "disk": disk.dev, "run": domains.run_of(disk.vm)}


def resume_copy(world: Hosts, facts: Properties) -> Work:
    """The work of finding out what became of a copy, and of ending it where libvirt has gone on."""
    made = Made(str(facts["pool"]), str(facts["name"]), int(str(facts["reserved"])))

    def look(host: Host, late: bool, progress: Progress, waiting: Waiting) -> Returned | None:
        pool = storage.settled(host, made.pool)
        found = next((one for one in pool.volumes if one.name == made.name), None) if pool else None
        if pool is None or (found is None and not late):
            return None
        if "uuid" not in facts:
            used = not facts["pivot"] or (found is not None and is_used(host, found.path))
            return Returned(Copy=setting_of_volume(whole(found, made, in_use=used)))
        volume, disk = whole(found, made, in_use=True), _found(host, facts)
        if disk is not None and disk[2] and disk[1].mirror == volume.path:
            _end_copy(disk[0], volume, facts, progress, waiting)
        elif not copied(disk, volume.path, facts, late):
            return None
        if disk is not None and facts["pivot"]:
            leave(disk[0], str(facts["was"]), volume.path)
        return Returned(Copy=setting_of_volume(volume))

    return looking(world, facts, look, kills="uuid" in facts)


def _end_copy(vm: Vm, volume: Volume, facts: Properties, progress: Progress, waiting: Waiting) -> None:
    """What is no copy in the end does not stay. Errors: HostError, Unknown."""
    try:
        tell = partial(setattr, progress, "percent")
        blocks.go_on(vm, str(facts["disk"]), bool(facts["pivot"]), tell, waiting.is_over)
    except HostError:
        vm.host.refresh(vm.uuid)  # while it was mirrored, the system named the copy
        pool = vm.host.pool_named(str(facts["pool"]))
        if pool is not None and not is_used(vm.host, volume.path):
            storage.delete_volume(pool, volume.name)
        raise


def copied(disk: Found | None, path: str, facts: Properties, late: bool) -> bool:
    """Whether the disk has gone on with the copy; False while that may still come. Errors: Refused, Unknown."""
    if disk is not None and facts["pivot"] and disk[1].image == path:
        return True
    if disk is not None and disk[2] and not late:
        return False
    if facts["pivot"]:
        reason = f"the disk {facts['disk']} of {facts['system']} has not gone on with it"
        raise Refused("Failed", f"the volume {facts['name']} was made, but {reason}, and it is no whole copy")
    raise Unknown(f"whether the volume {facts['name']} is a whole copy, libvirt does not tell: its block job is over")


def resume_merge(world: Hosts, facts: Properties) -> Work:
    """The work of finding out what became of a commit or pull, and of ending it where libvirt has gone on."""
    below = facts["below"]

    def look(host: Host, late: bool, progress: Progress, waiting: Waiting) -> Returned | None:
        disk = _found(host, facts)
        if disk is not None and disk[2] and _merges(disk[1], below):
            tell = partial(setattr, progress, "percent")
            blocks.go_on(disk[0], str(facts["disk"]), None if below is None else True, tell, waiting.is_over)
        elif not merged(disk, _lies(host, str(facts["was"])), facts, late):
            return None
        if disk is not None and below is not None:
            leave(disk[0], str(facts["was"]), str(below))
        return Returned()

    return looking(world, facts, look, kills=True)


def _merges(disk: Standing, below: object) -> bool:
    return disk.job is not None and disk.mirror == below


def _lies(host: Host, location: str) -> bool:
    """Whether an image still lies on another one, as it says itself."""
    found = volume_at(host, location)
    pool = storage.refresh(found[0]) if found else None
    volume = next((one for one in pool.volumes if found and one.name == found[1].name), None) if pool else None
    return volume is not None and image_of("", volume).backing is not None


def merged(disk: Found | None, lies: bool, facts: Properties, late: bool) -> bool:
    """Whether the images are merged; False while that may still come. Errors: Refused."""
    below = facts["below"]
    if disk is not None and (disk[1].image == below or (below is None and not lies)):
        return True
    if disk is not None and disk[2] and not late:
        return False
    where = "is gone" if disk is None else f"lies where it lay, on {disk[1].image}"
    raise Refused("Failed", f"the server ended during the merge: the disk {facts['disk']} of {facts['system']} {where}")


def _found(host: Host, facts: Properties) -> Found | None:
    """The disk as it stands; None when it or its system is gone."""
    vm = host.refresh(str(facts["uuid"]))
    try:
        return (vm, blocks.standing(vm, str(facts["disk"])), domains.run_of(vm) == facts["run"]) if vm else None
    except HostError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return None
