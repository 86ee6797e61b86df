"""DSP1045 Memory Resource Virtualization: the memory of the host, its pools and what is bound to a part of it."""

from __future__ import annotations

from virtcim.broker.provider import Profile
from virtcim.mapping import divisions
from virtcim.mapping.divisions import CELL
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.pools_host import bound_cell
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device, kept, state_of
from virtcim.profiles.hardware import aggregate
from virtcim.profiles.pools import MemoryPool
from virtcim.profiles.pools_host import HostMemory

profile = Profile("dsp1045")
profile.central("CIM_ResourcePool", MemoryPool)


def pools_of_memory(one: HostMemory) -> list[str]:
    """That of the host, and that of its cell."""
    return [BASE_MEMORY.pool, divisions.pool_of(BASE_MEMORY.pool, CELL, str(one.cell))]


def memory_below(device: Device) -> list[HostMemory]:
    """The cell that the memory of a system comes from, if it is bound to a single one."""
    if device.resource.kind is not BASE_MEMORY or not device.vm.active:
        return []
    (cell,) = kept(device.vm, "_cell", lambda: (bound_cell(state_of(device.vm).document),))
    return [one for one in hardware.memories(device.vm.host) if one.cell == cell]


aggregate(
    profile,
    HostMemory,
    "Virt_HostMemory",
    "CIM_Memory",
    present=hardware.memories,
    pools=pools_of_memory,
    below=memory_below,
    pool_class=MemoryPool,
)
