"""DSP1044 Processor Resource Virtualization: the processors of the host, their pool and what is bound to them."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.provider import End, Profile
from virtcim.mapping.pools_host import pinned
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device, devices, kept, state_of
from virtcim.profiles.lookup import version
from virtcim.profiles.pools import ProcessorPool, pools_of
from virtcim.profiles.pools_host import HostProcessor

profile = Profile("dsp1044")
profile.central("CIM_ResourcePool", ProcessorPool)
profile.source(HostProcessor, hardware.everywhere(hardware.processors), follows=version)
HOST_PROCESSOR = "Virt_HostProcessor"
profile.instance(HOST_PROCESSOR, of=HostProcessor, find=hardware.by_keys(hardware.processors))(
    hardware.device_properties
)


def processors_of_pool(pool: ProcessorPool) -> tuple[HostProcessor, ...]:
    return hardware.processors(pool.host)


def pool_of_processor(one: HostProcessor) -> list[object]:
    return [pools_of(one.host)[PROCESSORS.pool]]


def processor_below(device: Device) -> list[HostProcessor]:
    """The processor of the host that a virtual one runs on, if there is only one it may run on."""
    if device.resource.kind is not PROCESSORS or not device.vm.active:
        return []
    bound = kept(device.vm, "_pinned", lambda: dict(pinned(state_of(device.vm).document)))
    return [one for one in hardware.processors(device.vm.host) if one.number == bound.get(device.index)]


def processors_above(one: HostProcessor) -> Iterator[Device]:
    for vm in one.host.vms if one.host.readable else ():
        for device in devices(vm) if vm.active else ():
            if one in processor_below(device):
                yield device


profile.associate(
    "Virt_SystemDevice",
    End("GroupComponent", "Virt_HostSystem", across=hardware.on(hardware.processors)),
    End("PartComponent", HOST_PROCESSOR, across=lambda one: [one.host]),
)
profile.associate(
    "Virt_ConcreteComponent",
    End("GroupComponent", "CIM_ResourcePool", across=processors_of_pool, of=ProcessorPool),
    End("PartComponent", HOST_PROCESSOR, across=pool_of_processor),
)
profile.associate(
    "Virt_HostedDependency",
    End("Antecedent", HOST_PROCESSOR, across=processors_above),
    End("Dependent", "CIM_Processor", across=processor_below, of=Device),
)
