"""Defining, editing, renaming and undefining domains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import libvirt

from virtcim.host.calls import change, known, opened, require_inactive, require_persistent
from virtcim.host.errors import HostError, Kind, unsupported
from virtcim.host.expected import ADDED, REMOVED
from virtcim.host.reading import found
from virtcim.host.system import Host, Vm
from virtcim.host.validation import DOMAINS
from virtcim.messages import message
from virtcim.model.domain import Domain
from virtcim.model.fields import ModelError, serialise

_VALIDATE = libvirt.VIR_DOMAIN_DEFINE_VALIDATE
_SECURE_DEFINITION = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_UNDEFINE_SNAPSHOTS = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
_UNDEFINE = (  # drivers know different ones; the first accepted is used
    _UNDEFINE_SNAPSHOTS | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM,
    _UNDEFINE_SNAPSHOTS | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
    _UNDEFINE_SNAPSHOTS,
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
    0,
)


def define(host: Host, xml: str) -> Vm:
    """Define a domain, or define it anew. HostError(ALREADY_EXISTS) when its name or UUID is another domain's.

    INVALID when the document breaks libvirt's schema or rules.
    """
    document = _parsed(xml)
    with host.link.borrow() as connection:
        _refuse_clash(connection, document.name, document.uuid, new=False)
        uuid = _define(host, connection, xml, document).UUIDString()
    return known(host.refresh(uuid), uuid, host)


def define_new(host: Host, document: Domain, *, unique: bool = False) -> Vm:
    """Define a domain that is not there yet; errors as `define`. `unique`: its UUID has just been made up.

    With as few calls as possible: libvirt itself tells of a name that is taken, but not of both.
    """
    name, uuid = document.name, document.uuid or ""
    with host.link.own() as own:
        connection = own.connection
        same = None if unique else found(connection.lookupByUUIDString, uuid)
        if same is not None:
            raise HostError(Kind.ALREADY_EXISTS, message("VS_DUPLICATE_UUID", f"domain {same.name()}", uuid))
        try:
            domain = _define_first(host, connection, document, uuid if unique else "")
        except libvirt.libvirtError:
            _refuse_clash(connection, name, uuid, new=True)
            raise
        vm = known(host.take_new(domain), uuid, host)
        own.keep(domain)
        return vm


def _define_first(host: Host, connection: libvirt.virConnect, document: Domain, unique: str) -> libvirt.virDomain:
    """Of a UUID that nobody else knows, nobody else can cause the event."""
    if not unique:
        return _define(host, connection, document.xml, document)
    with host.expected.change(unique, ADDED):
        return _define(host, connection, document.xml, document)


def _parsed(xml: str) -> Domain:
    try:
        return Domain.parse(xml)
    except ModelError as error:
        raise HostError(Kind.INVALID, f"the domain document is refused: {error}") from error


def _refuse_clash(connection: libvirt.virConnect, name: str | None, uuid: str | None, new: bool) -> None:
    named = found(connection.lookupByName, name) if name else None
    if named is not None and (new or named.UUIDString() != uuid):
        raise HostError(Kind.ALREADY_EXISTS, message("VS_DUPLICATE_IDENTIFIER", "name", name))
    same = found(connection.lookupByUUIDString, uuid) if uuid else None
    if same is not None and (new or same.name() != name):
        raise HostError(Kind.ALREADY_EXISTS, message("VS_DUPLICATE_UUID", f"domain {same.name()}", uuid))


def _define(host: Host, connection: libvirt.virConnect, xml: str, document: Domain) -> libvirt.virDomain:
    """What is not valid is refused: libvirt would take it without what it does not know."""
    if host.link.local and DOMAINS.finds_valid(document.element, xml, host.facts.library_version):
        return connection.defineXML(xml)
    try:
        return connection.defineXMLFlags(xml, _VALIDATE)
    except libvirt.libvirtError as error:
        if not unsupported(error):
            raise
        return connection.defineXML(xml)


def definition(vm: Vm) -> str:
    """The persistent definition with its secrets, to go back to."""
    with opened(vm) as domain:
        require_persistent(domain, "read the definition of")
        return domain.XMLDesc(_SECURE_DEFINITION)


@contextmanager
def edit(vm: Vm) -> Iterator[Domain]:
    """The persistent definition, secrets included, to be changed in the block and defined when it ends.

    Nothing happens when the block raises or changes nothing. One editor at a time: others wait. The block must not
    keep the document. The new Vm is `vm.host.vm(vm.uuid)` afterwards.
    """
    with vm.host.lock(vm.uuid):
        with opened(vm) as domain:
            require_persistent(domain, "change the definition of")
            before = domain.XMLDesc(_SECURE_DEFINITION)
        document = Domain.parse(before)
        unchanged = serialise(document.element)  # lxml has quotes of its own taste
        yield document
        after = serialise(document.element)
        if after == unchanged:
            return
        with vm.host.link.borrow() as connection:
            # Somebody else's edit must not be undone, nor an undefined domain brought back.
            if connection.lookupByUUIDString(vm.uuid).XMLDesc(_SECURE_DEFINITION) != before:
                raise HostError(Kind.BUSY, f"the definition of domain {vm.name} was changed by somebody else meanwhile")
            _define(vm.host, connection, after, document)
        vm.host.refresh(vm.uuid)


def put_back(vm: Vm, xml: str) -> None:
    """Define a domain as it was, unless somebody else has removed its definition meanwhile."""
    present = vm.host.refresh(vm.uuid)
    if present is not None and present.persistent:
        define(vm.host, xml)


def undefine(vm: Vm) -> Vm | None:
    """Remove the definition with saved image, snapshot and checkpoint metadata and NVRAM; a running domain goes on."""
    with vm.host.lock(vm.uuid):
        return change(vm, _undefine)


def remove(vm: Vm) -> bool:
    """Undefine a domain if it is off; whether it is gone then. HostError(NOT_FOUND) when it was gone before.

    Not so if somebody has started a domain that was off when it was last looked up: that one goes on, undefined; or,
    when it has no definition any more, HostError(INVALID_STATE).
    """
    with vm.host.lock(vm.uuid):
        with vm.host.link.own() as own:
            domain = own.domain(vm.uuid)
            gone = _remove_off(vm, domain) if domain.ID() == -1 else None
        return (gone is not None and vm.host.take_gone(vm.uuid, gone)) or vm.host.refresh(vm.uuid) is None


def _remove_off(vm: Vm, domain: libvirt.virDomain) -> int | None:
    """Undefine what is off; the ticket of when it was gone, unless it goes on: None when that is not known."""
    with vm.host.expected.change(vm.uuid, REMOVED) as removed:
        _undefine_only(domain)
    return removed.ticket()


def _undefine(domain: libvirt.virDomain) -> None:
    require_persistent(domain, "undefine")
    _undefine_only(domain)


def _undefine_only(domain: libvirt.virDomain) -> None:
    for flags in _UNDEFINE:
        try:
            domain.undefineFlags(flags)
            return
        except libvirt.libvirtError as error:
            if not flags or not unsupported(error):
                raise


def rename(vm: Vm, name: str) -> Vm:
    """Give an inactive domain another name; HostError(ALREADY_EXISTS) when it is taken."""

    def call(domain: libvirt.virDomain) -> None:
        require_inactive(domain, "rename")
        other = vm.host.vm_named(name)
        if other is not None and other.uuid != vm.uuid:
            raise HostError(Kind.ALREADY_EXISTS, message("VS_DUPLICATE_IDENTIFIER", "name", name))
        if domain.name() != name:
            domain.rename(name)

    with vm.host.lock(vm.uuid):
        return known(change(vm, call), vm.uuid, vm.host)
