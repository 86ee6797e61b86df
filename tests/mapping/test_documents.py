"""Documents of new systems: what libvirt takes, what is copied and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import libvirt
import pytest
from lxml import etree
from tests.mapping.conftest import Defined
from tests.mapping.samples import load

from virtcim.mapping import documents, vssd
from virtcim.mapping.resources import BadProperty, kind_for, new_element, resources_of
from virtcim.mapping.table import Properties
from virtcim.model.capabilities import Capabilities
from virtcim.model.domain import Domain

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def test_driver(connection: libvirt.virConnect) -> Capabilities:
    return Capabilities.parse(connection.getCapabilities())


def offered(platform: str) -> Capabilities:
    return Capabilities.parse((DATA / "capabilities" / f"{platform.lower()}.xml").read_text())


def test_a_blank_system_of_the_test_driver_is_accepted(test_driver: Capabilities, defined: Defined) -> None:
    document = documents.blank("Test", test_driver, {"VirtualSystemIdentifier": "blank"}, "20250101000000.000000+000")
    documents.add_defaults(document, "Test")
    kept = Domain.parse(defined(document.xml))
    assert (kept.name, kept.uuid, kept.type, kept.arch) == ("blank", document.uuid, "test", "i686")
    assert (kept.memory, kept.vcpu, kept.boot_devices) == (1048576, 1, ["hd"])
    assert kept.own_metadata.creation_time == "20250101000000.000000+000"
    assert [one.dev for one in resources_of(kept)] == ["proc", "mem", "mouse:ps2", "vnc", "video:0"]


# platform, VSSD, element of the document, its value
BLANKS: list[tuple[str, Properties, str, Any]] = [
    ("KVM", {}, "type", "kvm"),
    ("KVM", {"DomainType": "qemu"}, "type", "qemu"),
    ("KVM", {}, "arch", "x86_64"),
    ("KVM", {}, "machine", "pc-i440fx-7.2"),
    ("KVM", {"Machine": "q35"}, "machine", "q35"),
    ("KVM", {}, "emulator", "/usr/bin/qemu-system-x86_64"),
    ("KVM", {"Emulator": "/opt/qemu"}, "emulator", "/opt/qemu"),
    ("KVM", {}, "acpi", True),
    ("KVM", {"EnableACPI": False}, "acpi", False),
    ("KVM", {}, "pae", False),
    ("KVM", {}, "boot_devices", ["hd"]),
    ("KVM", {"BootDevices": ["network"]}, "boot_devices", ["network"]),
    ("KVM", {"Kernel": "/boot/k"}, "boot_devices", []),
    ("KVM", {"Arch": "aarch64"}, "machine", "virt"),
    ("KVM", {"Arch": "aarch64"}, "emulator", "/usr/bin/qemu-system-aarch64"),
    ("KVM", {"Arch": "aarch64"}, "type", "qemu"),
    ("KVM", {"Arch": "aarch64"}, "acpi", False),
    ("KVM", {"ElementName": "My / guest"}, "name", "My - guest"),
    ("KVM", {"ElementName": "Shown", "VirtualSystemIdentifier": "n"}, "title", "Shown"),
    ("KVM", {"UUID": "5a9f0b1c-77c4-4f0e-9d0b-6a1de2a2c0aa"}, "uuid", "5a9f0b1c-77c4-4f0e-9d0b-6a1de2a2c0aa"),
    ("KVM", {"VirtualSystemType": "KVM", "AutoStart": 1}, "on_crash", "destroy"),
    ("KVM", {"OnCrash": "restart"}, "on_crash", "restart"),
    ("KVM", {}, "clock_offset", "utc"),
    ("LXC", {}, "type", "lxc"),
    ("LXC", {}, "os_type", "exe"),
    ("LXC", {}, "init", "/bin/false"),
    ("LXC", {"InitPath": "/sbin/init"}, "init", "/sbin/init"),
    ("LXC", {}, "emulator", "/usr/lib/libvirt/libvirt_lxc"),
    ("Xen", {}, "os_type", "xen"),
    ("Xen", {}, "kernel", "/dev/null"),
    ("Xen", {"Bootloader": "/usr/bin/pygrub"}, "kernel", None),
    ("Xen", {"IsFullVirt": True}, "os_type", "hvm"),
    ("Xen", {"IsFullVirt": True}, "apic", True),
    ("Xen", {"IsFullVirt": True}, "pae", True),
]


@pytest.mark.parametrize(
    ("platform", "given", "name", "value"),
    [pytest.param(*each, id=f"{each[0]}-{','.join(each[1]) or 'default'}-{each[2]}") for each in BLANKS],
)
def test_the_defaults_of_a_platform(platform: str, given: Properties, name: str, value: Any) -> None:
    document = documents.blank(platform, offered(platform), given)
    assert getattr(document, name) == value
    documents.add_defaults(document, platform)
    if SCHEMA.exists():
        etree.RelaxNG(etree.parse(str(SCHEMA))).assertValid(etree.fromstring(document.xml))


def test_a_name_is_made_up_when_none_is_given() -> None:
    document = documents.blank("KVM", offered("KVM"), {})
    assert document.name == f"vs-{(document.uuid or '')[:8]}"


REFUSED = [
    ("KVM", {"Arch": "vax"}, "Arch"),
    ("KVM", {"OSType": "linux"}, "OSType"),
    ("KVM", {"DomainType": "xen"}, "DomainType"),
    ("KVM", {"Arch": "aarch64", "DomainType": "kvm"}, "DomainType"),
    ("KVM", {"VirtualSystemType": "LXC"}, "VirtualSystemType"),
    ("KVM", {"VirtualSystemIdentifier": "a/b"}, "VirtualSystemIdentifier"),
    ("KVM", {"UUID": "zz"}, "UUID"),
    ("KVM", {"ClockOffset": 77}, "ClockOffset"),
    ("LXC", {"IsFullVirt": True}, "OSType"),
]


@pytest.mark.parametrize(("platform", "given", "name"), REFUSED)
def test_a_head_that_cannot_be(platform: str, given: Properties, name: str) -> None:
    with pytest.raises(BadProperty) as refused:
        documents.blank(platform, offered(platform), given)
    assert refused.value.name == name


def test_defaults_leave_what_is_there() -> None:
    document = documents.blank("KVM", offered("KVM"), {})
    console = kind_for(1, "console", "KVM_ConsoleResourceAllocationSettingData")
    document.add(new_element(console, {"SourceType": 2}, document), inside="devices")
    tablet = kind_for(13, None, "KVM_InputResourceAllocationSettingData")
    document.add(new_element(tablet, {"ResourceSubType": "tablet"}, document), inside="devices")
    documents.add_defaults(document, "KVM")
    assert [one.dev for one in resources_of(document)][2:] == ["charconsole:0", "tablet:usb"]


def test_a_container_gets_neither_console_nor_mouse() -> None:
    document = documents.blank("LXC", offered("LXC"), {})
    documents.add_defaults(document, "LXC")
    assert document.devices == ()


@pytest.mark.parametrize("name", ["everything", "running"])
def test_a_copy_is_a_system_of_its_own(name: str, defined: Defined) -> None:
    original = load(name)
    before = original.xml
    copy = documents.as_copy(original)
    assert original.xml == before
    assert (copy.id, copy.name, copy.uuid, copy.nvram) == (None, None, None, None)
    assert [interface.mac for interface in copy.interfaces if interface.mac] == []
    assert [device.alias for device in copy.devices if device.alias] == (["ua-keyboard"] if name == "running" else [])
    assert copy.own_metadata.creation_time is None
    assert copy.own_metadata.requested_state is None
    assert copy.own_metadata.notes == original.own_metadata.notes
    assert [label.type for label in copy.labels if label.type == "dynamic"] == []
    assert "domain-everything" not in copy.xml
    assert "/run/libvirt" not in copy.xml
    vssd.change_head(copy, {"VirtualSystemIdentifier": "copy", "UUID": "5a9f0b1c-77c4-4f0e-9d0b-6a1de2a2c0bb"})
    kept = Domain.parse(defined(copy.xml))
    assert len(kept.interfaces) == len(original.interfaces)


def test_a_copy_keeps_what_is_not_the_systems_own() -> None:
    copy = documents.as_copy(load("everything"))
    assert "http://example.org/owner" in copy.xml
    assert "qemu:commandline" in copy.xml
    assert copy.genid not in (None, load("everything").genid)
    assert copy.nvram_template == "/usr/share/OVMF/OVMF_VARS_4M.fd"
    assert [graphics.port for graphics in copy.graphics] == [None, 5905, None]
