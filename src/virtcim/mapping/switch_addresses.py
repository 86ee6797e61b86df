"""Addresses of a virtual network and what DHCP hands out in it."""

from __future__ import annotations

import ipaddress
import re

from virtcim.mapping.table import BadProperty, Row
from virtcim.model.network import Address, DhcpHost, DhcpRange, Network

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


def _interface(view: Address) -> Interface | None:
    """The address with its prefix; IPv4 without one has that of its class, which libvirt does not show."""
    if view.address is None:
        return None
    length = view.netmask or (None if view.prefix is None else str(view.prefix))
    return ipaddress.ip_interface(f"{view.address}/{length}" if length else view.address)


def addresses(network: Network) -> list[str]:
    return [str(one) for one in map(_interface, network.addresses) if one is not None]


def set_addresses(network: Network, texts: list[str] | None) -> None:
    """Addresses that stay keep their DHCP."""
    wanted = [_parsed("IPAddresses", text) for text in texts or []]
    for view in network.addresses:
        if _interface(view) not in wanted:
            view.remove()
    present = [_interface(view) for view in network.addresses]
    for one in wanted:
        if one in present:
            continue
        view = Address.new()
        view.family = "ipv6" if one.version == 6 else None
        view.address, view.prefix = str(one.ip), one.network.prefixlen
        network.add(view)


def _parsed(prop: str, text: str) -> Interface:
    try:
        if "/" not in text:
            raise ValueError("it has no prefix length")
        return ipaddress.ip_interface(text)
    except ValueError as error:
        raise BadProperty(prop, f"{text!r} is not an address with prefix length, as 192.0.2.1/24: {error}") from error


def _address(prop: str, text: str) -> IPAddress:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise BadProperty(prop, f"{text!r} has no address where one is expected: {error}") from error


def _holder(network: Network, prop: str, text: str, address: IPAddress) -> Address:
    """The address of the host in whose subnet another one is."""
    for view in network.addresses:
        own = _interface(view)
        if own is not None and address in own.network:
            return view
    raise BadProperty(prop, f"{text!r} is in the subnet of none of IPAddresses {addresses(network)}")


def ranges(network: Network) -> list[str]:
    return [f"{one.start}-{one.end}" for view in network.addresses for one in view.ranges]


def set_ranges(network: Network, texts: list[str] | None) -> None:
    for view in network.addresses:
        for old in view.ranges:
            old.remove()
    for text in texts or []:
        first, dash, last = (part.strip() for part in text.partition("-"))
        if not dash:
            raise BadProperty("DHCPRanges", f"{text!r} is not <first address>-<last address>")
        start, end = _address("DHCPRanges", first), _address("DHCPRanges", last)
        holder = _holder(network, "DHCPRanges", text, start)
        if holder is not _holder_again(network, end, holder) or int(start) > int(end):
            raise BadProperty("DHCPRanges", f"{text!r} does not go upwards inside one subnet")
        new = DhcpRange.new()
        new.start, new.end = str(start), str(end)
        holder.add(new, inside="dhcp")


def _holder_again(network: Network, address: IPAddress, first: Address) -> Address | None:
    own = _interface(first)
    return first if own is not None and address in own.network else None


def hosts(network: Network) -> list[str]:
    return [_host(one) for view in network.addresses for one in view.hosts]


def _host(view: DhcpHost) -> str:
    return ",".join(part for part in (view.mac or view.id, view.address, view.name) if part)


def set_hosts(network: Network, texts: list[str] | None) -> None:
    for view in network.addresses:
        for old in view.hosts:
            old.remove()
    for text in texts or []:
        new, address = _reservation(text)
        _holder(network, "DHCPHosts", text, address).add(new, inside="dhcp")


def _reservation(text: str) -> tuple[DhcpHost, IPAddress]:
    parts = [part.strip() for part in text.split(",")]
    new = DhcpHost.new()
    if MAC.fullmatch(parts[0]):
        new.mac = parts.pop(0).replace("-", ":").lower()
    if not parts or len(parts) > 2 or (new.mac is None and len(parts) < 2):
        raise BadProperty("DHCPHosts", f"{text!r} is not [<hardware address>,]<address>[,<name>]")
    address = _address("DHCPHosts", parts[0])
    new.address = str(address)
    new.name = parts[1] if len(parts) > 1 else None
    return new, address


ADDRESSES: tuple[Row[Network], ...] = (
    Row("IPAddresses", addresses, set_addresses, exact=False),
    Row("DHCPRanges", ranges, set_ranges, exact=False),
    Row("DHCPHosts", hosts, set_hosts, exact=False),
)
