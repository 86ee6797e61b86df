"""How soon a change made behind the server's back is seen through CIM."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import libvirt

from bench.client import Connection
from bench.messages import Service

Change = Callable[[libvirt.virDomain, int], object]


def retitle(domain: libvirt.virDomain, turn: int) -> None:
    """Announced by libvirt, as a definition."""
    flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, f"Title {turn}", None, None, flags)


def redefine(domain: libvirt.virDomain, turn: int) -> None:
    """What virsh edit does."""
    before = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    start, end = before.index("<title>"), before.index("</title>")
    domain.connect().defineXML(f"{before[:start]}<title>Edited {turn}{before[end:]}")


def autostart(domain: libvirt.virDomain, turn: int) -> None:
    """Announced by nothing."""
    domain.setAutostart(not domain.autostart())


def until_seen(
    connection: Connection, request: bytes, change: Callable[[], object], limit: float, pause: float = 0.0
) -> float:
    """Seconds from just before the change until the reply differs. Errors: TimeoutError after `limit` seconds."""
    before = connection.send(request)
    start = time.perf_counter()
    change()
    while connection.send(request) == before:
        if time.perf_counter() - start > limit:
            raise TimeoutError(f"a change was not seen within {limit:g} s")
        time.sleep(pause)
    return time.perf_counter() - start


def announced(
    service: Service, connection: Connection, guests: list[tuple[libvirt.virDomain, str]], turns: int
) -> float:
    """Median seconds over changes that libvirt announces; `guests` with their INSTANCENAME."""
    samples = []
    for turn in range(turns):
        domain, name = guests[turn % len(guests)]
        change = (retitle, redefine)[turn % 2]
        request = service.get(name)
        samples.append(until_seen(connection, request, partial(change, domain, turn), 60.0, 0.0005))
    return statistics.median(samples)


def unannounced(
    service: Service, connection: Connection, guest: tuple[libvirt.virDomain, str], interval: float
) -> float:
    """Seconds until a change is seen that libvirt does not announce."""
    domain, name = guest
    return until_seen(connection, service.get(name), lambda: autostart(domain, 0), 3 * interval + 30, 0.01)
