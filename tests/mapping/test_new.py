"""Settings into devices: round trips, defaults, old and new ways to say one thing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.mapping.conftest import Defined
from tests.mapping.samples import load, owner, resource

from virtcim.mapping.resources import (
    KINDS,
    Resource,
    kind_for,
    new_element,
    properties_of,
    requested_bytes,
    resources_of,
    setting,
)
from virtcim.mapping.table import Properties
from virtcim.model.domain import Domain

RASD = "ResourceAllocationSettingData"
READ_ONLY = ("hostdev:mdev:c2177883-f1bb-47f0-914d-32a22e3a8804",)
DEVICES = [one.dev for one in resources_of(load("everything")) if not one.kind.single and one.dev not in READ_ONLY]


def blank(**fields: Any) -> Domain:
    document = Domain.parse(
        "<domain type='test'><name>new</name><uuid>5a9f0b1c-77c4-4f0e-9d0b-6a1de2a2c0ff</uuid>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices/></domain>"
    )
    for name, value in fields.items():
        setattr(document, name, value)
    return document


def made(properties: Properties, classname: str, document: Domain) -> Resource:
    """The device that a setting makes, put into the document."""
    kind = kind_for(properties.get("ResourceType"), properties.get("OtherResourceType"), classname, properties)
    view = new_element(kind, properties, document)
    if not kind.single:
        document.add(view, inside="devices")
    return next(one for one in resources_of(document) if one.view.element is view.element and one.kind is kind)


@pytest.mark.parametrize("dev", DEVICES)
def test_a_device_read_and_made_anew_is_equivalent(dev: str, defined: Defined) -> None:
    document = load("everything")
    old = resource(document, dev)
    wanted = properties_of(old)
    given = setting(owner(document), old, True)
    old.view.remove()
    new = made(given, old.kind.setting_class.replace("Virt_", "KVM_"), document)
    assert new.kind is old.kind
    assert properties_of(new) == wanted
    if dev != "charconsole:0":  # libvirt takes a console on a serial port in the first place only
        defined(document.xml)


@pytest.mark.parametrize("dev", ["proc", "mem"])
def test_processors_and_memory_read_and_made_anew(dev: str) -> None:
    old = resource(load("running"), dev)
    wanted = properties_of(old)
    document = blank(arch="aarch64", numa_mode="preferred")
    new = made(dict(wanted), old.kind.setting_class, document)
    assert properties_of(new) == wanted


# class, ResourceType, OtherResourceType, further properties -> kind
CHOICES: list[tuple[str, int | None, str | None, Properties, str]] = [
    (f"KVM_Proc{RASD}", 3, None, {}, "proc"),
    (f"CIM_{RASD}", 3, None, {}, "proc"),
    ("CIM_ProcessorAllocationSettingData", 3, None, {}, "proc"),
    (f"Xen_Mem{RASD}", 4, None, {}, "mem"),
    (f"CIM_{RASD}", 4, None, {"ResourceSubType": "dimm"}, "dimm"),
    (f"KVM_Disk{RASD}", 17, None, {}, "disk"),
    (f"KVM_Disk{RASD}", 17, None, {"EmulatedType": 0}, "disk"),
    (f"KVM_Disk{RASD}", 17, None, {"EmulatedType": 1}, "cdrom"),
    (f"KVM_Disk{RASD}", 17, None, {"EmulatedType": 2}, "floppy"),
    (f"LXC_Disk{RASD}", 17, None, {"EmulatedType": 3}, "filesystem"),
    (f"LXC_Disk{RASD}", 17, None, {"MountPoint": "/"}, "filesystem"),
    (f"KVM_Disk{RASD}", 17, None, {"EmulatedType": 4}, "lun"),
    (f"KVM_Disk{RASD}", None, None, {}, "disk"),
    (f"KVM_Disk{RASD}", 1, "filesystem", {}, "filesystem"),
    ("CIM_StorageAllocationSettingData", 31, None, {}, "disk"),
    (f"CIM_{RASD}", 19, None, {}, "disk"),
    (f"CIM_{RASD}", 32, None, {}, "disk"),
    (f"CIM_{RASD}", 14, None, {}, "floppy"),
    (f"CIM_{RASD}", 15, None, {}, "cdrom"),
    (f"CIM_{RASD}", 16, None, {}, "cdrom"),
    (f"KVM_Net{RASD}", 10, None, {}, "net"),
    ("CIM_EthernetPortAllocationSettingData", 10, None, {}, "net"),
    (f"KVM_Graphics{RASD}", 24, None, {"ResourceSubType": "vnc"}, "graphics"),
    (f"CIM_{RASD}", 24, None, {"ResourceSubType": "sdl"}, "graphics"),
    (f"CIM_{RASD}", 24, None, {"ResourceSubType": "qxl"}, "video"),
    (f"KVM_Video{RASD}", 24, None, {}, "video"),
    (f"KVM_Input{RASD}", 13, None, {"ResourceSubType": "mouse"}, "input"),
    (f"KVM_Input{RASD}", 13, None, {"ResourceSubType": "keyboard"}, "keyboard"),
    (f"KVM_Input{RASD}", 13, None, {}, "input"),
    (f"KVM_Console{RASD}", 1, "console", {}, "console"),
    (f"KVM_Console{RASD}", 1, None, {}, "console"),
    (f"CIM_{RASD}", 1, "console", {}, "console"),
    (f"CIM_{RASD}", 1, "channel", {}, "channel"),
    (f"CIM_{RASD}", 21, None, {}, "serial"),
    (f"CIM_{RASD}", 22, None, {}, "parallel"),
    (f"KVM_Controller{RASD}", 1, "controller", {"ResourceSubType": "sata"}, "controller"),
    (f"KVM_Controller{RASD}", 1, "controller", {"ResourceSubType": "scsi"}, "scsi"),
    (f"KVM_Controller{RASD}", 32771, None, {"ResourceSubType": "ide"}, "ide"),
    (f"CIM_{RASD}", 6, None, {"ResourceSubType": "scsi"}, "scsi"),
    (f"CIM_{RASD}", 23, None, {"ResourceSubType": "usb"}, "usb"),
    (f"CIM_{RASD}", 1, "sound", {}, "sound"),
    (f"CIM_{RASD}", 1, "watchdog", {}, "watchdog"),
    (f"CIM_{RASD}", 1, "rng", {}, "rng"),
    (f"CIM_{RASD}", 1, "tpm", {}, "tpm"),
    (f"CIM_{RASD}", 1, "memballoon", {}, "balloon"),
    (f"KVM_HostDevice{RASD}", 13, None, {"HostResource": ["pci:0000:01:00.0"]}, "pci"),
    (f"KVM_HostDevice{RASD}", 13, None, {"HostResource": ["usb:1d6b:0002"]}, "usbdev"),
    (f"CIM_{RASD}", 13, None, {"HostResource": ["pci:0000:01:00.0"], "ConsumerVisibility": 2}, "pci"),
]


@pytest.mark.parametrize(
    ("classname", "resource_type", "other_type", "more", "wanted"),
    [pytest.param(*choice, id=f"{choice[0][:8]}-{choice[1]}-{choice[2]}-{choice[4]}") for choice in CHOICES],
)
def test_the_kind_a_setting_means(
    classname: str, resource_type: int | None, other_type: str | None, more: Properties, wanted: str
) -> None:
    assert kind_for(resource_type, other_type, classname, more).name == wanted


def test_every_kind_can_be_chosen() -> None:
    assert {choice[4] for choice in CHOICES} == {kind.name for kind in KINDS} - {"hostdev"}


DISK, NET, MEM = f"KVM_Disk{RASD}", f"KVM_Net{RASD}", f"KVM_Mem{RASD}"
# class, properties -> properties the new device has
MEANINGS: list[tuple[str, str, Properties, Properties]] = [
    ("vd-by-default", DISK, {"Address": "/a.img"}, {"VirtualDevice": "vdb", "BusType": "virtio", "EmulatedType": 0}),
    ("name-by-bus", DISK, {"Address": "/a.img", "BusType": "scsi"}, {"VirtualDevice": "sda"}),
    ("path-in-host-resource", DISK, {"HostResource": ["/x y.img"]},
     {"HostResource": ["file:///x%20y.img"], "Address": "/x y.img"}),
    ("uri-in-address", DISK, {"Address": "file:///x%20y.img"}, {"Address": "/x y.img"}),
    ("empty-drive", DISK, {"EmulatedType": 1, "Address": "/dev/null", "VirtualDevice": "hdc"},
     {"VirtualDevice": "hdc", "ResourceType": 16, "readonly": True, "Access": 1}),
    ("floppy", DISK, {"EmulatedType": 2}, {"VirtualDevice": "fda", "BusType": "fdc", "ResourceType": 14}),
    ("old-type", DISK, {"ResourceType": 17, "Address": "/a"}, {"ResourceType": 31}),
    ("organisation-in-sub-type", DISK, {"Address": "/a", "ResourceSubType": "Virt:qcow2"}, {"DriverType": "qcow2"}),
    ("block-device", DISK, {"EmulatedType": 4, "Address": "/dev/sdx"}, {"Address": "/dev/sdx", "VirtualDevice": "sda"}),
    ("size-is-elsewhere", DISK, {"Address": "/a", "VirtualQuantity": 5, "AllocationUnits": "Bytes"}, {"Address": "/a"}),
    ("network-by-pool", NET, {"PoolID": "NetworkPool/default"}, {"NetworkType": "network", "NetworkName": "default"}),
    ("network-by-connection", NET, {"Connection": ["default"]}, {"PoolID": "NetworkPool/default"}),
    ("bridge-by-name", NET, {"NetworkName": "br0"}, {"NetworkType": "bridge", "PoolID": "NetworkPool/0"}),
    ("direct-by-device", NET, {"SourceDevice": "eth0"}, {"NetworkType": "direct"}),
    ("bare-mac", NET, {"NetworkType": "user", "Address": "52540000AA01"}, {"Address": "52:54:00:00:aa:01"}),
    ("dashed-mac", NET, {"NetworkType": "user", "Address": "52-54-00-00-AA-01"}, {"Address": "52:54:00:00:aa:01"}),
    ("mac-as-written", NET, {"NetworkType": "user", "Address": "52:54:00:00:AA:01"}, {"Address": "52:54:00:00:aa:01"}),
    ("old-bandwidths", NET,
     {"NetworkType": "user", "AllocationUnits": "KiloBytes per Second", "Reservation": 100, "Limit": 200},
     {"ReceiveBandwidthLimit": 800000, "ReceiveBandwidthPeak": 1600000, "AllocationUnits": "bit / second"}),
    ("bytes-per-second", NET, {"NetworkType": "user", "AllocationUnits": "byte / second * 10^3", "Limit": 5},
     {"Limit": 40000}),
    ("limit-rounded-down", NET, {"NetworkType": "user", "Limit": 15999}, {"Limit": 8000}),
    ("link-down", NET, {"NetworkType": "user", "AutomaticAllocation": False}, {"AutomaticAllocation": False}),
    ("access-vlan", NET,
     {"NetworkType": "bridge", "NetworkName": "o0", "VSIType": "openvswitch", "DesiredVLANEndpointMode": 2,
      "PortVID": 9},
     {"DefaultPortVID": 9}),
    ("memory-in-bytes", MEM, {"VirtualQuantity": 1073741824}, {"VirtualQuantity": 1048576, "Limit": 1048576}),
    ("memory-in-old-words", MEM, {"VirtualQuantity": 512, "AllocationUnits": "MegaBytes"}, {"VirtualQuantity": 524288}),
    ("memory-words-in-any-case", MEM, {"VirtualQuantity": 1, "AllocationUnits": "gigabytes"},
     {"VirtualQuantity": 1048576}),
    ("memory-in-two-units", MEM,
     {"VirtualQuantity": 1, "VirtualQuantityUnits": "byte * 2^30", "Limit": 2048, "AllocationUnits": "byte*2^20"},
     {"VirtualQuantity": 1048576, "Limit": 2097152, "AllocationUnits": "byte * 2^10"}),
    ("class-default-of-units", MEM,
     {"VirtualQuantity": 4096, "VirtualQuantityUnits": "count", "AllocationUnits": "KiloBytes"},
     {"VirtualQuantity": 4096}),
    ("memory-as-reservation", MEM, {"Reservation": 2048, "AllocationUnits": "KiloBytes"}, {"VirtualQuantity": 2048}),
    ("part-of-a-kib", MEM, {"VirtualQuantity": 1025}, {"VirtualQuantity": 2}),
    ("weight-zero-is-none", f"KVM_Proc{RASD}", {"VirtualQuantity": 2, "Weight": 0, "Limit": 0}, {"VirtualQuantity": 2}),
    ("old-unit-of-processors", f"KVM_Proc{RASD}", {"VirtualQuantity": 2, "AllocationUnits": "Processors"},
     {"VirtualQuantity": 2, "AllocationUnits": "percent"}),
    ("vnc", f"KVM_Graphics{RASD}", {"ResourceSubType": "vnc"}, {"Address": "127.0.0.1:-1", "KeyMap": "en-us"}),
    ("vnc-on-ipv6", f"KVM_Graphics{RASD}", {"ResourceSubType": "vnc", "IsIPv6Only": True}, {"Address": "[::1]:-1"}),
    ("vnc-address", f"KVM_Graphics{RASD}", {"ResourceSubType": "vnc", "Address": "[2001:db8::1]:5901"},
     {"Address": "[2001:db8::1]:5901", "IsIPv6Only": True}),
    ("mouse", f"KVM_Input{RASD}", {}, {"ResourceSubType": "mouse", "BusType": "ps2", "Caption": "PS2 Mouse"}),
    ("tablet", f"KVM_Input{RASD}", {"ResourceSubType": "tablet"}, {"BusType": "usb", "Caption": "USB Tablet"}),
    ("controller-index", f"KVM_Controller{RASD}", {"ResourceSubType": "scsi"}, {"Index": 0}),
    ("numbers-as-text", f"KVM_Controller{RASD}", {"ResourceSubType": "virtio-serial", "Vectors": "4"},
     {"Vectors": "4"}),
    ("pty", f"KVM_Console{RASD}", {"SourceType": 2}, {"SourceType": 2}),
    ("channel", f"KVM_Channel{RASD}", {"SourceType": 9, "TargetName": "org.example"}, {"TargetType": "virtio"}),
    ("watchdog", f"KVM_Watchdog{RASD}", {}, {"Model": "i6300esb", "Action": "reset"}),
    ("rng", f"KVM_RNG{RASD}", {}, {"Model": "virtio", "BackendDevice": "/dev/urandom"}),
    ("tpm", f"KVM_TPM{RASD}", {}, {"Model": "tpm-crb", "BackendType": "emulator", "BackendVersion": "2.0"}),
    ("sound", f"KVM_Sound{RASD}", {}, {"Model": "ich6"}),
    ("video", f"KVM_Video{RASD}", {"ResourceSubType": "vga"}, {"ResourceSubType": "vga"}),
    ("balloon", f"KVM_Balloon{RASD}", {}, {"Model": "virtio"}),
    ("pci-by-reference", f"KVM_HostDevice{RASD}",
     {"HostResource": ['//h/root/virt:KVM_PCIDevice.DeviceID="x/pci_0000_02_00_1"']},
     {"SourceAddress": "0000:02:00.1", "Managed": True, "ConsumerVisibility": 2}),
    ("usb-by-product", f"KVM_HostDevice{RASD}", {"VendorID": "0x1d6b", "ProductID": "0x0002"},
     {"HostResource": ["usb:1d6b:0002"], "DeviceType": "usb"}),
    ("usb-by-place", f"KVM_HostDevice{RASD}", {"HostResource": ["usb:001:004"]}, {"SourceAddress": "001:004"}),
    ("on-a-controller", DISK,
     {"EmulatedType": 1, "BusType": "scsi", "Parent": "new/controller:scsi:2", "AddressOnParent": "5"},
     {"Parent": "controller:scsi:2", "AddressOnParent": "5"}),
]  # fmt: skip


@pytest.mark.parametrize(("classname", "given", "wanted"), [pytest.param(*each[1:], id=each[0]) for each in MEANINGS])
def test_what_a_setting_means(classname: str, given: Properties, wanted: Properties, defined: Defined) -> None:
    document = blank(memory=65536, vcpu=1) if MEM not in classname else blank(vcpu=1)
    first = new_element(kind_for(31, None, DISK), {"Address": "/first.img"}, document)
    document.add(first, inside="devices")
    found = made(given, classname, document)
    shown = properties_of(found)
    assert {name: shown.get(name) for name in wanted} == wanted
    kept = Domain.parse(defined(document.xml))
    twin = next(one for one in resources_of(kept) if one.kind is found.kind and one.dev == found.dev)
    again = properties_of(twin)
    assert {name: again.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("platform", ["kvm", "lxc"])
def test_weight_is_left_out_when_none_is_given(platform: str) -> None:
    document = blank(type=platform)
    made({"VirtualQuantity": 1, "Weight": 0}, f"KVM_Proc{RASD}", document)
    assert "cputune" not in document.xml


def test_a_container_is_limited_by_the_quota_it_knows() -> None:
    document = blank(type="lxc")
    found = made({"VirtualQuantity": 2, "Limit": 50}, f"LXC_Proc{RASD}", document)
    assert (document.quota, document.period, document.global_quota) == (50000, 100000, None)
    assert properties_of(found)["Limit"] == 50


def test_a_generated_mac_is_qemus_and_not_taken() -> None:
    document = blank()
    macs = {properties_of(made({"NetworkType": "user"}, NET, document))["Address"] for _ in range(20)}
    assert len(macs) == 20
    assert all(mac.startswith("52:54:00:") for mac in macs)


def test_a_password_goes_in_and_never_comes_out() -> None:
    document = blank()
    found = made({"ResourceSubType": "vnc", "Password": "geheim"}, f"KVM_Graphics{RASD}", document)
    assert "geheim" in document.xml
    assert "Password" not in properties_of(found)
    assert "geheim" not in repr(setting(owner(document), found, True))


def test_memory_beside_a_module_is_counted_once() -> None:
    document = load("everything")
    before = document.memory
    module = new_element(kind_for(4, None, MEM, {"ResourceSubType": "dimm"}), {"VirtualQuantity": 2**28}, document)
    document.add(module, inside="devices")
    shown = {
        one.dev: properties_of(one)["VirtualQuantity"] for one in resources_of(document) if one.kind.resource_type == 4
    }
    assert shown["dimm1"] == 262144
    assert document.memory == before


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({}, None),
        ({"VirtualQuantity": 131072}, 67108864),
        ({"VirtualQuantity": 131072, "VirtualQuantityUnits": "count(fixed size block)"}, 67108864),
        ({"VirtualQuantity": 131072, "VirtualQuantityUnits": "count"}, 67108864),
        ({"VirtualQuantity": 16384, "VirtualResourceBlockSize": 4096}, 67108864),
        ({"VirtualQuantity": 64, "VirtualQuantityUnits": "byte * 2^20"}, 67108864),
        ({"VirtualQuantity": 67108864, "AllocationUnits": "Bytes"}, 67108864),
    ],
)
def test_the_size_asked_for_a_new_image(given: Properties, size: int | None) -> None:
    assert requested_bytes(given) == size


def test_two_devices_of_one_key_get_different_ids() -> None:
    document = blank()
    for _ in range(3):
        made({"ResourceSubType": "vnc"}, f"KVM_Graphics{RASD}", document)
    assert [one.dev for one in resources_of(document)][2:] == ["vnc", "vnc#2", "vnc#3"]


def test_kinds_have_pools_of_their_type() -> None:
    """Every kind of a pool has the pool's ResourceType (DSP1041-R12), but for LUNs, whose images are in disk pools."""
    types: dict[str, set[int]] = {}
    for kind in KINDS:
        types.setdefault(kind.pool, set()).add(kind.resource_type)
    assert {pool for pool, found in types.items() if len(found) > 1} == {"DiskPool/0"}


def test_pools_are_those_of_the_rows() -> None:
    wrong = {
        one.dev
        for one in resources_of(load("everything"))
        if properties_of(one)["PoolID"] != one.kind.pool and one.dev not in ("vdb", "52:54:00:00:00:01")
    }
    assert wrong == set()
