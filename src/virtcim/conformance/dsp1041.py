"""DSP1041 Resource Allocation: pools, and what comes from them, as they are found."""

from __future__ import annotations

from collections import Counter

from pywbem import CIMInstance

from virtcim.conformance.check import check
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.pools import (
    ALLOCATED,
    ASKED,
    CAPABILITIES,
    HOSTED,
    OTHER,
    POOL,
    SERVICE,
    STORAGE,
    allocated,
    by_key,
    family,
    linked,
    parsed_unit,
    pools,
    total,
)
from virtcim.conformance.site import DMTF, Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

NAME = "Resource Allocation"
LISTED = range(2, 8)
VENDOR = 32768


@check("DSP1041-R01")
def registered_once(site: Site) -> None:
    """Resource Allocation 1.1.0 of the DMTF is registered exactly once."""
    found = [one for one in site.registered(NAME) if one.get("RegisteredVersion") == "1.1.0"]
    expect(len(found) == 1, f"{NAME} 1.1.0 of organization {DMTF} is registered {len(found)} times")


@check("DSP1041-R02")
def conformant_pools_are_hosted(site: Site) -> None:
    """What conforms to Resource Allocation is a pool, hosted by exactly one system."""
    central = site.central(NAME)
    skip_unless(central, "nothing conforms to the profile")
    hosts = linked(site, HOSTED, "PartComponent", "GroupComponent")
    faults = [f"{show(one)} is no {POOL}" for one in central if not site.is_a(one.classname, POOL)]
    faults += [
        f"{show(one)} is hosted by {len(hosts.get(key(one, site.namespace), ()))} systems"
        for one in central
        if len(hosts.get(key(one, site.namespace), ())) != 1
    ]
    expect_none(faults)


@check("DSP1041-R03")
def primordial_pools(site: Site) -> None:
    """Each ResourceType that pools have is that of a primordial pool too."""
    types = {one.get("ResourceType") for one in pools(site)}
    given = {one.get("ResourceType") for one in pools(site) if one.get("Primordial")}
    expect_none([f"type {one} has no primordial pool" for one in sorted(types - given, key=str)])


@check("DSP1041-R04")
def instance_ids(site: Site) -> None:
    """InstanceIDs of pools are unique and none is in the name of CIM."""
    names = Counter(str(one.get("InstanceID")) for one in pools(site))
    twice = [f"{name} occurs {count} times" for name, count in names.items() if count > 1]
    expect_none(twice + [f"{name} claims CIM" for name in names if name.upper().startswith("CIM:")])


@check("DSP1041-R05")
def pool_ids(site: Site) -> None:
    """PoolIDs are not NULL and unique among the pools of a host."""
    hosts = linked(site, HOSTED, "PartComponent", "GroupComponent")
    seen: Counter[tuple[object, object]] = Counter()
    faults = []
    for one in pools(site):
        if not one.get("PoolID"):
            faults.append(f"{show(one)} has no PoolID")
        for host in hosts.get(key(one.path, site.namespace), ()):
            seen[(key(host, site.namespace), one.get("PoolID"))] += 1
    expect_none(faults + [f"PoolID {name[1]!r} occurs {count} times" for name, count in seen.items() if count > 1])


@check("DSP1041-R06")
def resource_types(site: Site) -> None:
    """ResourceType is not NULL, and OtherResourceType is given exactly where it is Other."""
    faults = []
    for one in pools(site):
        kind, other = one.get("ResourceType"), one.get("OtherResourceType")
        if kind is None or (kind == OTHER) != bool(other):
            faults.append(f"{show(one)} has ResourceType {kind} and OtherResourceType {other!r}")
    expect_none(faults)


@check("DSP1041-R07")
def units_are_units(site: Site) -> None:
    """AllocationUnits and ConsumedResourceUnits of pools are programmatic units."""
    names = ("AllocationUnits", "ConsumedResourceUnits")
    expect_none(
        [
            f"{show(one)} has {name} {one.get(name)!r}"
            for one in pools(site)
            for name in names
            if parsed_unit(one.get(name)) is None
        ]
    )


@check("DSP1041-R08")
def not_more_than_there_is(site: Site) -> None:
    """No pool has reserved more than its capacity, where it tells both."""
    both = [one for one in pools(site) if None not in (one.get("Capacity"), one.get("Reserved"))]
    skip_unless(both, "no pool tells Capacity and Reserved")
    expect_none(
        [f"{show(one)} has reserved {one['Reserved']} of {one['Capacity']}" for one in both if _exceeds(one)],
    )


def _exceeds(pool: CIMInstance) -> bool:
    return int(pool["Reserved"]) > int(pool["Capacity"])


@check("DSP1041-R09")
def reserved_is_the_sum(site: Site) -> None:
    """Reserved is the sum of what is taken from the pool and those below, but of storage, where more may be filled."""
    faults = []
    taken = allocated(site)
    for pool in (one for one in pools(site) if one.get("ResourceType") not in STORAGE):
        members = [one for name in family(site, pool) for one in taken.get(name, ())]
        if pool.get("Reserved") is None or any(one.get("Reservation") is None for one in members):
            continue
        wanted = total(members, "Reservation", "AllocationUnits", pool.get("AllocationUnits"))
        if wanted is not None and members and wanted != pool["Reserved"]:
            faults.append(f"{show(pool)} has Reserved {pool['Reserved']}, its allocations add up to {wanted}")
    expect_none(faults)


@check("DSP1041-R10")
def hierarchy(site: Site) -> None:
    """Concrete pools are allocated from pools of the same type, primordial ones from none, and never in a circle."""
    known = by_key(site, pools(site))
    above = linked(site, ALLOCATED, "Dependent", "Antecedent")
    faults = []
    for name, pool in known.items():
        parents = [known[one] for one in keys(above.get(name, ()), site.namespace) if one in known]
        if bool(parents) == bool(pool.get("Primordial")):
            faults.append(f"{show(pool)} has Primordial {pool.get('Primordial')} and {len(parents)} parents")
        if any(one.get("ResourceType") != pool.get("ResourceType") for one in parents):
            faults.append(f"{show(pool)} has a parent of another type")
        if name in family(site, pool)[1:]:
            faults.append(f"{show(pool)} is allocated from itself")
    expect_none(faults)


@check("DSP1041-R18")
def service_capabilities(site: Site) -> None:
    """Each pool configuration service has one set of capabilities, whose two lists of methods have none in common."""
    services = site.names(SERVICE)
    skip_unless(services, "the server has no pool configuration service")
    faults = []
    for one in services:
        found = site.across(one, CAPABILITIES, "CIM_ResourcePoolConfigurationCapabilities", "ManagedElement")
        lists = [
            {int(number) for number in each.get(name) or []}
            for each in found
            for name in ("SynchronousMethodsSupported", "AsynchronousMethodsSupported")
        ]
        if len(found) != 1 or lists[0] & lists[1]:
            faults.append(f"{show(one)} has {len(found)} sets of capabilities, with lists {lists}")
        faults += [f"{number} is no method" for each in lists for number in each if not _is_method(number)]
    expect_none(faults)


def _is_method(number: int) -> bool:
    return number in LISTED or number >= VENDOR


@check("DSP1041-R25")
def no_orphans(site: Site) -> None:
    """All pools together are those that the hosts lead to."""
    hosted = [path for host in site.require_hosts() for path in site.across_names(host, HOSTED, POOL, "GroupComponent")]
    every = keys([one.path for one in pools(site)], site.namespace)
    expect(keys(hosted, site.namespace) == every, f"{len(every)} pools exist, hosts lead to {len(hosted)}")


@check("DSP1041-R26")
def both_ways(site: Site) -> None:
    """Pools are reached from hosts, devices and settings exactly where they lead back."""
    faults = []
    for pool in pools(site):
        start = local(pool.path, site.namespace)
        for association, near, far in (
            (HOSTED, "PartComponent", "GroupComponent"),
            (ALLOCATED, "Antecedent", "Dependent"),
            (ASKED, "Antecedent", "Dependent"),
        ):
            for other in site.across_names(start, association, role=near)[:5]:
                back = keys(site.across_names(local(other, site.namespace), association, role=far), site.namespace)
                if key(start, site.namespace) not in back:
                    faults.append(f"{association}: {show(other)} does not lead back to {show(start)}")
    expect_none(faults)
