"""DSP1043 Allocation Capabilities: what can be asked of a pool, and how far a running system can be changed."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile
from virtcim.mapping import allocation, allocation_pools, ids
from virtcim.mapping.resources import KINDS
from virtcim.profiles import pools_capabilities as offers
from virtcim.profiles.elements import Setting, present, version
from virtcim.profiles.pools import ResourcePool
from virtcim.profiles.pools_capabilities import ROLES, Allocation, Mutability, Template

profile = Profile("dsp1043")

AC = "Virt_AllocationCapabilities"
RASD = "CIM_ResourceAllocationSettingData"
DEFAULT = 2  # Characteristics

profile.source(Allocation, offers.all_allocations, follows=version)
profile.source(Mutability, offers.all_mutabilities, follows=version)
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
        "ResourceSubType": one.sub_type,
        "RequestTypesSupported": allocation.request_types(word),
        "SharingMode": allocation.sharing_mode(word),
        "SupportedAddStates": [*allocation.add_states(one.kind, offer)],
        "SupportedRemoveStates": [*allocation.remove_states(one.kind, offer)],
    }
    return present(properties)


@profile.instance(AC, of=Mutability, find=offers.find_mutability)
def mutability(one: Mutability) -> Properties:
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


def _template_of(classname: str) -> None:
    @profile.instance(
        classname,
        of=Template,
        when=lambda one: one.sample.classname == classname,
        find=offers.find_template,
        among=offers.templates_of_class(classname),
    )
    def template(one: Template) -> Properties:
        label = f"{one.sample.name} of {one.owner.id}"
        return {"InstanceID": one.id, "ElementName": label, **one.properties}


SAMPLE_CLASSES = dict.fromkeys((*(kind.setting_class for kind in KINDS), *allocation_pools.CLASSES))
for classname in SAMPLE_CLASSES:
    _template_of(classname)


# What holds them together


def _default(*_: object) -> Properties:
    return {"Characteristics": [DEFAULT]}


def _roles(_owner: object, one: Template) -> Properties:
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
    End("ManagedElement", RASD, across=offers.mutability_of, of=Setting),
    End("Capabilities", AC, across=lambda one: [one.setting], of=Mutability),
    properties=_default,
)


def _spelled_out(owner: type[Allocation] | type[Mutability]) -> None:
    def owner_of(one: Template) -> list[object]:
        return [one.owner] if isinstance(one.owner, owner) else []

    profile.associate(
        "Virt_SettingsDefineCapabilities",
        End("GroupComponent", AC, across=offers.templates_of, of=owner),
        End("PartComponent", RASD, across=owner_of, of=Template),
        properties=_roles,
    )


_spelled_out(Allocation)
_spelled_out(Mutability)
profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
