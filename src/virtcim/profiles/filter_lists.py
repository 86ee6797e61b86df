"""Network filters as libvirt-cim shows them: lists of rules, nested in each other and applied to interfaces."""

from __future__ import annotations

from functools import partial

from virtcim.broker.call import Properties
from virtcim.broker.provider import VIRT, End, Profile, Writer
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import filters as mapping
from virtcim.profiles import filters, filters_written, lookup
from virtcim.profiles.elements import Device
from virtcim.profiles.filters import FilterEntry, FilterList

LIST, NESTED, APPLIED = "Virt_FilterList", "Virt_NestedFilterList", "Virt_AppliedFilterList"
ENTRIES = (mapping.PLAIN_CLASS, mapping.ETHERNET_CLASS, mapping.IP_CLASS)


def make(world: Hosts) -> Profile:
    """No profile of DMTF's: it is not registered."""
    profile = Profile("filters")
    profile.source(FilterList, filters.all_lists, follows=lookup.version)
    profile.source(FilterEntry, filters.all_entries, follows=lookup.version)
    profile.instance(LIST, of=FilterList, find=filters.find_lists)(filter_list)
    for classname in ENTRIES:
        fits = partial(_is, classname)
        profile.instance(classname, of=FilterEntry, when=fits, find=filters.find_entries)(filter_entry)
    _associate(profile)
    _write(profile, world)
    return profile


def _is(classname: str, entry: FilterEntry) -> bool:
    return mapping.class_of(entry.rule) == classname


def filter_list(one: FilterList) -> Properties:
    return {**mapping.head(one.document), "ElementName": one.name, **filters.keys(one, LIST)}


def filter_entry(entry: FilterEntry) -> Properties:
    classname = mapping.class_of(entry.rule)
    return {**mapping.entry(entry.rule), "ElementName": entry.name, **filters.keys(entry, classname)}


def host_of(one: FilterList) -> list[Host]:
    return [one.host]


def list_of_entry(entry: FilterEntry) -> list[FilterList]:
    return [entry.filter]


def _associate(profile: Profile) -> None:
    profile.associate(
        "Virt_HostedFilterList",
        End("Antecedent", "Virt_HostSystem", across=filters.lists_of),
        End("Dependent", LIST, across=host_of),
    )
    profile.associate(
        "Virt_EntriesInFilterList",
        End("GroupComponent", LIST, across=filters.entries_of),
        End("PartComponent", "CIM_FilterEntryBase", across=list_of_entry),
    )
    profile.associate(
        NESTED, End("Antecedent", LIST, across=filters.included), End("Dependent", LIST, across=filters.including)
    )
    profile.associate(
        APPLIED,
        End("Antecedent", LIST, across=filters.guarded),
        End("Dependent", "Virt_NetworkPort", across=filters.guard_of, of=Device),
    )


def _write(profile: Profile, world: Hosts) -> None:
    """What libvirt-cim creates and deletes as instances, and rules, which it only shows."""
    profile.writes(
        Writer(
            LIST,
            VIRT,
            create=partial(filters_written.create_list, world),
            delete=filters_written.delete_list,
        )
    )
    for classname in ENTRIES:
        create = partial(filters_written.create_entry, world, classname)
        profile.writes(Writer(classname, VIRT, create=create, delete=filters_written.delete_entry))
    profile.writes(
        Writer(
            NESTED,
            VIRT,
            create=partial(filters_written.nest, world, NESTED),
            delete=partial(filters_written.unnest, world),
        )
    )
    profile.writes(
        Writer(
            APPLIED,
            VIRT,
            create=partial(filters_written.apply, world, APPLIED),
            delete=partial(filters_written.release, world),
        )
    )
