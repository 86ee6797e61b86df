"""DSP1059 Generic Device Resource Virtualization: pools of devices, and the host's devices that are passed through."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from virtcim.broker.provider import End, Profile
from virtcim.mapping.disk import CDROM, FLOPPY_DRIVE
from virtcim.mapping.divisions import group_pool
from virtcim.mapping.hostdev import POOL as HOST_DEVICES
from virtcim.mapping.net import INTERFACE
from virtcim.mapping.pools_host import is_on
from virtcim.profiles import controllers
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import Device
from virtcim.profiles.hardware import aggregate
from virtcim.profiles.pools import DevicePool
from virtcim.profiles.pools_host import HostMediated, HostPci, HostUsb, Passed
from virtcim.profiles.storage_host import HostFloppyDrive, HostOpticalDrive, devices_above_drive, drive_below, drives

profile = Profile("dsp1059")
profile.central("CIM_ResourcePool", DevicePool)


def pools_of_device(one: Passed) -> Iterator[str]:
    """That of all that can be passed through, and that of its IOMMU group."""
    yield HOST_DEVICES
    if one.device.group is not None:
        yield group_pool(one.device.group)


def _in_pool(pool: str, _one: object) -> list[str]:
    return [pool]


def device_below(device: Device) -> Iterator[Passed]:
    """The device of the host that a virtual one is."""
    if device.vm.active and (device.kind.pool == HOST_DEVICES or device.kind is INTERFACE):
        yield from (one for one in hardware.passed(device.vm.host) if is_on(device.resource.view, one.device))


profile.associate(
    "Virt_ControlledBy",
    End("Antecedent", "CIM_Controller", across=controllers.devices_on, of=Device),
    End("Dependent", "CIM_LogicalDevice", across=controllers.controller_of, of=Device),
    properties=controllers.place,
)
for drive, drive_class, pool in (
    (HostOpticalDrive, "Virt_HostDVDDrive", CDROM.pool),
    (HostFloppyDrive, "Virt_HostDisketteDrive", FLOPPY_DRIVE.pool),
):
    aggregate(
        profile,
        drive,
        drive_class,
        "CIM_MediaAccessDevice",
        present=partial(drives, of=drive),
        pools=partial(_in_pool, pool),
        below=partial(drive_below, of=drive),
        pool_class=DevicePool,
        above=devices_above_drive,
    )
for of, classname, virtual, present in (
    (HostPci, "Virt_HostPCIDevice", "CIM_LogicalDevice", hardware.pci_devices),
    (HostMediated, "Virt_HostMediatedDevice", "CIM_PCIDevice", hardware.mediated_devices),
    (HostUsb, "Virt_HostUSBDevice", "CIM_USBDevice", hardware.usb_devices),
):
    aggregate(
        profile,
        of,
        classname,
        virtual,
        present=present,
        pools=pools_of_device,
        below=device_below,
        pool_class=DevicePool,
    )
