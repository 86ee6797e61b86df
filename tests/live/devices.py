"""What a running guest of QEMU is given in the tests, what it cannot be given, and what it cannot change."""

from __future__ import annotations

from typing import Any

from tests import runs

IMAGES = runs.DIRECTORY / "images"
IMAGE, CD, OTHER_CD = (IMAGES / name for name in ("disk.img", "one.iso", "two.iso"))
MAC, FIXED_MAC = "52:54:00:10:42:02", "52:54:00:10:42:01"

# Kind -> a device that a running guest can be given, and where its element is.
PLUGGED: dict[str, tuple[str, dict[str, Any], str]] = {
    "disk": ("Disk", {"HostResource": [f"file://{IMAGE}"], "DriverType": "raw"}, "disk[target/@bus='virtio']"),
    "disk on scsi": ("Disk", {"HostResource": [f"file://{IMAGE}"], "BusType": "scsi"}, "disk[@device='disk']"),
    "cdrom": ("Disk", {"EmulatedType": 1, "BusType": "usb", "Address": str(CD)}, "disk[target/@bus='usb']"),
    "net": ("Net", {"NetworkType": "user", "ResourceSubType": "virtio"}, "interface[@type='user']"),
    "input": ("Input", {"ResourceSubType": "tablet"}, "input[@type='tablet']"),
    "keyboard": ("Input", {"ResourceSubType": "keyboard", "BusType": "virtio"}, "input[@bus='virtio']"),
    "channel": ("Channel", {"SourceType": 2, "TargetName": "org.example.0"}, "channel[target/@name='org.example.0']"),
    "console": ("Console", {"SourceType": 2, "TargetType": "virtio"}, "console[target/@type='virtio']"),
    "serial": ("Serial", {"SourceType": 2, "TargetType": "usb-serial", "TargetPort": "1"}, "serial[target/@port='1']"),
    "scsi": ("Controller", {"ResourceSubType": "scsi", "Model": "virtio-scsi"}, "controller[@type='scsi'][@index='1']"),
    "rng": ("RNG", {}, "rng"),
    "watchdog": ("Watchdog", {"Action": "none"}, "watchdog"),
}  # fmt: skip
NOT_TRIED = {"lun", "pci", "usbdev", "hostdev", "filesystem", "dimm"}  # need what a test machine or guest has not
NEEDS_PCI = {"watchdog"}  # sits on a conventional PCI bus, and this q35 has only PCI Express

# Kind -> a device that a running guest cannot be given.
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "proc": ("Proc", {"VirtualQuantity": 1}),
    "mem": ("Mem", {"VirtualQuantity": 2**20}),
    "floppy": ("Disk", {"EmulatedType": 2}),
    "disk on sata": ("Disk", {"HostResource": [f"file://{IMAGE}"], "BusType": "sata"}),
    "filesystem of 9p": ("Disk", {"EmulatedType": 3, "Address": "/srv", "VirtualDevice": "tag"}),
    "graphics": ("Graphics", {"ResourceSubType": "spice"}),
    "video": ("Video", {"ResourceSubType": "virtio"}),
    "input on ps2": ("Input", {"ResourceSubType": "mouse"}),
    "serial on isa": ("Serial", {"SourceType": 2}),
    "parallel": ("Parallel", {"SourceType": 2}),
    "console on serial": ("Console", {"SourceType": 2, "TargetType": "serial"}),
    "ide": ("Controller", {"ResourceSubType": "ide"}),
    "usb": ("Controller", {"ResourceSubType": "usb", "Model": "qemu-xhci"}),
    "controller": ("Controller", {"ResourceSubType": "virtio-serial"}),
    "sound": ("Sound", {}),
    "tpm": ("TPM", {}),
    "balloon": ("Balloon", {}),
}

# What is changed -> class, device key, properties.
FROZEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "model of an interface": ("Net", FIXED_MAC, {"ResourceSubType": "e1000"}),
    "address of an interface": ("Net", FIXED_MAC, {"Address": "52:54:00:10:42:09"}),
    "cache of a drive": ("Disk", "sda", {"DriverCache": "none"}),
    "name of a drive": ("Disk", "sda", {"VirtualDevice": "sdb"}),
    "port of a console": ("Graphics", "vnc", {"Address": "127.0.0.1:5942"}),
    "model of the balloon": ("Balloon", "balloon:0", {"Model": "virtio-transitional"}),
}
