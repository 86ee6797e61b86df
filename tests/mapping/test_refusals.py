"""Bad values: each refused with the property and the reason."""

from __future__ import annotations

import pytest
from tests.mapping.making import DISK, MEM, NET, RASD, blank, made
from tests.mapping.samples import load, resource

from virtcim.mapping.resources import BadProperty, change, kind_for, new_element, requested_bytes
from virtcim.mapping.table import Properties

PROC, CONSOLE, GRAPHICS = f"KVM_Proc{RASD}", f"KVM_Console{RASD}", f"KVM_Graphics{RASD}"
# class, properties of a new device, the property that is blamed, words of the reason
NEW: list[tuple[str, Properties, str, str]] = [
    (DISK, {"VirtualDevice": "vdq"}, "HostResource", "is missing: only optical and floppy drives can be empty"),
    (DISK, {"VirtualDevice": "vda", "Address": "/b"}, "VirtualDevice", "'vda' is used by another disk"),
    (DISK, {"Address": "relative.img"}, "Address", "is not an absolute path"),
    (DISK, {"HostResource": ["gopher://x/y"]}, "HostResource", "is not an absolute path"),
    (DISK, {"HostResource": ["/a", "/b"]}, "HostResource", "several entries"),
    (DISK, {"Address": "/a", "HostResource": ["/b"]}, "Address", "contradicts another property"),
    (DISK, {"Address": "/a", "Access": 2}, "Access", "2 is not one of 1, 3"),
    (DISK, {"Address": "/a", "readonly": True, "Access": 3}, "Access", "contradicts another property"),
    (DISK, {"Address": "/a", "EmulatedType": 9}, "EmulatedType", "9 is not one of 0, 1, 2, 3, 4"),
    (DISK, {"Address": "/a", "EmulatedType": 4}, "HostResource", "of a LUN has to be a block device"),
    (DISK, {"Address": "/a", "rawio": "maybe"}, "rawio", "'maybe' is not one of yes, no"),
    (DISK, {"Address": "/a", "Colour": "red"}, "Colour", "is not supported for this kind"),
    (DISK, {"Address": "/a", "Weight": 5}, "Weight", "is not supported for this kind"),
    (DISK, {"Address": "/a\x00b"}, "Address", "has a character that XML cannot hold"),
    (DISK, {"Address": "/a", "AddressProperties": ["type"], "AddressValues": []}, "AddressValues", "contradicts"),
    (DISK, {"Address": "/a", "AddressValues": ["pci"]}, "AddressValues", "as many entries"),
    (DISK, {"Address": "/a", "Parent": "DiskPool/0"}, "Parent", "does not refer to the setting of a controller"),
    (DISK, {"Address": "/a", "AddressOnParent": "first"}, "AddressOnParent", "'first' is not the unit"),
    (DISK, {"Address": "/a", "ConsumerVisibility": 2}, "ConsumerVisibility", "cannot be 2: it is 3"),
    (DISK, {"EmulatedType": 3, "Address": "/a"}, "VirtualDevice", "is missing: it is the mount tag"),
    (DISK, {"EmulatedType": 3, "VirtualDevice": "tag"}, "Address", "is missing: it is the directory"),
    (
        DISK,
        {"Address": "/a", "PersistentReservationsSupported": True},
        "PersistentReservationsSupported",
        "a LUN alone",
    ),
    (NET, {}, "NetworkType", "is missing"),
    (
        NET,
        {"NetworkType": "token-ring"},
        "NetworkType",
        "is not one of network, bridge, user, direct, hostdev",
    ),
    (NET, {"NetworkType": "network"}, "PoolID", "is missing: NetworkPool/<network> says which"),
    (NET, {"NetworkType": "bridge"}, "NetworkName", "is missing: it says which bridge"),
    (NET, {"NetworkType": "direct"}, "SourceDevice", "is missing: it says which device"),
    (NET, {"NetworkType": "hostdev"}, "SourceDevice", "is missing: it says which virtual function"),
    (NET, {"NetworkType": "hostdev", "SourceDevice": "eth0"}, "SourceDevice", "'eth0' names no virtual function"),
    (NET, {"NetworkType": "hostdev", "HostResource": []}, "SourceDevice", "is missing"),
    (
        NET,
        {"NetworkType": "hostdev", "HostResource": ["pci:0000:04:10.1", "pci:0000:04:10.2"]},
        "HostResource",
        "names exactly one",
    ),
    (
        NET,
        {"NetworkName": "br0", "HostResource": ["pci:0000:04:10.1"], "NetworkType": "bridge"},
        "HostResource",
        "means nothing",
    ),
    (NET, {"SourceDevice": "0000:04:10.1", "Limit": 8000}, "Limit", "cannot be set"),
    (NET, {"NetworkType": "user", "ReceiveBandwidthLimit": 8000}, "ReceiveBandwidthLimit", "cannot be set"),
    (NET, {"SourceDevice": "0000:04:10.1", "AutomaticAllocation": False}, "AutomaticAllocation", "cannot be false"),
    (NET, {"SourceDevice": "eth0", "NetworkMode": "vepa", "PortVID": 42}, "PortVID", "only mode passthrough"),
    (
        NET,
        {"SourceDevice": "0000:04:10.1", "DesiredVLANEndpointMode": 5, "AllowedToReceiveVLANs": [42]},
        "DesiredVLANEndpointMode",
        "has one VLAN",
    ),
    (NET, {"NetworkType": "user", "Address": "52:54:00"}, "Address", "is not a MAC address"),
    (NET, {"NetworkType": "user", "PoolID": "DiskPool/x"}, "PoolID", "'DiskPool/x' is not NetworkPool/<network>"),
    (NET, {"NetworkType": "user", "NetworkName": "x"}, "NetworkName", "means nothing for an interface of type user"),
    (NET, {"Connection": ["a", "b"]}, "Connection", "several entries"),
    (NET, {"NetworkType": "user", "Reservation": 8000}, "Reservation", "cannot be 8000"),
    (NET, {"NetworkType": "user", "Limit": 7999}, "Limit", "the least bandwidth is 8000"),
    (NET, {"NetworkType": "user", "Limit": 5, "AllocationUnits": "byte"}, "AllocationUnits", "cannot be used"),
    (NET, {"NetworkType": "user", "FilterParameterNames": ["IP"]}, "FilterParameterNames", "needs FilterRef"),
    (NET, {"NetworkType": "user", "FilterRef": "x", "FilterParameterNames": ["IP"]}, "FilterParameterValues", "needs"),
    (NET, {"NetworkType": "user", "FilterRef": "x", "FilterParameterValues": ["a"]}, "FilterParameterValues", "needs"),
    (NET, {"NetworkType": "user", "PortIsolated": True}, "PortIsolated", "is at no bridge"),
    (NET, {"NetworkName": "b", "VSIType": "openvswitch", "PortIsolated": True}, "PortIsolated", "Open vSwitch has no"),
    (NET, {"NetworkType": "user", "TransmitBurstSize": 1023}, "TransmitBurstSize", "the least burst is 1024"),
    (NET, {"NetworkType": "user", "PortVID": 5}, "PortVID", "has no VLANs without Open vSwitch"),
    (
        NET,
        {"NetworkType": "user", "DesiredVLANEndpointMode": 3},
        "DesiredVLANEndpointMode",
        "3 is not one of 2",
    ),
    (NET, {"NetworkName": "b", "DesiredVLANEndpointMode": 5}, "AllowedToReceiveVLANs", "is missing for a trunk"),
    (
        NET,
        {"NetworkName": "b", "AllowedToReceiveVLANs": [1, 2]},
        "AllowedToReceiveVLANs",
        "needs Desired",
    ),
    (NET, {"SourceDevice": "e", "VSITypeID": 2**24}, "VSITypeID", "is not between 0 and 16777215"),
    (NET, {"SourceDevice": "e", "ManagerID": 256}, "ManagerID", "is not between 0 and 255"),
    (NET, {"SourceDevice": "e", "VSIManagerID": "x"}, "VSIManagerID", "is not a number"),
    (NET, {"NetworkType": "user", "DefaultPriority": 3}, "DefaultPriority", "is not supported for this kind"),
    (PROC, {"VirtualQuantity": 0}, "VirtualQuantity", "at least one processor"),
    (PROC, {"VirtualQuantity": 1, "Weight": 1}, "Weight", "is not between 2 and 262144"),
    (PROC, {"VirtualQuantity": 1, "Reservation": 5}, "Reservation", "cannot be 5"),
    (PROC, {"VirtualQuantity": 1, "VirtualQuantityUnits": "byte"}, "VirtualQuantityUnits", "cannot be used"),
    (
        PROC,
        {"VirtualQuantity": 1, "Limit": 5, "AllocationUnits": "hertz * 10^6"},
        "AllocationUnits",
        "100 percent is",
    ),
    (PROC, {"VirtualQuantity": 4, "MaxVirtualQuantity": 2}, "MaxVirtualQuantity", "2 is less than VirtualQuantity 4"),
    (PROC, {"VirtualQuantity": 1, "MappingBehavior": 4}, "MappingBehavior", "cannot be 4"),
    (MEM, {"VirtualQuantity": 1, "AllocationUnits": "furlong"}, "AllocationUnits", "of memory cannot be used"),
    (
        MEM,
        {"VirtualQuantity": 1, "AllocationUnits": "count(fixed size block)"},
        "AllocationUnits",
        "cannot be converted",
    ),
    (
        MEM,
        {"VirtualQuantity": 4096, "Limit": 2048, "AllocationUnits": "KiloBytes"},
        "VirtualQuantity",
        "more than Limit",
    ),
    (MEM, {"VirtualQuantity": 2048, "Weight": 5}, "Weight", "cannot be 5"),
    (MEM, {"ResourceSubType": "dimm", "VirtualQuantity": 2**20}, "ResourceSubType", "has no MaxMemory and MaxSlots"),
    (CONSOLE, {}, "SourceType", "is missing"),
    (CONSOLE, {"SourceType": 77}, "SourceType", "77 is not one of 0 (null)"),
    (CONSOLE, {"SourceType": 4}, "SourcePath", "is missing for SourceType 4 (file)"),
    (CONSOLE, {"SourceType": 2, "ConnectURL": "raw://h:1"}, "ConnectURL", "does not fit SourceType 2 (pty)"),
    (CONSOLE, {"SourceType": 7, "ConnectURL": "udp://h:1"}, "BindURL", "is missing: udp has one for each direction"),
    (CONSOLE, {"SourceType": 7, "ConnectURL": "raw://h:1", "BindURL": "udp://h:2"}, "ConnectURL", "does not fit"),
    (CONSOLE, {"SourceType": 8}, "ConnectURL", "tcp takes exactly one of them"),
    (
        CONSOLE,
        {"SourceType": 8, "ConnectURL": "raw://h:1", "BindURL": "raw://h:2"},
        "ConnectURL",
        "exactly one of them",
    ),
    (CONSOLE, {"SourceType": 8, "SourcePath": "/x", "ConnectURL": "raw://h:1"}, "SourcePath", "does not fit"),
    (
        CONSOLE,
        {"SourceType": 9, "BindURL": "file:///a", "ConnectURL": "file:///b"},
        "ConnectURL",
        "exactly one of them",
    ),
    (CONSOLE, {"SourceType": 2, "TargetPort": "first"}, "TargetPort", "'first' is not a number"),
    (GRAPHICS, {}, "ResourceSubType", "None is not one of vnc, sdl"),
    (GRAPHICS, {"ResourceSubType": "telex"}, "ResourceSubType", "'telex' is not one of vnc, sdl"),
    (GRAPHICS, {"ResourceSubType": "vnc", "Address": "anywhere"}, "Address", "is not <IPv4>:<port>"),
    (GRAPHICS, {"ResourceSubType": "vnc", "Address": "1.2.3.4:99999"}, "Address", "is not between -1 and 65535"),
    (GRAPHICS, {"ResourceSubType": "vnc", "Address": "1.2.3.4:1", "IsIPv6Only": True}, "IsIPv6Only", "contradicts"),
    (f"KVM_Input{RASD}", {"ResourceSubType": "joystick"}, "ResourceSubType", "'joystick' is not one of mouse"),
    (f"KVM_Controller{RASD}", {}, "ResourceSubType", "None is not one of ide"),
    (f"KVM_Controller{RASD}", {"ResourceSubType": "scsi", "Queues": "many"}, "Queues", "is not a number"),
    (f"KVM_HostDevice{RASD}", {}, "HostResource", "is missing"),
    (f"KVM_HostDevice{RASD}", {"HostResource": []}, "HostResource", "is missing"),
    (f"KVM_HostDevice{RASD}", {"HostResource": ["a", "b"]}, "HostResource", "names exactly one device"),
    (f"KVM_HostDevice{RASD}", {"DeviceType": "vdpa"}, "DeviceType", "'vdpa' is not one of pci, usb, mdev"),
    (f"KVM_HostDevice{RASD}", {"DeviceType": "pci", "SourceAddress": "slot 4"}, "SourceAddress", "names no pci device"),
    (f"KVM_RNG{RASD}", {"RatePeriod": 5}, "RateBytes", "is missing"),
    (f"KVM_RNG{RASD}", {"VirtualQuantity": 2}, "VirtualQuantity", "cannot be 2: it is 1"),
    (DISK, {"ResourceType": 3, "Address": "/a"}, "ResourceType", "3 does not fit KVM_Disk"),
    (
        DISK,
        {"ResourceType": 1, "OtherResourceType": "tape", "Address": "/a"},
        "ResourceType",
        "'tape'",
    ),
    (f"CIM_{RASD}", {}, "ResourceType", "is missing"),
    (f"CIM_{RASD}", {"ResourceType": 18}, "ResourceType", "18 does not fit"),
    (f"KVM_DiskPool{RASD}", {"ResourceType": 17}, "ResourceType", "is not a class of settings for virtual systems"),
]


@pytest.mark.parametrize(
    ("classname", "given", "name", "reason"),
    [pytest.param(*each, id=f"{number}-{each[2]}") for number, each in enumerate(NEW)],
)
def test_a_new_device_is_refused(classname: str, given: Properties, name: str, reason: str) -> None:
    document = blank(vcpu=1, memory=None if classname == MEM else 65536)
    document.add(new_element(kind_for(31, None, DISK), {"Address": "/first.img"}, document), inside="devices")
    devices = document.element.find("devices")
    assert devices is not None
    before = len(devices)
    with pytest.raises(BadProperty) as refused:
        made(given, classname, document)
    assert refused.value.name == name, str(refused.value)
    assert reason in str(refused.value)
    assert len(devices) == before


# device of everything.xml, properties, the property that is blamed, words of the reason
CHANGED: list[tuple[str, Properties, str, str]] = [
    ("vda", {"ResourceType": 10}, "ResourceType", "10 cannot replace 31"),
    ("vda", {"EmulatedType": 1}, "EmulatedType", "cannot be 1: it is 0"),
    ("vda", {"VirtualDevice": "vdb"}, "VirtualDevice", "'vdb' is used by another disk"),
    ("vda", {"HostResource": None}, "HostResource", "is missing"),
    ("vda", {"Address": "/a", "HostResource": ["file:///b"]}, "Address", "contradicts another property"),
    ("52:54:00:00:00:01", {"Address": "52:54:00:00:00:02"}, "Address", "is used by another interface"),
    ("52:54:00:00:00:01", {"NetworkType": "bridge"}, "NetworkName", "is missing"),
    ("52:54:00:00:00:02", {"AllowedToReceiveVLANs": []}, "AllowedToReceiveVLANs", "is missing for a trunk"),
    ("52:54:00:00:00:02", {"AllowedToReceiveVLANs": [1], "AllowedToTransmitVLANs": [2]},
     "AllowedToReceiveVLANs", "contradicts"),
    ("52:54:00:00:00:02", {"PortVID": 5000}, "PortVID", "is not between 0 and 4095"),
    ("mem", {"VirtualQuantity": 2097152, "Limit": 1048576}, "VirtualQuantity", "is more than Limit"),
    ("mem", {"VirtualQuantity": 0}, "VirtualQuantity", "a virtual system has memory"),
    ("proc", {"VirtualQuantity": 0}, "VirtualQuantity", "at least one processor"),
    ("proc", {"ProcessorArchitecture": "DMTF:ARM"}, "ProcessorArchitecture", "cannot be 'DMTF:ARM'"),
    ("share", {"VirtualDevice": None}, "VirtualDevice", "is missing"),
    ("controller:pci:4", {"Index": 0}, "Index", "0 is used by another pci controller"),
    ("vnc", {"Address": "[::1]"}, "Address", "is not <IPv4>:<port>"),
    ("serial:1", {"ConnectURL": "raw://h:1"}, "ConnectURL", "exactly one of them"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dev", "given", "name", "reason"),
    [pytest.param(*each, id=f"{each[0]}-{','.join(each[1])}") for each in CHANGED],
)
def test_a_change_is_refused(dev: str, given: Properties, name: str, reason: str) -> None:
    document = load("everything")
    with pytest.raises(BadProperty) as refused:
        change(resource(document, dev), given, document)
    assert refused.value.name == name, str(refused.value)
    assert reason in str(refused.value)


def test_a_size_in_a_unit_that_is_none() -> None:
    with pytest.raises(BadProperty, match="VirtualQuantityUnits"):
        requested_bytes({"VirtualQuantity": 1, "VirtualQuantityUnits": "hertz"})
