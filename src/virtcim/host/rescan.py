"""Volumes that others make and delete: libvirt looks for them only when it is asked to, and tells nobody meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import libvirt

from virtcim.host.link import Link
from virtcim.host.records import PoolRecord
from virtcim.model.storage import StoragePool

log = logging.getLogger(__name__)

# Looking for the volumes of other kinds asks a server or a bus for its devices, which is for the administrator to do.
FOLLOWED = frozenset({"dir", "fs", "netfs", "logical", "disk"})


class Host(Protocol):
    """A host with its storage pools."""

    @property
    def link(self) -> Link: ...
    @property
    def pools(self) -> Sequence[PoolRecord]: ...
    def refresh_pool(self, uuid: str) -> object: ...


def rescan(host: Host) -> None:
    """Let libvirt look again for the volumes of the active pools, one after another, and read what it has found."""
    for pool in host.pools:
        if pool.active and StoragePool.parse(pool.xml).type in FOLLOWED and _looked(host.link, pool):
            host.refresh_pool(pool.uuid)


def _looked(link: Link, pool: PoolRecord) -> bool:
    """Whether libvirt did: not while it makes a volume, nor when the pool is gone."""
    with link.borrow() as connection:
        try:
            connection.storagePoolLookupByUUIDString(pool.uuid).refresh()
        except libvirt.libvirtError as error:
            log.debug("the storage pool %s was not looked through: %s", pool.name, error)
            return False
    return True
