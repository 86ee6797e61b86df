"""What settings of virtual systems are bound to on their host, as WBEM URIs (HostResource)."""

from __future__ import annotations

from typing import Any

from virtcim.broker.call import Path, Properties
from virtcim.broker.provider import VIRT, model_path
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import ids
from virtcim.mapping.hostdev import Hostdev, place_of
from virtcim.mapping.kind import Kind
from virtcim.mapping.processor import PROCESSORS

CLASSES = {"pci": "HostPCIDevice", "usb": "HostUSBDevice", "mdev": "HostMediatedDevice"}


def host_class(host: Host) -> str:
    """The class that a host system is served as, and that keys of its services repeat."""
    return f"{host.platform}_HostSystem"


def of_unit(host: Host, kind: Kind[Any], text: object) -> str:
    """A processor or the memory of the host, of which the document knows the number."""
    number = int(str(text).rpartition(":")[2])
    word, make = ("Processor", ids.processor_name) if kind is PROCESSORS else ("Memory", ids.memory_name)
    return host_uri(host, f"Host{word}", make(number))


def of_passed(vm: Vm, view: Hostdev) -> Properties:
    """HostResource of a device that is passed through, where the host has it."""
    found = vm.passed.get(place_of(view) or "")
    return {"HostResource": [host_uri(vm.host, CLASSES[found.word], found.name)]} if found else {}


def of_volume(host: Host, key: str) -> str:
    """A volume of the host, by libvirt's key of it."""
    return host_uri(host, "HostStorageVolume", ids.volume_name(key))


def host_uri(host: Host, word: str, name: str) -> str:
    """A device of the host: the end of its class, and its name within its DeviceID."""
    classname = f"{host.platform}_{word}"
    keys = (
        ("SystemCreationClassName", host_class(host)),
        ("SystemName", ids.host_token(host)),
        ("CreationClassName", classname),
        ("DeviceID", ids.host_device_id(name)),
    )
    return f"/{model_path(Path(classname, keys, VIRT))}"
