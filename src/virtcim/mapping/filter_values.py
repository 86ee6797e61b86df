"""The values that rules of network filters match: libvirt's words as numbers and octet strings of CIM, and back."""

from __future__ import annotations

import ipaddress
import re

from virtcim.mapping.table import BadProperty

# Protocols above IP and their numbers; None where the rule says it itself, or any will do.
IP_NUMBERS = {
    "ip": None, "all": None, "tcp": 6, "udp": 17, "udplite": 136, "icmp": 1, "igmp": 2, "esp": 50, "ah": 51,
    "sctp": 132,
}  # fmt: skip
V6_NUMBERS = {
    "ipv6": None, "all-ipv6": None, "tcp-ipv6": 6, "udp-ipv6": 17, "udplite-ipv6": 136, "icmpv6": 58, "esp-ipv6": 50,
    "ah-ipv6": 51, "sctp-ipv6": 132,
}  # fmt: skip
IP_PROTOCOLS = IP_NUMBERS | V6_NUMBERS
ETHER_TYPES = {"ipv4": 0x0800, "arp": 0x0806, "rarp": 0x8035, "vlan": 0x8100, "ipv6": 0x86DD}
OCTETS = 4  # octets of the length that an octet string begins with (DSP0004)


def _octets(content: bytes) -> list[int]:
    return list((len(content) + OCTETS).to_bytes(OCTETS, "big") + content)


def _content(name: str, octets: list[int]) -> bytes:
    """What an octet string holds; one without its length, as libvirt-cim wrote them, is taken as it is."""
    given = bytes(octets)
    if len(given) > OCTETS and int.from_bytes(given[:OCTETS], "big") == len(given):
        return given[OCTETS:]
    if len(given) not in (4, 6, 16):
        raise BadProperty(name, f"{octets} is no address: 4, 6 or 16 octets are")
    return given


def mac_out(text: str) -> list[int] | None:
    """None for a variable."""
    digits = text.replace(":", "")
    return _octets(bytes.fromhex(digits)) if re.fullmatch("[0-9A-Fa-f]{12}", digits) else None


def mac_in(name: str, octets: list[int]) -> str:
    return _content(name, octets).hex(":")


def ip_out(text: str) -> list[int] | None:
    """None for a variable, and for the length of a prefix."""
    try:
        return _octets(ipaddress.ip_address(text).packed)
    except ValueError:
        return None


def ip_in(name: str, octets: list[int]) -> str:
    try:
        return str(ipaddress.ip_address(_content(name, octets)))
    except ValueError as error:
        raise BadProperty(name, f"{octets} is no address: {error}") from error


def mask_out(text: str) -> list[int] | None:
    """Of an IPv4 mask or the length of a prefix; see entry for IPv6."""
    return prefix_mask(text, 4)


def prefix_mask(text: str, version: int) -> list[int] | None:
    try:
        network = ipaddress.ip_network(f"{'::' if version == 6 else '0.0.0.0'}/{text}")
    except ValueError:  # a variable
        return None
    return _octets(network.netmask.packed)


def mask_in(name: str, octets: list[int]) -> str:
    """The length of the prefix."""
    bits = "".join(f"{octet:08b}" for octet in _content(name, octets))
    if "01" in bits:
        raise BadProperty(name, f"{octets} is no mask: a bit that is set follows one that is not")
    return str(bits.count("1"))


def number_out(text: str) -> int | None:
    """None for a variable."""
    try:
        return int(text, 0)
    except ValueError:
        return None


def ether_type(text: str) -> int | None:
    return ETHER_TYPES.get(text) or number_out(text)


def protocol_number(text: str) -> int | None:
    return IP_PROTOCOLS.get(text) or number_out(text)


def digits(_name: str, number: int) -> str:
    return str(number)
