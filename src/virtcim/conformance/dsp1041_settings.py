"""DSP1041 Resource Allocation: what the settings of virtual systems say of the pools they are from."""

from __future__ import annotations

import re

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.paths import Key, key, keys, local, show
from virtcim.conformance.pools import (
    ALLOCATED,
    ASKED,
    PASSED_THROUGH,
    RASD,
    SAMPLES,
    STORAGE,
    by_key,
    linked,
    parsed_unit,
    pools,
    state_resources,
)
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect_none, skip_unless

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+|//?[^:\s]+:\S+")
INSTANCE = re.compile(r"//?[^:]+:\w+\.\w+=")
FLAGS = (1, 2, 3)


def single_pools(site: Site) -> list[tuple[CIMInstance, CIMInstance]]:
    """The State settings that name a pool, with the one pool each is from."""
    known, links = by_key(site, pools(site)), linked(site, ASKED, "Dependent", "Antecedent")
    pairs, faults = [], []
    for one in state_resources(site):
        found = links.get(key(one.path, site.namespace), [])
        if len(found) == 1 and key(found[0], site.namespace) in known:
            pairs.append((one, known[key(found[0], site.namespace)]))
        elif one.get("PoolID"):
            faults.append(f"{show(one)} with PoolID {one.get('PoolID')!r} is from {len(found)} pools")
    expect_none(faults)
    skip_unless(pairs, "no virtual system has resource settings")
    return pairs


@check("DSP1041-R11")
def settings_name_their_pool(site: Site) -> None:
    """Each State setting comes from exactly one pool, that of its PoolID."""
    expect_none(
        [
            f"{show(one)} has PoolID {one.get('PoolID')!r} and comes from {pool.get('PoolID')!r}"
            for one, pool in single_pools(site)
            if one.get("PoolID") != pool.get("PoolID")
        ]
    )


@check("DSP1041-R12")
def settings_have_the_type_of_their_pool(site: Site) -> None:
    """Each State setting has the type of its pool, and its sub-type but for storage, where that is a format."""
    faults = []
    for one, pool in single_pools(site):
        told = pool.get("ResourceSubType") and pool.get("ResourceType") not in STORAGE
        names = ["ResourceType", "OtherResourceType", *["ResourceSubType"] * bool(told)]
        faults += [
            f"{show(one)} has {name} {one.get(name)!r}, {show(pool)} {pool.get(name)!r}"
            for name in names
            if one.get(name) != pool.get(name)
        ]
    expect_none(faults)


@check("DSP1041-R13")
def settings_belong_somewhere(site: Site) -> None:
    """Each resource setting is part of exactly one configuration, a sample of capabilities, or tied to a pool alone."""
    heads = linked(site, "CIM_VirtualSystemSettingDataComponent", "PartComponent", "GroupComponent")
    other: set[Key] = {*linked(site, SAMPLES, "PartComponent", "GroupComponent")}
    other |= {*linked(site, ASKED, "Dependent", "Antecedent")}
    faults = []
    for one in site.instances(RASD):
        name = key(one.path, site.namespace)
        if len(heads.get(name, ())) != 1 and (heads.get(name) or name not in other):
            faults.append(f"{show(one)} is part of {len(heads.get(name, ()))} configurations")
    expect_none(faults)


@check("DSP1041-R14")
def devices_and_settings_agree(site: Site) -> None:
    """Each device taken from a pool is defined by one setting, which comes from the same pool."""
    settings = linked(site, "CIM_SettingsDefineState", "ManagedElement", "SettingData")
    asked = linked(site, ASKED, "Dependent", "Antecedent")
    known = by_key(site, pools(site))
    faults = []
    for device, sources in linked(site, ALLOCATED, "Dependent", "Antecedent").items():
        if device in known:
            continue
        found = settings.get(device, [])
        theirs = keys(asked.get(key(found[0], site.namespace), ()), site.namespace) if len(found) == 1 else set()
        if theirs != keys(sources, site.namespace):
            faults.append(f"{dict(device[2])} has {len(found)} settings, or they come from another pool")
    expect_none(faults)


@check("DSP1041-R15")
def default_settings(site: Site) -> None:
    """CIM_ElementSettingData between resource settings says IsDefault 1 and an IsNext, between settings of one type."""
    known = by_key(site, site.instances(RASD))
    faults = []
    for link in site.instances("CIM_ElementSettingData"):
        pair = [known.get(key(link[end], site.namespace)) for end in ("ManagedElement", "SettingData") if end in link]
        settings = [one for one in pair if one is not None]
        if len(settings) != 2:
            continue
        types = {(one.classname, one.get("ResourceType")) for one in settings}
        if link.get("IsDefault") != 1 or link.get("IsNext") not in FLAGS or len(types) != 1:
            faults.append(
                f"{show(link['SettingData'])}: IsDefault {link.get('IsDefault')}, IsNext {link.get('IsNext')}"
            )
    expect_none(faults)


@check("DSP1041-R16")
def host_resources(site: Site) -> None:
    """HostResource is given where the consumer sees the resource itself; it holds URIs, and instances that exist."""
    faults = []
    for one in state_resources(site):
        values = [value for value in one.get("HostResource") or [] if value]
        if one.get("ConsumerVisibility") == PASSED_THROUGH and not values:
            faults.append(f"{show(one)} is passed through and names no HostResource")
        faults += [f"{show(one)} has HostResource {value!r}" for value in values if not _leads_somewhere(site, value)]
    expect_none(faults)


def _leads_somewhere(site: Site, value: str) -> bool:
    if not INSTANCE.match(value):
        return URI.fullmatch(value) is not None
    return site.exists(local(CIMInstanceName.from_wbem_uri(value), site.namespace))


@check("DSP1041-R17")
def units_of_settings(site: Site) -> None:
    """State settings with Reservation or Limit have AllocationUnits, and reserve no more than their limit."""
    faults = []
    for one in state_resources(site):
        reserved, limit = one.get("Reservation"), one.get("Limit")
        if (reserved, limit) != (None, None) and parsed_unit(one.get("AllocationUnits")) is None:
            faults.append(f"{show(one)} has AllocationUnits {one.get('AllocationUnits')!r}")
        if None not in (reserved, limit) and int(str(reserved)) > int(str(limit)):
            faults.append(f"{show(one)} reserves {reserved} of {limit}")
    expect_none(faults)
