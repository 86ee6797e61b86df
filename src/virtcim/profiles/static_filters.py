"""The indication filters that the profiles define, and the collections that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from virtcim.broker.provider import VIRT
from virtcim.mapping import ids

CQL = "DMTF:CQL"


@dataclass(frozen=True, eq=False)
class StaticFilter:
    """A filter that is always there. `profile` is the one that defines it, as dsp1042."""

    profile: str
    name: str
    query: str
    text: str
    language: str = CQL
    namespaces: tuple[str, ...] = (VIRT,)


@dataclass(frozen=True, eq=False)
class Collection:
    """Filters that can be subscribed to together: those of one profile, or with an empty `profile` all."""

    profile: str
    name: str
    filters: tuple[StaticFilter, ...]

    @property
    def instance_id(self) -> str:
        return ids.own_id("filter-collection", self.profile or "global")


def _life(kind: str, classname: str) -> str:
    return f"SELECT * FROM CIM_Inst{kind} WHERE SourceInstance ISA {classname}"


def _change(classname: str, name: str) -> str:
    source, previous = (f"{which}Instance.{classname}::{name}" for which in ("Source", "Previous"))
    return f"{_life('Modification', classname)} AND {source} <> {previous}"


_SYSTEM, _DEVICE, _JOB = "CIM_ComputerSystem", "CIM_LogicalDevice", "CIM_ConcreteJob"
_VSSD, _RASD = "CIM_VirtualSystemSettingData", "CIM_ResourceAllocationSettingData"
# Profile -> its name in the filters' names, then (what follows it, the query, what it tells)
_TABLE: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "dsp1041": (
        "Resource Allocation",
        (
            (
                "PoolModified",
                _life("Modification", "CIM_ResourcePool"),
                "A resource pool has changed, or what it has left",
            ),
        ),
    ),
    "dsp1042": (
        "System Virtualization",
        (
            ("VirtualSystemCreated", _life("Creation", _SYSTEM), "A virtual system has come into being"),
            ("VirtualSystemDeleted", _life("Deletion", _SYSTEM), "A virtual system is gone"),
            ("SystemSettingModified", _life("Modification", _VSSD), "Settings of a virtual system have changed"),
            ("ResourceSettingCreated", _life("Creation", _RASD), "A virtual resource was added"),
            ("ResourceSettingModified", _life("Modification", _RASD), "Settings of a virtual resource have changed"),
            ("ResourceSettingDeleted", _life("Deletion", _RASD), "A virtual resource was removed"),
        ),
    ),
    "dsp1057": (
        "Virtual System",
        (
            ("VirtualSystemStateChange", _change(_SYSTEM, "EnabledState"), "A virtual system has changed its state"),
            ("RequestedStateChange", _change(_SYSTEM, "RequestedState"), "Another state was asked of a virtual system"),
            ("VirtualResourceStateChange", _change(_DEVICE, "EnabledState"), "A virtual device has changed its state"),
            (
                "Alert",
                f"SELECT * FROM CIM_AlertIndication WHERE OwningEntity = '{ids.OWN}'",
                "Something went wrong in or with a virtual system",
            ),
        ),
    ),
    "dsp1103": (
        "Job Control",
        (
            ("JobCreated", _life("Creation", _JOB), "A job has begun"),
            ("JobStateChange", _change(_JOB, "JobState"), "A job has changed its state"),
            ("JobPercentChange", _change(_JOB, "PercentComplete"), "A job has got further"),
            ("JobDeleted", _life("Deletion", _JOB), "A job is forgotten"),
        ),
    ),
}


def static_filters(profiles: Iterable[str]) -> list[StaticFilter]:
    """The filters that these profiles define."""
    return [
        StaticFilter(profile, f"{ids.OWN}:{_TABLE[profile][0]}:{name}", query, text)
        for profile in profiles
        if profile in _TABLE
        for name, query, text in _TABLE[profile][1]
    ]


def collections(filters: Iterable[StaticFilter]) -> list[Collection]:
    """The global collection, and one of each profile that defines filters."""
    everything = tuple(filters)
    made = [Collection("", f"{ids.OWN}:Indications:GlobalIndicationFilterCollection", everything)]
    for profile in dict.fromkeys(one.profile for one in everything):
        name = f"{ids.OWN}:{_TABLE[profile][0]}:ProfileSpecifiedIndicationFilterCollection"
        made.append(Collection(profile, name, tuple(one for one in everything if one.profile == profile)))
    return made
