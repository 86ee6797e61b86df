"""What can be asked of pools of connections (DSP1043 for ResourceType 33): one connection at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Keys, Profile
from virtcim.host.inventory import Hosts
from virtcim.mapping import allocation, ids
from virtcim.mapping.switch_ports import CONNECTION as CONNECTION_TYPE
from virtcim.mapping.units import COUNT
from virtcim.profiles import dsp1050_connections as connections
from virtcim.profiles import lookup
from virtcim.profiles.dsp1050_connections import ConnectionPool
from virtcim.profiles.elements import kept, present
from virtcim.profiles.sampled import NOT_CHANGEABLE, ROLES

AC, POOL = "Virt_AllocationCapabilities", "Virt_EthernetConnectionPool"
SETTING = "Virt_EthernetConnectionAllocationSettingData"
SHARED = 3  # SharingMode: a switch serves many
IS_DEFAULT = 2  # Characteristics
SAMPLES = ("Default", "Minimum", "Maximum")


@dataclass(frozen=True, eq=False)
class ConnectionOffer:
    """What can be asked of a pool of connections."""

    pool: ConnectionPool

    @property
    def platform(self) -> str:
        return self.pool.platform


@dataclass(frozen=True, eq=False)
class ConnectionSample:
    """A sample of what can be asked for."""

    offer: ConnectionOffer
    role: str

    @property
    def platform(self) -> str:
        return self.offer.platform

    @property
    def id(self) -> str:
        return f"{ids.own_id('sample', self.offer.pool.id)}/{self.role}"


def offers_of(pool: ConnectionPool) -> list[ConnectionOffer]:
    return [kept(pool, "_offer", lambda: ConnectionOffer(pool))]


def samples_of(offer: ConnectionOffer) -> tuple[ConnectionSample, ...]:
    return kept(offer, "_samples", lambda: tuple(ConnectionSample(offer, role) for role in SAMPLES))


def all_offers(world: Hosts) -> Iterator[ConnectionOffer]:
    for pool in connections.all_pools(world):
        yield from offers_of(pool)


def all_samples(world: Hosts) -> Iterator[ConnectionSample]:
    for offer in all_offers(world):
        yield from samples_of(offer)


def find_offer(world: Hosts, keys: Keys) -> list[ConnectionOffer]:
    """By InstanceID, that of the pool."""
    return [one for one in all_offers(world) if one.pool.id == keys["InstanceID"]]


def offer(one: ConnectionOffer) -> Properties:
    """A connection names the switch it leads to, and is made and cut while the system runs."""
    pool = one.pool
    properties: Properties = {
        "InstanceID": pool.id,
        "ElementName": f"Allocation capabilities of {pool.pool_id}",
        "ResourceType": CONNECTION_TYPE,
        "ResourceSubType": connections.sub_type(pool.switch) if pool.switch else None,
        "RequestTypesSupported": allocation.SPECIFIC,
        "SharingMode": SHARED,
        "SupportedAddStates": [allocation.ENABLED, allocation.DISABLED, allocation.QUIESCE],
        "SupportedRemoveStates": [allocation.ENABLED, allocation.DISABLED, allocation.QUIESCE],
    }
    return present(properties)


def sample(one: ConnectionSample) -> Properties:
    pool = one.offer.pool
    properties: Properties = {
        "InstanceID": one.id,
        "ElementName": f"{one.role} of {pool.pool_id}",
        "ResourceType": CONNECTION_TYPE,
        "ResourceSubType": connections.sub_type(pool.switch) if pool.switch else None,
        "PoolID": pool.pool_id,
        "AllocationUnits": COUNT,
        "VirtualQuantity": 1,
        "VirtualQuantityUnits": COUNT,
        "ChangeableType": NOT_CHANGEABLE,
    }
    return present(properties)


def _roles(_offer: object, one: ConnectionSample) -> Properties:
    policy, role, value_range = ROLES[one.role]
    return {"PropertyPolicy": policy, "ValueRole": role, "ValueRange": value_range}


def declare(profile: Profile) -> None:
    profile.source(ConnectionOffer, all_offers, follows=lookup.version)
    profile.source(ConnectionSample, all_samples, follows=lookup.version)
    profile.instance(AC, of=ConnectionOffer, find=find_offer)(offer)
    profile.instance(SETTING, of=ConnectionSample)(sample)
    profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
    profile.associate(
        "Virt_ElementCapabilities",
        End("ManagedElement", POOL, across=offers_of),
        End("Capabilities", AC, across=lambda one: [one.pool], of=ConnectionOffer),
        properties=lambda _pool, _offer: {"Characteristics": [IS_DEFAULT]},
    )
    profile.associate(
        "Virt_SettingsDefineCapabilities",
        End("GroupComponent", AC, across=samples_of, of=ConnectionOffer),
        End("PartComponent", SETTING, across=lambda one: [one.offer], of=ConnectionSample),
        properties=_roles,
    )
