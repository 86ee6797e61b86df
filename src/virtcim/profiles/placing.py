"""From which pool the processors and the memory of a system come, and how they are put into another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import Refused
from virtcim.host.divisions import WITH_PARTITIONS
from virtcim.host.inventory import Host
from virtcim.mapping import divisions
from virtcim.mapping.kind import MEMORY, PROCESSOR
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.processor import MOST_WEIGHT, MOST_WEIGHT_2, PROCESSORS
from virtcim.mapping.resources import Domain, Kind
from virtcim.mapping.table import BadProperty
from virtcim.profiles.pools import pools_of

TYPES = {PROCESSORS: PROCESSOR, BASE_MEMORY: MEMORY, MEMORY_MODULE: MEMORY}


def max_weight(host: Host) -> int:
    """The most weight that a start will not fail for; the lesser of two where the control groups are not to be seen."""
    version = host.divisions.groups_version if host.platform in WITH_PARTITIONS else 1
    return MOST_WEIGHT if version == 1 else MOST_WEIGHT_2


def placed(host: Host, kind: Kind[Any], properties: Properties) -> Properties:
    """Properties with PoolID replaced by what puts processors or memory there. Raises BadProperty."""
    weight = properties.get("Weight")
    if kind is PROCESSORS and isinstance(weight, int) and weight > max_weight(host):
        raise BadProperty("Weight", f"{weight} is more than {max_weight(host)}, the most on {host.name}")
    pool_id = properties.get("PoolID")
    if kind not in TYPES or pool_id is None:
        return properties
    pool = pools_of(host).get(str(pool_id))
    if pool is None or pool.resource_type != TYPES[kind]:
        raise BadProperty("PoolID", f"{pool_id!r} is no pool of {kind.label.lower()} on {host.name}")
    rest = {name: value for name, value in properties.items() if name != "PoolID"}
    if kind is MEMORY_MODULE:
        return rest
    if kind is BASE_MEMORY:
        return divisions.memory_into(pool.pool_id, rest) | rest
    cells = divisions.processor_cells(host.capabilities, host.facts.node.cpus)
    return divisions.processors_into(pool.pool_id, rest, cells) | rest


def check_modules(host: Host, document: Domain, pools: Sequence[tuple[str, object]]) -> None:
    """Modules come from where the other memory does: refuse another PoolID; `pools`: (parameter, PoolID asked)."""
    present = divisions.memory_from(document, host.capabilities)
    for where, asked in pools:
        if asked not in (None, present):
            raise Refused("Invalid Parameter", f"{where}.PoolID {asked!r}: all memory of a system is from {present}")
