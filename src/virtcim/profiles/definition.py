"""Virtual systems defined, changed as a whole, and destroyed (DSP1042 clauses 8.2.1, 8.2.2 and 8.2.5)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import ExitStack

from virtcim import __version__
from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Vm
from virtcim.host.states import now
from virtcim.mapping import documents, ids, vssd
from virtcim.mapping.resources import Domain
from virtcim.profiles.elements import Configuration
from virtcim.profiles.requests import changes, given, put, refusing, undoing

RELEASE = __version__
REVISION = "1312"  # the last revision of libvirt-cim that its clients tell features by
NAME_LENGTH = 256
SYSTEM = "SystemSettings"


def system_types(host: Host) -> list[str]:
    """VirtualSystemTypesSupported of a host."""
    return [vssd.SYSTEM_TYPES[host.platform]]


# Defining


def define(host: Host, system: Instance | None, settings: Sequence[Instance], reference: Configuration | None) -> Vm:
    """Define a system, which is off then. Errors: Refused, HostError; nothing is defined then."""
    properties = given(system) if system else {}
    with refusing(SYSTEM):
        vssd.check_system_type(properties, host.platform)
        autostart = vssd.autostart_of(properties)
    document = _start(host, properties, reference)
    put(document, settings)
    if reference is None:
        documents.add_defaults(document, host.platform)
    document.own_metadata.creation_time = now()
    with undoing() as undo:
        vm = domains.define(host, document.xml, new=True)
        undo.callback(domains.undefine, vm)
        return domains.set_autostart(vm, autostart) or vm if autostart else vm


def _start(host: Host, properties: Properties, reference: Configuration | None) -> Domain:
    """A blank document, or a copy of the reference, with the head that the client asks for."""
    head = {name: value for name, value in properties.items() if name not in ("InstanceID", "ConfigurationID")}
    head["VirtualSystemIdentifier"] = _new_name(host, properties)
    head["UUID"] = _new_uuid(host, properties)
    with refusing(SYSTEM):
        if reference is None:
            return documents.blank(host.platform, host.capabilities, head)
        document = documents.as_copy(reference.document)
        vssd.change_head(document, head)
        return document


def _new_name(host: Host, properties: Properties) -> str:
    """The name asked for; one is made up when the client leaves it to the host."""
    wanted = properties.get("VirtualSystemIdentifier") or properties.get("ElementName")
    name = str(wanted or f"system-{uuid.uuid4().hex[:8]}")
    if len(name) > NAME_LENGTH:
        raise Refused("Invalid Parameter", f"{SYSTEM}.VirtualSystemIdentifier is longer than {NAME_LENGTH} characters")
    if host.vm_named(name) is not None:
        raise Refused("Failed", f"{SYSTEM}.VirtualSystemIdentifier: a system named {name} exists already")
    return name


def _new_uuid(host: Host, properties: Properties) -> str:
    wanted = properties.get("UUID")
    try:
        new = str(uuid.UUID(str(wanted)) if wanted else uuid.uuid4())
    except ValueError as error:
        raise Refused("Invalid Parameter", f"{SYSTEM}.UUID {wanted!r} is no UUID") from error
    if host.vm(new) is not None:
        raise Refused("Failed", f"{SYSTEM}.UUID: {new} is that of another system")
    return new


# Destroying


def destroy(vm: Vm) -> None:
    """Power the system off if it is on, and remove its definition. Errors: HostError."""
    with vm.host.lock(vm.uuid):
        present = vm.host.refresh(vm.uuid)
        if present is not None and present.active:
            present = _powered_off(present)
        if present is not None and present.persistent:
            domains.undefine(present)


def _powered_off(vm: Vm) -> Vm | None:
    try:
        return domains.destroy(vm)
    except HostError as error:
        if error.kind not in (Kind.INVALID_STATE, Kind.NOT_FOUND):  # it went off by itself meanwhile
            raise
        return vm.host.refresh(vm.uuid)


# Changing


def modify(host: Host, system: Instance) -> None:
    """Change what a VSSD says of a system. Errors: Refused, HostError; nothing is changed then."""
    properties = given(system)
    vm, defined = _selected(host, properties)
    document = vm.defined_document if defined else vm.state_document
    properties = changes(properties, vssd.head(vm, document, defined, vm.autostart)) if document else properties
    with refusing(SYSTEM):
        vssd.check_system_type(properties, host.platform)
        autostart = vssd.autostart_of(properties)
    with vm.host.lock(vm.uuid), undoing() as undo:
        vm = vm.host.refresh(vm.uuid) or vm
        _edit(vm, properties, running=vm.active and not defined, undo=undo)
        if autostart is not None and autostart != vm.autostart:
            domains.set_autostart(vm, autostart)
            undo.callback(domains.set_autostart, vm, not autostart)
        _rename(vm, properties)


def _selected(host: Host, properties: Properties) -> tuple[Vm, bool]:
    """The system that InstanceID names, else VirtualSystemIdentifier as clients of libvirt-cim do; Defined or State."""
    instance_id, name = properties.get("InstanceID"), properties.get("VirtualSystemIdentifier")
    if instance_id:
        return _of_configuration(host, str(instance_id))
    vm = host.vm_named(str(name)) if name else None
    if vm is None:
        reason = f"VirtualSystemIdentifier {name!r} names no system" if name else "InstanceID is missing"
        raise Refused("Invalid Parameter", f"{SYSTEM}.{reason}")
    return vm, vm.persistent


def _of_configuration(host: Host, instance_id: str) -> tuple[Vm, bool]:
    parsed = ids.parse_configuration_id(instance_id)
    if parsed is not None and parsed.platform == host.platform:
        vm = host.vm(parsed.token) if host.naming == "uuid" else host.vm_named(parsed.token)
        if vm is not None and (vm.persistent or not parsed.defined):
            return vm, parsed.defined
    raise Refused("Invalid Parameter", f"{SYSTEM}.InstanceID {instance_id!r} does not exist on {host.name}")


def _edit(vm: Vm, properties: Properties, running: bool, undo: ExitStack) -> None:
    """Change the definition; addressed as the running system it keeps what a guest would have to see change."""
    before = domains.definition(vm)
    elsewhere = ("InstanceID", "VirtualSystemIdentifier")
    head = {name: value for name, value in properties.items() if name not in elsewhere}
    with domains.edit(vm) as document:
        old = document.xml
        with refusing(SYSTEM):
            vssd.change_head(document, head)
        if running and document.xml != old:
            reason = f"{vm.name} is active: change its Defined configuration {ids.configuration_id(vm, True)}"
            raise Refused("Invalid State", f"{SYSTEM}.InstanceID: {reason}")
    undo.callback(domains.define, vm.host, before)


def _rename(vm: Vm, properties: Properties) -> None:
    name = properties.get("VirtualSystemIdentifier")
    if not name or name == vm.name:
        return
    if vm.active:
        raise Refused("Invalid State", f"{SYSTEM}.VirtualSystemIdentifier: {vm.name} is active and keeps its name")
    try:
        domains.rename(vm, str(name))
    except HostError as error:
        if error.kind is not Kind.ALREADY_EXISTS:
            raise
        raise Refused("Failed", f"{SYSTEM}.VirtualSystemIdentifier: {error.message}") from error
