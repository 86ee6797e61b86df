"""DSP1097 Virtual Ethernet Switch: the host's service that defines, changes and destroys switches."""

from __future__ import annotations

from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import End, Reference, Refused, Returned
from virtcim.host.inventory import Host
from virtcim.mapping import ids
from virtcim.mapping.switch import SYSTEM_TYPES
from virtcim.messages import message
from virtcim.profiles import switches_alteration, switches_definition
from virtcim.profiles.dsp1097_model import host_of, hosts_switches, itself
from virtcim.profiles.dsp1097_uplinks import profile
from virtcim.profiles.of_host import hosts_named, service_properties
from virtcim.profiles.switches import GroupSetting, Switch, SwitchConfiguration, UplinkSetting
from virtcim.profiles.switches_settings import PortSetting

__all__ = ["profile"]

SERVICE = "Virt_VirtualEthernetSwitchManagementService"
CAPABILITIES = "Virt_VirtualEthernetSwitchManagementCapabilities"
METHODS = [2, 3, 5, 6, 7, 10]  # SynchronousMethodsSupported: all six
MANAGES = 5  # ElementEffects


@profile.instance(SERVICE, of=Host, find=hosts_named, volatile=True)
def management_service(host: Host) -> Properties:
    description = f"Defines, changes and destroys the virtual Ethernet switches of {host.name}"
    label = "Virtual Ethernet switch management service"
    return service_properties(host, ids.SWITCH_MANAGEMENT_SERVICE, label, description)


@profile.instance(CAPABILITIES, of=Host, volatile=True)
def management_capabilities(host: Host) -> Properties:
    return {
        "InstanceID": ids.host_scoped(host, ids.SWITCH_MANAGEMENT_CAPABILITIES),
        "ElementName": "Virtual Ethernet switch management capabilities",
        "VirtualSystemTypesSupported": [*SYSTEM_TYPES],
        "SynchronousMethodsSupported": METHODS,
        "AsynchronousMethodsSupported": [],
        "ElementNameEditSupported": False,
        "MaxElementNameLen": switches_definition.NAME_LENGTH,
    }


profile.associate(
    "Virt_HostedService",
    End("Antecedent", "Virt_HostSystem", across=itself),
    End("Dependent", SERVICE, across=itself),
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", SERVICE, across=itself),
    End("Capabilities", CAPABILITIES, across=itself),
    properties=lambda *_: {"Characteristics": [3]},  # Current
)
profile.associate(
    "Virt_ServiceAffectsElement",
    End("AffectingElement", SERVICE, across=hosts_switches),
    End("AffectedElement", "Virt_VirtualEthernetSwitch", across=host_of),
    properties=lambda *_: {"ElementEffects": [MANAGES]},
)


def _elements(name: str, given: list[Any] | None) -> list[Any]:
    if not given:
        raise Refused("Invalid Parameter", message("SETTINGS_MISSING", name))
    if None in given:
        raise Refused("Invalid Parameter", message("SETTINGS_BLANK", name))
    return given


def _configuration(name: str, given: Reference | None, host: Host) -> SwitchConfiguration:
    if given is None or not isinstance(given.target, SwitchConfiguration) or given.target.switch.host is not host:
        path = given and given.path
        raise Refused("Invalid Parameter", f"{name} names no configuration of a switch of {host.name}: {path}")
    return given.target


@profile.method(SERVICE, "DefineSystem")
def define_system(
    host: Host,
    SystemSettings: Instance | None,
    ResourceSettings: list[Instance | None] | None,
    ReferenceConfiguration: Reference | None,
) -> Returned:
    """A switch of the type and with the ports asked for; it is not active then."""
    given = ReferenceConfiguration
    reference = None if given is None else _configuration("ReferenceConfiguration", given, host)
    resources = _elements("ResourceSettings", ResourceSettings) if ResourceSettings else []
    return Returned(ResultingSystem=switches_definition.define(host, SystemSettings, resources, reference))


@profile.method(SERVICE, "DestroySystem")
def destroy_system(host: Host, AffectedSystem: Reference | None) -> Returned:
    """Refused while a virtual system uses the switch, now or by its definition."""
    given = AffectedSystem
    if given is None or not isinstance(given.target, Switch) or given.target.host is not host:
        raise Refused("Invalid Parameter", f"AffectedSystem names no switch of {host.name}: {given and given.path}")
    switches_definition.destroy(given.target)
    return Returned()


@profile.method(SERVICE, "AddResourceSettings")
def add_resource_settings(
    host: Host, AffectedConfiguration: Reference | None, ResourceSettings: list[Instance | None] | None
) -> Returned:
    configuration = _configuration("AffectedConfiguration", AffectedConfiguration, host)
    added = switches_alteration.add(configuration, _elements("ResourceSettings", ResourceSettings))
    return Returned(ResultingResourceSettings=added)


@profile.method(SERVICE, "ModifyResourceSettings")
def modify_resource_settings(host: Host, ResourceSettings: list[Instance | None] | None) -> Returned:
    changed = switches_alteration.modify(host, _elements("ResourceSettings", ResourceSettings))
    return Returned(ResultingResourceSettings=changed)


@profile.method(SERVICE, "ModifySystemSettings")
def modify_system_settings(host: Host, SystemSettings: Instance | None) -> Returned:
    if SystemSettings is None:
        raise Refused("Invalid Parameter", message("SETTINGS_MISSING", "SystemSettings"))
    switches_definition.modify(host, SystemSettings)
    return Returned()


@profile.method(SERVICE, "RemoveResourceSettings")
def remove_resource_settings(host: Host, ResourceSettings: list[Reference | None] | None) -> Returned:
    targets: list[PortSetting] = []
    for one in _elements("ResourceSettings", ResourceSettings):
        target = one.target
        if not isinstance(target, GroupSetting | UplinkSetting) or target.configuration.switch.host is not host:
            raise Refused("Invalid Parameter", f"ResourceSettings names no port setting of {host.name}: {one.path}")
        targets.append(target)
    switches_alteration.remove(targets)
    return Returned()
