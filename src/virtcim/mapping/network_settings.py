"""Documents of networks from the settings that ask for them (DSP1041 clause 8)."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError

from virtcim.mapping.allocation_pools import NAT, NONE, ROUTED
from virtcim.mapping.table import BadProperty, Incompatible, Properties
from virtcim.model.network import Address, DhcpRange, Network

FORWARD = {NONE: None, NAT: "nat", ROUTED: "route"}
ADDRESS, NETMASK = "192.168.122.1", "255.255.255.0"
SMALLEST = 8  # addresses of a network that has room for the host and guests


def network_document(name: str, given: Properties) -> Network:
    """The definition of a network; by default libvirt's usual one, with NAT. Raises BadProperty."""
    mode = given.get("ForwardMode", NAT)
    if mode not in FORWARD:
        raise BadProperty("ForwardMode", f"{mode} is not one of {', '.join(map(str, FORWARD))}")
    if given.get("ForwardDevice") and mode == NONE:
        raise Incompatible("ForwardDevice", f"{given['ForwardDevice']!r} means nothing without a ForwardMode")
    network = Network.new()
    network.name, network.forward_mode = name, FORWARD[mode]
    network.forward_device = given.get("ForwardDevice")
    network.add(_addresses(given))
    return network


def _addresses(given: Properties) -> Address:
    host = _address("Address", given.get("Address") or ADDRESS)
    mask = given.get("Netmask") or NETMASK
    try:
        net = IPv4Interface(f"{host}/{mask}").network
    except (AddressValueError, NetmaskValueError) as error:
        raise BadProperty("Netmask", f"{mask!r} is no mask: {error}") from error
    if net.num_addresses < SMALLEST:
        raise BadProperty("Netmask", f"{mask!r} leaves no room for guests")
    view, handed_out = Address.new(), DhcpRange.new()
    view.address, view.netmask = str(host), str(net.netmask)
    usual = {"IPRangeStart": net.network_address + 2, "IPRangeEnd": net.broadcast_address - 1}
    start, end = (_address(name, given.get(name) or str(value)) for name, value in usual.items())
    for name, value in (("IPRangeStart", start), ("IPRangeEnd", end)):
        if value not in net:
            raise BadProperty(name, f"{value} is not in {net}")
    if end < start:
        raise BadProperty("IPRangeEnd", f"{end} comes before IPRangeStart {start}")
    handed_out.start, handed_out.end = str(start), str(end)
    view.add(handed_out, inside="dhcp")
    return view


def _address(name: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise BadProperty(name, f"{text!r} is no IPv4 address: {error}") from error
