"""References between switches and what is taken from them, as text: DSP0207 untyped instance paths."""

from __future__ import annotations

from virtcim.broker.call import Path, Properties
from virtcim.broker.provider import VIRT, model_path
from virtcim.host.inventory import Host
from virtcim.mapping import ids, switch, switch_ports
from virtcim.profiles import host_ports
from virtcim.profiles.elements import present
from virtcim.profiles.switches import Switch, SwitchConfiguration, UplinkSetting

POOLS = "EthernetConnection"
HOST_INTERFACE = "file:///sys/class/net/"
SETTINGS_CLASS = "VirtualEthernetSwitchSettingData"


def is_for_switches(classname: str) -> bool:
    """Whether a class of settings is that of switches."""
    return classname.endswith(SETTINGS_CLASS)


def switch_class(switch: Switch) -> str:
    """The class that a switch is served as, and that keys of its ports repeat."""
    return f"{switch.platform}_VirtualEthernetSwitch"


def switch_uri(switch: Switch) -> str:
    """The path of a switch."""
    classname = switch_class(switch)
    return _uri(classname, CreationClassName=classname, Name=ids.switch_token(switch))


def pool_id(switch: Switch | None) -> str:
    """The PoolID of the connections to a switch; without one, of the primordial pool."""
    return ids.pool_id(POOLS, switch.name if switch else ids.PRIMORDIAL)


def pool_instance_id(host: Host, switch: Switch | None) -> str:
    return ids.host_scoped(host, pool_id(switch))


def pool_uri(switch: Switch) -> str:
    """The path of the pool of the connections to a switch."""
    instance_id = pool_instance_id(switch.host, switch)
    return _uri(f"{switch.platform}_EthernetConnectionPool", InstanceID=instance_id)


def _uri(classname: str, **keys: str) -> str:
    return f"/{model_path(Path(classname, tuple(keys.items()), VIRT))}"


def configuration_properties(configuration: SwitchConfiguration) -> Properties:
    """A whole VSSD of a switch."""
    found = configuration.switch
    properties: Properties = {
        "InstanceID": configuration.id,
        **switch.head(configuration.document, found.autostart),
        "AssociatedResourcePool": [pool_uri(found)],
    }
    return present(properties)


def uplink_properties(setting: UplinkSetting) -> Properties:
    """A whole setting of an uplink; HostResource is a path where libvirt tells of the interface."""
    port = host_ports.port_named(setting.configuration.switch.host, setting.interface)
    return {
        "InstanceID": setting.id,
        "ElementName": f"Uplink {setting.interface}",
        "ResourceType": switch_ports.SWITCH_PORT,
        "ResourceSubType": switch_ports.UPLINK_TYPE,
        "ConsumerVisibility": switch_ports.PASSED_THROUGH,
        "VirtualQuantity": 1,
        "VirtualQuantityUnits": "count",
        "HostResource": [host_ports.uri(port) if port else f"{HOST_INTERFACE}{setting.interface}"],
        "Connection": [setting.interface],
        "ChangeableType": 2 if setting.configuration.defined else 0,
    }
