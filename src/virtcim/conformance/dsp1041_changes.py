"""DSP1041 Resource Allocation: pools made and deleted, and what systems take and give back."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName, CIMParameter, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.dsp1057_changes import configuration_ids
from virtcim.conformance.methods import OK, UNSUPPORTED, Answer, complete, embedded, ended_job, invoke
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.pools import (
    AC,
    ALLOCATED,
    ASKED,
    CAPABILITIES,
    HOSTED,
    MEMORY,
    POINT,
    POOL,
    PROCESSOR,
    STORAGE,
    claimed,
    linked,
    pool_service,
    pools,
    pools_of_type,
    request,
    samples,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import DISABLED, activate, new_name, reach, temporary
from virtcim.conformance.verdict import expect, expect_none, skip_unless

CREATE_CHILD, DELETE = 3, 4
IN_USE, WRONG_TYPE, BAD_PARAMETER = 6, 7, 5
METHODS = {
    2: "CreateResourcePool",
    3: "CreateChildResourcePool",
    4: "DeleteResourcePool",
    5: "AddResourcesToResourcePool",
    6: "RemoveResourcesFromResourcePool",
    7: "ChangeParentResourcePool",
}


def ids(site: Site) -> set[str]:
    """The InstanceIDs of the pools of this moment."""
    site.forget()
    return {str(one.get("InstanceID")) for one in pools(site)}


def delete(site: Site, pool: CIMInstanceName) -> Answer:
    return invoke(site, pool_service(site), "DeleteResourcePool", ("Pool", local(pool, site.namespace)))


def require_claim(site: Site, number: int) -> None:
    skip_unless(site.write, "changes pools; not allowed without --write")
    skip_unless(number in claimed(site), f"the server does not claim {METHODS[number]}")


@check("DSP1041-R19", write=True)
def unlisted_methods(site: Site) -> None:
    """A method of the pool configuration service that is not listed returns 1 and changes nothing."""
    skip_unless(site.write, "calls methods that change pools; not allowed without --write")
    before, faults = ids(site), []
    for number in METHODS.keys() - claimed(site):
        answer = invoke(site, pool_service(site), METHODS[number])
        faults += [f"{answer}, which is not listed"] if answer.code != UNSUPPORTED else []
    expect(ids(site) == before, "a method that is not listed changed the pools")
    expect_none(faults)


@check("DSP1041-R20", write=True)
def primordial_pools_stay(site: Site) -> None:
    """A primordial pool cannot be deleted."""
    skip_unless(site.write, "asks to delete a pool; not allowed without --write")
    for number in (PROCESSOR, MEMORY):
        pool = next(one for one in pools_of_type(site, number) if one.get("Primordial"))
        before = ids(site)
        answer = delete(site, pool.path)
        job = ended_job(site, answer)
        expect(answer.code != OK and (job is None or job.get("JobState") != 7), f"{answer} for {show(pool)}")
        expect(ids(site) == before, f"{show(pool)} is gone")


@check("DSP1041-R21", write=True)
def used_pools_stay(site: Site) -> None:
    """A pool that settings are from cannot be deleted: it is in use."""
    require_claim(site, DELETE)
    users = linked(site, ASKED, "Antecedent", "Dependent")
    systems = linked(site, "CIM_VirtualSystemSettingDataComponent", "PartComponent", "GroupComponent")
    used = [
        one
        for one in pools(site)
        if not one.get("Primordial")
        and any(key(path, site.namespace) in systems for path in users.get(key(one.path, site.namespace), ()))
    ]
    skip_unless(used, "no concrete pool is in use")
    before = ids(site)
    answer = delete(site, used[0].path)
    job = ended_job(site, answer)
    expect(answer.code == IN_USE or (job is not None and job.get("JobState") == 10), f"{answer} for {show(used[0])}")
    expect(ids(site) == before, f"{show(used[0])} is gone")


def parent_and_setting(site: Site) -> tuple[CIMInstance, CIMInstance]:
    """A primordial storage pool, and a setting that makes a directory of /var/tmp a pool below it."""
    for parent in pools_of_type(site, *STORAGE):
        if not parent.get("Primordial"):
            continue
        for one in site.across(local(parent.path, site.namespace), CAPABILITIES, AC, "ManagedElement"):
            found = [setting for role, setting, _ in samples(site, one.path) if role == POINT]
            wanted = next((each for each in found if str(each.get("ResourceSubType")).endswith("dir")), None)
            if wanted is not None:
                return parent, wanted
    skip_unless(False, "no storage pool offers to make one of a directory")
    raise AssertionError


def create(site: Site, name: str, setting: CIMInstance, parent: CIMInstance) -> Answer:
    paths = CIMParameter("ParentPool", "reference", value=[local(parent.path, site.namespace)], is_array=True)
    service = pool_service(site)
    return invoke(
        site, service, "CreateChildResourcePool", ("ElementName", name), embedded("Settings", [setting]), paths
    )


@check("DSP1041-R22", write=True)
def mismatched_types(site: Site) -> None:
    """A child pool of another ResourceType than its parent is refused with 7 or 5."""
    require_claim(site, CREATE_CHILD)
    parent, setting = parent_and_setting(site)
    before = ids(site)
    answer = create(site, new_name(site), request(setting, ResourceType=Uint16(MEMORY)), parent)
    expect(answer.code in (WRONG_TYPE, BAD_PARAMETER), f"{answer} for a setting of type {MEMORY}")
    expect(ids(site) == before, "a pool was made although it was refused")


@check("DSP1041-R23", write=True)
def child_pools(site: Site) -> None:
    """A new child pool is hosted, allocated from its parent, not primordial and named as asked; it can be deleted."""
    require_claim(site, CREATE_CHILD)
    require_claim(site, DELETE)
    parent, setting = parent_and_setting(site)
    name = new_name(site)
    before = ids(site)
    wanted = request(setting, HostResource=[f"file:///var/tmp/{name}"], Path=f"/var/tmp/{name}")
    answer = create(site, name, wanted, parent)
    complete(site, answer)
    found = [one for one in pools(site) if one.get("ElementName") == name]
    expect(len(found) == 1, f"{len(found)} pools are named {name}")
    pool = found[0]
    path = local(pool.path, site.namespace)
    try:
        expect(pool.get("Primordial") is False, f"{show(pool)} has Primordial {pool.get('Primordial')}")
        above = keys(site.across_names(path, ALLOCATED, POOL, "Dependent"), site.namespace)
        expect(above == keys([parent.path], site.namespace), f"{show(pool)} is not allocated from {show(parent)}")
        expect(len(site.across_names(path, HOSTED, role="PartComponent")) == 1, f"{show(pool)} is not hosted")
    finally:
        complete(site, delete(site, path))
    expect(ids(site) == before, f"{show(pool)} is still there after it was deleted")


@check("DSP1041-R24", write=True)
def power_off_gives_back(site: Site) -> None:
    """Switching a system off ends the allocations of its devices and lowers Reserved; its definition stays."""
    with temporary(site) as system:
        defined = configuration_ids(site, system)
        off = reserved(site)
        activate(site, system)
        running = reserved(site)
        expect(taken(site, system) > 0, f"no device of the active {show(system)} is from a pool")
        reach(site, system, DISABLED, DISABLED)
        expect(taken(site, system) == 0, f"devices of {show(system)} are from pools although it is off")
        expect(reserved(site) == off, f"Reserved of memory is {reserved(site)}, before the start it was {off}")
        expect(running > off, f"Reserved of memory was {running} with the system and {off} without it")
        expect(configuration_ids(site, system) == defined, "the definition has other settings than before")


def reserved(site: Site) -> int:
    """Reserved of the primordial memory pool, now."""
    site.forget()
    return sum(int(one.get("Reserved") or 0) for one in pools_of_type(site, MEMORY) if one.get("Primordial"))


def taken(site: Site, system: CIMInstanceName) -> int:
    """How many devices of a system are allocated from a pool."""
    devices = site.across_names(system, "CIM_SystemDevice", "CIM_LogicalDevice", "GroupComponent")
    return sum(1 for one in devices if site.across_names(local(one, site.namespace), ALLOCATED, POOL, "Dependent"))
