"""One look at all domains, in a few calls however many there are: a fingerprint of each, to know who has changed.

It shows state, vCPUs, autostart, saved images and snapshots of every domain, memory and disks of those that are off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import libvirt

from virtcim.host.errors import unsupported

log = logging.getLogger(__name__)

Fingerprints = Mapping[str, int]
_Stats = list[tuple[libvirt.virDomain, dict[str, Any]]]
_OFF = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE
_ON = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
_NOWAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
_CHEAP = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_VCPU
# Of a running domain these would be asked of its QEMU each time.
_OF_DEFINITIONS = libvirt.VIR_DOMAIN_STATS_BALLOON | libvirt.VIR_DOMAIN_STATS_BLOCK
_TRAITS = (
    libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
    libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
    libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
    libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
)
_STABLE = ("state.", "vcpu.current", "vcpu.maximum", "balloon.maximum", "balloon.current", "block.count")
_STABLE_ENDS = (".name", ".path", ".capacity")


def look(connection: libvirt.virConnect) -> Fingerprints:
    """By UUID, of every domain; the number of one that did not change is the same, within this process."""
    names = {domain.UUIDString(): domain.name() for domain in connection.listAllDomains()}
    told: dict[str, tuple[object, ...]] = {}
    for domain, values in (*_stats(connection, _CHEAP, _ON), *_stats(connection, _CHEAP | _OF_DEFINITIONS, _OFF)):
        told[domain.UUIDString()] = tuple(sorted((key, value) for key, value in values.items() if _stable(key)))
    traits = [_having(connection, flag) for flag in _TRAITS]
    return {
        uuid: hash((name, told.get(uuid), *(uuid in having for having in traits))) for uuid, name in names.items()
    }


def _stable(key: str) -> bool:
    """Whether a figure stays as it is until somebody changes it."""
    return key.startswith(_STABLE) or key.endswith(_STABLE_ENDS)


def _stats(connection: libvirt.virConnect, groups: int, which: int) -> _Stats:
    for flags in (which | _NOWAIT, which):
        found = _where_supported(lambda flags=flags: connection.getAllDomainStats(groups, flags))
        if found is not None:
            return found
    return _states(connection, which)


def _states(connection: libvirt.virConnect, which: int) -> _Stats:
    """Where the driver has no such statistics (LXC) it is asked for each state, which is all that it tells cheaply."""
    flag = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE if which == _ON else libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
    found: _Stats = []
    for domain in connection.listAllDomains(flag):
        try:
            found.append((domain, {"state.": domain.state()}))
        except libvirt.libvirtError as error:  # gone meanwhile: it will not be among the names next time
            log.debug("no state of %s: %s", domain.name(), error)
    return found


def _having(connection: libvirt.virConnect, flag: int) -> frozenset[str]:
    found = _where_supported(lambda: connection.listAllDomains(flag))
    return frozenset(domain.UUIDString() for domain in found or ())


def _where_supported(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except libvirt.libvirtError as error:
        if unsupported(error):
            return None
        raise
