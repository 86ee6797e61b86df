"""Files that snapshots are kept in, beside the images of disks: found by storage pools, and removed with snapshots."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from os.path import dirname

import libvirt

from virtcim.host.errors import HostError
from virtcim.host.system import Host

log = logging.getLogger(__name__)


def refresh_pools(host: Host, directories: Iterable[str]) -> None:
    """Let the storage pools of some directories find what is in them now; one that is busy finds it later."""
    for directory in directories:
        try:
            _refresh(host, directory)
        except HostError as error:
            log.debug("the storage pool at %s is not read again: %s", directory, error.message)


def _refresh(host: Host, directory: str) -> None:
    with host.link.borrow() as connection:
        pool = _pool_at(connection, directory)
        if pool is None:
            return
        pool.refresh()
        uuid = pool.UUIDString()
    host.refresh_pool(uuid)


def _pool_at(connection: libvirt.virConnect, directory: str) -> libvirt.virStoragePool | None:
    try:
        pool = connection.storagePoolLookupByTargetPath(directory)
    except libvirt.libvirtError:  # none, or the driver knows no such thing
        return None
    return pool if pool.isActive() else None


def remove_files(host: Host, paths: Iterable[str]) -> list[str]:
    """Delete files that nothing needs any more; answers those that stay, as in no pool and on another machine."""
    left = [path for path in paths if not _removed(host, path)]
    for path in left:
        log.warning("%s is of no use any more and could not be deleted", path)
    return left


def _removed(host: Host, path: str) -> bool:
    refresh_pools(host, [dirname(path)])
    try:
        with host.link.borrow() as connection:
            connection.storageVolLookupByPath(path).delete()
    except HostError as error:
        log.debug("%s is deleted by no storage pool: %s", path, error.message)
        return _unlinked(host, path)
    refresh_pools(host, [dirname(path)])
    return True


def _unlinked(host: Host, path: str) -> bool:
    """A file on this machine."""
    if not host.link.local or host.platform != "KVM":
        return False
    try:
        os.unlink(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        log.debug("%s: %s", path, error)
        return False
    return True
