"""What a host has of networking beside virtual networks: filters for traffic, interfaces of its own, and bridges
of Open vSwitch.

Nobody announces a change of them: they are read at the start, by the verbs of ours, and to reconcile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import libvirt

from virtcim.host import objects, open_vswitch
from virtcim.host.events import Topic
from virtcim.host.reading import if_told
from virtcim.host.records import FilterRecord, InterfaceRecord, OvsBridgeRecord
from virtcim.host.tables import Table

T = TypeVar("T", FilterRecord, InterfaceRecord, OvsBridgeRecord)


def _latest(record: T, old: T | None) -> T:
    return old if old is not None and old == record else record


class NetSide:
    """The filters, interfaces and bridges of one host. `told(topic, old, new)` hears of each that is replaced."""

    def __init__(self, told: Callable[[Topic, Any, Any], None]) -> None:
        self._filters: Table[FilterRecord, FilterRecord] = Table(_latest, partial(told, Topic.FILTER))
        self._interfaces: Table[InterfaceRecord, InterfaceRecord] = Table(_latest, partial(told, Topic.INTERFACE))
        self._ovs_bridges: Table[OvsBridgeRecord, OvsBridgeRecord] = Table(_latest, partial(told, Topic.INTERFACE))

    @property
    def version(self) -> int:
        """Grows whenever any of them changes."""
        return sum(table.snapshot.version for table in (self._filters, self._interfaces, self._ovs_bridges))

    @property
    def filters(self) -> tuple[FilterRecord, ...]:
        return self._filters.snapshot.all

    @property
    def interfaces(self) -> tuple[InterfaceRecord, ...]:
        return self._interfaces.snapshot.all

    @property
    def ovs_bridges(self) -> Mapping[str, OvsBridgeRecord]:
        """By name."""
        return self._ovs_bridges.snapshot.by_name

    def filter_named(self, name: str) -> FilterRecord | None:
        return self._filters.snapshot.by_name.get(name)

    def interface_named(self, name: str) -> InterfaceRecord | None:
        return self._interfaces.snapshot.by_name.get(name)

    def read(self, connection: libvirt.virConnect, afresh: bool = False) -> None:
        """Read all of them; see Table.replace."""
        tickets = [table.ticket() for table in (self._filters, self._interfaces, self._ovs_bridges)]
        self._filters.replace(if_told(connection, objects.read_filters, []), tickets[0], afresh)
        self._interfaces.replace(if_told(connection, objects.read_interfaces, []), tickets[1], afresh)
        self._ovs_bridges.replace(open_vswitch.bridges(connection.getURI()), tickets[2], afresh)

    def refresh_filter(self, connection: libvirt.virConnect, uuid: str) -> FilterRecord | None:
        """Reread one filter; None when it is gone."""
        ticket = self._filters.ticket()
        return self._filters.put(uuid, objects.read_filter(connection, uuid), ticket)
