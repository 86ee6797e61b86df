"""DSP1057 Virtual System: each libvirt domain as a computer system, with its configurations and devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Keys, Profile, Refused, Returned, Work
from virtcim.host.inventory import Hosts, Vm
from virtcim.mapping import ids, resources, state, vssd
from virtcim.mapping.kind import DISK_DRIVE, Kind
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import dsp1057_links, elements, lookup, resumption
from virtcim.profiles.elements import Configuration, Device, Setting
from virtcim.profiles.transitions import (
    NEVER_REQUESTED,
    NO_CHANGE,
    Wish,
    available,
    carry_out,
    check_timeout,
    current,
    last_wish,
    row_of,
)

profile = Profile("dsp1057")
profile.resumes(resumption.KIND, resumption.resume)

ENABLED, DISABLED, QUIESCE = 2, 3, 9  # EnabledState
FINE, STOPPED = 2, 10  # OperationalStatus
HEALTHY = 5  # HealthState
NOT_APPLICABLE = 12  # RequestedState, TransitioningToState
RESET_ENABLED, RESET_NOT_IMPLEMENTED = 4, 5  # ResetCapability
DISK_SETTING = "Virt_DiskResourceAllocationSettingData"


@dataclass(frozen=True, eq=False)
class SystemCapabilities:
    """What can be requested of a virtual system."""

    vm: Vm

    @property
    def platform(self) -> str:
        return self.vm.platform


def capabilities(vm: Vm) -> SystemCapabilities:
    return elements.kept(vm, "_capabilities", lambda: SystemCapabilities(vm))


def all_capabilities(world: Hosts) -> Iterator[SystemCapabilities]:
    return (capabilities(vm) for vm in world.vms())


def find_capabilities(world: Hosts, keys: Keys) -> list[SystemCapabilities]:
    return [capabilities(vm) for vm in world.vm_by_key(str(keys["InstanceID"]))]


profile.central("Virt_ComputerSystem", Vm)
profile.source(Vm, lookup.all_vms, runs=lookup.vm_runs, follows=lookup.version, lasts=Hosts.lasts)
profile.source(SystemCapabilities, all_capabilities)
profile.source(Configuration, lookup.all_configurations)
profile.source(Setting, lookup.all_settings)
profile.source(Device, lookup.all_devices)
profile.hangs_off(Vm, SystemCapabilities, lambda vm: [capabilities(vm)], back=lookup.vm_of)
profile.hangs_off(Vm, Configuration, elements.configurations, back=lookup.vm_of)
profile.hangs_off(Vm, Setting, lookup.settings_in, back=lookup.vm_of)
profile.hangs_off(Vm, Device, elements.devices, back=lookup.vm_of)


# The virtual system (clause 7.1)


@profile.instance("Virt_ComputerSystem", of=Vm, find=lookup.find_vm, keys=lambda vm: {"Name": ids.system_token(vm)})
def virtual_system(vm: Vm) -> Properties:
    row, wish = row_of(vm), last_wish(vm)
    resettable = state.can("reset", vm.platform)
    properties: Properties = {
        "Name": ids.system_token(vm),
        "NameFormat": "UUID" if vm.naming == "uuid" else "Other",
        "ElementName": elements.label(vm),
        "UUID": vm.uuid,
        "Caption": "Virtual System",
        "Description": vm.state_document.description or "Virtual System",
        "OtherIdentifyingInfo": ["Virtual System", f"{vm.platform} Virtual System", vm.uuid, vm.name],
        "IdentifyingDescriptions": ["Type", "Model", "UUID", "VirtualSystemIdentifier"],
        "Dedicated": [0],  # Not Dedicated
        "EnabledState": row.enabled_state,
        "OperationalStatus": [*row.operational_status],
        "StatusDescriptions": [*row.status_descriptions],
        "HealthState": row.health_state,
        "OperatingStatus": row.operating_status,
        "PrimaryStatus": row.primary_status,
        "RequestedState": NEVER_REQUESTED if wish is None else wish.requested,
        "AvailableRequestedStates": [*available(vm, row.available(vm.platform, vm.persistent), row.requests)],
        "TransitioningToState": NO_CHANGE if vm.underway is None else vm.underway.requested,
        "EnabledDefault": ENABLED if vm.autostart else DISABLED,
        "ResetCapability": RESET_ENABLED if resettable else RESET_NOT_IMPLEMENTED,
        "TimeOfLastStateChange": vm.since,
    }
    return elements.present(properties)


@profile.instance("Virt_EnabledLogicalElementCapabilities", of=SystemCapabilities, find=find_capabilities)
def system_capabilities(capabilities: SystemCapabilities) -> Properties:
    """What RequestStateChange knows on the system's platform; names are changed by ModifySystemSettings only."""
    return {
        "InstanceID": ids.system_token(capabilities.vm),
        "ElementName": elements.label(capabilities.vm),
        "RequestedStatesSupported": [*state.requested_states(capabilities.platform)],
        "ElementNameEditSupported": False,
        "StateAwareness": [3],  # RequestStateChange
    }


profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", "Virt_ComputerSystem", across=lambda vm: [capabilities(vm)]),
    End(
        "Capabilities",
        "Virt_EnabledLogicalElementCapabilities",
        across=lambda found: [found.vm],
        of=SystemCapabilities,
    ),
)


@profile.method("Virt_ComputerSystem", "RequestStateChange")
def request_state_change(vm: Vm, RequestedState: int | None, TimeoutPeriod: str | None) -> Returned | Work:
    """Clause 8.1.1; the transitions are those of the state table."""
    if RequestedState is None:
        raise Refused("Invalid Parameter", "RequestedState is missing")
    check_timeout(TimeoutPeriod)
    vm = current(vm)
    verb = state.verb_for(row_of(vm), RequestedState, vm.platform, vm.persistent)
    wish = Wish(RequestedState, state.POWER_OF_REQUEST.get(RequestedState, RequestedState))
    return carry_out(vm, f"RequestedState {RequestedState}", verb, wish)


# Its configurations (clauses 7.2, 7.3)


@profile.instance(
    "Virt_VirtualSystemSettingData",
    of=Configuration,
    find=lookup.find_configuration,
    keys=lambda configuration: {"InstanceID": configuration.id},
)
def configuration(configuration: Configuration) -> Properties:
    vm = configuration.vm
    return vssd.head(vm, configuration.document, configuration.defined, vm.autostart)


def _setting_of(kind: Kind[Any]) -> None:
    @profile.instance(
        kind.setting_class,
        of=Setting,
        when=lambda setting: setting.kind is kind,
        find=lookup.find_setting,
        parts=lookup.settings_of_kind(kind),
        keys=lambda setting: {"InstanceID": setting.id},
    )
    def setting(setting: Setting) -> Properties:
        return setting_properties(setting)


def setting_properties(setting: elements.AnySetting) -> Properties:
    """A whole RASD, as the server's settings want it."""
    properties = elements.properties(setting)
    of_disks = setting.kind.setting_class == DISK_SETTING
    return _as_of_old(properties) if of_disks and setting.vm.host.settings.legacy_resource_types else properties


def _as_of_old(properties: Properties) -> Properties:
    """As libvirt-cim, which told disks, drives and file systems apart by EmulatedType alone."""
    return {name: value for name, value in properties.items() if name != "OtherResourceType"} | {
        "ResourceType": DISK_DRIVE
    }


def _device_keys(device: Device) -> Properties:
    vm = device.vm
    return {
        "SystemCreationClassName": elements.system_class(vm),
        "SystemName": ids.system_token(vm),
        "DeviceID": ids.device_id(vm, device.dev),
    }


def _device_of(kind: Kind[Any]) -> None:
    @profile.instance(
        str(kind.device_class),
        of=Device,
        when=lambda device: device.kind is kind,
        find=lookup.find_device,
        parts=lookup.devices_of_kind(kind),
        gauges=elements.load if kind is PROCESSORS else None,
        measured=lookup.loaded,
        keys=_device_keys,
    )
    def device(device: Device) -> Properties:
        row = row_of(device.vm)
        enabled = row.enabled_state if row.enabled_state in (ENABLED, QUIESCE) else DISABLED
        properties = {
            **_device_keys(device),
            "ElementName": f"{kind.label} {device.dev}",
            "EnabledState": enabled,
            "RequestedState": NOT_APPLICABLE,
            "TransitioningToState": NOT_APPLICABLE,
            "OperationalStatus": [STOPPED if enabled == DISABLED else FINE],
            "HealthState": HEALTHY,
            **elements.device_properties(device),
        }
        return elements.present(properties)


for kind in resources.KINDS:
    _setting_of(kind)
    if kind.device_class:
        _device_of(kind)


dsp1057_links.declare(profile)

NOT_FOR_A_GUEST = "a virtual device follows its virtual system"
for method in ("SetPowerState", "Reset", "EnableDevice", "OnlineDevice", "QuiesceDevice"):
    profile.leaves_out("CIM_LogicalDevice", method, f"{NOT_FOR_A_GUEST}: see CIM_ComputerSystem.RequestStateChange")
for method in ("SaveProperties", "RestoreProperties"):
    profile.leaves_out("CIM_LogicalDevice", method, "the definition of the virtual system keeps its properties")
for classname, method, reason in (
    ("CIM_MediaAccessDevice", "LockMedia", "libvirt locks no medium in a virtual drive"),
    ("CIM_Watchdog", "KeepAlive", "keeping it quiet is up to the guest"),
    ("CIM_PCIController", "BISTExecution", NOT_FOR_A_GUEST),
    ("CIM_USBDevice", "GetDescriptor", "the descriptors of a device in a guest are the guest's"),
    ("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here"),
):
    profile.leaves_out(classname, method, reason)
