"""What the management service does to images: copies of disks and volumes, and images merged with those below them.

No method of the standard classes does this to a virtual disk, so these three are the server's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Work
from virtcim.host import blocks, storage
from virtcim.host.images import image_of
from virtcim.host.inventory import Host, Pool, Vm, Volume
from virtcim.mapping import ids, volumes
from virtcim.mapping.image import disk_of
from virtcim.mapping.pools import STORAGE
from virtcim.messages import message
from virtcim.profiles import alteration, dsp1047_volumes, images_resumption
from virtcim.profiles.dsp1047_changes import active_user
from virtcim.profiles.dsp1047_owning import is_lain_on, leave, location_at, own, owned_of
from virtcim.profiles.dsp1047_volumes import Plan, pool_type, volume_at
from virtcim.profiles.elements import Setting
from virtcim.profiles.requests import Undo, given, undoing
from virtcim.profiles.resumption import Waiting
from virtcim.profiles.snapshots import snapshots_with
from virtcim.profiles.storage_resumption import made_by
from virtcim.profiles.storage_volumes import VolumeSetting, setting_of_volume

PATIENCE = 5.0  # seconds that a call waits before it answers with a job
EXCLUSIVE_USE = 2  # ElementEffects
IMAGE, SETTINGS = "Image", "Settings"
DISK_CLASS = "Virt_DiskResourceAllocationSettingData"


@dataclass(frozen=True)
class Source:
    """An image by the volume that it is; `setting` is the disk, where it was named by one."""

    pool: Pool
    volume: Volume
    setting: Setting | None

    @property
    def host(self) -> Host:
        return self.volume.host

    @property
    def location(self) -> str:
        return location_at(self.setting) if self.setting else self.volume.path

    @property
    def user(self) -> Vm | None:
        """The active system that writes to it, or may."""
        return active_user(self.host, self.location)


def source_of(image: object, host: Host) -> Source:
    """What a parameter names. Errors: Refused."""
    if isinstance(image, VolumeSetting) and image.volume.host is host:
        return Source(image.pool, image.volume, None)
    if not isinstance(image, Setting) or image.vm.host is not host or disk_of(image.resource) is None:
        raise Refused("Invalid Parameter", f"{IMAGE} names no disk or volume of {host.name}")
    found = volume_at(host, location_at(image))
    if found is None:
        raise Refused("Invalid Parameter", f"{IMAGE}: {image.id} is on no volume of a storage pool")
    return Source(*found, image)


# Copying


def copy(host: Host, image: object, settings: Instance | None, pivot: bool) -> Work:
    """CopyImage. Errors: Refused, HostError; no copy is left then."""
    source = source_of(image, host)
    if pivot and source.setting is None:
        raise Refused("Invalid Parameter", f"Pivot: {source.volume.name} is a volume, not a disk that could go on")
    user = source.user
    if user is not None and (source.setting is None or source.setting.vm.uuid != user.uuid):
        raise Refused("Invalid State", message("RESOURCE_IN_USE", IMAGE, source.volume.name, user.name))
    if pivot and source.setting is not None:
        _refuse_kept(source.setting)
    plan = _plan(source, given(settings) if settings else {})

    def run(progress: Progress, stop: Waiting) -> Returned:
        with undoing() as undo:
            made = _made(source, user, plan, undo, progress, stop)
            if pivot and source.setting is not None and owned_of(source.setting):
                own(source.setting.vm, [made.path], undo)
            _go_on(source.setting, user, plan, made, pivot, progress, stop)
        storage.refresh(plan.pool)
        if pivot and source.setting is not None:
            leave(source.setting.vm, source.location, made.path)
        return Returned(Copy=setting_of_volume(made))

    disk = source.setting if user is not None else None
    intent = images_resumption.of_copy(source.host, disk, made_by(plan), source.location, pivot)
    return _work("CopyImage", source, run, intent, abortable=user is not None)


def _plan(source: Source, asked: Properties) -> Plan:
    """Where the copy is to be, in the pool and format of the original when nothing else is said."""
    image = image_of(source.pool.name, source.volume)
    pool_id = asked.get("PoolID") or ids.pool_id(STORAGE, source.pool.name)
    pool = dsp1047_volumes.pool_for(source.host, {**asked, "PoolID": pool_id}, SETTINGS)
    kept = image.format if pool_type(pool) in volumes.FILES and image.format in volumes.FORMATS else volumes.RAW
    word = asked.get("ResourceSubType") or asked.get("DriverType") or kept
    if asked.get("BackingImage"):
        raise Refused("Invalid Parameter", f"{SETTINGS}.BackingImage: a copy lies on no other image")
    rest: Properties = {}
    rest.update((name, asked[name]) for name in ("VolumeName", "Reservation", "AllocationUnits") if name in asked)
    size: Properties = {"VirtualQuantity": image.capacity, "VirtualQuantityUnits": "byte"}
    wanted: Properties = {**rest, **size, "PoolID": pool_id, "ResourceSubType": word}
    stem = source.volume.name.rpartition(".")[0] or source.volume.name
    return dsp1047_volumes.plan(source.host, stem, 0, SETTINGS, wanted)


def _made(source: Source, user: Vm | None, plan: Plan, undo: Undo, progress: Progress, stop: Waiting) -> Volume:
    """The new volume: a copy already, unless a guest goes on writing to the original. Errors: Refused, HostError."""
    if user is not None:
        return dsp1047_volumes.make(plan, undo, Progress())
    size = max(1, source.volume.allocation)

    def tell(done: int) -> None:
        progress.percent = min(99, 100 * done // size)

    made = storage.copy_volume(plan.pool, plan.request.xml, plan.request.name, source.volume, tell)
    undo(partial(storage.delete_volume, plan.pool, made.name))
    if stop.is_over():
        raise Refused("Failed", f"it was ended while {source.volume.name} was copied")
    return made


def _go_on(
    setting: Setting | None,
    user: Vm | None,
    plan: Plan,
    made: Volume,
    pivot: bool,
    progress: Progress,
    stop: Waiting,
) -> None:
    """The last step: once a disk is on the copy, nothing may be taken back. Errors: Refused, HostError."""
    if setting is None:
        return
    if user is not None:
        tell = partial(setattr, progress, "percent")
        blocks.copy(user, setting.dev, _disk_on(setting, plan, made), pivot, tell, stop.is_over)
    elif pivot:
        properties: Any = {"InstanceID": setting.id, **volumes.placed({}, plan.request, made.path)}
        alteration.modify(setting.vm.host, [Instance(DISK_CLASS, properties)])


def _disk_on(setting: Setting, plan: Plan, made: Volume) -> str:
    """The disk as it would be on the copy, which is all that libvirt is told of that."""
    document = setting.configuration.document.copy()
    view = next(one for one in document.disks if one.target == setting.dev)
    from_properties: Any = volumes.placed({}, plan.request, made.path)
    volumes.put_on(view, from_properties)
    return str(view.xml)


# Merging


def commit(host: Host, image: object) -> Work:
    """CommitImage. Errors: Refused, HostError."""
    source, setting, below = _lying(image, host)
    if is_lain_on(host, below, but=source.volume.path) or active_user(host, below, setting.vm) is not None:
        raise Refused("Failed", f"{IMAGE}: {below} is in use by others, who would see it change")

    def run(progress: Progress, stop: Waiting) -> Returned:
        blocks.commit(setting.vm, setting.dev, partial(setattr, progress, "percent"), stop.is_over)
        leave(setting.vm, source.location, below)
        return Returned()

    return _work("CommitImage", source, run, images_resumption.of_merge(setting, source.location, below))


def pull(host: Host, image: object) -> Work:
    """PullImage. Errors: Refused, HostError."""
    source, setting, _ = _lying(image, host)

    def run(progress: Progress, stop: Waiting) -> Returned:
        blocks.pull(setting.vm, setting.dev, partial(setattr, progress, "percent"), stop.is_over)
        storage.refresh(source.pool)
        return Returned()

    return _work("PullImage", source, run, images_resumption.of_merge(setting, source.location, None))


def _lying(image: object, host: Host) -> tuple[Source, Setting, str]:
    """The disk of an active system that lies on another image, and where that is. Errors: Refused."""
    source = source_of(image, host)
    setting, below = source.setting, image_of(source.pool.name, source.volume).backing
    if setting is None or below is None:
        raise Refused("Invalid Parameter", f"{IMAGE}: {source.volume.name} is no disk that lies on another image")
    if not setting.vm.active:
        raise Refused("Invalid State", f"{IMAGE}: {setting.vm.name} is not active, and libvirt merges only then")
    _refuse_kept(setting)
    return source, setting, below


def _refuse_kept(setting: Setting) -> None:
    """Snapshots know the images of a disk: it stays on them as long as there are any. Errors: Refused."""
    found = next(iter(snapshots_with(setting.vm, setting.dev)), None)
    if found is not None:
        raise Refused("Invalid State", f"{IMAGE}: the snapshot {found.name} of {setting.vm.name} keeps {setting.dev}")


def _work(
    name: str,
    source: Source,
    run: Callable[[Progress, Waiting], Returned],
    intent: Intent,
    abortable: bool = True,
) -> Work:
    """`abortable`: whether libvirt gives it up at once. A server that ends leaves it to the next one."""
    stop = Waiting()
    affected: object = source.setting.vm if source.setting else setting_of_volume(source.volume)
    affects, work = [(affected, EXCLUSIVE_USE)], lambda progress: run(progress, stop)
    end = stop.cancelled.set
    return Work(name, affects, work, end, PATIENCE, kill=end if abortable else None, leave=stop.left.set, intent=intent)
