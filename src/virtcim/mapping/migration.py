"""What a CIM_VirtualSystemMigrationSettingData asks for, and how a destination host is written (DSP1081)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from virtcim.mapping import units
from virtcim.mapping.table import BadProperty, Incompatible, Properties

UNKNOWN, OTHER, LIVE, RESUME, RESTART = range(5)  # MigrationType; Other is a move of the definition of what is off
TYPES = {OTHER: "Other", LIVE: "Live", RESUME: "Resume", RESTART: "Restart"}
ANY_TRANSPORT, OTHER_TRANSPORT, SSH, TLS, TLS_STRICT, TCP, IPC = range(7)  # TransportType
OLD_IPC = 32768  # libvirt-cim's number for a UNIX socket
TRANSPORTS = {"ssh": SSH, "tls": TLS, "tls-strict": TLS_STRICT, "tcp": TCP}
WORDS = {number: word for word, number in TRANSPORTS.items()} | {IPC: "a local socket"}
RATE = "byte / second * 2^20"  # what libvirt counts bandwidth in
GREATEST_RATE = 2**16 - 1
DOMAIN_NAME, IPV4, IPV6 = 2, 3, 4  # DestinationHostFormatsSupported
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LONGEST_NAME = 253
# What drivers do that cannot move a running domain by themselves
BY_DEFINITION = {"LXC": (OTHER, RESTART), "Test": (OTHER, RESTART)}


class NotOffered(BadProperty):
    """A property whose value means something, but nothing that is done here."""

    symbol = "SETTING_NOT_OFFERED"


@dataclass(frozen=True)
class Manner:
    """How a system is to be moved. `bandwidth` in MiB/s, 0 for no limit; `transport` 0 leaves it to the server."""

    type: int = UNKNOWN
    transport: int = ANY_TRANSPORT
    bandwidth: int = 0
    copy_storage: bool = False
    unsafe: bool = False
    converge: bool = False


def types(platform: str) -> tuple[int, ...]:
    """The MigrationTypes that a platform's driver can carry out."""
    return BY_DEFINITION.get(platform, tuple(TYPES))


def default_type(platform: str) -> int:
    """The type of what is active, where nobody says another."""
    return LIVE if LIVE in types(platform) else RESTART


def manner(given: Properties, platform: str) -> Manner:
    """What the setting data ask for. Raises BadProperty, NotOffered."""
    kind = given.get("MigrationType") or UNKNOWN
    if kind not in (UNKNOWN, *TYPES):
        raise BadProperty("MigrationType", f"{kind} is none of 0, 1, 2, 3, 4")
    if kind not in (UNKNOWN, *types(platform)):
        raise NotOffered("MigrationType", f"{kind} ({TYPES[kind]}) is beyond what the {platform} driver can do")
    if given.get("Priority"):
        raise NotOffered("Priority", "can only be 0: moves have no order among each other")
    if given.get("CheckParameters"):
        raise NotOffered("CheckParameters", "can only be empty: no programs of the host judge moves")
    return Manner(
        type=kind,
        transport=_transport(given),
        bandwidth=_bandwidth(given),
        copy_storage=bool(given.get("CopyStorage")),
        unsafe=bool(given.get("AllowUnsafe")),
        converge=bool(given.get("AutoConverge")),
    )


def _transport(given: Properties) -> int:
    number, other = given.get("TransportType") or ANY_TRANSPORT, given.get("OtherTransportType")
    if (number == OTHER_TRANSPORT) != bool(other):
        raise Incompatible("OtherTransportType", "belongs to TransportType 1 (Other), and only to that")
    if number == OTHER_TRANSPORT:
        raise NotOffered("OtherTransportType", f"{other!r} is no transport that libvirt has")
    if number == OLD_IPC:
        return IPC
    if number > OLD_IPC:
        raise NotOffered("TransportType", f"{number} is another vendor's")
    if number not in (ANY_TRANSPORT, SSH, TLS, TLS_STRICT, TCP, IPC):
        raise BadProperty("TransportType", f"{number} is not in its ValueMap")
    return int(number)


def _bandwidth(given: Properties) -> int:
    """In MiB/s; what is no whole number of them is rounded down, so that the limit holds."""
    amount, unit = given.get("Bandwidth") or 0, given.get("BandwidthUnit")
    if not amount:
        return 0
    if not unit:
        raise BadProperty("BandwidthUnit", f"is missing for a Bandwidth of {amount}")
    try:
        if units.parse(unit) == units.parse(units.PERCENT):
            return _percent(amount)
        rate = int(units.convert(amount, unit, RATE))
    except units.UnitError as error:
        raise BadProperty("BandwidthUnit", f"is no rate of data: {error}") from error
    if not 1 <= rate <= GREATEST_RATE:
        raise BadProperty("Bandwidth", f"of {amount} {unit} is not within 1 and {GREATEST_RATE} MiB/s")
    return rate


def _percent(amount: int) -> int:
    if amount > 100:
        raise BadProperty("Bandwidth", f"{amount} is more than 100 percent")
    raise NotOffered("BandwidthUnit", f"cannot be percent: nothing tells of what; use for example {RATE!r}")


def destination_host(text: str | None) -> str:
    """A DestinationHost in one of the three formats, as it is written in URIs. Raises BadProperty."""
    if not text:
        raise BadProperty("DestinationHost", "is missing")
    try:
        address = ipaddress.ip_address(text.replace("%", " "))  # a zone of this host means nothing elsewhere
    except ValueError:
        return _domain_name(text)
    return f"[{address}]" if address.version == 6 else str(address)


def _domain_name(text: str) -> str:
    """RFC 1035, with labels that may begin with a digit as in RFC 1123; what is all digits is a broken address."""
    labels = text.removesuffix(".").split(".")
    if len(text) > LONGEST_NAME or not all(map(LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise BadProperty("DestinationHost", f"{text!r} is no domain name, IPv4 or IPv6 address")
    return text
