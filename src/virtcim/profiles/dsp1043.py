"""DSP1043 Allocation Capabilities: what can be asked of a pool, and how far a running system can be changed."""

from __future__ import annotations

from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import End, Profile, Refused, Returned
from virtcim.host.inventory import Pool, Vm
from virtcim.mapping import allocation, allocation_pools, ids
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.pools import STORAGE
from virtcim.mapping.processor import PROCESSORS
from virtcim.mapping.resources import KINDS
from virtcim.profiles import goals, mutability
from virtcim.profiles import pools_capabilities as offers
from virtcim.profiles.dsp1047_volumes import pool_type
from virtcim.profiles.elements import Setting, present
from virtcim.profiles.lookup import version
from virtcim.profiles.mutability import Bound, Mutability
from virtcim.profiles.pools import ResourcePool
from virtcim.profiles.pools_capabilities import Allocation, Template
from virtcim.profiles.sampled import ROLES, Sampled

profile = Profile("dsp1043")

AC = "Virt_AllocationCapabilities"
RASD = "CIM_ResourceAllocationSettingData"
DEFAULT = 2  # Characteristics

profile.source(Allocation, offers.all_allocations, follows=version)
profile.source(Mutability, mutability.all_mutabilities)
profile.source(Bound, mutability.all_bounds)
profile.hangs_off(Vm, Mutability, mutability.mutabilities_in, back=lambda one: one.setting.vm)
profile.hangs_off(Vm, Bound, mutability.bounds_in, back=lambda one: one.owner.setting.vm)
profile.source(Template, offers.all_templates, follows=version)
profile.central(AC, Allocation)
profile.central(AC, Mutability)


# The instances (clauses 10.1 to 10.3)


@profile.instance(AC, of=Allocation, find=offers.find_allocation)
def allocation_capabilities(one: Allocation) -> Properties:
    word, offer = one.pool.type.word, offers.offer_of(one.pool.host)
    properties: Properties = {
        "InstanceID": one.id,
        "ElementName": f"Allocation capabilities of {one.pool.name}",
        "ResourceType": one.pool.resource_type,
        "OtherResourceType": one.pool.other_type,
        "ResourceSubType": one.sub_type or one.pool.sub_type,
        "RequestTypesSupported": allocation.request_types(word, _storage_type(one)),
        "SharingMode": allocation.DEDICATED if one.pool.divided else allocation.sharing_mode(word),
        "SupportedAddStates": [*allocation.add_states(one.kind, offer)],
        "SupportedRemoveStates": [*allocation.remove_states(one.kind, offer)],
    }
    return present(properties)


def _storage_type(one: Allocation) -> str | None:
    """What kind of storage pool it is; empty for the primordial one, from which there are only images named."""
    if isinstance(one.pool.source, Pool):
        return pool_type(one.pool.source)
    return "" if one.pool.type.word == STORAGE else None


@profile.instance(AC, of=Mutability, find=mutability.find_mutability, parts=mutability.mutabilities_in)
def changes_possible(one: Mutability) -> Properties:
    kind = one.setting.kind
    word = (ids.parse_pool_id(kind.pool) or ("", ""))[0]
    return {
        "InstanceID": one.id,
        "ElementName": f"Changes of {one.setting.id} while the system is active",
        "ResourceType": kind.resource_type,
        "RequestTypesSupported": allocation.GENERAL,
        "SharingMode": allocation.sharing_mode(word),
        "SupportedAddStates": [*allocation.NEVER],
        "SupportedRemoveStates": [*allocation.NEVER],
    }


def sample_properties(one: Sampled) -> Properties:
    label = f"{one.sample.name} of {one.owner.id}"
    return {"InstanceID": one.id, "ElementName": label, **one.properties}


def _samples(of: type[Sampled], classname: str, **found: Any) -> None:
    serve = profile.instance(classname, of=of, when=lambda one: one.sample.classname == classname, **found)
    serve(sample_properties)


SAMPLE_CLASSES = dict.fromkeys((*(kind.setting_class for kind in KINDS), *allocation_pools.CLASSES))
for name in SAMPLE_CLASSES:
    _samples(Template, name, find=offers.find_template, among=offers.templates_of_class(name))
for name in (PROCESSORS.setting_class, BASE_MEMORY.setting_class):
    _samples(Bound, name, find=mutability.find_bound, parts=mutability.bounds_of_class(name))


# What holds them together


def _default(*_: object) -> Properties:
    return {"Characteristics": [DEFAULT]}


def _roles(_owner: object, one: Sampled) -> Properties:
    policy, role, value_range = ROLES[one.sample.role]
    return {"PropertyPolicy": policy, "ValueRole": role, "ValueRange": value_range}


profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", "CIM_ResourcePool", across=offers.allocations_of, of=ResourcePool),
    End("Capabilities", AC, across=lambda one: [one.pool], of=Allocation),
    properties=_default,
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", "Virt_HostSystem", across=offers.allocations_on),
    End("Capabilities", AC, across=offers.host_of, of=Allocation),
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", RASD, across=mutability.mutability_of, of=Setting),
    End("Capabilities", AC, across=lambda one: [one.setting], of=Mutability),
    properties=_default,
)
for owner, sample, samples in (
    (Allocation, Template, offers.templates_of),
    (Mutability, Bound, mutability.bounds_of),
):
    profile.associate(
        "Virt_SettingsDefineCapabilities",
        End("GroupComponent", AC, across=samples, of=owner),
        End("PartComponent", RASD, across=lambda one: [one.owner], of=sample),
        properties=_roles,
    )


# Working out a request (CIM_Capabilities)


@profile.method(AC, "CreateGoalSettings")
def create_goal_settings(
    one: object, TemplateGoalSettings: list[Instance | None] | None, SupportedGoalSettings: list[Instance | None] | None
) -> Returned:
    """The default where no template is given, else what is nearest to it."""
    if not isinstance(one, Allocation | Mutability):
        raise Refused("Not Supported", "a connection is asked for by the switch that it leads to")
    return goals.create(one, TemplateGoalSettings, SupportedGoalSettings)
