"""Settings into devices: round trips, defaults, old and new ways to say one thing."""

from __future__ import annotations

import pytest
from tests.mapping.conftest import Defined
from tests.mapping.making import DISK, MEM, NET, RASD, blank, made
from tests.mapping.samples import load, owner, resource

from virtcim.mapping.ids import setting_id
from virtcim.mapping.resources import (
    BadProperty,
    kind_for,
    new_element,
    properties_of,
    requested_bytes,
    resources_of,
    setting,
)
from virtcim.mapping.table import Properties
from virtcim.model.domain import Domain

READ_ONLY = ("hostdev:scsi_host:naa.5123456789abcde0",)
DEVICES = [one.dev for one in resources_of(load("everything")) if not one.kind.single and one.dev not in READ_ONLY]


@pytest.mark.parametrize("dev", DEVICES)
def test_a_device_read_and_made_anew_is_equivalent(dev: str, defined: Defined) -> None:
    document = load("everything")
    old = resource(document, dev)
    wanted = properties_of(old)
    given = setting(lambda dev: setting_id(owner(document), dev, True), old)
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
    ("function-by-device", NET, {"SourceDevice": "pci_0000_04_10_1"},
     {"NetworkType": "hostdev", "HostResource": ["pci:0000:04:10.1"], "ConsumerVisibility": 2, "MappingBehavior": 3}),
    ("function-by-reference", NET, {"HostResource": ['root/virt:KVM_HostPCIDevice.DeviceID="host/pci_0000_04_10_1"']},
     {"NetworkType": "hostdev", "SourceDevice": "0000:04:10.1", "PoolID": "NetworkPool/0"}),
    ("bare-mac", NET, {"NetworkType": "user", "Address": "52540000AA01"}, {"Address": "52:54:00:00:aa:01"}),
    ("dashed-mac", NET, {"NetworkType": "user", "Address": "52-54-00-00-AA-01"}, {"Address": "52:54:00:00:aa:01"}),
    ("mac-as-written", NET, {"NetworkType": "user", "Address": "52:54:00:00:AA:01"}, {"Address": "52:54:00:00:aa:01"}),
    ("old-bandwidths", NET,
     {"NetworkName": "br0", "AllocationUnits": "KiloBytes per Second", "Reservation": 100, "Limit": 200},
     {"ReceiveBandwidthLimit": 800000, "ReceiveBandwidthPeak": 1600000, "AllocationUnits": "bit / second"}),
    ("bytes-per-second", NET, {"NetworkName": "br0", "AllocationUnits": "byte / second * 10^3", "Limit": 5},
     {"Limit": 40000}),
    ("limit-rounded-down", NET, {"NetworkName": "br0", "Limit": 15999}, {"Limit": 8000}),
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
    assert "geheim" not in repr(setting(str, found))


def test_a_password_that_cannot_be_is_not_quoted() -> None:
    with pytest.raises(BadProperty, match="Password cannot have the value given") as refused:
        made({"ResourceSubType": "vnc", "Password": "geheim\x00"}, f"KVM_Graphics{RASD}", blank())
    assert refused.value.__cause__ is None


def test_memory_beside_a_module_is_counted_once() -> None:
    document = load("everything")
    before = document.memory
    module = new_element(kind_for(4, None, MEM, {"ResourceSubType": "dimm"}), {"VirtualQuantity": 2**28}, document)
    document.add(module, inside="devices")
    shown = {
        one.dev: properties_of(one)["VirtualQuantity"] for one in resources_of(document) if one.kind.resource_type == 4
    }
    assert shown["dimm2"] == 262144
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
