"""The table of kinds: which one a setting means, and what the schema says of their properties."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests import schemas
from tests.mapping.samples import DATA, SAMPLES, load

from virtcim.broker.call import PropertyDef
from virtcim.broker.schema import Schema
from virtcim.mapping import vssd
from virtcim.mapping.resources import KINDS, kind_for, properties_of, resources_of
from virtcim.mapping.table import Properties

RASD = "ResourceAllocationSettingData"
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


def test_kinds_have_pools_of_their_type() -> None:
    """Every kind of a pool has the pool's ResourceType (DSP1041-R12)."""
    types: dict[str, set[int]] = {}
    for kind in KINDS:
        types.setdefault(kind.pool, set()).add(kind.resource_type)
    assert {pool for pool, found in types.items() if len(found) > 1} == set()


def test_pools_are_those_of_the_rows() -> None:
    wrong = {
        one.dev
        for one in resources_of(load("everything"))
        if properties_of(one)["PoolID"] != one.kind.pool and one.dev not in ("vdb", "52:54:00:00:00:01")
    }
    assert wrong == set()


@pytest.fixture(scope="module")
def schema() -> Schema:
    return schemas.loaded()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_property_of_a_setting_is_declared(kind: Any, schema: Schema) -> None:
    declared = schema.get(kind.setting_class).properties
    assert [row.name for row in kind.rows if row.name.lower() not in declared] == []


def test_every_property_of_the_head_is_declared(schema: Schema) -> None:
    declared = schema.get("Virt_VirtualSystemSettingData").properties
    assert [row.name for row in vssd.VSSD if row.name.lower() not in declared] == []


def shown(name: str) -> Iterator[tuple[str, Properties]]:
    """Class and properties of everything in a golden file."""
    classes = {kind.name: (kind.setting_class, kind.device_class) for kind in KINDS}
    for value in json.loads((DATA / "golden" / f"{name}.json").read_text()).values():
        if "kind" not in value:
            yield "Virt_VirtualSystemSettingData", value
            continue
        setting_class, device_class = classes[value["kind"]]
        yield setting_class, value["setting"]
        if device_class:
            yield from ((device_class, device) for device in value["devices"])


def fits(declared: PropertyDef, value: Any) -> bool:
    """Whether a value has the type, is in the range and in the ValueMap of its property."""
    if isinstance(value, list):
        return declared.is_array and all(_fits(declared, item) for item in value)
    return value is None or (not declared.is_array and _fits(declared, value))


def _fits(declared: PropertyDef, value: Any) -> bool:
    if declared.type == "boolean":
        return isinstance(value, bool)
    if declared.type.startswith(("uint", "sint")):
        bits = int(declared.type[4:])
        low, high = (0, 2**bits) if declared.type[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        known = {entry for entry in declared.values if entry.isdigit()}
        in_map = not known or str(value) in known or ".." in "".join(declared.values)
        return isinstance(value, int) and not isinstance(value, bool) and low <= value < high and in_map
    return isinstance(value, str)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_value_fits_the_schema(name: str, schema: Schema) -> None:
    wrong = [
        (classname, found, value)
        for classname, properties in shown(name)
        for found, value in properties.items()
        if found.lower() not in schema.get(classname).properties
        or not fits(schema.get(classname).properties[found.lower()], value)
    ]
    assert wrong == []
