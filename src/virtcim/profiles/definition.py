"""Virtual systems defined and changed as a whole (DSP1042 clauses 8.2.1 and 8.2.5)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Protocol

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused
from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Vm
from virtcim.host.states import now
from virtcim.mapping import documents, ids, resources, vssd
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.resources import Domain
from virtcim.messages import message
from virtcim.profiles import elements
from virtcim.profiles.placing import placed
from virtcim.profiles.requests import Undo, Wish, changes, fill, given, refusing, undoing, wishes

NAME_LENGTH = 240  # bytes; libvirt keeps files named after the system, whose names have 255 at most
SYSTEM, RESOURCES = "SystemSettings", "ResourceSettings"
IDENTIFIER = f"{SYSTEM}.VirtualSystemIdentifier"
# The properties that name a resource inside its system, by the tag of its element.
NAMING = {"disk": ("VirtualDevice",), "filesystem": ("VirtualDevice", "MountPoint"), "graphics": ("ResourceSubType",)}
LABELS = ("ElementName", "Description", "Notes")  # what a running system can be given
ELSEWHERE = ("InstanceID", "VirtualSystemIdentifier")  # who is meant, and its new name


class Pattern(Protocol):
    """A configuration that a new system can be like."""

    @property
    def vm(self) -> Vm: ...
    @property
    def document(self) -> Domain: ...
    def setting_id(self, dev: str) -> str: ...


# Defining


def define(host: Host, system: Instance | None, settings: Sequence[Instance], reference: Pattern | None) -> Vm:
    """Define a system, which is off then. Errors: Refused, HostError; nothing is defined then."""
    properties = given(system) if system else {}
    with refusing(SYSTEM):
        vssd.check_system_type(properties, host.platform)
        autostart = vssd.autostart_of(properties)
    if autostart is None:
        autostart = reference is not None and reference.vm.autostart
    document = _start(host, properties, reference)
    if reference is None:
        fill(host, document, wishes(settings))
        documents.add_defaults(document, host.platform)
    else:
        _merge(host, document, reference, wishes(settings))
    if properties.get("BootDevices") and not document.boot_devices:
        reason = f"{properties['BootDevices']} cannot be beside BootOrder of {RESOURCES}"
        raise Refused("Invalid Parameter", message("SETTING_INCOMPATIBLE", SYSTEM, "BootDevices", reason))
    with undoing() as undo:
        vm = domains.define_new(host, document, unique=not properties.get("UUID"))
        undo(lambda: domains.undefine(vm))
        return domains.set_autostart(vm, True) or vm if autostart else vm


def _start(host: Host, properties: Properties, reference: Pattern | None) -> Domain:
    """A blank document, or a copy of the reference, with the head that the client asks for."""
    head = {name: value for name, value in properties.items() if name not in ("InstanceID", "ConfigurationID")}
    head["VirtualSystemIdentifier"] = _new_name(host, properties)
    head["UUID"] = _new_uuid(host, properties)
    with refusing(SYSTEM):
        if reference is None:
            return documents.blank(host.platform, host.capabilities, head, now())
        document = documents.as_copy(reference.document)
        vssd.change_head(document, head)
        document.own_metadata.creation_time = now()
        return document


def _new_name(host: Host, properties: Properties) -> str:
    """The name asked for, else one made of ElementName; the host chooses one when the client leaves it to it."""
    made = str(properties.get("ElementName") or "").replace("/", "-").replace("\n", " ").strip()
    name = str(properties.get("VirtualSystemIdentifier") or made or f"system-{uuid.uuid4().hex[:8]}")
    check_lengths({"ElementName": properties.get("ElementName"), "VirtualSystemIdentifier": name})
    known = host.vm_named(name)
    known = known and host.refresh(known.uuid)  # somebody may have undefined it a moment ago
    if known is not None and known.name == name:
        raise Refused("Failed", message("VS_DUPLICATE_IDENTIFIER", IDENTIFIER, name))
    return name


def check_lengths(names: Properties, where: str = SYSTEM) -> None:
    """Refuse names that libvirt has no room for; `where` is the parameter that holds them."""
    for name, text in names.items():
        if len(str(text or "").encode()) > NAME_LENGTH:
            raise Refused("Invalid Parameter", message("SETTING_TOO_LONG", where, name, NAME_LENGTH))


def _new_uuid(host: Host, properties: Properties) -> str:
    wanted = properties.get("UUID")
    try:
        new = str(uuid.UUID(str(wanted)) if wanted else uuid.uuid4())
    except ValueError as error:
        told = message("SETTING_UNSUPPORTED_VALUE", SYSTEM, "UUID", f"{wanted!r} is no UUID")
        raise Refused("Invalid Parameter", told) from error
    if host.vm(new) is not None:
        raise Refused("Failed", message("VS_DUPLICATE_UUID", f"{SYSTEM}.UUID", new))
    return new


def _merge(host: Host, document: Domain, reference: Pattern, asked: Sequence[Wish]) -> None:
    """Put the settings into a copy of the reference.

    One with the InstanceID of the reference's changes that resource, one with its name takes its place; what there is
    one of is changed, and all else is added. Errors: Refused.
    """
    pattern = resources.resources_of(reference.document)
    copies = {
        reference.setting_id(old.dev): (old, copy)
        for old, copy in zip(pattern, resources.resources_of(document), strict=True)
    }
    by_name = {old.dev: copy for old, copy in copies.values()}
    new = []
    for wish in asked:
        old, copy = copies.get(str(wish.properties.get("InstanceID")), (None, None))
        if old is not None and copy is not None:
            present = resources.setting(reference.setting_id, old)
            present["PoolID"] = elements.pool_of_resource(reference.vm, old)
            with refusing(wish.where):
                wanted = changes(wish.properties, present)
                resources.change(copy, placed(host, copy.kind, wanted), document)
        else:
            replaced = by_name.pop(_name_given(wish, document), None)
            if replaced is not None and not replaced.kind.single:
                replaced.view.remove()
            new.append(_as_new(wish))
    fill(host, document, new)


def _name_given(wish: Wish, document: Domain) -> str:
    """What the resource is called, by the properties that name its kind or by an InstanceID of the new system."""
    names = NAMING.get(wish.kind.view.tag, ())
    named = next((wish.properties[name] for name in names if name in wish.properties), None)
    if named is not None:
        return str(named)
    parsed = ids.parse_setting_id(str(wish.properties.get("InstanceID") or ""))
    return parsed.dev if parsed is not None and parsed.token in (document.name, document.uuid) else ""


def _as_new(wish: Wish) -> Wish:
    """Sizes of memory are bytes in a new system, also where the reference has another unit."""
    if wish.kind is not BASE_MEMORY:
        return wish
    return Wish(wish.where, wish.classname, {"AllocationUnits": "byte", **wish.properties})


# Changing


def modify(host: Host, system: Instance) -> None:
    """Change what a VSSD says of a system. Errors: Refused, HostError; nothing is changed then."""
    properties = given(system)
    found, defined = _selected(host, properties)
    with found.host.lock(found.uuid), undoing() as undo:
        vm = found.host.refresh(found.uuid)
        if vm is None or (defined and not vm.persistent):
            raise Refused("Invalid Parameter", message("VS_GONE", found.name))
        document = (vm.defined_document if defined else None) or vm.state_document
        properties = changes(properties, vssd.head(vm, document, defined, vm.autostart))
        _check(host, vm, properties)
        head = {name: value for name, value in properties.items() if name not in ELSEWHERE}
        if vm.active and not defined:
            _change_running(vm, head, undo)
        elif head:
            _change_definition(vm, head, undo)
        _set_autostart(vm, properties, undo)
        _rename(vm, properties)


def _selected(host: Host, properties: Properties) -> tuple[Vm, bool]:
    """The system that InstanceID names, else VirtualSystemIdentifier as clients of libvirt-cim do; Defined or State."""
    instance_id, name = properties.get("InstanceID"), properties.get("VirtualSystemIdentifier")
    if instance_id:
        return _of_configuration(host, str(instance_id))
    if not name:
        raise Refused("Invalid Parameter", message("SETTING_INSTANCEID_MISSING", SYSTEM))
    vm = host.vm_named(str(name))
    if vm is None:
        raise Refused("Invalid Parameter", message("VS_NOT_FOUND", IDENTIFIER, host.name, name))
    return vm, vm.persistent


def _of_configuration(host: Host, instance_id: str) -> tuple[Vm, bool]:
    parsed = ids.parse_configuration_id(instance_id)
    if parsed is not None and parsed.platform == host.platform:
        vm = host.vm(parsed.token) if host.naming == "uuid" else host.vm_named(parsed.token)
        if vm is not None and (vm.persistent or not parsed.defined):
            return vm, parsed.defined
    raise Refused("Invalid Parameter", message("SETTING_INSTANCEID", SYSTEM, repr(instance_id), host.name))


def _check(host: Host, vm: Vm, properties: Properties) -> None:
    """Everything that can be refused without looking into the document."""
    with refusing(SYSTEM):
        vssd.check_system_type(properties, host.platform)
        vssd.autostart_of(properties)
        if "VirtualSystemIdentifier" in properties:
            vssd.set_name(vm.state_document.copy(), str(properties["VirtualSystemIdentifier"]))
    check_lengths({name: properties.get(name) for name in ("ElementName", "VirtualSystemIdentifier")})
    if vm.active and "VirtualSystemIdentifier" in properties:
        raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", IDENTIFIER, vm.name, "it keeps its name"))


def _change_definition(vm: Vm, head: Properties, undo: Undo) -> None:
    before = domains.definition(vm)
    with domains.edit(vm) as document, refusing(SYSTEM):
        vssd.change_head(document, head)
    undo(lambda: domains.put_back(vm, before))


def _change_running(vm: Vm, head: Properties, undo: Undo) -> None:
    """Labels, of the running system and of its definition; what the guest would see is not changed now."""
    labels = {name: value for name, value in head.items() if name in LABELS}
    rest = {name: value for name, value in head.items() if name not in LABELS}
    document = vm.state_document.copy()
    with refusing(SYSTEM):
        vssd.change_head(document, rest)
    if document.xml != vm.state_document.xml:
        hint = f"change {ids.configuration_id(vm, True)} instead" if vm.persistent else "it has no definition"
        named = f"{SYSTEM}.{', '.join(sorted(rest))}"
        raise Refused("Invalid State", message("SETTING_NOT_WHILE_ACTIVE", named, vm.name, hint))
    if not labels:
        return
    with refusing(SYSTEM):
        vssd.change_head(document, labels)
    if vm.persistent:
        _change_definition(vm, labels, undo)
    _label(vm, document)
    undo(lambda: _label(vm, vm.state_document))


def _label(vm: Vm, document: Domain) -> None:
    domains.set_labels(vm, document.title, document.description)
    notes = document.own_metadata.notes
    if notes != vm.state_document.own_metadata.notes:
        domains.change_own_metadata(vm, lambda own: setattr(own, "notes", notes))


def _set_autostart(vm: Vm, properties: Properties, undo: Undo) -> None:
    wanted = vssd.autostart_of(properties)
    if wanted is not None and wanted != vm.autostart:
        domains.set_autostart(vm, wanted)
        undo(lambda: domains.set_autostart(vm, not wanted))


def _rename(vm: Vm, properties: Properties) -> None:
    name = properties.get("VirtualSystemIdentifier")
    if name is None:
        return
    try:
        domains.rename(vm, str(name))
    except HostError as error:
        if error.kind is not Kind.ALREADY_EXISTS:
            raise
        raise Refused("Failed", message("VS_DUPLICATE_IDENTIFIER", IDENTIFIER, name)) from error
