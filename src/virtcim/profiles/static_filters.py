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


Row = tuple[str, str, str]  # what follows the profile in the filter's name, the query, what it tells


def _lives(name: str, classname: str, what: str, *kinds: str) -> tuple[Row, ...]:
    """That an instance of a class has come, has changed and is gone, or only the kinds given."""
    told = {"Created": "Creation", "Modified": "Modification", "Deleted": "Deletion"}
    words = {"Created": "has come into being", "Modified": "has changed", "Deleted": "is gone"}
    return tuple((f"{name}{one}", _life(told[one], classname), f"{what} {words[one]}") for one in kinds or told)


_SYSTEM, _DEVICE, _JOB, _SWITCH = "CIM_ComputerSystem", "CIM_LogicalDevice", "CIM_ConcreteJob", "VirtualEthernetSwitch"
_SCREEN, _TEXT = "CIM_KVMRedirectionSAP", "CIM_TextRedirectionSAP"
_ALLOCATION = "ResourceAllocationSettingData"
_VSSD, _RASD = "CIM_VirtualSystemSettingData", f"CIM_{_ALLOCATION}"
_CONNECTION = "CIM_EthernetPortAllocationSettingData"
# Profile -> its name in the filters' names, and the filters.
_TABLE: dict[str, tuple[str, tuple[Row, ...]]] = {
    "dsp1041": ("Resource Allocation", _lives("Pool", "CIM_ResourcePool", "A resource pool")),
    "dsp1042": (
        "System Virtualization",
        (
            *_lives("VirtualSystem", _SYSTEM, "A system", "Created", "Deleted"),
            *_lives("SystemSetting", _VSSD, "The head of a configuration"),
            *_lives("ResourceSetting", _RASD, "The setting of a virtual resource"),
        ),
    ),
    "dsp1044": (
        "Processor Resource Virtualization",
        (
            *_lives("VirtualProcessor", "CIM_Processor", "A virtual processor", "Created", "Deleted"),
            *_lives("ProcessorSetting", "Virt_Proc" + _ALLOCATION, "The setting of virtual processors", "Modified"),
        ),
    ),
    "dsp1045": (
        "Memory Resource Virtualization",
        (
            *_lives("VirtualMemory", "CIM_Memory", "Virtual memory", "Created", "Modified", "Deleted"),
            *_lives("MemorySetting", "Virt_Mem" + _ALLOCATION, "The setting of virtual memory", "Modified"),
        ),
    ),
    "dsp1047": (
        "Storage Resource Virtualization",
        (
            *_lives("HostVolume", "Virt_HostStorageVolume", "A volume of the host"),
            *_lives("HostDrive", "Virt_HostDiskDrive", "A drive of the host"),
        ),
    ),
    "dsp1050": (
        "Ethernet Port Resource Virtualization",
        _lives("Connection", _CONNECTION, "An interface's connection"),
    ),
    "dsp1057": (
        "Virtual System",
        (
            ("VirtualSystemStateChange", _change(_SYSTEM, "EnabledState"), "A virtual system has changed its state"),
            ("RequestedStateChange", _change(_SYSTEM, "RequestedState"), "Another state was asked of a virtual system"),
            ("VirtualResourceStateChange", _change(_DEVICE, "EnabledState"), "A virtual device has changed its state"),
            *_lives("VirtualDevice", _DEVICE, "A virtual device", "Created", "Deleted"),
            (
                "Alert",
                f"SELECT * FROM CIM_AlertIndication WHERE OwningEntity = '{ids.OWN}'",
                "Something went wrong in or with a virtual system, a storage pool or a network",
            ),
        ),
    ),
    "dsp1059": (
        "Generic Device Resource Virtualization",
        (
            *_lives("HostPCIDevice", "Virt_HostPCIDevice", "A PCI device that can be passed through"),
            *_lives("HostMediatedDevice", "Virt_HostMediatedDevice", "A mediated device that can be passed through"),
            *_lives("HostUSBDevice", "Virt_HostUSBDevice", "A USB device that can be passed through"),
        ),
    ),
    "dsp1024": ("Text Console Redirection", _lives("TextConsole", _TEXT, "An access point to a text console")),
    "dsp1076": (
        "KVM Redirection",
        (
            *_lives("Console", _SCREEN, "An access point to a graphical console", "Created", "Deleted"),
            ("ConsoleStateChange", _change(_SCREEN, "EnabledState"), "A client has come to a console, or left it"),
        ),
    ),
    "dsp1081": (
        "Virtual System Migration",
        (
            *_lives("Migration", "Virt_MigrationJob", "The move of a virtual system", "Created", "Deleted"),
            ("MigrationStateChange", _change("Virt_MigrationJob", "JobState"), "A move has changed its state"),
        ),
    ),
    "dsp1097": (
        "Virtual Ethernet Switch",
        (
            *_lives("Switch", f"Virt_{_SWITCH}", "A virtual Ethernet switch"),
            ("SwitchStateChange", _change(f"Virt_{_SWITCH}", "EnabledState"), "A switch has changed its state"),
            *_lives("SwitchSetting", f"CIM_{_SWITCH}SettingData", "The head of a switch's configuration"),
            *_lives("SwitchPort", "Virt_SwitchEthernetPort", "A port of a switch"),
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
