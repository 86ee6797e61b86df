"""DSP1047 Storage Resource Virtualization: pools, disks and their settings, as they are found."""

from __future__ import annotations

import re

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.pools import (
    ASKED,
    active_systems,
    by_key,
    linked,
    parsed_unit,
    pools,
    state_resources,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import resources, state_settings
from virtcim.conformance.verdict import expect, expect_none, skip_unless

NAME = "Storage Resource Virtualization"
DRIVE, EXTENT, DISK = 17, 19, 31  # ResourceType
TYPES = (DRIVE, EXTENT, DISK)
SASD, DEVICE = "CIM_StorageAllocationSettingData", "CIM_LogicalDevice"
BLOCKS, BYTES, OTHER = "count(fixed size block)", "byte", 1
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+|//?[^:\s]+:\S+")
INSTANCE = re.compile(r"//?[^:]+:\w+\.\w+=")


def storage_pools(site: Site) -> list[CIMInstance]:
    """The pools of storage, or the check is not applicable."""
    site.require_profile(NAME)
    found = [one for one in pools(site) if one.get("ResourceType") in TYPES]
    skip_unless(found, "the server has no pool of storage")
    return found


def disks(site: Site) -> list[CIMInstance]:
    """The State settings of disks, or the check is not applicable."""
    site.require_profile(NAME)
    of_disks = [one for one in state_resources(site) if site.is_a(one.classname, SASD)]
    found = [one for one in of_disks if one.get("ResourceType") in TYPES]
    skip_unless(found, "no virtual system has a disk")
    return found


def defined_by(site: Site) -> list[tuple[CIMInstance, CIMInstance]]:
    """State settings of disks with the virtual disks that they define, or the check is not applicable."""
    links = linked(site, "CIM_SettingsDefineState", "SettingData", "ManagedElement")
    devices = by_key(site, site.instances(DEVICE))
    pairs = [
        (one, devices[key(path, site.namespace)])
        for one in disks(site)
        for path in links.get(key(one.path, site.namespace), ())
        if key(path, site.namespace) in devices
    ]
    skip_unless(pairs, "no virtual disk has a setting")
    return pairs


def size(number: object, block: object) -> int | None:
    """Bytes of a number of blocks; None while either is not known."""
    return None if number is None or block is None else int(str(number)) * int(str(block))


def virtual_size(setting: CIMInstance) -> int | None:
    """The size that a setting gives to the guest, in bytes."""
    return size(setting.get("VirtualQuantity"), setting.get("VirtualResourceBlockSize") or 1)


def reserved_size(setting: CIMInstance) -> int | None:
    """What a setting sets aside on the host, in bytes."""
    return size(setting.get("Reservation"), setting.get("HostResourceBlockSize") or 1)


@check("DSP1047-R01")
def registered(site: Site) -> None:
    """Storage Resource Virtualization 1.0.0 is registered by DMTF, for pools of storage."""
    versions = [one.get("RegisteredVersion") for one in site.require_profile(NAME)]
    expect("1.0.0" in versions, f"{NAME} is registered in versions {versions}")
    central = keys(site.central(NAME), site.namespace)
    found = [one for one in pools(site) if key(one.path, site.namespace) in central]
    expect_none([f"{show(one)} has type {one['ResourceType']}" for one in found if one["ResourceType"] not in TYPES])


@check("DSP1047-R02")
def primordial(site: Site) -> None:
    """Pools of storage are of type 17, 19 or 31, and each type has a primordial one."""
    found = storage_pools(site)
    types = {int(one["ResourceType"]) for one in found}
    having = {int(one["ResourceType"]) for one in found if one.get("Primordial")}
    expect_none([f"no pool of type {number} is primordial" for number in sorted(types - having)])


@check("DSP1047-R03")
def counted(site: Site) -> None:
    """Pools of storage count bytes, or drives where they hold those; no more is reserved than there is."""
    faults = []
    for pool in storage_pools(site):
        base = (parsed_unit(pool.get("AllocationUnits")) or ("",))[0]
        allowed = ("byte", "count") if pool["ResourceType"] == DRIVE else ("byte",)
        if base not in allowed:
            faults.append(f"{show(pool)} has AllocationUnits {pool.get('AllocationUnits')!r}")
        if None not in (pool.get("Capacity"), pool.get("Reserved")) and pool["Reserved"] > pool["Capacity"]:
            faults.append(f"{show(pool)} has {pool['Reserved']} of {pool['Capacity']} reserved")
    expect_none(faults)


@check("DSP1047-R04")
def units(site: Site) -> None:
    """Quantities of storage settings are in blocks, or in bytes exactly when the block is one byte."""
    faults = []
    for one in disks(site):
        unit = str(one.get("VirtualQuantityUnits")).replace("count (", "count(")
        if unit not in (BLOCKS, BYTES) or (unit == BYTES) is not (one.get("VirtualResourceBlockSize") in (1, None)):
            shown = f"VirtualQuantityUnits {unit!r} and blocks of {one.get('VirtualResourceBlockSize')}"
            faults.append(f"{show(one)} has {shown}")
    expect_none(faults)


@check("DSP1047-R05")
def sizes(site: Site) -> None:
    """A virtual disk is as large as its State setting says."""
    faults = []
    for setting, device in defined_by(site):
        told, real = virtual_size(setting), size(device.get("NumberOfBlocks"), device.get("BlockSize"))
        if "NumberOfBlocks" in device and told != real:
            faults.append(f"{show(device)} has {real} bytes, its setting {told}")
    expect_none(faults)


@check("DSP1047-R06")
def access(site: Site) -> None:
    """Setting and virtual disk agree on Access."""
    faults = []
    for setting, device in defined_by(site):
        values = {setting.get("Access"), device.get("Access", setting.get("Access"))}
        if len(values) > 1 or not values <= {0, 1, 2, 3}:
            faults.append(f"{show(device)} has Access {device.get('Access')}, its setting {setting.get('Access')}")
    expect_none(faults)


@check("DSP1047-R07")
def reserved(site: Site) -> None:
    """What State settings reserve of a pool is reserved in it."""
    known = {str(one.get("PoolID")): one for one in storage_pools(site) if one.get("Reserved") is not None}
    taken = dict.fromkeys(known, 0)
    seen: set[tuple[str, ...]] = set()
    for one in disks(site):
        pool, image = str(one.get("PoolID")), tuple(one.get("HostResource") or [show(one)])
        if pool in known and image not in seen:  # two systems may have one image
            taken[pool] += reserved_size(one) or 0
            seen.add(image)
    faults = [f"{pool}: {taken[pool]} of {known[pool]['Reserved']}" for pool in known]
    expect_none([text for pool, text in zip(known, faults, strict=True) if taken[pool] > known[pool]["Reserved"]])


@check("DSP1047-R08")
def limits(site: Site) -> None:
    """Limit of a storage setting is not below its Reservation."""
    both = [one for one in disks(site) if None not in (one.get("Limit"), one.get("Reservation"))]
    expect_none([f"{show(one)} has {one['Reservation']} over {one['Limit']}" for one in both
                 if one["Reservation"] > one["Limit"]])  # fmt: skip


@check("DSP1047-R09")
def host_resources(site: Site) -> None:
    """HostResource has one URI at most; one of an instance leads to a component of the setting's pool."""
    links = linked(site, ASKED, "Dependent", "Antecedent")
    parts = linked(site, "CIM_ConcreteComponent", "GroupComponent", "PartComponent")
    faults = []
    for one in disks(site):
        values = one.get("HostResource") or []
        if len(values) > 1 or not all(URI.fullmatch(text) for text in values):
            faults.append(f"{show(one)} has HostResource {values}")
        for text in filter(INSTANCE.match, values):
            pool = links.get(key(one.path, site.namespace), [])
            members = {key(part, site.namespace) for each in pool for part in parts.get(key(each, site.namespace), ())}
            if key(CIMInstanceName.from_wbem_uri(str(text)), site.namespace) not in members:
                faults.append(f"{show(one)}: {text} is no component of its pool")
    expect_none(faults)


@check("DSP1047-R10")
def other_names(site: Site) -> None:
    """Other forms of HostExtentName are told exactly when they are used."""
    faults = []
    for one in disks(site):
        for name in ("HostExtentNameFormat", "HostExtentNameNamespace"):
            if (one.get(name) == OTHER) is not (one.get(f"Other{name}") is not None):
                faults.append(f"{show(one)} has {name} {one.get(name)} and Other{name} {one.get(f'Other{name}')!r}")
    expect_none(faults)


@check("DSP1047-R11")
def one_to_one(site: Site) -> None:
    """Each disk of an active system is one virtual disk with one State setting."""
    links = linked(site, "CIM_SettingsDefineState", "SettingData", "ManagedElement")
    faults = []
    for system in active_systems(site):
        for one in resources(site, state_settings(site, system.path).path):
            if site.is_a(one.classname, SASD) and one.get("ResourceType") in TYPES:
                found = len(links.get(key(one.path, site.namespace), ()))
                faults += [f"{show(one)} defines {found} devices"] if found != 1 else []
    expect_none(faults)


@check("DSP1047-R21")
def thin(site: Site) -> None:
    """A disk is thinly provisioned exactly when less is reserved for it than it holds."""
    faults = []
    for setting, device in defined_by(site):
        whole, aside = virtual_size(setting), reserved_size(setting)
        told = device.get("ThinlyProvisioned")
        if None not in (whole, aside, told) and told is not (int(aside or 0) < int(whole or 0)):
            faults.append(f"{show(device)} has ThinlyProvisioned {told}, and {aside} of {whole} bytes set aside")
    expect_none(faults)


@check("DSP1047-R22")
def from_pools(site: Site) -> None:
    """PoolID of every State setting of storage is that of a pool."""
    known = {one.get("PoolID") for one in pools(site)}
    links = linked(site, ASKED, "Dependent", "Antecedent")
    faults = [f"{show(one)} has PoolID {one.get('PoolID')!r}" for one in disks(site) if one.get("PoolID") not in known]
    lost = [one for one in disks(site) if len(links.get(key(local(one.path, site.namespace), site.namespace), ())) != 1]
    expect_none(faults + [f"{show(one)} is not from one pool" for one in lost])
