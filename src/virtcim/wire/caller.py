"""Who is at the other end of a connection, and who is calling."""

from __future__ import annotations

import hashlib
import socket
import struct
from asyncio import BaseTransport
from dataclasses import dataclass

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group
_OF_ALL = frozenset({"", "unix", "127.0.0.1", "::1"})  # addresses that tell nobody apart
_SHORT_NAMES = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "domainComponent": "DC",
    "userId": "UID",
    "emailAddress": "emailAddress",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A verified client certificate: `subject` as "CN=backup,O=Example", first the most specific part."""

    subject: str
    common_name: str
    fingerprint: str  # SHA-256 of the DER form, lower-case hex


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: an IP address, or the user id of a process at the Unix socket."""

    address: str = ""
    uid: int | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `trusted` needs no role: root at the Unix socket, or anybody where nobody is asked for a name."""

    user: str = ""
    address: str = ""
    trusted: bool = False

    @property
    def share(self) -> str:
        """Whose share of the server a call counts to: the user's, or else the address's; "" where all have the same."""
        return self.user or ("" if self.address in _OF_ALL else f"@{self.address}")


ANYBODY = Caller(trusted=True)


def peer_of(transport: BaseTransport) -> Peer:
    """The peer of a connected transport."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family == socket.AF_UNIX:
        return Peer("unix", uid=_uid(sock))
    name = transport.get_extra_info("peername")
    return Peer(str(name[0]) if name else "", certificate=_certificate(transport))


def _uid(sock: socket.socket) -> int:
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def _certificate(transport: BaseTransport) -> Certificate | None:
    ssl_object = transport.get_extra_info("ssl_object")
    der = ssl_object.getpeercert(True) if ssl_object else None
    if not der:
        return None
    parts = [pair for names in ssl_object.getpeercert().get("subject", ()) for pair in names]
    subject = ",".join(f"{_SHORT_NAMES.get(name, name)}={value}" for name, value in reversed(parts))
    common_name = next((value for name, value in reversed(parts) if name == "commonName"), "")
    return Certificate(subject, common_name, hashlib.sha256(der).hexdigest())
