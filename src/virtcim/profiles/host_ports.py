"""The network interfaces of a host as objects, and its bridges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from virtcim.host.inventory import Host
from virtcim.mapping import host_ports as mapping
from virtcim.mapping import ids
from virtcim.profiles.elements import host_uri, kept
from virtcim.profiles.pools_host import HostDevice


@dataclass(frozen=True, eq=False)
class HostPort(HostDevice):
    """An interface of the host."""

    interface: str


def ports_of(host: Host) -> Iterator[HostPort]:
    for record in host.netside.interfaces:
        yield from _ports(host, record.name)


def port_named(host: Host, interface: str) -> HostPort | None:
    return next((one for one in ports_of(host) if one.interface == interface), None)


def _ports(host: Host, name: str) -> tuple[HostPort, ...]:
    """Those that an interface is or holds; made once as long as nothing about it changes."""
    record = host.netside.interface_named(name)
    if record is None:
        return ()

    def make() -> tuple[HostPort, ...]:
        found = mapping.ports_in(mapping.parse(record.xml))
        return tuple(_port(host, str(view.name), mapping.properties(view, record.active)) for view in found)

    return kept(record, "_ports", make)


def _port(host: Host, interface: str, properties: dict[str, object]) -> HostPort:
    return HostPort(host, ids.interface_name(interface), properties, interface)  # type: ignore[arg-type]


def bridges(host: Host) -> list[str]:
    """The bridges of a host, whoever made them."""
    return [one.name for one in host.netside.interfaces if kept(one, "_is_bridge", partial(_is_bridge, one.xml))]


def _is_bridge(xml: str) -> bool:
    return mapping.is_bridge(mapping.parse(xml))


def members(host: Host, bridge: str | None) -> list[str]:
    """The names of the interfaces in a bridge of the host; none where it is not known."""
    record = host.netside.interface_named(bridge) if bridge else None
    return kept(record, "_members", lambda: mapping.members(mapping.parse(record.xml))) if record else []


def uri(port: HostPort) -> str:
    """The path of a port."""
    return host_uri(port.host, "HostEthernetPort", port.name)
