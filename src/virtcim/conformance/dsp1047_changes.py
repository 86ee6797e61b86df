"""DSP1047: disks made by allocation, grown and removed, on systems and pools of the suite's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, Uint64

from virtcim.conformance.check import check
from virtcim.conformance.dsp1041_changes import CREATE_CHILD, DELETE, create, parent_and_setting, require_claim
from virtcim.conformance.dsp1041_changes import delete as delete_pool
from virtcim.conformance.dsp1047 import DISK, NAME, SASD, storage_pools, virtual_size
from virtcim.conformance.methods import INVALID_SETTINGS, Answer, complete, embedded, ended_job, expect_code, invoke
from virtcim.conformance.paths import keys, local, show
from virtcim.conformance.pools import capabilities, change, pools, request
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    activate,
    defined_settings,
    memory,
    new_name,
    processors,
    rasd,
    reach,
    request_state,
    resources,
    service,
    state_settings,
    temporary,
)
from virtcim.conformance.verdict import expect, skip_unless

GENERAL = (3, 4)  # RequestTypesSupported
BLOCK, MIB = 512, 2**20
FINE = 2  # OperationalStatus
COMPLETED = 7  # JobState
IN_USE, REFUSED_PATHS = 6, (4, 5)


def pool_with_room(site: Site) -> CIMInstance:
    """A pool that storage can be asked of, the one with most of it left."""
    skip_unless(site.write, "makes volumes; not allowed without --write")
    found = [one for one in storage_pools(site) if not one.get("Primordial") and one["ResourceType"] == DISK]
    able = [
        one
        for one in found
        if FINE in (one.get("OperationalStatus") or [])
        and any(each.get("RequestTypesSupported") in GENERAL for each in capabilities(site, one))
    ]
    skip_unless(able, "no pool takes general requests for storage")
    return max(able, key=left)


def left(pool: CIMInstance) -> int:
    """Bytes of a pool that are not reserved."""
    return int(pool.get("Capacity") or 0) - int(pool.get("Reserved") or 0)


def storage(site: Site, pool: CIMInstance, mib: int, **properties: Any) -> CIMInstance:
    """A request for storage, which goes with its disk unless something else is said."""
    wanted = {"VirtualQuantity": Uint64(mib * MIB // BLOCK), "VirtualResourceBlockSize": Uint64(BLOCK)}
    asked = {"PoolID": pool["PoolID"], "AutomaticDeallocation": True, **wanted, **properties}
    pattern = rasd(site, DISK, **{name: value for name, value in asked.items() if value is not None})
    classname = pattern.classname if site.is_a(pattern.classname, SASD) else SASD
    return CIMInstance(classname, pattern.properties)


def existing(site: Site, where: list[str], **properties: Any) -> CIMInstance:
    """A request for a disk on an image that is there."""
    pattern = rasd(site, DISK, HostResource=where, **properties)
    classname = pattern.classname if site.is_a(pattern.classname, SASD) else SASD
    return CIMInstance(classname, pattern.properties)


@contextmanager
def system_with(site: Site, *wanted: CIMInstance) -> Iterator[CIMInstanceName]:
    """A system of our own with disks."""
    with temporary(site, resources=[processors(site, 1), memory(site, 64), *wanted]) as system:
        yield system


def disks_of(site: Site, configuration: CIMInstance) -> list[CIMInstance]:
    """The settings of disks in a configuration, as they are now."""
    site.forget()
    return [one for one in resources(site, configuration.path) if one.get("ResourceType") == DISK]


def members(site: Site, pool: CIMInstance) -> list[CIMInstance]:
    """What a pool is made up of, now."""
    site.forget()
    path = local(pool.path, site.namespace)
    return site.across(path, "CIM_ConcreteComponent", "CIM_StorageExtent", "GroupComponent")


def add(site: Site, configuration: CIMInstance, wanted: CIMInstance) -> Answer:
    """AddResourceSettings of one setting, whatever it answers."""
    target = ("AffectedConfiguration", local(configuration.path, site.namespace))
    return invoke(site, service(site), "AddResourceSettings", target, embedded("ResourceSettings", [wanted]))


def succeeded(site: Site, answer: Answer) -> bool:
    """Whether a call did it, at once or as a job."""
    job = ended_job(site, answer)
    return answer.accepted and (job is None or job.get("JobState") == COMPLETED)


def enlarge(site: Site, setting: CIMInstance, mib: int) -> Answer:
    """ModifyResourceSettings to a size, whatever it answers."""
    quantity = Uint64(mib * MIB // int(setting["VirtualResourceBlockSize"]))
    wanted = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"], "VirtualQuantity": quantity})
    return change(site, service(site), wanted)


@contextmanager
def own_pool(site: Site) -> Iterator[tuple[CIMInstance, CIMInstance, CIMInstance]]:
    """A pool of a directory of our own, what it was made from, and its parent."""
    require_claim(site, CREATE_CHILD)
    require_claim(site, DELETE)
    site.require_profile(NAME)
    parent, setting = parent_and_setting(site)
    name = new_name(site)
    wanted = request(setting, HostResource=[f"file:///var/tmp/{name}"], Path=f"/var/tmp/{name}")
    complete(site, create(site, name, wanted, parent))
    (pool,) = [one for one in pools(site) if one.get("ElementName") == name]
    try:
        yield pool, wanted, parent
    finally:
        complete(site, delete_pool(site, pool.path))


@check("DSP1047-R12", write=True)
def allocated(site: Site) -> None:
    """A request for so much storage of a pool makes a volume of that size, named by HostResource."""
    pool = pool_with_room(site)
    before = keys([one.path for one in members(site, pool)], site.namespace)
    with system_with(site, storage(site, pool, 4)) as system:
        (setting,) = disks_of(site, defined_settings(site, system))
        expect(setting.get("HostResource"), f"{show(setting)} has no HostResource")
        new = [one for one in members(site, pool) if not keys([one.path], site.namespace) <= before]
        expect(len(new) == 1, f"{len(new)} volumes were made instead of one")
        real = int(new[0]["NumberOfBlocks"]) * int(new[0]["BlockSize"])
        expect(real == virtual_size(setting) == 4 * MIB, f"{show(new[0])} has {real} bytes instead of {4 * MIB}")


@check("DSP1047-R13", write=True)
def no_room(site: Site) -> None:
    """A request for more than a pool has left is refused, and leaves no volume behind."""
    pool = pool_with_room(site)
    before = keys([one.path for one in members(site, pool)], site.namespace)
    too_much = left(pool) // MIB + 1024
    wanted = storage(site, pool, too_much, Reservation=Uint64(too_much * MIB // BLOCK))
    with system_with(site) as system:
        answer = add(site, defined_settings(site, system), wanted)
        expect(not succeeded(site, answer), f"{answer} for {too_much} MiB of {show(pool)}")
        after = keys([one.path for one in members(site, pool)], site.namespace)
        expect(after == before, f"{show(pool)} has other volumes than before")


@check("DSP1047-R14", write=True)
def added_while_active(site: Site) -> None:
    """A disk added to a running system is there after a restart exactly when its definition has it."""
    pool = pool_with_room(site)
    with system_with(site) as system:
        activate(site, system)
        answer = add(site, state_settings(site, system), storage(site, pool, 4))
        skip_unless(succeeded(site, answer), f"{answer}: an active system takes no disk")
        expect(len(disks_of(site, state_settings(site, system))) == 1, "the State configuration has not got the disk")
        defined = len(disks_of(site, defined_settings(site, system)))
        reach(site, system, DISABLED, DISABLED)
        activate(site, system)
        found = len(disks_of(site, state_settings(site, system)))
        expect(found == defined, f"the definition had {defined} disks, and after a restart there are {found}")


@check("DSP1047-R15", write=True)
def volume_stays(site: Site) -> None:
    """A disk that is removed is gone with its setting; its volume stays unless it was to go with it."""
    pool = pool_with_room(site)
    before = len(members(site, pool))
    with system_with(site, storage(site, pool, 4, AutomaticDeallocation=False)) as system:
        (setting,) = disks_of(site, state_settings(site, system))
        _remove(site, setting)
        kept = len(members(site, pool))
        owned = existing(site, setting["HostResource"], AutomaticDeallocation=True)
        complete(site, add(site, defined_settings(site, system), owned))
        (setting,) = disks_of(site, state_settings(site, system))
        _remove(site, setting)
        expect(not site.exists(local(setting.path, site.namespace)), f"{show(setting)} is still there")
        expect(kept == before + 1, f"{kept - before} volumes are left of a disk that was removed, instead of one")
        expect(len(members(site, pool)) == before, "the volume stays that was to go with its disk")


def _remove(site: Site, setting: CIMInstance) -> None:
    path = local(setting.path, site.namespace)
    complete(site, invoke(site, service(site), "RemoveResourceSettings", ("ResourceSettings", [path])))


@check("DSP1047-R16", write=True)
def smaller(site: Site) -> None:
    """A smaller VirtualQuantity is refused with 4, and the disk keeps its size."""
    with system_with(site, storage(site, pool_with_room(site), 4)) as system:
        (setting,) = disks_of(site, defined_settings(site, system))
        expect_code(enlarge(site, setting, 2), INVALID_SETTINGS)
        (after,) = disks_of(site, defined_settings(site, system))
        expect(virtual_size(after) == 4 * MIB, f"{show(after)} has {virtual_size(after)} bytes now")


@check("DSP1047-R17", write=True)
def larger(site: Site) -> None:
    """A larger VirtualQuantity is that of the disk and of both its settings."""
    with system_with(site, storage(site, pool_with_room(site), 4)) as system:
        (setting,) = disks_of(site, state_settings(site, system))
        answer = enlarge(site, setting, 8)
        skip_unless(succeeded(site, answer), f"{answer}: the platform makes no volume larger")
        for configuration in (state_settings(site, system), defined_settings(site, system)):
            (after,) = disks_of(site, configuration)
            expect(virtual_size(after) == 8 * MIB, f"{show(after)} has {virtual_size(after)} bytes")
        (state,) = disks_of(site, state_settings(site, system))
        (device,) = site.across(state.path, "CIM_SettingsDefineState", "CIM_StorageExtent", "SettingData")
        real = int(device["NumberOfBlocks"]) * int(device["BlockSize"])
        expect(real == 8 * MIB, f"{show(device)} has {real} bytes")


@check("DSP1047-R18", write=True)
def not_twice(site: Site) -> None:
    """A volume that is not shareable is in one active system at a time."""
    with system_with(site, storage(site, pool_with_room(site), 4)) as first:
        (setting,) = disks_of(site, defined_settings(site, first))
        with system_with(site, existing(site, setting["HostResource"])) as second:
            activate(site, first)
            answer = request_state(site, second, 2)
            expect(not succeeded(site, answer), f"{answer}: both systems are active with {setting['HostResource']}")


@check("DSP1047-R19", write=True)
def used_pool(site: Site) -> None:
    """A pool that a setting is from is not deleted."""
    with own_pool(site) as (pool, _, _), system_with(site, storage(site, pool, 1)):
        answer = delete_pool(site, pool.path)
        expect_code(answer, IN_USE)
        expect(site.exists(local(pool.path, site.namespace)), f"{answer} and {show(pool)} is gone")
        expect(len(members(site, pool)) == 1, f"{answer} and its volume is gone")


@check("DSP1047-R20", write=True)
def one_pool(site: Site) -> None:
    """A second pool on the same directory is refused."""
    with own_pool(site) as (_, wanted, parent):
        before = len(pools(site))
        answer = create(site, new_name(site), wanted, parent)
        expect(answer.code in (*REFUSED_PATHS, 2), f"{answer} for a directory that is a pool already")
        site.forget()
        expect(len(pools(site)) == before, f"{answer} and there is another pool")
