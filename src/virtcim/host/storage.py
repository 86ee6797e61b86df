"""The verbs on storage pools and volumes. Each blocks until done, and rereads the pool before it returns.

Every verb raises HostError: NOT_FOUND when the object is gone, UNREACHABLE when libvirt is, else what libvirt says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import libvirt

from virtcim.host.errors import HostError, Kind
from virtcim.host.reading import found
from virtcim.host.system import Host, Pool, Volume


@contextmanager
def _opened(pool: Pool) -> Iterator[libvirt.virStoragePool]:
    with pool.host.link.borrow() as connection:
        yield connection.storagePoolLookupByUUIDString(pool.uuid)


def define(host: Host, xml: str, name: str, *, build: bool = False, autostart: bool = False) -> Pool:
    """Define and start a storage pool; nothing of it is left when it cannot be started.

    `build` makes the directory of a pool that is one, without touching what is in it. ALREADY_EXISTS when the name is
    another pool's.
    """
    with host.link.borrow() as connection:
        if found(connection.storagePoolLookupByName, name) is not None:
            raise HostError(Kind.ALREADY_EXISTS, f"a storage pool named {name} exists already")
        pool = connection.storagePoolDefineXML(xml)
        try:
            if build:
                pool.build()
            pool.create()
            pool.setAutostart(autostart)
        except libvirt.libvirtError:
            _take_back(pool)
            raise
        uuid = pool.UUIDString()
    return _known(host.refresh_pool(uuid), name)


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
