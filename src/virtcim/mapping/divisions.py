"""What a host's processors and memory are divided into, and which part a system takes from (DSP1044, DSP1045).

NUMA cells, huge pages of each size, and the resource partitions of libvirt, each a pool below the primordial one; so
are the IOMMU groups of devices that can be passed through (DSP1059).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtcim.mapping import ids
from virtcim.mapping.affinity import allowed_cpus, cpu_list, cpus_named, cpus_of
from virtcim.mapping.hostdev import POOL as HOST_POOL
from virtcim.mapping.hostdev import place_of
from virtcim.mapping.memory import BASE_MEMORY, PAGES, page_word
from virtcim.mapping.pools_host import cells
from virtcim.mapping.processor import PROCESSORS
from virtcim.mapping.table import Properties, UnknownPool
from virtcim.model.capabilities import Capabilities
from virtcim.model.domain import Domain
from virtcim.model.nodedev import Passable
from virtcim.model.peripherals import Hostdev

CELL, PARTITION, GROUP = "cell", "partition", "group"
DEFAULT_PARTITION = "/machine"  # where libvirt puts what names none: all of the host
NAME = re.compile(r"(cell|hugepages|partition|group):(.+)")
PATH = re.compile(r"/machine(/[A-Za-z0-9_-]{1,64}){1,8}")
SMALLEST_HUGE = 64  # KiB; what is smaller is no huge page anywhere
WHOLE = 100  # percent of a processor


@dataclass(frozen=True)
class Division:
    """A part of a host: `sort` says of which kind, `key` which one; `capacity` in the units of its pool."""

    pool_id: str
    sort: str
    key: str
    name: str
    capacity: int
    weight: int | None = None
    limit: int | None = None


def processor_cells(capabilities: Capabilities, count: int) -> Mapping[int, frozenset[int]]:
    """The processors of each NUMA cell; all are in one where libvirt tells none."""
    known = {
        cell.id: frozenset(cpu.id for cpu in cell.cpus if cpu.id is not None)
        for cell in capabilities.cells
        if cell.id is not None
    }
    return known or {0: frozenset(range(count))}


def page_counts(capabilities: Capabilities) -> Mapping[int, int]:
    """How many pages of each size, in KiB, the host has set apart; those of the usual size are left out."""
    sizes = sorted({page.size or 0 for page in capabilities.pages})
    found = dict.fromkeys((size for size in sizes[1:] if size >= SMALLEST_HUGE), 0)
    for cell in capabilities.cells:
        for page in cell.pages:
            if page.size in found:
                found[page.size] += page.count or 0
    return found


def processor_divisions(capabilities: Capabilities, count: int) -> Iterator[Division]:
    """The NUMA cells, in percent of processors."""
    for number, cpus in processor_cells(capabilities, count).items():
        key, name = str(number), f"Processors of cell {number}"
        yield Division(pool_of(PROCESSORS.pool, CELL, key), CELL, key, name, len(cpus) * WHOLE)


def memory_divisions(capabilities: Capabilities, memory: int, used: Iterable[str]) -> Iterator[Division]:
    """The NUMA cells, and the huge pages that the host has apart or systems ask for, in KiB; `used`: their PoolIDs."""
    for number, kib in cells(capabilities, memory):
        key = str(number)
        yield Division(pool_of(BASE_MEMORY.pool, CELL, key), CELL, key, f"Memory of cell {number}", min(kib, memory))
    asked = set(used)
    for size, count in page_counts(capabilities).items():
        pool_id = pool_of(BASE_MEMORY.pool, PAGES, str(size))
        if count or pool_id in asked:
            yield Division(pool_id, PAGES, str(size), page_label(size), count * size)


def group_divisions(groups: Iterable[int | None]) -> Iterator[Division]:
    """The IOMMU groups, given of each device; they count devices."""
    for number, count in sorted(Counter(group for group in groups if group is not None).items()):
        yield Division(group_pool(number), GROUP, str(number), f"IOMMU group {number}", count)


def group_pool(number: int) -> str:
    """The PoolID of an IOMMU group."""
    return pool_of(HOST_POOL, GROUP, str(number))


def page_label(size: int) -> str:
    """ElementName of the pool of huge pages of a size in KiB."""
    return f"Huge pages of {size} KiB"


def pool_of(primordial: str, sort: str, key: str) -> str:
    """The PoolID of a division."""
    return ids.pool_id((ids.parse_pool_id(primordial) or ("", ""))[0], f"{sort}:{key}")


def parsed(pool_id: str) -> tuple[str, str, str] | None:
    """(primordial PoolID, sort, key) of a division; None for a PoolID that is none."""
    word, name = ids.parse_pool_id(pool_id) or ("", "")
    found = NAME.fullmatch(name)
    return (ids.pool_id(word), found[1], found[2]) if found else None


def above(pool_id: str) -> list[str]:
    """The PoolIDs above that of a concrete pool, the nearest first: partitions may be in partitions."""
    word, name = ids.parse_pool_id(pool_id) or ("", "")
    if name == ids.PRIMORDIAL:
        return []
    found = parsed(pool_id)
    paths = outer(found[2]) if found and found[1] == PARTITION else []
    return [*(pool_of(found[0], PARTITION, path) for path in paths if found), ids.pool_id(word)]


def outer(path: str) -> list[str]:
    """The partitions that one is in, the nearest first; not the one that all are in."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:length]) for length in range(len(parts) - 1, 1, -1)]


def sub_type_of(pool_id: str) -> str | None:
    """ResourceSubType of a pool and of all that comes from it."""
    found = parsed(pool_id)
    return page_word(int(found[2])) if found and found[1] == PAGES else None


# Which part a system takes from


def processors_from(domain: Domain, capabilities: Capabilities, count: int) -> str:
    """The PoolID of a system's processors: its partition, else the cell that holds all it may run on, else the host."""
    if domain.partition not in (None, DEFAULT_PARTITION):
        return pool_of(PROCESSORS.pool, PARTITION, str(domain.partition))
    allowed = allowed_cpus(domain)
    holding = [number for number, cpus in processor_cells(capabilities, count).items() if allowed <= cpus]
    return pool_of(PROCESSORS.pool, CELL, str(holding[0])) if allowed and holding else PROCESSORS.pool


def memory_from(domain: Domain, capabilities: Capabilities) -> str:
    """The PoolID of a system's memory: of its huge pages, of the one cell that it must come from, or of the host.

    Huge pages without a size are the smallest that the host has; where libvirt tells none, they are its memory.
    """
    if domain.hugepages:
        sizes = list(page_counts(capabilities))
        size = domain.hugepage_size or next(iter(sizes), None)
        if size in sizes:
            return pool_of(BASE_MEMORY.pool, PAGES, str(size))
    nodes = cpus_of(domain.numa_nodes) if domain.numa_mode == "strict" else ()
    return pool_of(BASE_MEMORY.pool, CELL, str(next(iter(nodes)))) if len(nodes) == 1 else BASE_MEMORY.pool


def device_from(view: Hostdev, devices: Mapping[str, Passable]) -> str:
    """The PoolID of a device passed through: of its IOMMU group where the host tells one; `devices`: by place."""
    found = devices.get(place_of(view) or "")
    return HOST_POOL if found is None or found.group is None else group_pool(found.group)


# How it is put there


def processors_into(pool_id: str, given: Properties, cpus: Mapping[int, frozenset[int]]) -> Properties:
    """What puts processors into a pool that exists. Raises BadProperty where the rest of the request contradicts."""
    found = parsed(pool_id)
    if found is None:
        return {"Partition": None} | ({} if _bound(given) else {"HostResource": [], "CPUSet": None})
    _, sort, key = found
    if sort == PARTITION:
        return {"Partition": key}
    cell = cpus[int(key)]
    named = cpus_named(given)
    if named is not None and not named <= cell:
        raise UnknownPool("PoolID", f"{pool_id!r} has not the processors that HostResource or CPUSet names")
    return {"Partition": None} | ({} if named else {"HostResource": [], "CPUSet": cpu_list(cell)})


def _bound(given: Properties) -> bool:
    return any(given.get(name) for name in ("HostResource", "CPUSet"))


def memory_into(pool_id: str, given: Properties) -> Properties:
    """What puts memory into a pool that exists."""
    found = parsed(pool_id)
    plain: Properties = {"PageSize": None, "ResourceSubType": None, "HugePages": False}
    if found is None:
        return plain | ({} if given.get("HostResource") else {"HostResource": []})
    _, sort, key = found
    if sort == PAGES:
        return {"HugePages": True, "PageSize": int(key)}
    return plain | {"HostResource": [f"memory:{key}"]}
