"""DSP1044 Processor Resource Virtualization: processors, their pool and their settings."""

from __future__ import annotations

import re

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance import amounts
from virtcim.conformance.check import check
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.pools import (
    ALLOCATED,
    PROCESSOR,
    active_systems,
    family,
    parsed_unit,
    pools_of_type,
)
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

NAME = "Processor Resource Virtualization"
BASES = ("hertz", "percent", "count")
BOUND = (3, 4, 5)  # MappingBehavior
COMPONENT = "CIM_ConcreteComponent"
WORD = re.compile(r"[^\s:]+(:[^\s:]+)+")
STATUSES = ("Unknown", "Enabled", "Disabled")
DEVICE_ID_LENGTH = 64


def primordial(site: Site) -> CIMInstance:
    return amounts.primordial(site, PROCESSOR)


def virtual_processors(site: Site, system: CIMInstanceName) -> list[CIMInstance]:
    return amounts.devices(site, system, "CIM_Processor")


def setting(site: Site, system: CIMInstanceName) -> CIMInstance:
    """The State setting of a system's processors."""
    return amounts.setting(site, system, PROCESSOR)


def all_settings(site: Site) -> list[CIMInstance]:
    return amounts.all_settings(site, PROCESSOR)


@check("DSP1044-R01")
def registered(site: Site) -> None:
    """Processor Resource Virtualization 1.0.0 is registered, and refers to the profiles it specializes."""
    amounts.references(site, NAME)


@check("DSP1044-R02")
def has_a_pool(site: Site) -> None:
    """There is a primordial pool of processors, hosted by a system."""
    pool = primordial(site)
    hosts = site.across_names(local(pool.path, site.namespace), "CIM_HostedResourcePool", role="PartComponent")
    expect(len(hosts) == 1, f"{show(pool)} is hosted by {len(hosts)} systems")


@check("DSP1044-R03")
def counts_processors(site: Site) -> None:
    """Pools of processors count in hertz, percent or pieces, and have a capacity."""
    faults = []
    for one in pools_of_type(site, PROCESSOR):
        unit = parsed_unit(one.get("AllocationUnits"))
        if unit is None or unit[0] not in BASES or not one.get("Capacity"):
            faults.append(f"{show(one)} has {one.get('Capacity')} {one.get('AllocationUnits')}")
    expect_none(faults)


@check("DSP1044-R04")
def active_systems_have_processors(site: Site) -> None:
    """Each active system has a processor."""
    found = active_systems(site)
    expect_none([f"{show(one)} has none" for one in found if not virtual_processors(site, one.path)])


@check("DSP1044-R05")
def as_many_as_allocated(site: Site) -> None:
    """An active system has as many processors as its State setting says."""
    faults = []
    for one in active_systems(site):
        count, said = len(virtual_processors(site, one.path)), setting(site, one.path).get("VirtualQuantity")
        faults += [f"{show(one)} has {count} processors, its setting says {said}"] if count != said else []
    expect_none(faults)


@check("DSP1044-R06")
def processors_are_allocated(site: Site) -> None:
    """Each processor of an active system is from one pool of processors and defined by one setting."""
    amounts.are_allocated(site, "CIM_Processor", PROCESSOR)


@check("DSP1044-R07")
def quantities_are_counts(site: Site) -> None:
    """Processor settings count processors, and at least one."""
    expect_none(
        [
            f"{show(one)} has {one.get('VirtualQuantity')} {one.get('VirtualQuantityUnits')}"
            for one in all_settings(site)
            if one.get("VirtualQuantityUnits") != "count" or not one.get("VirtualQuantity")
        ]
    )


@check("DSP1044-R08")
def limits(site: Site) -> None:
    """The Limit of processors is no less than their Reservation and no more than the host has."""
    most = primordial(site).get("Capacity")
    faults = []
    for one in all_settings(site):
        limit, least = one.get("Limit"), one.get("Reservation") or 0
        if limit is not None and not least <= limit <= most:
            faults.append(f"{show(one)} has Limit {limit}, Reservation {least}, the host {most}")
    expect_none(faults)


@check("DSP1044-R09")
def bound_to_processors_of_the_host(site: Site) -> None:
    """Processors bound to some of the host name them, and these are components of the pool."""
    pool = local(primordial(site).path, site.namespace)
    members = keys(site.across_names(pool, COMPONENT, "CIM_Processor", "GroupComponent"), site.namespace)
    faults = []
    for one in all_settings(site):
        if one.get("MappingBehavior") not in BOUND:
            continue
        paths = [CIMInstanceName.from_wbem_uri(text) for text in one.get("HostResource") or []]
        if not paths or not keys(paths, site.namespace) <= members:
            faults.append(f"{show(one)} is bound to {one.get('HostResource')}")
    expect_none(faults)


@check("DSP1044-R13")
def consumed(site: Site) -> None:
    """CurrentlyConsumedResource of the primordial pool is the number of processors from it and those below."""
    pool = primordial(site)
    skip_unless(pool.get("CurrentlyConsumedResource") is not None, "the pool does not tell what is consumed")
    sources = {key(one.path, site.namespace): one.path for one in pools_of_type(site, PROCESSOR)}
    paths = [local(sources[name], site.namespace) for name in family(site, pool)]
    found = [one for path in paths for one in site.across_names(path, ALLOCATED, "CIM_Processor", "Antecedent")]
    said = site.get(local(pool.path, site.namespace))["CurrentlyConsumedResource"]
    expect(said == len(found), f"{show(pool)} says {said}, {len(found)} processors are from it")


@check("DSP1044-R15")
def instruction_sets(site: Site) -> None:
    """InstructionSet is a word of the organization that also names the ProcessorArchitecture before it."""
    faults = []
    for one in all_settings(site):
        kind, words = one.get("ProcessorArchitecture"), one.get("InstructionSet")
        bad = [word for word in (kind, words) if word is not None and not WORD.fullmatch(word)]
        if bad or (kind and words and not words.startswith(f"{kind}:")):
            faults.append(f"{show(one)} has {kind!r} and {words!r}")
    expect_none(faults)


@check("DSP1044-R16")
def extensions(site: Site) -> None:
    """Extensions of the instruction set and their states are arrays of the same length."""
    faults = []
    for one in all_settings(site):
        names, states = (one.get(f"InstructionSetExtension{word}") or [] for word in ("Name", "Status"))
        if len(names) != len(states) or not set(states) <= {*STATUSES}:
            faults.append(f"{show(one)} has {names} and {states}")
    expect_none(faults)


@check("DSP1044-R17")
def device_ids(site: Site) -> None:
    """DeviceIDs of processors have at most 64 characters and lead back to the processor."""
    found = site.instances("CIM_Processor")
    skip_unless(found, "there are no processors")
    faults = [f"{show(one)} is too long" for one in found if len(str(one.get("DeviceID"))) > DEVICE_ID_LENGTH]
    again = [site.get(local(one.path, site.namespace)) for one in found[:10]]
    faults += [
        f"{show(one)} is another one by its path"
        for one, same in zip(found, again, strict=False)
        if key(one.path, site.namespace) != key(same.path, site.namespace)
    ]
    expect_none(faults)


@check("DSP1044-R20")
def off_is_off(site: Site) -> None:
    """Processors of a system that is off are not enabled."""
    expect_none(amounts.enabled_of(site, amounts.systems_that_are_off(site), "CIM_Processor"))
