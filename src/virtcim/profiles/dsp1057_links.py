"""DSP1057 Virtual System: what holds a system, its configurations, their settings and its devices together."""

from __future__ import annotations

from collections.abc import Callable

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile
from virtcim.profiles import elements
from virtcim.profiles.elements import Configuration, Device, Setting


def declare(profile: Profile) -> None:
    """Add the associations of clause 7 to the profile."""
    _of_states(profile)
    _of_sets(profile)
    _of_parts(profile)


def _of_states(profile: Profile) -> None:
    profile.associate(
        "Virt_SettingsDefineState",
        End("ManagedElement", "Virt_ComputerSystem", across=lambda vm: [elements.state_of(vm)]),
        End(
            "SettingData",
            "Virt_VirtualSystemSettingData",
            across=lambda one: [] if one.defined else [one.vm],
            of=Configuration,
        ),
    )
    profile.associate(
        "Virt_SettingsDefineState",
        End("ManagedElement", "CIM_LogicalDevice", across=lambda device: [elements.setting_of(device)], of=Device),
        End("SettingData", "CIM_ResourceAllocationSettingData", across=elements.devices_of, of=Setting),
    )


def _of_sets(profile: Profile) -> None:
    """Between the two configurations of a system, and what is the same in both."""
    profile.associate(
        "Virt_ElementSettingData",
        End("ManagedElement", "Virt_VirtualSystemSettingData", across=_to_defined, of=Configuration),
        End("SettingData", "Virt_VirtualSystemSettingData", across=_to_state, of=Configuration),
        properties=_is_next,
    )
    profile.associate(
        "Virt_ElementSettingData",
        End("ManagedElement", "CIM_ResourceAllocationSettingData", across=_same_resource(defined=True), of=Setting),
        End("SettingData", "CIM_ResourceAllocationSettingData", across=_same_resource(defined=False), of=Setting),
        properties=_is_next,
    )


def _of_parts(profile: Profile) -> None:
    profile.associate(
        "Virt_VirtualSystemSettingDataComponent",
        End("GroupComponent", "Virt_VirtualSystemSettingData", across=elements.settings, of=Configuration),
        End(
            "PartComponent",
            "CIM_ResourceAllocationSettingData",
            across=lambda setting: [setting.configuration],
            of=Setting,
        ),
    )
    profile.associate(
        "Virt_SystemDevice",
        End("GroupComponent", "Virt_ComputerSystem", across=elements.devices),
        End("PartComponent", "CIM_LogicalDevice", across=lambda device: [device.vm], of=Device),
    )


def _to_defined(configuration: Configuration) -> list[Configuration]:
    other = elements.counterpart(configuration)
    return [] if configuration.defined or other is None else [other]


def _to_state(configuration: Configuration) -> list[Configuration]:
    return [elements.state_of(configuration.vm)] if configuration.defined else []


def _same_resource(defined: bool) -> Callable[[Setting], list[Setting]]:
    """From the settings of the other configuration to those of this one."""

    def across(setting: Setting) -> list[Setting]:
        other = elements.twin(setting)
        return [] if other is None or other.configuration.defined is not defined else [other]

    return across


def _is_next(state: object, defined: object) -> Properties:
    """The definition is what the system starts with by default, and next time."""
    return {"IsDefault": 1, "IsNext": 1}
