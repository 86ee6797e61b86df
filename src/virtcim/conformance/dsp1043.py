"""DSP1043 Allocation Capabilities: what pools say can be asked of them."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from pywbem import CIMInstance

from virtcim.conformance.check import check
from virtcim.conformance.paths import Key, key, local, show
from virtcim.conformance.pools import (
    AC,
    ASKED,
    CAPABILITIES,
    DEFAULT,
    INCREMENT,
    MAXIMUM,
    MINIMUM,
    by_key,
    in_base,
    linked,
    parsed_unit,
    pools,
    samples,
    state_resources,
)
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

NAME = "Allocation Capabilities"
REQUESTS, SHARINGS, STATES, VENDOR = (0, 2, 3, 4), (0, 1, 2, 3), range(13), 0x8000
CHARACTERISTICS, DEFAULT_ONE = (2, 3), 2
QUANTITIES = ("VirtualQuantity", "Reservation", "Limit", "Weight")
ROLES = {"Default": DEFAULT, "Minimum": MINIMUM, "Maximum": MAXIMUM, "Increment": INCREMENT}

Ranges = dict[tuple[int, int], CIMInstance]


def owned(site: Site) -> list[tuple[CIMInstance, CIMInstance]]:
    """Every pool with each of its allocation capabilities."""
    links, known = linked(site, CAPABILITIES, "ManagedElement", "Capabilities"), by_key(site, site.instances(AC))
    found = [
        (pool, known[key(path, site.namespace)])
        for pool in pools(site)
        for path in links.get(key(pool.path, site.namespace), ())
        if key(path, site.namespace) in known
    ]
    skip_unless(found, "no pool has allocation capabilities")
    return found


def all_samples(site: Site) -> list[tuple[CIMInstance, CIMInstance, list[tuple[tuple[int, int], CIMInstance, int]]]]:
    """Every pool with its capabilities and their samples."""
    return [(pool, one, samples(site, local(one.path, site.namespace))) for pool, one in owned(site)]


def ranges(found: list[tuple[tuple[int, int], CIMInstance, int]]) -> Ranges:
    return {role: one for role, one, _ in found if role in ROLES.values()}


@check("DSP1043-R01")
def registered(site: Site) -> None:
    """Allocation Capabilities 1.0.0 of the DMTF is registered."""
    expect(
        any(one.get("RegisteredVersion") == "1.0.0" for one in site.registered(NAME)), f"{NAME} 1.0.0 is not registered"
    )


@check("DSP1043-R02")
def every_pool_has_some(site: Site) -> None:
    """Each resource pool has allocation capabilities."""
    having = {key(pool.path, site.namespace) for pool, _ in owned(site)}
    lacking = [one for one in pools(site) if key(one.path, site.namespace) not in having]
    expect_none([f"{show(one)} has none" for one in lacking])


@check("DSP1043-R03")
def of_the_type_of_the_pool(site: Site) -> None:
    """Allocation capabilities have the ResourceType of their pool, and its other types where the pool has them."""
    faults = []
    for pool, one in owned(site):
        names = ["ResourceType"] + [name for name in ("OtherResourceType", "ResourceSubType") if pool.get(name)]
        faults += [f"{show(one)} has {name} {one.get(name)!r}" for name in names if one.get(name) != pool.get(name)]
    expect_none(faults)


@check("DSP1043-R04")
def identified(site: Site) -> None:
    """InstanceIDs of allocation capabilities are unique, and each has an ElementName."""
    found = site.instances(AC)
    skip_unless(found, "there are no allocation capabilities")
    names = Counter(str(one.get("InstanceID")) for one in found)
    faults = [f"{name} occurs {count} times" for name, count in names.items() if count > 1]
    expect_none(faults + [f"{show(one)} has no ElementName" for one in found if not one.get("ElementName")])


@check("DSP1043-R05")
def listed_values(site: Site) -> None:
    """RequestTypesSupported and SharingMode are in their ValueMaps."""
    faults = []
    for one in site.instances(AC):
        for name, allowed in (("RequestTypesSupported", REQUESTS), ("SharingMode", SHARINGS)):
            value = one.get(name)
            if value not in allowed and (value is None or value < VENDOR):
                faults.append(f"{show(one)} has {name} {value}")
    expect_none(faults)


@check("DSP1043-R06")
def states_are_told(site: Site) -> None:
    """SupportedAddStates and SupportedRemoveStates name states, each once."""
    faults = []
    for one in site.instances(AC):
        for name in ("SupportedAddStates", "SupportedRemoveStates"):
            states = [int(state) for state in one.get(name) or []]
            if not states or len(states) != len(set(states)) or not all(s in STATES or s >= VENDOR for s in states):
                faults.append(f"{show(one)} has {name} {states}")
    expect_none(faults)


@check("DSP1043-R07")
def one_default(site: Site) -> None:
    """The capabilities of a pool have exactly one default for each sub-type they tell apart."""
    faults = []
    for _, one, found in all_samples(site):
        count = sum(1 for role, _, _ in found if role == DEFAULT)
        faults += [f"{show(one)} has {count} defaults"] if count != 1 else []
    expect_none(faults)


@check("DSP1043-R08")
def one_bound_each(site: Site) -> None:
    """Capabilities have at most one sample each of minimums, maximums and increments, each independent."""
    faults = []
    for _, one, found in all_samples(site):
        counts = Counter(role for role, _, policy in found if policy == 0)
        faults += [f"{show(one)} has {counts[role]} of {role}" for role in ROLES.values() if counts[role] > 1]
    expect_none(faults)


@check("DSP1043-R09")
def samples_stand_alone(site: Site) -> None:
    """Samples have the ResourceType of their capabilities; they are in no configuration and from no pool."""
    parts = linked(site, "CIM_VirtualSystemSettingDataComponent", "PartComponent", "GroupComponent")
    asked = linked(site, ASKED, "Dependent", "Antecedent")
    faults = []
    for _, one, found in all_samples(site):
        for _, setting, _ in found:
            if setting.get("ResourceType") != one.get("ResourceType"):
                faults.append(f"{show(setting)} has ResourceType {setting.get('ResourceType')}")
            if key(setting.path, site.namespace) in (parts.keys() | asked.keys()):
                faults.append(f"{show(setting)} is part of a system")
    expect_none(faults)


@check("DSP1043-R10")
def ranges_hold_together(site: Site) -> None:
    """Minimum, default and maximum of each quantity are in this order, on the grid of the increment."""
    faults = []
    for _, one, found in all_samples(site):
        known = ranges(found)
        faults += [f"{show(one)}: {name} is off" for name in QUANTITIES if not _fits(known, name)]
    expect_none(faults)


def _fits(known: Ranges, name: str) -> bool:
    low, high, usual, step = (known[role].get(name) if role in known else None for role in _ORDER)
    if low is None or high is None:
        return True
    inside = low <= high and (usual is None or low <= usual <= high)
    grid = not step or ((high - low) % step == 0 and (usual is None or (usual - low) % step == 0))
    return bool(inside and grid)


_ORDER = (MINIMUM, MAXIMUM, DEFAULT, INCREMENT)


@check("DSP1043-R11")
def ranges_have_one_unit(site: Site) -> None:
    """The samples of a range have the same units, AllocationUnits measuring what the pool's do."""
    faults = []
    for pool, one, found in all_samples(site):
        known = list(ranges(found).values())
        for name in ("AllocationUnits", "VirtualQuantityUnits"):
            if len({str(sample.get(name)) for sample in known}) > 1:
                faults.append(f"{show(one)}: {name} differ")
        bases = {parsed_unit(sample.get("AllocationUnits")) for sample in known}
        wanted = parsed_unit(pool.get("AllocationUnits"))
        if any(unit and wanted and unit[0] != wanted[0] for unit in bases):
            faults.append(f"{show(one)} counts in {bases}, {show(pool)} in {wanted}")
    expect_none(faults)


@check("DSP1043-R17")
def live_values_are_within(site: Site) -> None:
    """The quantities of State settings are within the range of the capabilities of their pool."""
    links = linked(site, ASKED, "Dependent", "Antecedent")
    bounds: dict[Key, list[Ranges]] = {}
    for pool, _, found in all_samples(site):
        bounds.setdefault(key(pool.path, site.namespace), []).append(ranges(found))
    faults = []
    for one in state_resources(site):
        if one.get("VirtualQuantity") == 0:
            continue  # a module of memory that its guest has not taken up holds nothing
        names = [key(pool, site.namespace) for pool in links.get(key(one.path, site.namespace), ())]
        known = [each for name in names for each in bounds.get(name, [])]
        if known and not any(_within(one, each) for each in known):
            faults.append(f"{show(one)} has VirtualQuantity {one.get('VirtualQuantity')}")
    expect_none(faults)


def _within(one: CIMInstance, known: Ranges) -> bool:
    amount = in_base(one.get("VirtualQuantity"), one.get("VirtualQuantityUnits"))
    low, high = (_amount(known.get(role)) for role in (MINIMUM, MAXIMUM))
    if amount is None or low is None or high is None or low[0] != amount[0]:
        return True
    return bool(low[1] <= amount[1] <= high[1])


def _amount(sample: CIMInstance | None) -> tuple[str, Fraction] | None:
    return None if sample is None else in_base(sample.get("VirtualQuantity"), sample.get("VirtualQuantityUnits"))


@check("DSP1043-R18")
def one_is_default(site: Site) -> None:
    """Characteristics are Default or Current; of several capabilities of one type and sub-type one is the default."""
    known = by_key(site, site.instances(AC))
    seen: Counter[object] = Counter()
    faults = []
    for link in site.instances(CAPABILITIES):
        one = known.get(key(link["Capabilities"], site.namespace))
        values = [int(value) for value in link.get("Characteristics") or []]
        faults += [f"Characteristics {value}" for value in values if value not in CHARACTERISTICS and value < 32768]
        if one is not None and DEFAULT_ONE in values:
            element = key(link["ManagedElement"], site.namespace)
            seen[(element, *(one.get(name) for name in ("ResourceType", "OtherResourceType", "ResourceSubType")))] += 1
    expect_none(faults + [f"{count} defaults of {element}" for element, count in seen.items() if count > 1])


@check("DSP1043-R20")
def increments_have_a_bound(site: Site) -> None:
    """Increments exist only together with minimums or maximums."""
    faults = []
    for _, one, found in all_samples(site):
        known = ranges(found)
        if INCREMENT in known and not {MINIMUM, MAXIMUM} & known.keys():
            faults.append(f"{show(one)} has increments alone")
    expect_none(faults)
