"""DSP1045 Memory Resource Virtualization: memory, its pool and its settings."""

from __future__ import annotations

import re
from fractions import Fraction

from pywbem import CIMInstance, CIMInstanceName, Uint64

from virtcim.conformance import amounts
from virtcim.conformance.check import check
from virtcim.conformance.paths import local, show
from virtcim.conformance.pools import (
    ALLOCATED,
    DEFAULT,
    MAXIMUM,
    MEMORY,
    MINIMUM,
    POOL,
    RASD,
    active_systems,
    allocated,
    capabilities,
    family,
    in_base,
    of_type,
    parsed_unit,
    pools_of_type,
    sample,
    total,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    defined_settings,
)
from virtcim.conformance.verdict import expect, expect_none, skip_unless

NAME = "Memory Resource Virtualization"
BYTES = re.compile(r"byte( ?\* ?(2|10) ?\^ ?\d+)?")
KIB, MIB = "byte * 2^10", "byte * 2^20"
RESERVED_TYPES = (1, 4, 35)


def primordial(site: Site) -> CIMInstance:
    return amounts.primordial(site, MEMORY)


def memories(site: Site, system: CIMInstanceName) -> list[CIMInstance]:
    return amounts.devices(site, system, "CIM_Memory")


def all_settings(site: Site) -> list[CIMInstance]:
    return amounts.all_settings(site, MEMORY)


def size(one: CIMInstance, name: str, units: str) -> Fraction:
    """A quantity of a setting in bytes, 0 when it is NULL."""
    found = in_base(one.get(name), one.get(units))
    return Fraction(0) if found is None else found[1]


def quantity(one: CIMInstance) -> Fraction:
    return size(one, "VirtualQuantity", "VirtualQuantityUnits")


def setting(site: Site, system: CIMInstanceName) -> CIMInstance:
    """The State setting of a system's memory."""
    return amounts.setting(site, system, MEMORY)


def amount(one: CIMInstance, factor: int) -> Uint64:
    return Uint64(int(one["VirtualQuantity"]) * factor)


@check("DSP1045-R01")
def registered(site: Site) -> None:
    """Memory Resource Virtualization 1.0.0 is registered, and refers to the profiles it specializes."""
    amounts.references(site, NAME)


@check("DSP1045-R02")
def has_a_pool(site: Site) -> None:
    """There is a primordial pool of memory, with a capacity in bytes."""
    pool = primordial(site)
    unit = parsed_unit(pool.get("AllocationUnits"))
    expect(unit is not None and unit[0] == "byte" and pool.get("Capacity"), f"{show(pool)} has {pool.get('Capacity')}")


@check("DSP1045-R03")
def active_systems_have_memory(site: Site) -> None:
    """Each active system has memory, and some that is volatile."""
    found = {show(one): memories(site, one.path) for one in active_systems(site)}
    expect_none([name for name, each in found.items() if not any(one.get("Volatile") for one in each)])


@check("DSP1045-R04")
def as_much_as_allocated(site: Site) -> None:
    """The memory of an active system is as large as its State settings say."""
    faults = []
    for system in active_systems(site):
        real = sum(int(one["BlockSize"]) * int(one["NumberOfBlocks"]) for one in memories(site, system.path))
        said = sum(map(quantity, of_type(site, system.path, MEMORY)))
        faults += [f"{show(system)} has {real} bytes, its settings say {said}"] if real != said else []
    expect_none(faults)


@check("DSP1045-R05")
def units_are_bytes(site: Site) -> None:
    """Memory settings count in bytes or binary or decimal multiples of them."""
    names = ("VirtualQuantityUnits", "AllocationUnits")
    expect_none(
        [
            f"{show(one)} has {name} {one.get(name)!r}"
            for one in all_settings(site)
            for name in names
            if not BYTES.fullmatch(str(one.get(name)))
        ]
    )


@check("DSP1045-R06")
def limits(site: Site) -> None:
    """Memory is no larger than its Limit, and reserves no more than that."""
    faults = []
    for one in all_settings(site):
        limit = size(one, "Limit", "AllocationUnits")
        if limit and max(quantity(one), size(one, "Reservation", "AllocationUnits")) > limit:
            faults.append(f"{show(one)} has Limit {limit} and VirtualQuantity {quantity(one)}")
    expect_none(faults)


@check("DSP1045-R07")
def reserved(site: Site) -> None:
    """Reserved of the primordial pool is the sum of the Reservations of the memory taken from it."""
    site.forget()
    pool = primordial(site)
    taken = [one for name in family(site, pool) for one in allocated(site).get(name, ())]
    wanted = total(taken, "Reservation", "AllocationUnits", pool.get("AllocationUnits"))
    expect(pool.get("Reserved") in (None, wanted), f"{show(pool)} has reserved {pool.get('Reserved')}, not {wanted}")


@check("DSP1045-R08")
def consumed(site: Site) -> None:
    """CurrentlyConsumedResource of the primordial pool is the sum of the memory taken from it."""
    site.forget()
    pool = primordial(site)
    taken = [one for name in family(site, pool) for one in allocated(site).get(name, ())]
    wanted = total(taken, "VirtualQuantity", "VirtualQuantityUnits", pool.get("ConsumedResourceUnits"))
    said = pool.get("CurrentlyConsumedResource")
    expect(said in (None, wanted), f"{show(pool)} says {said}, not {wanted}")


@check("DSP1045-R09")
def memory_is_allocated(site: Site) -> None:
    """Each memory of an active system is from one pool of memory and defined by one setting."""
    amounts.are_allocated(site, "CIM_Memory", MEMORY)


@check("DSP1045-R10")
def pools_below(site: Site) -> None:
    """Pools of huge pages or NUMA cells are allocated from the primordial pool and no larger."""
    top = primordial(site)
    below = [one for one in pools_of_type(site, MEMORY) if not one.get("Primordial")]
    skip_unless(below, "memory has no pools below the primordial one")
    children = site.across(local(top.path, site.namespace), ALLOCATED, POOL, "Antecedent")
    known = {one["InstanceID"] for one in children}
    faults = [f"{show(one)} is not from {show(top)}" for one in below if one["InstanceID"] not in known]
    most = in_base(top.get("Capacity"), top.get("AllocationUnits"))
    for one in below:
        own = in_base(one.get("Capacity"), one.get("AllocationUnits"))
        faults += [f"{show(one)} has {own[1]} bytes"] if own and most and own[1] > most[1] else []
    expect_none(faults)


@check("DSP1045-R17")
def off_is_off(site: Site) -> None:
    """Memory of a system that is off is not enabled; its definition has a memory setting."""
    off = amounts.systems_that_are_off(site)
    faults = amounts.enabled_of(site, off, "CIM_Memory")
    for system in off:
        head = defined_settings(site, system.path).path
        parts = site.across(head, "CIM_VirtualSystemSettingDataComponent", RASD, "GroupComponent")
        found = [one for one in parts if one.get("ResourceType") == MEMORY]
        faults += [] if found else [f"{show(system)} has no memory defined"]
    expect_none(faults)


@check("DSP1045-R18")
def ranges(site: Site) -> None:
    """The default of memory is within its range, which is no larger than the host."""
    pool = primordial(site)
    for one in capabilities(site, pool):
        path = local(one.path, site.namespace)
        found = [sample(site, path, role) for role in (MINIMUM, DEFAULT, MAXIMUM)]
        low, usual, high = (quantity(each) if each is not None else Fraction(0) for each in found)
        expect(low <= usual <= high, f"{show(one)} has {low}, {usual} and {high} bytes")
        most = in_base(pool.get("Capacity"), pool.get("AllocationUnits"))
        expect(most is not None and high <= most[1], f"{show(one)} allows {high} bytes of {most}")


@check("DSP1045-R19")
def classes(site: Site) -> None:
    """CIM_MemoryAllocationSettingData is used for the types of memory it is made for alone."""
    expect_none(
        [
            f"{show(one)} has ResourceType {one.get('ResourceType')}"
            for one in site.instances("CIM_MemoryAllocationSettingData")
            if one.get("ResourceType") not in RESERVED_TYPES
        ]
    )
