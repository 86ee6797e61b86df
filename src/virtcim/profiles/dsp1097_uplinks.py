"""The outside of DSP1097: uplinks as ports of switches, and the Ethernet ports of the host that they are."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.broker.provider import End
from virtcim.host.inventory import Host
from virtcim.mapping import ids
from virtcim.mapping.host_ports import BACK_END
from virtcim.profiles import host_ports, lookup, switches_paths, switches_uplinks
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.dsp1097_model import (
    ETHERNET_CSMACD,
    LAN,
    PORT,
    PORT_SETTING,
    SWITCH,
    endpoint,
    itself,
    owner,
    port_of,
    profile,
)
from virtcim.profiles.elements import host_class, present
from virtcim.profiles.host_ports import HostPort
from virtcim.profiles.switches import Switch, UplinkSetting
from virtcim.profiles.switches_uplinks import UplinkPort

__all__ = ["profile"]

HOST_PORT = "Virt_HostEthernetPort"
profile.source(HostPort, hardware.everywhere(host_ports.ports_of), follows=lookup.version)
profile.source(UplinkPort, switches_uplinks.all_ports, follows=lookup.version)


# The ports of the host


@profile.instance(HOST_PORT, of=HostPort, find=hardware.by_keys(host_ports.ports_of))
def host_port(port: HostPort) -> Properties:
    return hardware.device_properties(port)


@profile.instance(LAN, of=HostPort)
def host_endpoint(port: HostPort) -> Properties:
    keys: Properties = {"SystemCreationClassName": host_class(port.host), "SystemName": ids.host_token(port.host)}
    shown = {name: port.properties.get(name) for name in ("EnabledState", "OperationalStatus")}
    address = port.properties.get("PermanentAddress")
    return present(
        {**endpoint(keys, port.device_id), **shown, "ProtocolIFType": ETHERNET_CSMACD, "MACAddress": address}
    )


# The ports of switches


@profile.instance(PORT, of=UplinkPort, find=switches_uplinks.find_port)
def uplink_port(port: UplinkPort) -> Properties:
    return {
        **port_of(port.switch, port.id, port.interface, BACK_END),
        "ElementName": port.interface,
        "Description": f"Uplink of {port.switch.state_document.name} by {port.interface}",
    }


@profile.instance(LAN, of=UplinkPort, find=switches_uplinks.find_port)
def uplink_endpoint(port: UplinkPort) -> Properties:
    return {**endpoint(owner(port.switch), port.id), "ProtocolIFType": ETHERNET_CSMACD}


@profile.instance(PORT_SETTING, of=UplinkSetting, volatile=True)  # the interface may come later
def uplink_setting(setting: UplinkSetting) -> Properties:
    return switches_paths.uplink_properties(setting)


# What holds them together


def host_of(port: HostPort) -> list[Host]:
    return [port.host]


def switch_of(port: UplinkPort) -> list[Switch]:
    return [port.switch]


profile.associate(
    "Virt_SystemDevice",
    End("GroupComponent", "Virt_HostSystem", across=hardware.on(host_ports.ports_of)),
    End("PartComponent", HOST_PORT, across=host_of),
)
profile.associate(
    "Virt_SystemDevice",
    End("GroupComponent", SWITCH, across=switches_uplinks.ports_of),
    End("PartComponent", PORT, across=switch_of, of=UplinkPort),
)
for port_class, kind in ((HOST_PORT, HostPort), (PORT, UplinkPort)):
    profile.associate(
        "Virt_PortImplementsEndpoint",
        End("Antecedent", port_class, across=itself, of=kind),
        End("Dependent", LAN, across=itself, of=kind),
    )
profile.associate(
    "Virt_HostedAccessPoint",
    End("Antecedent", "Virt_HostSystem", across=hardware.on(host_ports.ports_of)),
    End("Dependent", LAN, across=host_of, of=HostPort),
)
profile.associate(
    "Virt_HostedAccessPoint",
    End("Antecedent", SWITCH, across=switches_uplinks.ports_of),
    End("Dependent", LAN, across=switch_of, of=UplinkPort),
)
profile.associate(
    "Virt_ActiveConnection",
    End("Antecedent", LAN, across=switches_uplinks.uplinks_on, of=HostPort),
    End("Dependent", LAN, across=switches_uplinks.host_port_of, of=UplinkPort),
)
profile.associate(
    "Virt_DeviceHostedDependency",
    End("Antecedent", HOST_PORT, across=switches_uplinks.uplinks_on),
    End("Dependent", PORT, across=switches_uplinks.host_port_of, of=UplinkPort),
)
profile.associate(
    "Virt_SettingsDefineState",
    End("ManagedElement", PORT, across=switches_uplinks.setting_of, of=UplinkPort),
    End("SettingData", PORT_SETTING, across=switches_uplinks.port_of, of=UplinkSetting),
)
