"""Virtual Ethernet switches defined, changed as a whole, and destroyed (DSP1097 clause 8)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host import networks
from virtcim.host.inventory import Host, Network
from virtcim.mapping import ids, switch, switch_devices, vssd
from virtcim.mapping.switch import Document
from virtcim.profiles import switches_paths
from virtcim.profiles.requests import Undo, Wish, changes, given, refusing, undoing, wishes
from virtcim.profiles.switches import Switch, SwitchConfiguration, configurations, switch_of
from virtcim.profiles.switches_live import steps_between
from virtcim.profiles.switches_plugs import switches_of
from virtcim.profiles.switches_ports import users_of
from virtcim.profiles.switches_settings import put

SYSTEM = "SystemSettings"
STANDARD_CLASS = "CIM_VirtualSystemSettingData"
NAME_LENGTH = 240  # bytes; libvirt keeps files named after the network, whose names have 255 at most
IDENTITY = ("InstanceID", "ConfigurationID")
NO_BRIDGES = "is a bridge of the host, which libvirt does not define"

Edit = Callable[[Document], None]


# Defining


def define(
    host: Host, system: Instance | None, settings: Sequence[Instance], reference: SwitchConfiguration | None
) -> Switch:
    """Define a switch, which is not active then. Errors: Refused, HostError; nothing is defined then."""
    properties = given(system) if system else {}
    if (
        system is not None
        and not switches_paths.is_for_switches(system.classname)
        and system.classname != STANDARD_CLASS
    ):
        raise Refused("Invalid Parameter", f"{SYSTEM}: {system.classname} are not the settings of a switch")
    document = _start(host, properties, reference)
    with refusing(SYSTEM):
        autostart = vssd.autostart_of(properties)
    if autostart is None:
        autostart = reference is not None and reference.switch.autostart
    for wish in wishes(settings):
        put(document, wish)
    with refusing(SYSTEM):
        switch.check(document)
    with undoing() as undo:
        made = networks.define(host, document.xml, new=True)
        undo(lambda: networks.undefine(made))
        return switch_of((networks.set_autostart(made, True) or made) if autostart else made)


def _start(host: Host, properties: Properties, reference: SwitchConfiguration | None) -> Document:
    """A blank document, or a copy of the reference, with the head that the client asks for."""
    document = _copy(reference.document) if reference else Document.new()
    head = {name: value for name, value in properties.items() if name not in (*IDENTITY, "UUID")}
    head["VirtualSystemIdentifier"] = name = _new_name(host, properties)
    if reference is not None:
        head.setdefault("ElementName", name)
    _refuse_pools(properties, None)
    with refusing(SYSTEM):
        document.uuid = _new_uuid(properties)
        switch.change(document, head, new=True)
    return document


def _copy(pattern: Document) -> Document:
    """Without what no two networks can have in common."""
    document = pattern.copy()
    document.mac = None
    if switch_devices.forward_mode(document) in switch_devices.OWN_BRIDGE:
        document.bridge = None
    return document


def _new_name(host: Host, properties: Properties) -> str:
    asked = properties.get("VirtualSystemIdentifier") or properties.get("ElementName")
    name = str(asked or f"switch-{uuid.uuid4().hex[:8]}")
    if len(name.encode()) > NAME_LENGTH:
        raise Refused("Invalid Parameter", f"{SYSTEM}.VirtualSystemIdentifier is longer than {NAME_LENGTH} bytes")
    if host.network_named(name) is not None:
        raise Refused("Failed", f"{SYSTEM}.VirtualSystemIdentifier: a switch named {name} exists already")
    return name


def _new_uuid(properties: Properties) -> str:
    wanted = properties.get("UUID")
    try:
        return str(uuid.UUID(str(wanted)) if wanted else uuid.uuid4())
    except ValueError as error:
        raise Refused("Invalid Parameter", f"{SYSTEM}.UUID {wanted!r} is no UUID") from error


def _refuse_pools(properties: Properties, present: Switch | None) -> None:
    """A switch has the one pool that comes with it."""
    asked = properties.get("AssociatedResourcePool")
    if asked and (present is None or asked != [switches_paths.pool_uri(present)]):
        reason = f"AssociatedResourcePool {asked} cannot be chosen: a switch has a pool of its own"
        raise Refused("Invalid Parameter", f"{SYSTEM}.{reason}")


# Destroying


def destroy(found: Switch) -> None:
    """Deactivate the switch if it is active, and remove its definition. Errors: Refused, HostError."""
    network = present_network("AffectedSystem", found)
    users = users_of(switch_of(network))
    if users:
        raise Refused("Failed", f"AffectedSystem: {network.name} is in use by {', '.join(users)}")
    left = networks.stop(network) if network.active else network
    if left is not None and left.persistent:
        networks.undefine(left)


def present_network(where: str, found: Switch) -> Network:
    """The network of a switch as libvirt has it now. Errors: Refused when it has none, or it is gone."""
    if found.network is None:
        raise Refused("Not Supported", f"{where}: {found.state_document.name} {NO_BRIDGES}")
    network = found.host.refresh_network(found.uuid)
    if network is None:
        raise Refused("Invalid Parameter", f"{where}: {found.name} is gone")
    return network


# Changing


def modify(host: Host, system: Instance) -> None:
    """Change what a VSSD says of a switch. Errors: Refused, HostError; nothing is changed then."""
    properties = given(system)
    found = _selected(host, properties)
    network = present_network(SYSTEM, found.switch)
    found = current(network, found.defined)
    wanted = changes(properties, switches_paths.configuration_properties(found))
    wanted = {name: value for name, value in wanted.items() if name not in IDENTITY}
    _refuse_pools(wanted, found.switch)
    if "VirtualSystemIdentifier" in wanted or "UUID" in wanted:
        raise Refused("Invalid Parameter", f"{SYSTEM}.VirtualSystemIdentifier: libvirt renames no network")
    with refusing(SYSTEM):
        autostart = vssd.autostart_of(properties)
    with undoing() as undo:
        alter(found, SYSTEM, lambda document: switch.change(document, wanted), undo)
        if autostart is not None and autostart != network.autostart:
            networks.set_autostart(network, autostart)
            undo(lambda: networks.set_autostart(network, not autostart))


def _selected(host: Host, properties: Properties) -> SwitchConfiguration:
    instance_id = str(properties.get("InstanceID") or "")
    parsed = ids.parse_switch_configuration_id(instance_id)
    for found in switches_of(host) if parsed else ():
        for one in configurations(found):
            if one.id == instance_id:
                return one
    reason = f"InstanceID {instance_id!r} does not exist on {host.name}" if instance_id else "InstanceID is missing"
    raise Refused("Invalid Parameter", f"{SYSTEM}.{reason}")


def current(network: Network, defined: bool) -> SwitchConfiguration:
    """A configuration of a network as it is now. Errors: Refused when it has gone."""
    found = [one for one in configurations(switch_of(network)) if one.defined == defined]
    if not found:
        raise Refused("Failed", f"{network.name} has no definition any more")
    return found[0]


def alter(configuration: SwitchConfiguration, where: str, edit: Edit, undo: Undo) -> None:
    """Change a configuration: of an active switch the State one as it runs, and then the definition too."""
    network = present_network(where, configuration.switch)
    before = networks.definition(network) if network.persistent else None
    if network.active and not configuration.defined:
        _alter_running(network, where, edit, undo)
    if before is None or networks.definition(network) != before:
        return  # a driver that keeps one document for both has changed it already
    with networks.edit(network) as document, refusing(where):
        edit(document)
    undo(lambda: networks.define(network.host, before))


def _alter_running(network: Network, where: str, edit: Edit, undo: Undo) -> None:
    before, after = Document.parse(network.xml), Document.parse(network.xml)
    with refusing(where):
        edit(after)
    for step in steps_between(before, after, where, network.name):
        step.do(network)
        undo(step.taking_back(network))


def put_all(document: Document, asked: Sequence[Wish]) -> None:
    for wish in asked:
        put(document, wish)
