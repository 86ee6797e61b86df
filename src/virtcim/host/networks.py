"""The verbs on one virtual network: its definition edited, started, stopped, changed while it is active.

Each blocks until done, refreshes the inventory and answers the new Network, None when it is gone. Every verb raises
HostError: NOT_FOUND when the network is gone, UNREACHABLE when libvirt is, otherwise what libvirt says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt

from virtcim.host.errors import HostError, Kind, unsupported
from virtcim.host.reading import found
from virtcim.host.system import Host, Network
from virtcim.model.fields import ModelError
from virtcim.model.network import Network as Document

_VALIDATE = libvirt.VIR_NETWORK_DEFINE_VALIDATE


@contextmanager
def _opened(network: Network) -> Iterator[libvirt.virNetwork]:
    with network.host.link.borrow() as connection:
        yield connection.networkLookupByUUIDString(network.uuid)


def _change(network: Network, call: Callable[[libvirt.virNetwork], object]) -> Network | None:
    """Do the call, then read the network again, so that the next reader sees what was done."""
    with network.host.lock(network.uuid):
        with _opened(network) as handle:
            call(handle)
        return network.host.refresh_network(network.uuid)


def define(host: Host, xml: str, *, new: bool = False) -> Network:
    """Define a network, or define it anew. HostError(ALREADY_EXISTS) when its name or UUID is another network's.

    `new`: also when it is this very network's. INVALID when the document breaks libvirt's schema or rules.
    """
    try:
        document = Document.parse(xml)
        name, uuid = document.name, document.uuid
    except ModelError as error:
        raise HostError(Kind.INVALID, f"the network document is refused: {error}") from error
    with host.link.borrow() as connection:
        _refuse_clash(connection, name, uuid, new)
        uuid = _define(connection, xml).UUIDString()
    fresh = host.refresh_network(uuid)
    if fresh is None:
        raise HostError(Kind.NOT_FOUND, f"network {name} disappeared from {host.link.shown_uri}")
    return fresh


def _refuse_clash(connection: libvirt.virConnect, name: str | None, uuid: str | None, new: bool) -> None:
    named = found(connection.networkLookupByName, name) if name else None
    if named is not None and (new or named.UUIDString() != uuid):
        raise HostError(Kind.ALREADY_EXISTS, f"a network named {name} exists already")
    same = found(connection.networkLookupByUUIDString, uuid) if uuid else None
    if same is not None and (new or same.name() != name):
        raise HostError(Kind.ALREADY_EXISTS, f"the UUID {uuid} is that of the network {same.name()}")


def _define(connection: libvirt.virConnect, xml: str) -> libvirt.virNetwork:
    try:
        return connection.networkDefineXMLFlags(xml, _VALIDATE)
    except libvirt.libvirtError as error:
        if not unsupported(error):
            raise
        return connection.networkDefineXML(xml)


def definition(network: Network) -> str:
    """The persistent definition, to go back to. HostError(INVALID_STATE) for a transient network."""
    with _opened(network) as handle:
        return _definition(handle)


def _definition(handle: libvirt.virNetwork) -> str:
    if not handle.isPersistent():
        raise HostError(Kind.INVALID_STATE, f"network {handle.name()} is transient: it has no definition to change")
    try:
        return handle.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    except libvirt.libvirtError as error:
        if not unsupported(error):  # the test driver knows no flag
            raise
        return handle.XMLDesc()


@contextmanager
def edit(network: Network) -> Iterator[Document]:
    """The persistent definition, to be changed in the block and defined when it ends; as host.definition.edit."""
    with network.host.lock(network.uuid):
        before = definition(network)
        document = Document.parse(before)
        unchanged = document.xml
        yield document
        if document.xml == unchanged:
            return
        with network.host.link.borrow() as connection:
            if _definition(connection.networkLookupByUUIDString(network.uuid)) != before:
                text = f"the definition of network {network.name} was changed by somebody else meanwhile"
                raise HostError(Kind.BUSY, text)
            _define(connection, document.xml)
        network.host.refresh_network(network.uuid)


def start(network: Network) -> Network | None:
    """Bring the network up: its bridge, its addresses, its DHCP."""
    return _change(network, lambda handle: handle.create())


def stop(network: Network) -> Network | None:
    """Take the network down, whoever is plugged into it; a transient one is gone then."""
    return _change(network, lambda handle: handle.destroy())


def undefine(network: Network) -> Network | None:
    """Remove the definition; an active network goes on."""
    return _change(network, lambda handle: handle.undefine())


def set_autostart(network: Network, autostart: bool) -> Network | None:
    """Whether libvirt starts the network with the host."""
    return _change(network, lambda handle: handle.setAutostart(int(autostart)))


def update_live(network: Network, command: int, section: int, index: int, xml: str) -> Network | None:
    """One change of an active network, not of its definition; numbers are virNetworkUpdateCommand and -Section.

    libvirt takes few sections, see virNetworkUpdate; HostError(NOT_SUPPORTED or INVALID_STATE) for others.
    """
    live = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
    return _change(network, lambda handle: handle.update(command, section, index, xml, live))
