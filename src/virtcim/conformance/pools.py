"""Resource pools, what comes from them and the units it is counted in, as a client sees them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

from pywbem import CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.methods import Answer, embedded, invoke
from virtcim.conformance.paths import Key, key, local
from virtcim.conformance.site import Site
from virtcim.conformance.systems import ENABLED, QUIESCE, state_settings
from virtcim.conformance.verdict import skip_unless

POOL, RASD, DEVICE = "CIM_ResourcePool", "CIM_ResourceAllocationSettingData", "CIM_LogicalDevice"
ALLOCATED, ASKED, HOSTED = "CIM_ElementAllocatedFromPool", "CIM_ResourceAllocationFromPool", "CIM_HostedResourcePool"
CAPABILITIES, SAMPLES = "CIM_ElementCapabilities", "CIM_SettingsDefineCapabilities"
AC, SERVICE = "CIM_AllocationCapabilities", "CIM_ResourcePoolConfigurationService"
OTHER, PROCESSOR, MEMORY, ADAPTER, CONNECTION = 1, 3, 4, 10, 33
STORAGE = (17, 19, 31, 32)
PASSED_THROUGH = 2  # ConsumerVisibility
DEFAULT, MINIMUM, MAXIMUM, INCREMENT, POINT = (0, 0), (3, 1), (3, 2), (3, 3), (3, 0)  # ValueRole, ValueRange
UNIT = re.compile(
    r"\s*(?P<base>count ?\([a-z ]+\)|[a-z]+)\s*(?P<rest>([*/]\s*(\d+(\s*\^\s*[+-]?\d+)?|[a-z]+)\s*)*)", re.IGNORECASE
)
MULTIPLIER = re.compile(r"([*/])\s*(\d+)(?:\s*\^\s*([+-]?\d+))?")

Links = Mapping[Key, list[CIMInstanceName]]


def parsed_unit(text: object) -> tuple[str, Fraction] | None:
    """Base and factor of a programmatic unit (DSP0004), None for what is none; divisors stay in the base."""
    found = UNIT.fullmatch(str(text)) if text else None
    if found is None:
        return None
    factor = Fraction(1)
    for sign, number, power in MULTIPLIER.findall(found["rest"]):
        value = Fraction(int(number)) ** int(power or 1)
        factor = factor * value if sign == "*" else factor / value
    others = re.sub(r"\s", "", MULTIPLIER.sub("", found["rest"]))
    return found["base"].lower().replace(" ", "") + others, factor


def in_base(amount: object, unit: object) -> tuple[str, Fraction] | None:
    """An amount in the base of its unit; None when either is missing."""
    known = parsed_unit(unit)
    return None if amount is None or known is None else (known[0], Fraction(int(str(amount))) * known[1])


def pools(site: Site) -> list[CIMInstance]:
    """All resource pools, or the check is not applicable."""
    found = site.instances(POOL)
    skip_unless(found, "the server has no resource pool")
    return found


def pools_of_type(site: Site, *types: int) -> list[CIMInstance]:
    """The pools of ResourceTypes, or the check is not applicable."""
    found = [one for one in pools(site) if one.get("ResourceType") in types]
    skip_unless(found, f"the server has no resource pool of type {types}")
    return found


def linked(site: Site, association: str, near: str, far: str) -> Links:
    """All links of an association: from what is at one end to what is at the other."""
    found: dict[Key, list[CIMInstanceName]] = defaultdict(list)
    for link in site.instances(association):
        if near in link and far in link:
            found[key(link[near], site.namespace)].append(local(link[far], site.namespace))
    return found


def by_key(site: Site, instances: Sequence[CIMInstance]) -> dict[Key, CIMInstance]:
    return {key(one.path, site.namespace): one for one in instances}


def state_resources(site: Site) -> list[CIMInstance]:
    """The resource settings of the State configurations of all virtual systems."""
    links = linked(site, "CIM_SettingsDefineState", "ManagedElement", "SettingData")
    parts = linked(site, "CIM_VirtualSystemSettingDataComponent", "GroupComponent", "PartComponent")
    known = by_key(site, site.instances(RASD))
    heads = [path for one in site.virtual_systems() for path in links.get(key(one.path, site.namespace), ())]
    found = [
        known.get(key(part, site.namespace)) for head in heads for part in parts.get(key(head, site.namespace), ())
    ]
    return [one for one in found if one is not None]


def active_systems(site: Site) -> list[CIMInstance]:
    """The systems that run or pause, or the check is not applicable."""
    found = [one for one in site.require_virtual_systems() if one.get("EnabledState") in (ENABLED, QUIESCE)]
    skip_unless(found, "no virtual system is active")
    return found


def allocated(site: Site) -> dict[Key, list[CIMInstance]]:
    """By pool: the State settings of the devices that are taken from it now, each once."""
    known = by_key(site, site.instances(RASD))
    settings = linked(site, "CIM_SettingsDefineState", "ManagedElement", "SettingData")
    found: dict[Key, dict[Key, CIMInstance]] = defaultdict(dict)
    for pool, elements in linked(site, ALLOCATED, "Antecedent", "Dependent").items():
        for element in elements:
            for setting in settings.get(key(element, site.namespace), ()):
                name = key(setting, site.namespace)
                if name in known:
                    found[pool][name] = known[name]
    return {pool: list(members.values()) for pool, members in found.items()}


def passed_through(site: Site) -> list[CIMInstance]:
    """The State settings of active systems that pass a device of the host through."""
    taken = [one for members in allocated(site).values() for one in members]
    found = [one for one in taken if one.get("ConsumerVisibility") == PASSED_THROUGH]
    skip_unless(found, "no active system has a device of the host")
    return found


def family(site: Site, pool: CIMInstance) -> list[Key]:
    """A pool and those below it."""
    pools_known = by_key(site, pools(site))
    below = linked(site, ALLOCATED, "Antecedent", "Dependent")
    found = [key(pool.path, site.namespace)]
    for one in found:
        names = [key(path, site.namespace) for path in below.get(one, ())]
        found += [name for name in names if name in pools_known and name not in found]
    return found


def total(settings: Sequence[CIMInstance], name: str, units: str, unit: object) -> int | None:
    """The sum of a property in a unit; None when settings count in units of another kind."""
    wanted, found = parsed_unit(unit), Fraction(0)
    for one in settings:
        amount = in_base(one.get(name), one.get(units))
        if one.get(name) is not None and (amount is None or wanted is None or amount[0] != wanted[0]):
            return None
        found += amount[1] if amount else 0
    return int(found / wanted[1]) if wanted else None


def capabilities(site: Site, pool: CIMInstance) -> list[CIMInstance]:
    """The allocation capabilities of a pool."""
    return site.across(local(pool.path, site.namespace), CAPABILITIES, AC, "ManagedElement")


def samples(site: Site, owner: CIMInstanceName) -> list[tuple[tuple[int, int], CIMInstance, int]]:
    """The samples of capabilities: (ValueRole, ValueRange), the setting, PropertyPolicy."""
    found = []
    for link in site.links(owner, SAMPLES, "GroupComponent"):
        setting = site.get(local(link["PartComponent"], site.namespace))
        roles = int(link.get("ValueRole") or 0), int(link.get("ValueRange") or 0)
        found.append((roles, setting, int(link.get("PropertyPolicy") or 0)))
    return found


def sample(site: Site, owner: CIMInstanceName, role: tuple[int, int]) -> CIMInstance | None:
    """The sample of a role, None when there is none."""
    return next((one for roles, one, _ in samples(site, owner) if roles == role), None)


def request(pattern: CIMInstance, **properties: object) -> CIMInstance:
    """A setting to ask with, made from a sample or a setting."""
    left_out = {"instanceid", "elementname", "changeabletype", "caption", "description"}
    kept = {name: value for name, value in pattern.items() if value is not None and name.lower() not in left_out}
    return CIMInstance(pattern.classname, {**kept, **properties})


def pool_service(site: Site) -> CIMInstanceName:
    """The pool configuration service, or the check is not applicable."""
    found = site.names(SERVICE)
    skip_unless(found, "the server has no pool configuration service")
    return local(found[0], site.namespace)


def claimed(site: Site) -> set[int]:
    """The methods that the pool configuration service lists."""
    found: set[int] = set()
    for one in site.across(pool_service(site), CAPABILITIES, "CIM_ResourcePoolConfigurationCapabilities"):
        for name in ("SynchronousMethodsSupported", "AsynchronousMethodsSupported"):
            found.update(int(number) for number in one.get(name) or [])
    return found


def change(site: Site, service: CIMInstanceName, setting: CIMInstance) -> Answer:
    """ModifyResourceSettings of one setting, whatever it answers."""
    return invoke(site, service, "ModifyResourceSettings", embedded("ResourceSettings", [setting]))


def of_type(site: Site, system: CIMInstanceName, number: int) -> list[CIMInstance]:
    """The State settings of a system with a ResourceType."""
    head = state_settings(site, system).path
    found = site.across(head, "CIM_VirtualSystemSettingDataComponent", RASD, "GroupComponent")
    return [one for one in found if one.get("ResourceType") == Uint16(number)]
