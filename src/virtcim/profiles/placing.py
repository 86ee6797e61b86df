"""From which pool the processors and the memory of a system come, and how they are put into another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import Refused, path_in
from virtcim.host.divisions import WITH_PARTITIONS
from virtcim.host.inventory import Host, NodeDevice
from virtcim.mapping import divisions
from virtcim.mapping.hostdev import HOST_DEVICES, POOL, place_given
from virtcim.mapping.kind import MEMORY, PROCESSOR
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.pools_host import Assignable
from virtcim.mapping.processor import MOST_WEIGHT, MOST_WEIGHT_2, PROCESSORS
from virtcim.mapping.resources import Domain, Kind
from virtcim.mapping.table import BadProperty, UnknownPool
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.pools import pools_of

WITHOUT_GUARANTEE = frozenset({"KVM"})  # platforms
SEPARATOR = re.compile(r"[:.]")
TYPES = {PROCESSORS: PROCESSOR, BASE_MEMORY: MEMORY, MEMORY_MODULE: MEMORY}


def max_weight(host: Host) -> int:
    """The most weight that a start will not fail for; the lesser of two where the control groups are not to be seen."""
    version = host.divisions.groups_version if host.platform in WITH_PARTITIONS else 1
    return MOST_WEIGHT if version == 1 else MOST_WEIGHT_2


def _check(host: Host, kind: Kind[Any], properties: Properties) -> None:
    """Refuse what this host can give nobody. Raises BadProperty."""
    weight = properties.get("Weight")
    if kind is PROCESSORS and isinstance(weight, int) and weight > max_weight(host):
        raise BadProperty("Weight", f"{weight} is more than {max_weight(host)}, the most on {host.name}")
    if kind is BASE_MEMORY and properties.get("MinGuarantee") and host.platform in WITHOUT_GUARANTEE:
        raise BadProperty("MinGuarantee", "cannot be had: QEMU guarantees no memory; HardLimit bounds what it takes")


def placed(host: Host, kind: Kind[Any], properties: Properties) -> Properties:
    """Properties with PoolID replaced by what puts processors or memory there. Raises BadProperty."""
    if kind in HOST_DEVICES:
        return _passed(host, properties)
    if kind not in TYPES:
        return properties
    _check(host, kind, properties)
    pool_id = properties.get("PoolID")
    if pool_id is None:
        return properties
    pool = pools_of(host).get(str(pool_id))
    if pool is None or pool.resource_type != TYPES[kind]:
        raise UnknownPool("PoolID", f"{pool_id!r} is no pool of {kind.label.lower()} on {host.name}")
    rest = {name: value for name, value in properties.items() if name != "PoolID"}
    if kind is MEMORY_MODULE:
        return rest
    if kind is BASE_MEMORY:
        return divisions.memory_into(pool.pool_id, rest) | rest
    cells = divisions.processor_cells(host.capabilities, host.facts.node.cpus)
    return divisions.processors_into(pool.pool_id, rest, cells) | rest


def _passed(host: Host, properties: Properties) -> Properties:
    """Properties of a device with its place for its path, and without the pool that follows from it."""
    known = {one.device_id: one.device for one in hardware.passed(host)}
    asked = properties.get("HostResource")
    named = [_place(known, str(text)) for text in asked] if isinstance(asked, list) else []
    found = dict(properties) | ({"HostResource": named} if named else {})
    place = place_given(found) if named or found.get("SourceAddress") else None
    if place and any(device.name == f"pci_{SEPARATOR.sub('_', place)}" for device in _reserved(host)):
        raise BadProperty("HostResource", f"{place} is a bridge, or no IOMMU of {host.name} can hand it out")
    pool_id = found.pop("PoolID", None)
    one = host.uses.devices.known.get(place or "")
    fitting = (POOL, None if one is None or one.group is None else divisions.group_pool(one.group))
    if pool_id is not None and pool_id not in fitting:
        raise UnknownPool("PoolID", f"{pool_id!r} is no pool of {host.name} with the device that HostResource names")
    return found


def _place(known: Mapping[str, Assignable], text: str) -> str:
    """A path of one of the host's devices as its place; any other text as it is."""
    path = path_in(text)
    one = known.get(str(dict(path.keys).get("DeviceID"))) if path else None
    return f"{one.word}:{one.place}" if one else text


def _reserved(host: Host) -> Iterator[NodeDevice]:
    """The devices that cannot be passed through."""
    return (device for device in host.node_devices if not hardware.passed_as(device))


def check_modules(host: Host, document: Domain, pools: Sequence[tuple[str, object]]) -> None:
    """Modules come from where the other memory does: refuse another PoolID; `pools`: (parameter, PoolID asked)."""
    present = divisions.memory_from(document, host.capabilities)
    for where, asked in pools:
        if asked not in (None, present):
            raise Refused("Invalid Parameter", f"{where}.PoolID {asked!r}: all memory of a system is from {present}")
