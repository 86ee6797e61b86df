"""The host's part of DSP1047: its volumes and drives, the pools they make up and the virtual disks on them."""

from __future__ import annotations

from collections.abc import Iterable

from virtcim.broker.call import Properties
from virtcim.broker.provider import End, Profile
from virtcim.host.inventory import Pool
from virtcim.mapping import ids
from virtcim.mapping.storage import extent_in
from virtcim.profiles import pools_host as hardware
from virtcim.profiles import storage_host as stored
from virtcim.profiles.elements import Device
from virtcim.profiles.hardware import aggregate
from virtcim.profiles.lookup import version
from virtcim.profiles.pools import STORAGE_POOL, ResourcePool, StoragePool, pools_of
from virtcim.profiles.storage_host import HostDrive, HostVolume

VOLUME, DRIVE = "Virt_HostStorageVolume", "Virt_HostDiskDrive"


def declare(profile: Profile) -> None:
    """Add the host's part to the profile."""
    _volumes(profile)
    aggregate(
        profile,
        HostDrive,
        DRIVE,
        "CIM_LogicalDevice",
        present=stored.drives,
        pools=lambda _drive: [STORAGE_POOL],
        below=stored.drive_below,
        pool_class=StoragePool,
        above=stored.devices_above_drive,
    )


def _volumes(profile: Profile) -> None:
    profile.source(HostVolume, hardware.everywhere(stored.volumes), follows=version)
    profile.instance(VOLUME, of=HostVolume, find=stored.find_volume)(stored.volume_properties)
    profile.associate(
        "Virt_SystemDevice",
        End("GroupComponent", "Virt_HostSystem", across=hardware.on(stored.volumes)),
        End("PartComponent", VOLUME, across=lambda one: [one.host]),
    )
    profile.associate(
        "Virt_ConcreteComponent",
        End("GroupComponent", "CIM_ResourcePool", across=volumes_of, of=StoragePool),
        End("PartComponent", VOLUME, across=pools_with),
    )
    profile.associate(
        "Virt_DeviceHostedDependency",
        End("Antecedent", VOLUME, across=stored.devices_above),
        End("Dependent", "CIM_LogicalDevice", across=stored.volume_below, of=Device),
    )
    profile.associate(
        "Virt_BasedOn",
        End("Antecedent", VOLUME, across=stored.overlays_of),
        End("Dependent", VOLUME, across=stored.base_of),
    )
    profile.associate(
        "Virt_BasedOn",
        End("Antecedent", VOLUME, across=stored.devices_above),
        End("Dependent", "CIM_LogicalDisk", across=stored.volume_below, of=Device),
        properties=same_blocks,
    )


def volumes_of(pool: StoragePool) -> Iterable[HostVolume]:
    """The volumes in a concrete pool, used or not."""
    by_key = stored.volumes_on(pool.host).by_key
    found = stored.volumes_in(pool.source) if isinstance(pool.source, Pool) else ()
    return [by_key[volume.key] for volume in found if volume.key in by_key]


def pools_with(one: HostVolume) -> list[ResourcePool]:
    known = pools_of(one.host)
    found = (known.get(ids.pool_id("Disk", pool.name)) for pool in stored.pools_of_volume(one))
    return [pool for pool in found if pool is not None and pool.source is not None]


def same_blocks(one: HostVolume, _device: Device) -> Properties:
    return extent_in(one.volume.xml, one.volume.capacity)
