"""DSP1059 Generic Device Resource Virtualization: pools of devices, and the host's devices that are passed through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from virtcim.broker.provider import End, Profile
from virtcim.host.inventory import Host
from virtcim.mapping import pools
from virtcim.mapping.pools_host import is_on
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device
from virtcim.profiles.lookup import version
from virtcim.profiles.pools import DevicePool, devices_from, pools_of
from virtcim.profiles.pools_host import HostPci, HostUsb, Passed

profile = Profile("dsp1059")
profile.central("CIM_ResourcePool", DevicePool)
HOST_DEVICES = f"{pools.HOST_DEVICES}Pool/0"


def pool_of_device(one: Passed) -> list[object]:
    return [pools_of(one.host)[HOST_DEVICES]]


def device_below(device: Device) -> Iterator[Passed]:
    """The device of the host that a virtual one is."""
    if device.vm.active and device.resource.kind.pool == HOST_DEVICES:
        yield from (one for one in hardware.passed(device.vm.host) if is_on(device.resource.view, one.device))


def devices_above(one: Passed) -> Iterator[Device]:
    """The virtual device that it is now; in no two systems at a time."""
    pool: Any = pools_of(one.host)[HOST_DEVICES]
    return (device for device in devices_from(pool) if is_on(device.resource.view, one.device))


def _host_devices(of: type[Any], classname: str, virtual: str, devices: Callable[[Host], Iterable[Any]]) -> None:
    def members(pool: DevicePool) -> Iterable[object]:
        return devices(pool.host) if pool.pool_id == HOST_DEVICES else ()

    profile.source(of, hardware.everywhere(devices), follows=version)
    profile.instance(classname, of=of, find=hardware.by_keys(devices))(hardware.device_properties)
    profile.associate(
        "Virt_SystemDevice",
        End("GroupComponent", "Virt_HostSystem", across=hardware.on(devices)),
        End("PartComponent", classname, across=lambda one: [one.host]),
    )
    profile.associate(
        "Virt_ConcreteComponent",
        End("GroupComponent", "CIM_ResourcePool", across=members, of=DevicePool),
        End("PartComponent", classname, across=pool_of_device),
    )
    profile.associate(
        "Virt_HostedDependency",
        End("Antecedent", classname, across=devices_above),
        End("Dependent", virtual, across=device_below, of=Device),
    )


_host_devices(HostPci, "Virt_HostPCIDevice", "CIM_PCIDevice", hardware.pci_devices)
_host_devices(HostUsb, "Virt_HostUSBDevice", "CIM_USBDevice", hardware.usb_devices)
