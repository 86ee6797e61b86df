"""DefineSystem of DSP1042 on the embedded node."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.profiles.client import system_path
from tests.profiles.devices import ASKED, OTHER, SINGLE, asked, key
from tests.profiles.management import (
    FAILED,
    INVALID,
    OK,
    Manager,
    embedded,
    rasd,
    resulting_system,
    vssd,
)

from virtcim.broker.call import CIMError, Instance
from virtcim.mapping.resources import KINDS

DISABLED = 3
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_bare_head(manager: Manager) -> None:
    """A name is enough: the rest are the platform's defaults, and the system is off (R10)."""
    assert resulting_system(manager.define(ElementName="plain")) == "plain"
    system = manager.client.system("plain")
    assert (system.properties["EnabledState"], system.properties["ElementName"]) == (DISABLED, "plain")
    head = manager.head("plain").properties
    assert (head["ElementName"], head["VirtualSystemType"]) == ("plain", "Virt:Test")
    assert UUID.fullmatch(str(head["UUID"]))
    assert {"proc", "mem"} <= manager.settings("plain").keys()


def test_nothing_given(manager: Manager) -> None:
    """SystemSettings may be NULL: the host chooses the name."""
    before = manager.names()
    name = resulting_system(manager.define())
    assert manager.names() - before == {name}
    assert manager.head(name, defined=False).properties["ElementName"] == name


def test_result_is_there_at_once(manager: Manager) -> None:
    """State and Defined mirror each other; the host and both services, that of snapshots too, lead to the system."""
    manager.define(asked("disk"), ElementName="fresh")
    state, defined = manager.settings("fresh", defined=False), manager.settings("fresh")
    assert state.keys() == defined.keys()
    for name, one in state.items():
        other = defined[name].properties
        same = one.properties.keys() - {"InstanceID", "Parent"}
        assert {name: one.properties[name] for name in same} == {name: other[name] for name in same}
    for association, number in (("CIM_HostedDependency", 1), ("CIM_ServiceAffectsElement", 2)):
        assert len(manager.client.across(system_path("fresh"), association)) == number


@pytest.mark.parametrize("name", ASKED)
def test_kind(manager: Manager, name: str) -> None:
    """Every kind of device by one setting; its key does not depend on what else there is."""
    assert resulting_system(manager.define(asked(name), ElementName="one")) == "one"
    found = [dev for dev in manager.settings("one") if dev.startswith(key(name))]
    assert len(found) == 1
    assert manager.settings("one", defined=False).keys() == manager.settings("one").keys()


@pytest.mark.parametrize("name", SINGLE)
def test_single_kind(manager: Manager, name: str) -> None:
    """Memory without a unit is in bytes."""
    classname, properties = SINGLE[name]
    manager.define(rasd(classname, **properties), ElementName="one")
    quantity = manager.settings("one")[name].properties["VirtualQuantity"]
    assert quantity == {"proc": 3, "mem": 3 * 1024}[name]


def test_every_kind_is_tried() -> None:
    assert {*ASKED, *SINGLE, *OTHER} == {kind.name for kind in KINDS}


def test_all_kinds_in_one_call(manager: Manager) -> None:
    names = [name for name in ASKED if name not in ("console", "floppy")]
    assert resulting_system(manager.define(*map(asked, names), VirtualSystemIdentifier="all")) == "all"
    assert all(any(dev.startswith(key(name)) for dev in manager.settings("all")) for name in names)


def test_identifier_is_the_name_and_element_name_the_title(manager: Manager) -> None:
    manager.define(ElementName="A title / with a slash", VirtualSystemIdentifier="short", Notes=["a", "b"])
    head = manager.head("short").properties
    assert (head["ElementName"], head["Notes"]) == ("A title / with a slash", ["a", "b"])
    assert manager.client.system("short").properties["ElementName"] == "A title / with a slash"
    assert "<title>A title / with a slash</title>" in manager.xml("short")


def test_element_name_that_cannot_be_a_name(manager: Manager) -> None:
    """The name is made of it, and it stays what it is."""
    name = resulting_system(manager.define(ElementName="rack 3/unit 4"))
    assert name == "rack 3-unit 4"
    assert manager.head(name).properties["ElementName"] == "rack 3/unit 4"


@pytest.mark.parametrize("text", ["Virt:Test", "Test", "test", "Virt:Unknown", ""])
def test_system_type(manager: Manager, text: str) -> None:
    name = resulting_system(manager.define(ElementName="typed", VirtualSystemType=text))
    assert manager.head(name).properties["VirtualSystemType"] == "Virt:Test"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"AutomaticStartupAction": 4}, True),
        ({"AutoStart": 1}, True),
        ({"AutomaticStartupAction": 2}, False),
        ({}, False),
    ],
    ids=["always", "old-form", "never", "not-given"],
)
def test_autostart(manager: Manager, given: dict[str, Any], wanted: bool) -> None:
    manager.define(ElementName="auto", **given)
    assert manager.client.vm("auto").autostart is wanted


def test_settings_may_name_each_other(manager: Manager) -> None:
    """A label that another setting of the call refers to, whichever comes first."""
    drive = rasd("Disk", EmulatedType=1, BusType="scsi", Parent="my controller", InstanceID="my drive")
    controller = rasd("Controller", ResourceSubType="scsi", Index=2, InstanceID="my controller")
    assert manager.define(drive, controller, ElementName="labels").value == OK
    settings = manager.settings("labels")
    drive_found = next(one for dev, one in settings.items() if dev.startswith("sd"))
    assert drive_found.properties["Parent"] == "labels/defined/controller:scsi:2"


# Refusals: what is given -> code, what the reason names
REFUSALS: dict[str, tuple[list[Instance], dict[str, Any], int, str]] = {
    "name taken": ([], {"VirtualSystemIdentifier": "web1"}, FAILED, "VirtualSystemIdentifier: .*web1"),
    "element name taken": ([], {"ElementName": "web1"}, FAILED, "web1"),
    "uuid taken": ([], {"ElementName": "n", "UUID": "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0101"}, FAILED, "UUID"),
    "no uuid": ([], {"ElementName": "n", "UUID": "none"}, INVALID, r"UUID 'none'"),
    "long name": ([], {"VirtualSystemIdentifier": "n" * 241}, INVALID, "longer than 240"),
    "long title": ([], {"VirtualSystemIdentifier": "n", "ElementName": "n" * 241}, INVALID, "ElementName"),
    "slash in name": ([], {"VirtualSystemIdentifier": "a/b"}, INVALID, "VirtualSystemIdentifier 'a/b'"),
    "system type": ([], {"ElementName": "n", "VirtualSystemType": "DMTF:XEN:PV"}, INVALID, "VirtualSystemType"),
    "architecture": ([], {"ElementName": "n", "Arch": "z80"}, INVALID, "Arch"),
    "startup action": ([], {"ElementName": "n", "AutomaticStartupAction": 99}, INVALID, "AutomaticStartupAction 99"),
    "device without source": ([rasd("Disk", VirtualDevice="vda")], {}, INVALID, r"ResourceSettings\[0\].HostResource"),
    "second bad": ([asked("disk"), rasd("Net", NetworkType="none")], {}, INVALID, r"ResourceSettings\[1\].NetworkType"),
    "same target": (
        [rasd("Disk", HostResource=[path], VirtualDevice="vda") for path in ("/a", "/b")],
        {}, INVALID, r"ResourceSettings\[1\].VirtualDevice 'vda'",
    ),
    "same mac": (
        [rasd("Net", NetworkType="user", Address="52:54:00:00:00:01"),
         rasd("Net", NetworkType="user", Address="525400000001")],
        {}, INVALID, r"ResourceSettings\[1\].Address",
    ),
    "two memories": (
        [rasd("Mem", VirtualQuantity=size) for size in (1, 2)], {}, INVALID, r"ResourceSettings\[1\]: .*\[0\]",
    ),
    "wrong class": ([vssd(ElementName="n")], {}, INVALID, "ResourceSettings"),
    "no kind": ([embedded("CIM_ResourceAllocationSettingData", Address="/a")], {}, INVALID, "ResourceType"),
    "unknown kind": ([embedded("CIM_ResourceAllocationSettingData", ResourceType=12)], {}, INVALID, "ResourceType 12"),
    "no memory": ([rasd("Mem", VirtualQuantity=0)], {}, INVALID, "VirtualQuantity"),
    "what libvirt refuses": (
        [rasd("Disk", HostResource=["/a"], VirtualDevice="nonsense/1")], {"ElementName": "n"}, FAILED, "libvirt",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "head", "code", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_refusal(manager: Manager, settings: list[Instance], head: dict[str, Any], code: int, reason: str) -> None:
    """A return value with a reason that names the property; nothing is defined (R13)."""
    before = manager.everything()
    answer = manager.define(*settings, **(head or {"ElementName": "refused"}))
    assert (answer.value, answer.out) == (code, ())
    assert re.search(reason, answer.reason), answer.reason
    assert manager.everything() == before


def test_null_element(manager: Manager) -> None:
    answer = manager.call("DefineSystem", ResourceSettings=[None])
    assert (answer.value, "NULL" in answer.reason) == (INVALID, True)


def test_parameter_of_another_type(manager: Manager) -> None:
    """What never reaches the method is a CIM error."""
    with pytest.raises(CIMError, match="ResourceSettings"):
        manager.call("DefineSystem", ResourceSettings=vssd())


def test_the_order_of_devices_takes_the_place_of_kinds_of_devices(manager: Manager) -> None:
    """libvirt has one of them: the last one asked for; both at once are a contradiction."""
    disk = rasd("Disk", HostResource=["file:///images/boot.img"], BootOrder=1)
    resulting_system(manager.define(disk, ElementName="ordered"))
    assert (manager.head("ordered").properties.get("BootDevices") or []) == []
    assert manager.settings("ordered")["vda"].properties["BootOrder"] == 1
    assert manager.modify_system(InstanceID="Test:ordered/defined", BootDevices=["network", "hd"]).value == OK
    assert manager.head("ordered").properties["BootDevices"] == ["network", "hd"]
    assert "BootOrder" not in manager.settings("ordered")["vda"].properties
    assert manager.modify(rasd("Disk", InstanceID="ordered/defined/vda", BootOrder=2)).value == OK
    assert (manager.head("ordered").properties.get("BootDevices") or []) == []
    answer = manager.define(disk, ElementName="both", BootDevices=["hd"])
    assert (answer.value, "BootDevices" in str(answer.reason)) == (INVALID, True)
    assert manager.client.world.hosts[0].vm_named("both") is None
