"""Network filters as objects: libvirt's nwfilters, their rules, and the interfaces that they guard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.nwfilters import FilterRecord
from virtcim.mapping import filters as mapping
from virtcim.mapping import ids
from virtcim.mapping.filters import NwFilter, Rule
from virtcim.mapping.net import INTERFACE
from virtcim.profiles import elements
from virtcim.profiles.elements import Device, kept
from virtcim.profiles.switches_ports import interface_of


@dataclass(frozen=True, eq=False)
class FilterList:
    """A network filter of a host."""

    host: Host
    source: FilterRecord

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def document(self) -> NwFilter:
        """Not to be written to."""
        return kept(self, "_document", lambda: NwFilter.parse(self.source.xml))


@dataclass(frozen=True, eq=False)
class FilterEntry:
    """A rule of a network filter; `index` counts its rules."""

    filter: FilterList
    index: int
    rule: Rule

    @property
    def platform(self) -> str:
        return self.filter.platform

    @property
    def name(self) -> str:
        return ids.filter_entry_name(self.filter.name, self.index)


def list_of(host: Host, source: FilterRecord) -> FilterList:
    return kept(source, "_list", lambda: FilterList(host, source))


def lists_of(host: Host) -> Iterator[FilterList]:
    """The filters of a host; what they were before it went out of reach is not told."""
    for source in host.netside.filters if host.readable else ():
        yield list_of(host, source)


def named(host: Host, name: str | None) -> FilterList | None:
    source = host.netside.filter_named(name) if name else None
    return list_of(host, source) if source and host.readable else None


def entries_of(one: FilterList) -> tuple[FilterEntry, ...]:
    rules = enumerate(one.document.rules)
    return kept(one, "_entries", lambda: tuple(FilterEntry(one, number, rule) for number, rule in rules))


def included(one: FilterList) -> list[FilterList]:
    """The filters that a filter names, each once."""
    names = dict.fromkeys(str(reference.filter) for reference in one.document.references)
    found = (named(one.host, name) for name in names)
    return [other for other in found if other is not None]


def including(one: FilterList) -> list[FilterList]:
    return [other for other in lists_of(one.host) if mapping.includes(other.document, one.name)]


def guard_of(device: Device) -> list[FilterList]:
    """The filter of a network interface, as its system runs with."""
    if device.kind is not INTERFACE:
        return []
    found = named(device.vm.host, interface_of(device).filter)
    return [found] if found else []


def guarded(one: FilterList) -> Iterator[Device]:
    for vm in one.host.vms:
        if one.name in _guards(vm):
            yield from (device for device in elements.devices(vm) if guard_of(device) == [one])


def _guards(vm: Vm) -> frozenset[str]:
    """The filters that a system runs with: little enough to be kept as long as the Vm."""
    return kept(vm, "_guards", lambda: frozenset(str(one.filter) for one in vm.state_document.interfaces if one.filter))


def users_of(one: FilterList) -> list[str]:
    """What would be left without it: systems, by either configuration, and other filters."""
    found = [vm.name for vm in one.host.vms if one.name in _guards(vm) | _defined_guards(vm)]
    return [*found, *(other.name for other in including(one))]


def _defined_guards(vm: Vm) -> set[str]:
    document = vm.defined_document
    return {str(one.filter) for one in document.interfaces} if document else set()


def keys(one: FilterList | FilterEntry, classname: str) -> Properties:
    """The keys of an instance of the Virt_ class, in their order."""
    host = one.host if isinstance(one, FilterList) else one.filter.host
    return {
        "Name": one.name,
        "SystemCreationClassName": elements.host_class(host),
        "SystemName": ids.host_token(host),
        "CreationClassName": classname.replace("Virt", host.platform, 1),
    }


# Where they all are


def all_lists(world: Hosts) -> Iterator[FilterList]:
    for host in world.reachable():
        yield from lists_of(host)


def all_entries(world: Hosts) -> Iterator[FilterEntry]:
    for one in all_lists(world):
        yield from entries_of(one)


def find_lists(world: Hosts, keys: Keys) -> list[FilterList]:
    """By SystemName and Name."""
    hosts = (host for host in world.reachable() if ids.host_token(host) == keys["SystemName"])
    found = (named(host, str(keys["Name"])) for host in hosts)
    return [one for one in found if one is not None]


def find_entries(world: Hosts, keys: Keys) -> list[FilterEntry]:
    """As find_lists, of the filter that Name begins with."""
    parsed = ids.parse_filter_entry_name(str(keys["Name"]))
    if parsed is None:
        return []
    lists = find_lists(world, {"SystemName": keys["SystemName"], "Name": parsed[0]})
    return [one for found in lists for one in entries_of(found)]
