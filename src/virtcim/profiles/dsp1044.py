"""DSP1044 Processor Resource Virtualization: the processors of the host, their pools and what is bound to them."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.call import Properties
from virtcim.broker.provider import Profile
from virtcim.mapping import divisions
from virtcim.mapping.divisions import CELL
from virtcim.mapping.pools_host import pinned
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device, kept, state_of
from virtcim.profiles.hardware import aggregate
from virtcim.profiles.pools import ProcessorPool
from virtcim.profiles.pools_host import HostProcessor

profile = Profile("dsp1044")
profile.central("CIM_ResourcePool", ProcessorPool)


def pools_of_processor(one: HostProcessor) -> Iterator[str]:
    """That of the host, and that of its cell; partitions may use any processor."""
    yield PROCESSORS.pool
    cells = divisions.processor_cells(one.host.capabilities, one.host.facts.node.cpus)
    for number, cpus in cells.items():
        if one.number in cpus:
            yield divisions.pool_of(PROCESSORS.pool, CELL, str(number))


def processor_below(device: Device) -> list[HostProcessor]:
    """The processor of the host that a virtual one runs on, if there is only one it may run on."""
    if device.resource.kind is not PROCESSORS or not device.vm.active:
        return []
    bound = kept(device.vm, "_pinned", lambda: dict(pinned(state_of(device.vm).document)))
    return [one for one in hardware.processors(device.vm.host) if one.number == bound.get(device.index)]


def load(one: HostProcessor) -> Properties:
    """How busy it is; not known before it has been looked at for a while."""
    percent = one.host.figures.loads.host.get(one.number) if one.host.readable else None
    return {} if percent is None else {"LoadPercentage": percent}


aggregate(
    profile,
    HostProcessor,
    "Virt_HostProcessor",
    "CIM_Processor",
    present=hardware.processors,
    pools=pools_of_processor,
    below=processor_below,
    pool_class=ProcessorPool,
    gauges=load,
)
