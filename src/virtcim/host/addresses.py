"""Addresses of clients, and who is connected to this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED = "01"  # state in them


class Peer(NamedTuple):
    """A client: the port that it has come to (0 for none), its address and its own port."""

    at: int
    node: str
    service: str


def canonical(address: str) -> str:
    """An address in the one form that all have: IPv4 in IPv6 as IPv4."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return str(mapped or known)


def established() -> dict[int, frozenset[Peer]]:
    """The TCP connections of this machine by their port here; none where the system has no such list."""
    found: dict[int, set[Peer]] = {}
    for path in CONNECTIONS:
        lines = path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else []
        for peer in _connections(lines):
            found.setdefault(peer.at, set()).add(peer)
    return {port: frozenset(peers) for port, peers in found.items()}


def _connections(lines: Iterable[str]) -> Iterator[Peer]:
    for line in lines:
        _, local, remote, state, *_ = line.split()
        if state == ESTABLISHED:
            node, _, service = remote.partition(":")
            yield Peer(int(local.rpartition(":")[2], 16), _node(node), str(int(service, 16)))


def _node(digits: str) -> str:
    """An address as the kernel writes it: words of 32 bits, each in the byte order of the machine."""
    words = (int(digits[at : at + 8], 16) for at in range(0, len(digits), 8))
    return canonical(str(ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))))
