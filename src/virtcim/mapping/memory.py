"""The memory of a virtual system, without the modules plugged beside it (DSP1045)."""

from __future__ import annotations

import re
from math import ceil
from typing import Any

from virtcim.mapping.affinity import cpus_of
from virtcim.mapping.guest_cells import fit_cells
from virtcim.mapping.kind import MEMORY, VIRTUALIZED, Kind, common
from virtcim.mapping.table import BadProperty, Properties, Row, fixed
from virtcim.mapping.units import COUNT, KIB, WORDS, UnitError, convert
from virtcim.model.devices import MemoryDevice
from virtcim.model.domain import Domain

BLOCK = 1024  # CIM_Memory.BlockSize, bytes
DEFAULT_SIZE = 1024 * 1024  # KiB
READ_WRITE = 3  # CIM_StorageExtent.Access
PAGES = "hugepages"
STRICT = "strict"
AFFINITY = {STRICT: 5, "preferred": 4}  # MappingBehavior by numatune mode
HOST_MEMORY = re.compile(r"memory[:/](\d+)")
QUANTITIES = ("VirtualQuantity", "Reservation", "Limit")
PROCESS_LIMITS = ("HardLimit", "SoftLimit", "SwapHardLimit", "MinGuarantee")
ELASTIC = "virtio-mem"  # model of a module that grows and shrinks while the guest runs


def plugged(domain: Domain) -> int:
    """KiB in memory modules, which libvirt counts in the domain's sizes too."""
    return sum(module.size or 0 for module in domain.memory_devices)


def taken_up(domain: Domain) -> int:
    """KiB in memory modules that libvirt counts as current: of elastic ones what the guest has taken up."""
    return sum(_taken_up(module) or 0 for module in domain.memory_devices)


def _taken_up(module: MemoryDevice) -> int | None:
    current = module.current if module.model == ELASTIC else None
    return module.size if current is None else current


def quantity(domain: Domain) -> int:
    current = domain.current_memory
    present = domain.memory if current is None else current
    return max(0, present - taken_up(domain)) if present else 0


def set_quantity(domain: Domain, kib: int | None) -> None:
    if not kib:
        raise BadProperty("VirtualQuantity", f"cannot be {kib}: a virtual system has memory")
    if kib > limit(domain):
        raise BadProperty("VirtualQuantity", f"{kib} {KIB} is more than Limit {limit(domain)}")
    domain.current_memory = kib + taken_up(domain)


def limit(domain: Domain) -> int:
    most = domain.memory
    return max(0, most - plugged(domain)) if most else 0


def shown_limit(domain: Domain) -> int:
    """The maximum, or what the process may use at most if that is less."""
    most = limit(domain)
    return min(most, domain.hard_limit or most) if most else 0


def set_limit(domain: Domain, kib: int | None) -> None:
    """The maximum; cleared, it is what the system has now."""
    hard = domain.hard_limit
    if kib and hard and kib > hard:
        raise BadProperty("Limit", f"{kib} {KIB} is more than HardLimit {hard}")
    most = domain.memory = (kib or quantity(domain)) + plugged(domain)
    if (domain.current_memory or 0) > most:
        domain.current_memory = most


def set_page_size(domain: Domain, kib: int | None) -> None:
    """Huge pages of a size; without one they are of the size the host takes by itself."""
    domain.hugepage_size, domain.hugepage_unit = kib, "KiB" if kib else None


def page_word(kib: int) -> str:
    """ResourceSubType of memory in huge pages of a size."""
    return f"{PAGES}-{kib}"


def in_pages(given: Properties) -> bool:
    """Whether a request names huge pages, not a memory module, by its sub-type."""
    return f":{given.get('ResourceSubType')}".rpartition(":")[2].startswith(f"{PAGES}-")


def set_sub_type(domain: Domain, word: str | None) -> None:
    size = str(word).removeprefix(f"{PAGES}-")
    if word is not None and not size.isdigit():
        raise BadProperty("ResourceSubType", f"{word!r} is not {PAGES}-<KiB>")
    domain.hugepages = domain.hugepages if word is None else True
    set_page_size(domain, None if word is None else int(size))


def host_memories(domain: Domain) -> list[str]:
    """The NUMA cells of the host that the memory comes from."""
    return [f"memory:{number}" for number in sorted(cpus_of(domain.numa_nodes))]


def set_host_memories(domain: Domain, values: list[str] | None) -> None:
    """Bind the memory to NUMA cells; `values` refer to CIM_Memory instances of the host."""
    found = [HOST_MEMORY.search(text) for text in values or []]
    if None in found:
        raise BadProperty("HostResource", f"{values!r} does not refer to memory of the host")
    numbers = sorted({int(one[1]) for one in found if one})
    domain.numa_nodes = ",".join(map(str, numbers)) or None
    domain.numa_mode = (domain.numa_mode or STRICT) if numbers else None


def set_affinity(domain: Domain, number: int | None) -> None:
    """How strictly the memory is bound to the cells that it is bound to."""
    modes = {value: mode for mode, value in AFFINITY.items()}
    if number is None and domain.numa_mode is None:
        return
    if number not in modes or not domain.numa_nodes:
        known = " or ".join(map(str, sorted(modes)))
        raise BadProperty("MappingBehavior", f"{number} is not {known} with memory of the host in HostResource")
    domain.numa_mode = modes[number]


MEM: tuple[Row[Any], ...] = (
    *common("MemoryPool/0", MEMORY),
    fixed("ConsumerVisibility", VIRTUALIZED),
    Row("HostResource", host_memories, set_host_memories, exact=False),
    Row("MappingBehavior", lambda domain: AFFINITY.get(domain.numa_mode or ""), set_affinity),
    fixed("AllocationUnits", KIB),
    fixed("VirtualQuantityUnits", KIB),
    Row("HardLimit", Domain.hard_limit),
    Row("SoftLimit", Domain.soft_limit),
    Row("SwapHardLimit", Domain.swap_hard_limit),
    Row("MinGuarantee", Domain.min_guarantee),
    Row("Limit", shown_limit, set_limit, exact=False),
    Row("VirtualQuantity", quantity, set_quantity),
    Row("Reservation", quantity),
    fixed("Weight", None),
    Row("dumpCore", Domain.dump_core),
    Row("MaxMemory", Domain.max_memory),
    Row("MaxSlots", Domain.memory_slots),
    Row("HugePages", Domain.hugepages),
    Row("PageSize", Domain.hugepage_size, set_page_size),
    Row("ResourceSubType", lambda one: page_word(one.hugepage_size) if one.hugepage_size else None, set_sub_type),
)


def converted(given: Properties, default: str) -> Properties:
    """Quantities in KiB, from whatever units they come in; a part of a KiB counts as a whole one."""
    prepared = dict(given)
    allocation = prepared.pop("AllocationUnits", None) or default
    virtual = prepared.pop("VirtualQuantityUnits", None)
    # count is the class's default, which says nothing about memory; with an old word, AllocationUnits is that of all
    if virtual is None or virtual.strip().lower() == COUNT or allocation.strip().lower() in WORDS:
        virtual = allocation
    for name in QUANTITIES:
        if prepared.get(name) is not None:
            unit = virtual if name == "VirtualQuantity" else allocation
            try:
                prepared[name] = ceil(convert(prepared[name], unit, KIB))
            except UnitError as error:
                raise BadProperty("AllocationUnits", f"of memory cannot be used: {error}") from error
    return prepared


def prepare(given: Properties, domain: Domain, document: Domain) -> Properties:
    """Sizes in KiB. Without a unit they are bytes in a new system, as for libvirt-cim, else what the setting shows.

    The memory of a new system may be given as Reservation alone. A Limit that is not given makes room for the quantity.
    """
    new = domain.memory is None
    prepared = converted(given, "byte" if new else KIB)
    if prepared.get("VirtualQuantity") == 0:
        raise BadProperty("VirtualQuantity", "cannot be 0: a virtual system has memory")
    if not prepared.get("Reservation", 1):
        del prepared["Reservation"]
    for name in PROCESS_LIMITS:
        if not prepared.get(name, 1):
            prepared[name] = None
    if prepared.get("VirtualQuantity") is None and (new or "VirtualQuantity" in given):
        prepared["VirtualQuantity"] = prepared.get("Reservation") or prepared.get("Limit")
    if prepared.get("Limit") is None and (prepared.get("VirtualQuantity") or 0) > (0 if new else limit(domain)):
        prepared["Limit"] = prepared["VirtualQuantity"]
    return prepared


def device(view: Domain, _index: int) -> Properties:
    return extent(quantity(view), volatile=True)


def extent(kib: int, volatile: bool) -> Properties:
    return {
        "BlockSize": BLOCK,
        "NumberOfBlocks": kib,
        "ConsumableBlocks": kib,
        "Volatile": volatile,
        "Access": READ_WRITE,
        "Primordial": False,
    }


BASE_MEMORY = Kind(
    name="mem",
    label="Memory",
    view=Domain,
    setting_class="Virt_MemResourceAllocationSettingData",
    resource_type=MEMORY,
    rows=MEM,
    key=lambda _domain, _index: "mem",
    device_class="Virt_Memory",
    device=device,
    selects=lambda given: not given.get("ResourceSubType") or in_pages(given),
    prepare=prepare,
    finish=lambda _view, document: fit_cells(document),
    pool="MemoryPool/0",
    single=True,
)
