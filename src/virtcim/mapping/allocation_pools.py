"""Samples of the settings that storage pools, networks and volumes are made from, as libvirt-cim had them."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.mapping.allocation import Sample
from virtcim.mapping.table import Properties

STORAGE_POOL = "Virt_DiskPoolResourceAllocationSettingData"
NETWORK = "Virt_NetPoolResourceAllocationSettingData"
VOLUME = "Virt_StorageVolumeResourceAllocationSettingData"
CLASSES = (STORAGE_POOL, NETWORK, VOLUME)
NONE, NAT, ROUTED = 0, 1, 2  # ForwardMode
RAW, QCOW2 = 1, 2  # FormatType
FILES, DEVICES = ("dir", "fs", "netfs"), ("logical", "zfs")  # whose volumes can have any name
FORMATS = {RAW: "raw", QCOW2: "qcow2"}

# libvirt's word -> Type, and what the source of such a pool is named by.
STORAGE: dict[str, tuple[int, Properties]] = {
    "dir": (1, {}),
    "fs": (2, {"DevicePaths": ["/dev/sdx1"]}),
    "netfs": (3, {"Host": "storage.example.com", "SourceDirectory": "/export/images"}),
    "disk": (4, {"DevicePaths": ["/dev/sdx"]}),
    "iscsi": (5, {"Host": "storage.example.com", "DevicePaths": ["iqn.2024-01.com.example:images"]}),
    "logical": (6, {}),
    "scsi": (7, {"AdapterName": "scsi_host0"}),
    "mpath": (8, {}),
    "iscsi-direct": (
        9,
        {
            "Host": "storage.example.com",
            "DevicePaths": ["iqn.2024-01.com.example:images"],
            "InitiatorName": "iqn.2024-01.com.example:host",
        },
    ),
}
TARGETS: dict[str, str | None] = {
    "disk": "/dev",
    "iscsi": "/dev/disk/by-path",
    "scsi": "/dev/disk/by-path",
    "logical": "/dev/images",
    "mpath": "/dev/mapper",
    "iscsi-direct": None,
}
ADDRESSES: Properties = {
    "Address": "192.168.122.1",
    "Netmask": "255.255.255.0",
    "IPRangeStart": "192.168.122.2",
    "IPRangeEnd": "192.168.122.254",
}


def storage_pools() -> Iterator[Sample]:
    """One of each kind of storage pool."""
    for word, (number, source) in STORAGE.items():
        path = TARGETS.get(word, "/var/lib/libvirt/images")
        properties = {"Type": number, "ResourceSubType": word, "Path": path, "Autostart": 0, **source}
        yield Sample("Supported", word, STORAGE_POOL, properties)


def networks() -> Iterator[Sample]:
    """One of each way out of a network."""
    for word, mode in (("isolated", NONE), ("nat", NAT), ("routed", ROUTED)):
        yield Sample("Supported", word, NETWORK, ADDRESSES | {"ForwardMode": mode})


def volumes(storage_type: str | None, path: str | None) -> Iterator[Sample]:
    """What can be made in a pool: files in any format, or a device, all of which is set aside."""
    for number, word in FORMATS.items() if storage_type in FILES else ():
        properties = {"FormatType": number, "VolumeName": f"new.{word}", "Path": path, "Capacity": 1}
        yield Sample("Supported", f"volume-{word}", VOLUME, properties | {"AllocationQuantity": 0})
    if storage_type in DEVICES:
        properties = {"FormatType": RAW, "VolumeName": "new", "Path": path, "Capacity": 1}
        yield Sample("Supported", "volume-raw", VOLUME, properties)
