"""The verbs that divide a host: huge pages set apart, partitions made and removed. Each rereads how it is divided.

Every verb raises HostError, with nothing changed then.
"""

from __future__ import annotations

import libvirt

from virtcim.host import partitions
from virtcim.host.errors import HostError, Kind, translated
from virtcim.host.system import Host

WHOLE_HOST = -1  # startCell


def set_pages(host: Host, kib: int, count: int, before: int) -> None:
    """Set how many huge pages of a size the host has apart; `before` is how many it has.

    BUSY when the kernel cannot find or give up as many: what it has done by then is taken back.
    """
    with host.link.borrow() as connection:
        try:
            _allocate(connection, kib, count)
        except libvirt.libvirtError as error:
            failure = translated(error)
            if failure.kind is Kind.NOT_SUPPORTED:
                raise failure from error
            _allocate(connection, kib, before)
            raise HostError(Kind.BUSY, failure.message, failure.code) from error
    host.reread_divisions()


def _allocate(connection: libvirt.virConnect, kib: int, count: int) -> None:
    connection.allocPages({kib: count}, WHOLE_HOST, 1, libvirt.VIR_NODE_ALLOC_PAGES_SET)


def make_partition(host: Host, path: str, limit: int | None, weight: int | None) -> None:
    """Make a partition; `limit` in percent of a processor. NOT_SUPPORTED where it is not ours to make."""
    if not host.divisions.can_divide:
        where = "on a machine of systemd, which makes them itself, or without control groups"
        raise HostError(Kind.NOT_SUPPORTED, f"partitions of {host.name} cannot be made: {where}")
    partitions.make(path, limit, weight)
    host.reread_divisions()


def remove_partition(host: Host, path: str) -> None:
    """Remove a partition that is empty."""
    partitions.remove(path)
    host.reread_divisions()
