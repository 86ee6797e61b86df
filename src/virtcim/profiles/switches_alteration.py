"""Settings of ports added to, changed in and removed from switches: all that a call names, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host.inventory import Host
from virtcim.mapping.table import same
from virtcim.profiles import dsp1097_model, switches_paths
from virtcim.profiles.plugs import plugs
from virtcim.profiles.requests import Wish, refusing, undoing, wishes
from virtcim.profiles.switches import (
    GroupSetting,
    Switch,
    SwitchConfiguration,
    UplinkSetting,
    configurations,
    groups,
    uplinks,
)
from virtcim.profiles.switches_definition import alter, current, present_network, put_all
from virtcim.profiles.switches_plugs import switch_for, switches_of
from virtcim.profiles.switches_settings import PortSetting, change, is_uplink, take_out, uplink_name

Group = dict[str, list[PortSetting]]


def add(configuration: SwitchConfiguration, instances: Sequence[Instance]) -> list[PortSetting]:
    """The settings added, in the order given. Errors: Refused, HostError; nothing is added then."""
    asked = wishes(instances)
    with undoing() as undo:
        alter(configuration, "ResourceSettings", lambda document: put_all(document, asked), undo)
        found = latest(configuration)
        return [_named(found, wish) for wish in asked]


def latest(configuration: SwitchConfiguration) -> SwitchConfiguration:
    return current(present_network("AffectedConfiguration", configuration.switch), configuration.defined)


def _named(configuration: SwitchConfiguration, wish: Wish) -> PortSetting:
    found = settings_in(configuration)
    with refusing(wish.where):
        wanted = uplink_name(wish.properties) if is_uplink(wish.properties) else _group_name(wish)
    for one in found:
        if wanted == (one.interface if isinstance(one, UplinkSetting) else one.view.name):
            return one
    raise Refused("Failed", f"{wish.where}: libvirt accepted {wanted} but {configuration.id} does not show it")


def _group_name(wish: Wish) -> str:
    return str(wish.properties.get("PortGroup") or wish.properties.get("ElementName"))


def modify(host: Host, instances: Sequence[Instance]) -> list[PortSetting]:
    """The settings changed, in the order given. Errors: Refused, HostError; nothing is changed then."""
    asked = wishes(instances)
    targets = [_target(host, wish) for wish in asked]
    with undoing() as undo:
        for target, wish in zip(targets, asked, strict=True):
            edit = partial(change, setting=target, properties=_changes(target, wish), where=wish.where)
            alter(target.configuration, wish.where, edit, undo)
        return [_target_again(one) for one in targets]


def _changes(target: PortSetting, wish: Wish) -> Properties:
    """What differs from the present: clients send back whole instances with a property or two changed."""
    shown = (
        dsp1097_model.group_setting(target)
        if isinstance(target, GroupSetting)
        else switches_paths.uplink_properties(target)
    )
    return {name: value for name, value in wish.properties.items() if not same(shown.get(name), value)}


def _target(host: Host, wish: Wish) -> PortSetting:
    instance_id = wish.properties.get("InstanceID")
    for one in (one for switch in switches_of(host) for one in settings_of(switch)):
        if one.id == instance_id:
            return one
    reason = f"InstanceID {instance_id!r} does not exist on {host.name}" if instance_id else "InstanceID is missing"
    raise Refused("Invalid Parameter", f"{wish.where}.{reason}")


def settings_of(switch: Switch) -> list[PortSetting]:
    """The settings of ports in all configurations of a switch."""
    return [one for found in configurations(switch) for one in settings_in(found)]


def settings_in(configuration: SwitchConfiguration) -> list[PortSetting]:
    return [*groups(configuration), *uplinks(configuration)]


def _target_again(target: PortSetting) -> PortSetting:
    for one in settings_in(latest(target.configuration)):
        if one.id == target.id:
            return one
    raise Refused("Failed", f"{target.id} is gone")


def remove(targets: Sequence[PortSetting]) -> None:
    """Remove the settings. Errors: Refused, HostError; nothing is removed then."""
    by_id: dict[str, SwitchConfiguration] = {one.configuration.id: one.configuration for one in targets}
    for one in targets:
        _refuse_used(one)
    with undoing() as undo:
        for instance_id, configuration in by_id.items():
            members = [one for one in targets if one.configuration.id == instance_id]
            alter(configuration, "ResourceSettings", partial(take_out, settings=members), undo)


def _refuse_used(setting: PortSetting) -> None:
    """A group that systems name has to stay: they could not start without it."""
    switch = setting.configuration.switch
    name = setting.view.name if isinstance(setting, GroupSetting) else None
    for vm in switch.host.vms if name else ():
        if any(plug.group == name and switch_for(vm.host, plug) is switch for plug in plugs(vm)):
            raise Refused("Failed", f"ResourceSettings: {setting.id} is in use by {vm.name}")
