"""The model of DSP1097: each virtual network, and each bridge of the host, as a switch with its ports."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile, Refused, Returned
from virtcim.host.inventory import Host
from virtcim.mapping import ids, switch_devices, switch_ports
from virtcim.mapping.vlan import ACCESS, TRUNK
from virtcim.profiles import lookup, switches, switches_paths, switches_ports, switches_states
from virtcim.profiles.elements import present
from virtcim.profiles.switches import GroupSetting, Switch, SwitchConfiguration, UplinkSetting
from virtcim.profiles.switches_plugs import switches_of
from virtcim.profiles.switches_ports import SwitchPort

profile = Profile("dsp1097")
profile.central("Virt_VirtualEthernetSwitch", Switch)
profile.source(Switch, switches_ports.all_switches, follows=lookup.version)
profile.source(SwitchConfiguration, switches_ports.all_configurations, follows=lookup.version)
profile.source(SwitchPort, switches_ports.all_ports, follows=lookup.version)
profile.source(GroupSetting, switches_ports.all_groups, follows=lookup.version)
profile.source(UplinkSetting, switches_ports.all_uplinks, follows=lookup.version)

SWITCH, CONFIGURATION = "Virt_VirtualEthernetSwitch", "Virt_VirtualEthernetSwitchSettingData"
PORT, PORT_SETTING = "Virt_SwitchEthernetPort", "Virt_SwitchPortAllocationSettingData"
LAN, VLAN, VLAN_SETTING = "Virt_LANEndpoint", "Virt_VLANEndpoint", "Virt_VLANEndpointSettingData"
CAPABILITIES = "Virt_VirtualEthernetSwitchCapabilities"

ETHERNET_SWITCH = 38  # Dedicated
ENABLED, DISABLED = 2, 3  # EnabledState, RequestedState
FINE, STOPPED = 2, 10  # OperationalStatus
HEALTHY = 5  # HealthState
NO_CHANGE, NOT_APPLICABLE = 5, 12  # RequestedState, TransitioningToState
BY_METHOD = 3  # StateAwareness
ETHERNET, FRONT_END, UNKNOWN_TYPE = 2, 2, 0  # LinkTechnology, UsageRestriction, PortType
ETHERNET_CSMACD, L2_VLAN = 6, 136  # ProtocolIFType
DOT1Q, NOT_TRUNKED, NO_GVRP = 3, 2, 2  # OperationalVLANTrunkEncapsulation, GVRPStatus


# The switch (clauses 7.1, 7.2)


@profile.instance(SWITCH, of=Switch, find=switches_ports.find_switch)
def ethernet_switch(switch: Switch) -> Properties:
    state = ENABLED if switch.active else DISABLED
    can_change = switch.network is not None
    properties: Properties = {
        "Name": ids.switch_token(switch),
        "NameFormat": "UUID" if switch.naming == "uuid" else "Other",
        "ElementName": switch.state_document.name,
        "UUID": switch.uuid if switch.network else None,
        "Caption": "Virtual Ethernet Switch",
        "Description": f"Virtual Ethernet switch, {switch_devices.forward_mode(switch.state_document)}",
        "OtherIdentifyingInfo": [switch.state_document.bridge or switch.name],
        "IdentifyingDescriptions": ["BridgeName" if switch.state_document.bridge else "Name"],
        "Dedicated": [ETHERNET_SWITCH],
        "EnabledState": state,
        "RequestedState": NO_CHANGE if can_change else NOT_APPLICABLE,
        "TransitioningToState": NO_CHANGE if can_change else NOT_APPLICABLE,
        "AvailableRequestedStates": switches_states.available(switch),
        "EnabledDefault": ENABLED if switch.autostart or not can_change else DISABLED,
        "OperationalStatus": [FINE if switch.active else STOPPED],
        "HealthState": HEALTHY,
        "ResetCapability": 5,  # Not Implemented
    }
    return present(properties)


@profile.instance(
    CAPABILITIES, of=Switch, find=lambda world, keys: switches_ports.switch_by_token(world, str(keys["InstanceID"]))
)
def switch_capabilities(switch: Switch) -> Properties:
    """A bridge of the host is not ours to start and stop."""
    return {
        "InstanceID": ids.switch_token(switch),
        "ElementName": switch.state_document.name,
        "RequestedStatesSupported": [ENABLED, DISABLED] if switch.network else [],
        "ElementNameEditSupported": False,
        "StateAwareness": [BY_METHOD],
    }


@profile.method(SWITCH, "RequestStateChange")
def request_state_change(switch: Switch, RequestedState: int | None, TimeoutPeriod: str | None) -> Returned:
    """Clause 8.1: a switch that running systems are plugged into is not taken away from them."""
    if RequestedState is None:
        raise Refused("Invalid Parameter", "RequestedState is missing")
    switches_states.request(switch, RequestedState, TimeoutPeriod)
    return Returned()


@profile.instance(CONFIGURATION, of=SwitchConfiguration, find=switches_ports.find_configuration)
def configuration(configuration: SwitchConfiguration) -> Properties:
    return switches_paths.configuration_properties(configuration)


# Its ports, and the settings of groups of them (clause 7.3)


def port_of(switch: Switch, device_id: str, name: str | None, usage: int) -> Properties:
    """What every port of a switch says, whatever is plugged in; `usage` is its UsageRestriction."""
    return {
        **owner(switch),
        "DeviceID": device_id,
        "Name": name,
        "EnabledState": ENABLED,
        "RequestedState": NOT_APPLICABLE,
        "TransitioningToState": NOT_APPLICABLE,
        "OperationalStatus": [FINE],
        "HealthState": HEALTHY,
        "LinkTechnology": ETHERNET,
        "PortType": UNKNOWN_TYPE,
        "UsageRestriction": usage,
    }


@profile.instance(PORT, of=SwitchPort, find=switches_ports.find_port)
def switch_port(port: SwitchPort) -> Properties:
    view, document = port.view, port.switch.state_document
    vm = port.adapter.vm
    properties: Properties = {
        **port_of(port.switch, port.id, view.target, FRONT_END),
        "ElementName": view.target or f"{vm.name} {port.adapter.dev}",
        "Description": f"Port of {document.name} for {port.adapter.dev} of {vm.name}",
        "FullDuplex": True,
        "ActiveMaximumTransmissionUnit": view.mtu or document.mtu,
        "PVID": switch_ports.native_vlan(view, document),
    }
    return present(properties)


@profile.instance(PORT_SETTING, of=GroupSetting)
def group_setting(setting: GroupSetting) -> Properties:
    return {
        "InstanceID": setting.id,
        "ElementName": f"Group of ports {setting.view.name}",
        "ChangeableType": 2 if setting.configuration.defined else 0,
        **switch_ports.group_properties(setting.view),
    }


# The endpoints of its ports (clause 7.4)


def _in_vlan(port: SwitchPort) -> bool:
    return switch_ports.port_mode(port.view, port.switch.state_document) is not None


def endpoint(owner: Properties, name: str) -> Properties:
    """What every endpoint says; `owner` are the keys of its system."""
    return {
        **owner,
        "Name": name,
        "NameFormat": "DeviceID",
        "ElementName": name,
        "EnabledState": ENABLED,
        "RequestedState": NOT_APPLICABLE,
        "TransitioningToState": NOT_APPLICABLE,
        "OperationalStatus": [FINE],
    }


def owner(switch: Switch) -> Properties:
    """The keys of a switch in what belongs to it."""
    return {
        "SystemCreationClassName": switches_paths.switch_class(switch),
        "SystemName": ids.switch_token(switch),
    }


@profile.instance(LAN, of=SwitchPort, find=switches_ports.find_port)
def port_endpoint(port: SwitchPort) -> Properties:
    """libvirt gives the tap device an address of its own that no frame bears, so none is shown."""
    return {**endpoint(owner(port.switch), port.id), "ProtocolIFType": ETHERNET_CSMACD}


@profile.instance(VLAN, of=SwitchPort, when=_in_vlan, find=switches_ports.find_port)
def vlan_endpoint(port: SwitchPort) -> Properties:
    mode = switch_ports.port_mode(port.view, port.switch.state_document)
    return {
        **endpoint(owner(port.switch), port.id),
        "ProtocolIFType": L2_VLAN,
        "DesiredEndpointMode": mode,
        "OperationalEndpointMode": mode,
        "DesiredVLANTrunkEncapsulation": DOT1Q if mode == TRUNK else NOT_TRUNKED,
        "OperationalVLANTrunkEncapsulation": DOT1Q if mode == TRUNK else NOT_TRUNKED,
        "GVRPStatus": NO_GVRP,
    }


@profile.instance(VLAN_SETTING, of=SwitchPort, when=_in_vlan)
def vlan_setting(port: SwitchPort) -> Properties:
    view, document = port.view, port.switch.state_document
    access = switch_ports.port_mode(view, document) == ACCESS
    native = switch_ports.native_vlan(view, document)
    properties: Properties = {
        "InstanceID": ids.switch_setting_id(port.switch, "vlan", port.id, defined=False),
        "ElementName": f"VLANs of {port.id}",
        "AccessVLAN": native if access else None,
        "NativeVLAN": None if access else native,
        "TrunkedVLANList": None if access else switch_ports.port_vlans(view, document),
    }
    return present(properties)


# What holds them together (clause 9)


def itself(one: object) -> list[object]:
    return [one]


def to_defined(configuration: SwitchConfiguration) -> list[SwitchConfiguration]:
    return [one for one in switches.configurations(configuration.switch) if one.defined and not configuration.defined]


def to_state(configuration: SwitchConfiguration) -> list[SwitchConfiguration]:
    return [switches.state_configuration(configuration.switch)] if configuration.defined else []


def hosts_switches(host: Host) -> list[Switch]:
    return list(switches_of(host))


def host_of(switch: Switch) -> list[Host]:
    return [switch.host]


profile.associate(
    "Virt_SwitchHostedDependency",
    End("Antecedent", "Virt_HostSystem", across=hosts_switches),
    End("Dependent", SWITCH, across=host_of),
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", SWITCH, across=itself),
    End("Capabilities", CAPABILITIES, across=itself, of=Switch),
)
profile.associate(
    "Virt_SettingsDefineState",
    End("ManagedElement", SWITCH, across=lambda switch: [switches.state_configuration(switch)]),
    End("SettingData", CONFIGURATION, across=lambda one: [] if one.defined else [one.switch]),
)
profile.associate(
    "Virt_ElementSettingData",
    End("ManagedElement", CONFIGURATION, across=to_defined),
    End("SettingData", CONFIGURATION, across=to_state),
    properties=lambda _state, _defined: {"IsDefault": 1, "IsNext": 1},
)
for kind, parts in ((GroupSetting, switches.groups), (UplinkSetting, switches.uplinks)):
    profile.associate(
        "Virt_VirtualSystemSettingDataComponent",
        End("GroupComponent", CONFIGURATION, across=parts),
        End("PartComponent", PORT_SETTING, across=lambda setting: [setting.configuration], of=kind),
    )
profile.associate(
    "Virt_SystemDevice",
    End("GroupComponent", SWITCH, across=switches_ports.ports_of),
    End("PartComponent", PORT, across=lambda port: [port.switch], of=SwitchPort),
)
for classname in (LAN, VLAN):
    profile.associate(
        "Virt_PortImplementsEndpoint",
        End("Antecedent", PORT, across=itself, of=SwitchPort),
        End("Dependent", classname, across=itself, of=SwitchPort),
    )
    profile.associate(
        "Virt_HostedAccessPoint",
        End("Antecedent", SWITCH, across=switches_ports.ports_of),
        End("Dependent", classname, across=lambda port: [port.switch], of=SwitchPort),
    )
profile.associate(
    "Virt_BindsToLANEndpoint",
    End("Antecedent", LAN, across=itself, of=SwitchPort),
    End("Dependent", VLAN, across=itself),
)
profile.associate(
    "Virt_ElementSettingData",
    End("ManagedElement", VLAN, across=itself),
    End("SettingData", VLAN_SETTING, across=itself),
    properties=lambda _endpoint, _setting: {"IsCurrent": 1, "IsDefault": 1, "IsNext": 1},
)
profile.leaves_out("CIM_ProtocolEndpoint", "BroadcastReset", "libvirt resets no broadcast of a virtual port")
