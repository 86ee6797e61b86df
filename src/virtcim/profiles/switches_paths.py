"""References between switches and what is taken from them, as text: DSP0207 untyped instance paths."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.broker.provider import VIRT
from virtcim.host.inventory import Host
from virtcim.mapping import ids, switch
from virtcim.profiles.elements import present
from virtcim.profiles.switches import Switch, SwitchConfiguration

POOLS = "EthernetConnection"
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
    return f'/{VIRT}:{classname}.CreationClassName="{classname}",Name="{_quoted(ids.switch_token(switch))}"'


def pool_id(switch: Switch | None) -> str:
    """The PoolID of the connections to a switch; without one, of the primordial pool."""
    return ids.pool_id(POOLS, switch.name if switch else ids.PRIMORDIAL)


def pool_instance_id(host: Host, switch: Switch | None) -> str:
    return ids.host_scoped(host, pool_id(switch))


def pool_uri(switch: Switch) -> str:
    """The path of the pool of the connections to a switch."""
    instance_id = _quoted(pool_instance_id(switch.host, switch))
    return f'/{VIRT}:{switch.platform}_EthernetConnectionPool.InstanceID="{instance_id}"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def configuration_properties(configuration: SwitchConfiguration) -> Properties:
    """A whole VSSD of a switch."""
    found = configuration.switch
    properties: Properties = {
        "InstanceID": configuration.id,
        **switch.head(configuration.document, found.autostart),
        "AssociatedResourcePool": [pool_uri(found)],
    }
    return present(properties)
