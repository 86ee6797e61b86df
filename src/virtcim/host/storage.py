"""The verbs on storage pools and volumes. Each blocks until done, and rereads the pool before it returns.

Every verb raises HostError: NOT_FOUND when the object is gone, UNREACHABLE when libvirt is, else what libvirt says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from threading import Event, Thread

import libvirt

from virtcim.host.errors import HostError, Kind
from virtcim.host.reading import found
from virtcim.host.system import Host, Pool, Volume

LOOK_SECONDS = 0.5


@contextmanager
def _opened(pool: Pool) -> Iterator[libvirt.virStoragePool]:
    with pool.host.link.borrow() as connection:
        yield connection.storagePoolLookupByUUIDString(pool.uuid)


MISSING = ("cannot open directory", "mount point")  # how a start fails for want of a directory

BUSY = "asynchronous jobs"  # how a refresh fails while a volume is made


class Build(Enum):
    """What is made of a new storage pool before it is started: nothing, its directory should it be missing, or what is
    on its devices, only if they are empty or whatever is on them."""

    NOTHING = None
    DIRECTORY = 0
    IF_EMPTY = libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE
    OVERWRITE = libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE


def define(host: Host, xml: str, name: str, *, build: Build = Build.NOTHING, autostart: bool = False) -> Pool:
    """Define, build and start a storage pool; nothing of it is left when it cannot be started.

    ALREADY_EXISTS when the name is another pool's.
    """
    with host.link.borrow() as connection:
        if found(connection.storagePoolLookupByName, name) is not None:
            raise HostError(Kind.ALREADY_EXISTS, f"a storage pool named {name} exists already")
        pool = connection.storagePoolDefineXML(xml)
        uuid = pool.UUIDString()
        try:
            _start(pool, build)
            pool.setAutostart(autostart)
        except libvirt.libvirtError:
            _take_back(pool)
            host.refresh_pool(uuid)  # its events may have made it known
            raise
    return _known(host.refresh_pool(uuid), name)


def _start(pool: libvirt.virStoragePool, build: Build) -> None:
    if build in (Build.IF_EMPTY, Build.OVERWRITE):
        pool.build(build.value)
        pool.create()
        return
    try:
        pool.create()
    except libvirt.libvirtError as error:
        if build is Build.NOTHING:
            raise
        pool.build()
        _start_built(pool, missing=any(words in str(error) for words in MISSING))


def _start_built(pool: libvirt.virStoragePool, missing: bool) -> None:
    """Start a pool whose directory may have been made just now; if it was `missing`, it goes when that fails."""
    try:
        pool.create()
    except libvirt.libvirtError:
        if missing:
            with suppress(libvirt.libvirtError):  # what matters is why it could not be started
                pool.delete()  # of a directory that is empty, or else libvirt refuses
        raise


def _take_back(pool: libvirt.virStoragePool) -> None:
    with suppress(libvirt.libvirtError):  # what matters is why it could not be started
        if pool.isActive():
            pool.destroy()
        pool.undefine()


def _known(pool: Pool | None, name: str) -> Pool:
    if pool is None:
        raise HostError(Kind.NOT_FOUND, f"the storage pool {name} disappeared")
    return pool


def remove(pool: Pool) -> None:
    """Stop a storage pool and remove its definition; what is stored in it stays."""
    with _opened(pool) as handle:
        persistent = handle.isPersistent()
        if handle.isActive():
            handle.destroy()
        if persistent:
            handle.undefine()
    pool.host.refresh_pool(pool.uuid)


def refresh(pool: Pool) -> Pool | None:
    """Let libvirt look again for the volumes; INVALID_STATE while the pool is not active."""
    with _opened(pool) as handle:
        handle.refresh()
    return pool.host.refresh_pool(pool.uuid)


@dataclass(frozen=True)
class Standing:
    """How far a storage pool is: whether it is active, being built, and started with libvirt."""

    active: bool
    building: bool
    autostart: bool


def standing(host: Host, name: str) -> Standing | None:
    """How far libvirt is with a storage pool; None when it has none of that name."""
    with host.link.borrow() as connection:
        pool = found(connection.storagePoolLookupByName, name)
        if pool is None:
            return None
        building = pool.info()[0] == libvirt.VIR_STORAGE_POOL_BUILDING
        return Standing(bool(pool.isActive()), building, bool(pool.autostart()))


def settled(host: Host, name: str) -> Pool | None:
    """A storage pool as it is when libvirt makes no volume in it; None while it does."""
    with host.link.borrow() as connection:
        pool = connection.storagePoolLookupByName(name)
        try:
            pool.refresh()
        except libvirt.libvirtError as error:
            if BUSY not in str(error):
                raise
            return None
        uuid = pool.UUIDString()
    return _known(host.refresh_pool(uuid), name)


Tell = Callable[[int], None]  # how many bytes there are by now


def create_volume(pool: Pool, xml: str, name: str, *, full: bool = False, tell: Tell | None = None) -> Volume:
    """A new volume; ALREADY_EXISTS when the name is another's. `full`: its format sets all of it aside at once."""
    flags = libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA if full else 0
    with _opened(pool) as handle, _watching(pool, name, tell):
        handle.createXML(xml, flags)
    return _made(pool, name)


def copy_volume(pool: Pool, xml: str, name: str, source: Volume, tell: Tell | None = None) -> Volume:
    """A new volume with the content of another one, which nobody may be writing to; errors as `create_volume`."""
    with _opened(pool) as handle, _watching(pool, name, tell):
        origin = handle.connect().storagePoolLookupByUUIDString(source.pool_uuid).storageVolLookupByName(source.name)
        handle.createXMLFrom(xml, origin)
    return _made(pool, name)


def _made(pool: Pool, name: str) -> Volume:
    fresh = pool.host.refresh_pool(pool.uuid)
    volume = next((one for one in fresh.volumes if one.name == name), None) if fresh else None
    if volume is None:
        raise HostError(Kind.NOT_FOUND, f"the volume {name} disappeared")
    return volume


@contextmanager
def _watching(pool: Pool, name: str, tell: Tell | None) -> Iterator[None]:
    """Tell now and then how much there is of a volume that is being made."""
    if tell is None:
        yield
        return
    ended = Event()
    watcher = Thread(target=_watch, args=(pool, name, tell, ended), name=f"watch {name}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(pool: Pool, name: str, tell: Tell, ended: Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        with suppress(HostError), _opened(pool) as handle:  # not there yet, or gone again: whoever makes it will say
            tell(handle.storageVolLookupByName(name).info()[2])


def resize_volume(pool: Pool, name: str, size: int, *, full: bool = False) -> None:
    """Make a volume that nobody uses larger, `size` bytes; `full`: what comes to it is set aside."""
    with _opened(pool) as handle:
        flags = libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE if full else 0
        handle.storageVolLookupByName(name).resize(size, flags)
    pool.host.refresh_pool(pool.uuid)


def delete_volume(pool: Pool, name: str) -> None:
    """Delete a volume with its content."""
    with _opened(pool) as handle:
        handle.storageVolLookupByName(name).delete()
    pool.host.refresh_pool(pool.uuid)
