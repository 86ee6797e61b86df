"""The verbs on network filters: defined, edited, removed. Each blocks, and the next reader sees what was done.

Every verb raises HostError: NOT_FOUND when the filter is gone, UNREACHABLE when libvirt is, or what libvirt says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import libvirt

from virtcim.host.errors import HostError, Kind
from virtcim.host.records import FilterRecord
from virtcim.host.system import Host
from virtcim.model.nwfilter import NwFilter

__all__ = ["FilterRecord", "define", "edit", "undefine"]


def define(host: Host, document: NwFilter) -> FilterRecord:
    """Define a filter of a name that is free. HostError(ALREADY_EXISTS) when it is taken."""
    if host.netside.filter_named(str(document.name)) is not None:
        raise HostError(Kind.ALREADY_EXISTS, f"a network filter named {document.name} exists already")
    return _define(host, document)


def _define(host: Host, document: NwFilter) -> FilterRecord:
    with host.link.borrow() as connection:
        uuid = connection.nwfilterDefineXML(document.xml).UUIDString()
        found = host.netside.refresh_filter(connection, uuid)
    if found is None:
        raise HostError(Kind.NOT_FOUND, f"network filter {document.name} disappeared from {host.link.shown_uri}")
    return found


@contextmanager
def edit(host: Host, record: FilterRecord) -> Iterator[NwFilter]:
    """The filter, to be changed in the block and defined when it ends; nothing happens when the block raises.

    Guests that it guards are guarded by the new rules at once, or libvirt refuses and the old ones stay.
    """
    with host.lock(record.uuid):
        with host.link.borrow() as connection:
            document = NwFilter.parse(_handle(connection, record).XMLDesc())
        before = document.xml
        yield document
        if document.xml != before:
            _define(host, document)


def undefine(host: Host, record: FilterRecord) -> None:
    """Remove a filter; libvirt refuses while it guards a running guest."""
    with host.lock(record.uuid), host.link.borrow() as connection:
        _handle(connection, record).undefine()
        host.netside.refresh_filter(connection, record.uuid)


def _handle(connection: libvirt.virConnect, record: FilterRecord) -> libvirt.virNWFilter:
    return connection.nwfilterLookupByUUIDString(record.uuid)
