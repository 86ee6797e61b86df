"""DSP1045 Memory Resource Virtualization: the memory of the host, its pool and what is bound to a part of it."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.provider import End, Profile
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.pools_host import bound_cell
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device, devices, kept, state_of
from virtcim.profiles.lookup import version
from virtcim.profiles.pools import MemoryPool, pools_of
from virtcim.profiles.pools_host import HostMemory

profile = Profile("dsp1045")
profile.central("CIM_ResourcePool", MemoryPool)
profile.source(HostMemory, hardware.everywhere(hardware.memories), follows=version)
HOST_MEMORY = "Virt_HostMemory"
profile.instance(HOST_MEMORY, of=HostMemory, find=hardware.by_keys(hardware.memories))(hardware.device_properties)


def memories_of_pool(pool: MemoryPool) -> tuple[HostMemory, ...]:
    return hardware.memories(pool.host)


def pool_of_memory(one: HostMemory) -> list[object]:
    return [pools_of(one.host)[BASE_MEMORY.pool]]


def memory_below(device: Device) -> list[HostMemory]:
    """The cell that the memory of a system comes from, if it is bound to a single one."""
    if device.resource.kind is not BASE_MEMORY or not device.vm.active:
        return []
    (cell,) = kept(device.vm, "_cell", lambda: (bound_cell(state_of(device.vm).document),))
    return [one for one in hardware.memories(device.vm.host) if one.cell == cell]


def memories_above(one: HostMemory) -> Iterator[Device]:
    for vm in one.host.vms if one.host.readable else ():
        for device in devices(vm) if vm.active else ():
            if one in memory_below(device):
                yield device


profile.associate(
    "Virt_SystemDevice",
    End("GroupComponent", "Virt_HostSystem", across=hardware.on(hardware.memories)),
    End("PartComponent", HOST_MEMORY, across=lambda one: [one.host]),
)
profile.associate(
    "Virt_ConcreteComponent",
    End("GroupComponent", "CIM_ResourcePool", across=memories_of_pool, of=MemoryPool),
    End("PartComponent", HOST_MEMORY, across=pool_of_memory),
)
profile.associate(
    "Virt_HostedDependency",
    End("Antecedent", HOST_MEMORY, across=memories_above),
    End("Dependent", "CIM_Memory", across=memory_below, of=Device),
)
