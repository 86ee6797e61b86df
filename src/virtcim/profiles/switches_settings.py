"""Settings of switch ports added to, changed in and removed from a switch: groups of ports, and uplinks (DSP1097)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import Refused
from virtcim.mapping import ids, switch, switch_devices, switch_ports
from virtcim.mapping.switch import Document, Group
from virtcim.mapping.switch_ports import SWITCH_PORT, UPLINK_TYPE
from virtcim.mapping.table import BadProperty
from virtcim.profiles.requests import Wish, refusing
from virtcim.profiles.switches import GroupSetting, UplinkSetting
from virtcim.profiles.switches_paths import HOST_INTERFACE

PortSetting = GroupSetting | UplinkSetting
SETTING_CLASSES = ("SwitchPortAllocationSettingData", "EthernetPortAllocationSettingData")
LABELS = ("InstanceID", "ElementName", "Caption", "Description", "ChangeableType")
HOST_PORT = re.compile(r"_HostEthernetPort\..*\bDeviceID=\"([^\"]*)\"")
UPLINK = {"ResourceType", "ResourceSubType", "ConsumerVisibility", "VirtualQuantity", "VirtualQuantityUnits"}


def put(document: Document, wish: Wish) -> None:
    """Add what a setting asks for. Errors: Refused."""
    _check_class(wish)
    with refusing(wish.where):
        if is_uplink(wish.properties):
            _add_uplink(document, uplink_name(wish.properties))
        else:
            group = Group.new()
            switch_ports.change_group(group, _of_group(wish.properties), document, new=True)
            document.add(group)


def _check_class(wish: Wish) -> None:
    if not wish.classname.endswith(SETTING_CLASSES):
        reason = f"{wish.classname} is not a class of settings for ports of switches"
        raise Refused("Invalid Parameter", f"{wish.where}: {reason}")
    number = wish.properties.get("ResourceType")
    if number not in (None, SWITCH_PORT):
        reason = f"ResourceType {number} is not {SWITCH_PORT} (Ethernet Switch Port), which a switch is made of"
        raise Refused("Invalid Parameter", f"{wish.where}.{reason}")


def is_uplink(properties: Properties) -> bool:
    """Whether settings are those of an interface of the host, rather than of a group of ports."""
    return properties.get("ResourceSubType") == UPLINK_TYPE or bool(properties.get("HostResource"))


def uplink_name(properties: Properties) -> str:
    """The interface of the host that an uplink is. Raises BadProperty."""
    extra = sorted(properties.keys() - UPLINK - {*LABELS, "HostResource", "Connection"})
    if extra:
        raise BadProperty(extra[0], "is not supported for an uplink")
    found: Any = properties.get("HostResource") or properties.get("Connection") or []
    names = [_interface(str(one)) for one in found]
    if len(names) != 1:
        raise BadProperty("HostResource", f"has to name one interface of the host, as {HOST_INTERFACE}eth0")
    return names[0]


def _interface(text: str) -> str:
    """The interface that a path of a port of the host, a file or a name stands for."""
    path = HOST_PORT.search(text)
    name = ids.parse_interface_id(path[1]) if path else None
    return name or text.removeprefix(HOST_INTERFACE)


def _of_group(properties: Properties) -> Properties:
    """A group is named by PortGroup, or as older settings by ElementName."""
    if "PortGroup" not in properties and properties.get("ElementName"):
        return {**properties, "PortGroup": properties["ElementName"]}
    return properties


def _add_uplink(document: Document, name: str) -> None:
    present = switch_devices.forward_devices(document)
    if name in present:
        raise BadProperty("HostResource", f"{name} is an uplink of the switch already")
    switch_devices.set_forward_devices(document, [*present, name])
    switch.check(document)


def change(document: Document, setting: PortSetting, properties: Properties, where: str) -> None:
    """Change what a setting stands for. Errors: Refused."""
    if isinstance(setting, UplinkSetting):
        raise Refused("Invalid Parameter", f"{where}: an uplink is added and removed, there is nothing to change")
    with refusing(where):
        switch_ports.change_group(_group(document, setting), properties, document)


def _group(document: Document, setting: GroupSetting) -> Group:
    found = [one for one in document.portgroups if one.name == setting.view.name]
    if not found:
        raise BadProperty("InstanceID", f"{setting.id} is gone")
    return found[0]


def take_out(document: Document, settings: Sequence[PortSetting]) -> None:
    """Remove what settings stand for. Errors: Refused."""
    with refusing("ResourceSettings"):
        for one in settings:
            if isinstance(one, GroupSetting):
                _group(document, one).remove()
            else:
                left = [name for name in switch_devices.forward_devices(document) if name != one.interface]
                switch_devices.set_forward_devices(document, left)
        switch.check(document)
