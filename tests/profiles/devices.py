"""A setting for each kind of resource, as a client would ask for it."""

from __future__ import annotations

from typing import Any

from tests.profiles.management import rasd

from virtcim.broker.call import Instance

# name of the kind -> class without prefix and suffix, properties, what the device key begins with
ASKED: dict[str, tuple[str, dict[str, Any], str]] = {
    "disk": ("Disk", {"HostResource": ["/images/new.qcow2"], "DriverType": "qcow2"}, "vd"),
    "lun": ("Disk", {"EmulatedType": 4, "HostResource": ["/dev/sdx"]}, "sd"),
    "cdrom": ("Disk", {"EmulatedType": 1}, "hd"),
    "floppy": ("Disk", {"EmulatedType": 2}, "fda"),
    "filesystem": ("Disk", {"EmulatedType": 3, "Address": "/srv", "VirtualDevice": "tag"}, "tag"),
    "net": ("Net", {"PoolID": "NetworkPool/production", "ResourceSubType": "virtio"}, "52:54:00:"),
    "graphics": ("Graphics", {"ResourceSubType": "vnc", "Address": "127.0.0.1:5977"}, "vnc"),
    "video": ("Video", {"ResourceSubType": "vga"}, "video:0"),
    "input": ("Input", {"ResourceSubType": "tablet"}, "tablet:usb"),
    "keyboard": ("Input", {"ResourceSubType": "keyboard"}, "keyboard:ps2"),
    "console": ("Console", {"SourceType": 2}, "charconsole:0"),
    "serial": ("Serial", {"SourceType": 2}, "serial:0"),
    "parallel": ("Parallel", {"SourceType": 4, "SourcePath": "/var/log/parallel"}, "parallel:0"),
    "channel": ("Channel", {"SourceType": 9, "TargetName": "org.example.0"}, "channel:org.example.0"),
    "ide": ("Controller", {"ResourceSubType": "ide"}, "controller:ide:"),
    "scsi": ("Controller", {"ResourceSubType": "scsi", "Model": "virtio-scsi"}, "controller:scsi:"),
    "usb": ("Controller", {"ResourceSubType": "usb", "Model": "nec-xhci"}, "controller:usb:"),
    "controller": ("Controller", {"ResourceSubType": "virtio-serial"}, "controller:virtio-serial:"),
    "sound": ("Sound", {}, "sound:0"),
    "watchdog": ("Watchdog", {}, "watchdog:0"),
    "rng": ("RNG", {}, "rng:0"),
    "tpm": ("TPM", {}, "tpm:0"),
    "balloon": ("Balloon", {}, "balloon:0"),
    "pci": ("HostDevice", {"HostResource": ["pci:0000:01:00.0"]}, "hostdev:pci:0000:01:00.0"),
    "usbdev": ("HostDevice", {"HostResource": ["usb:1d6b:0002"]}, "hostdev:usb:1d6b:0002"),
}
# further kinds that cannot be asked for alone
SINGLE = {"proc": ("Proc", {"VirtualQuantity": 3}), "mem": ("Mem", {"VirtualQuantity": 3 * 2**20})}
OTHER = {"dimm", "hostdev"}


def asked(name: str) -> Instance:
    classname, properties, _ = ASKED[name]
    return rasd(classname, **properties)


def key(name: str) -> str:
    return ASKED[name][2]
