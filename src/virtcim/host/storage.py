"""The verbs on storage pools and volumes. Each blocks until done, and rereads the pool before it returns.

Every verb raises HostError: NOT_FOUND when the object is gone, UNREACHABLE when libvirt is, else what libvirt says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

import libvirt

from virtcim.host.errors import HostError, Kind
from virtcim.host.reading import found
from virtcim.host.system import Host, Pool, Volume


@contextmanager
def _opened(pool: Pool) -> Iterator[libvirt.virStoragePool]:
    with pool.host.link.borrow() as connection:
        yield connection.storagePoolLookupByUUIDString(pool.uuid)


MISSING = ("cannot open directory", "mount point")  # how a start fails for want of a directory


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


def create_volume(pool: Pool, xml: str, name: str) -> Volume:
    """A new volume; ALREADY_EXISTS when the name is another's."""
    with _opened(pool) as handle:
        handle.createXML(xml)
    fresh = pool.host.refresh_pool(pool.uuid)
    volume = next((one for one in fresh.volumes if one.name == name), None) if fresh else None
    if volume is None:
        raise HostError(Kind.NOT_FOUND, f"the volume {name} disappeared")
    return volume


def delete_volume(pool: Pool, name: str) -> None:
    """Delete a volume with its content."""
    with _opened(pool) as handle:
        handle.storageVolLookupByName(name).delete()
    pool.host.refresh_pool(pool.uuid)
