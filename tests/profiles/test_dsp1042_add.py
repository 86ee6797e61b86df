"""AddResourceSettings and RemoveResourceSettings of DSP1042 on the embedded node."""

from __future__ import annotations

import re

import pytest
from tests.profiles.client import system_path
from tests.profiles.devices import ASKED, SINGLE, asked, key
from tests.profiles.management import (
    BAD_STATE,
    FAILED,
    INVALID,
    OK,
    Manager,
    embedded,
    head_path,
    rasd,
    results,
)

from virtcim.broker.call import Instance, Path

SYSINFO = "<sysinfo type='smbios'><bios><entry name='vendor'>A</entry></bios></sysinfo>"
STRANGE = "<devices><panic model='isa'/>"


@pytest.fixture
def plain(manager: Manager) -> Manager:
    """With a system "plain" that has nothing but processors, memory and what we do not model."""
    manager.define(ElementName="plain")
    manager.redefine("plain", "<devices>", STRANGE)
    manager.redefine("plain", "</name>", f"</name>{SYSINFO}")
    return manager


@pytest.mark.parametrize("name", ASKED)
def test_add_and_remove(plain: Manager, name: str) -> None:
    """Each kind, by Defined and removed by State, which is the definition while the system is off (R15, R18)."""
    before = plain.settings("plain").keys()
    xml = plain.xml("plain")
    answer = plain.add("plain", asked(name))
    (new,) = results(answer)
    assert new.startswith(f"plain/defined/{key(name).partition(':')[0]}")
    assert plain.settings("plain").keys() > before
    assert plain.settings("plain", defined=False).keys() == plain.settings("plain").keys()
    assert "<panic model='isa'/>" in plain.xml("plain")
    added = {dev for dev in plain.settings("plain") if dev not in before}
    assert plain.remove(*(f"plain/{dev}" for dev in added)).value == OK
    assert plain.settings("plain").keys() == before
    if name not in ("console", "serial"):  # libvirt gives a console a serial port, which stays
        assert plain.xml("plain") == xml


def test_results_have_the_order_of_the_settings(plain: Manager) -> None:
    wanted = ["rng", "disk", "net", "disk", "scsi", "rng"]
    found = results(plain.add("plain", *map(asked, wanted)))
    assert len(found) == len(wanted)
    expected = ["rng:0", "vda", "52:54:00", "vdb", "controller:scsi:0", "rng:1"]
    assert [
        one.removeprefix("plain/defined/")[: len(start)] for one, start in zip(found, expected, strict=True)
    ] == expected


def test_disks_in_any_order_of_names(plain: Manager) -> None:
    """libvirt sorts disks by name; the results keep the order of the call."""
    disks = [rasd("Disk", HostResource=[f"/{dev}"], VirtualDevice=dev) for dev in ("vdc", "vda", "vdb")]
    assert results(plain.add("plain", *disks)) == [f"plain/defined/{dev}" for dev in ("vdc", "vda", "vdb")]


def test_add_to_the_definition_of_an_active_system(manager: Manager) -> None:
    """State stays as it is (R16)."""
    state, live = manager.settings("web1", defined=False).keys(), manager.xml("web1", live=True)
    (new,) = results(manager.add("web1", asked("disk")))
    assert new == "web1/defined/vdc"
    assert manager.settings("web1", defined=False).keys() == state
    assert manager.xml("web1", live=True) == live
    assert manager.remove(new).value == OK
    assert "vdc" not in manager.settings("web1")


ADD_REFUSALS: dict[str, tuple[list[Instance], int, str]] = {
    "empty": ([], INVALID, "ResourceSettings is NULL or empty"),
    "second bad": (
        [asked("disk"), rasd("Net", NetworkType="none")],
        INVALID,
        r"ResourceSettings\[1\].NetworkType 'none'",
    ),
    "first bad": (
        [rasd("Disk", HostResource=["relative"]), asked("net")],
        INVALID,
        r"ResourceSettings\[0\].HostResource",
    ),
    "target taken": ([rasd("Disk", HostResource=["/a"], VirtualDevice="sda")], INVALID, r"\[0\].VirtualDevice 'sda'"),
    "mac taken": ([rasd("Net", NetworkType="user", Address="525400100009")], INVALID, r"\[0\].Address"),
    "index taken": ([rasd("Controller", ResourceSubType="sata", Index=0)], INVALID, r"\[0\].Index 0"),
    "processors": ([asked("disk"), rasd("Proc", VirtualQuantity=1)], FAILED, r"\[1\]: .* processors"),
    "memory": ([rasd("Mem", VirtualQuantity=1)], FAILED, r"\[0\]: .* memory"),
    "module without room": ([rasd("Mem", VirtualQuantity=1, ResourceSubType="dimm")], INVALID, "MaxMemory"),
    "standard class": ([embedded("CIM_ResourceAllocationSettingData", ResourceType=77)], INVALID, "ResourceType 77"),
    "head": ([embedded("Test_VirtualSystemSettingData", ElementName="a")], INVALID, "ResourceSettings"),
    "property of another kind": (
        [rasd("Disk", HostResource=["/a"], AccessMode="squash")],
        INVALID,
        "AccessMode",
    ),
    "what libvirt refuses": ([asked("disk"), rasd("Sound", Model="none")], FAILED, "libvirt"),
}


@pytest.mark.parametrize(("settings", "code", "reason"), ADD_REFUSALS.values(), ids=ADD_REFUSALS)
def test_add_refused(manager: Manager, settings: list[Instance], code: int, reason: str) -> None:
    """All or nothing: the definition is the same, byte for byte (R19)."""
    before = manager.everything()
    answer = manager.add("desktop1", *settings)
    assert (answer.value, answer.out) == (code, ())
    assert re.search(reason, answer.reason), answer.reason
    assert manager.everything() == before


TARGETS: dict[str, Path | None] = {
    "NULL": None,
    "unknown": head_path("nobody"),
    "definition of a transient system": head_path("probe1"),
    "system": system_path("web1"),
    "snapshot": Path("Test_VirtualSystemSettingData", (("InstanceID", "Test:web1/snapshot/one"),)),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_add_to_no_configuration(manager: Manager, target: Path | None) -> None:
    answer = manager.call("AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[asked("disk")])
    assert (answer.value, "AffectedConfiguration" in answer.reason) == (INVALID, True)


@pytest.mark.parametrize("name", sorted({*ASKED, *SINGLE}))
def test_hot_plug_that_the_driver_cannot(manager: Manager, name: str) -> None:
    """The test driver plugs nothing: 2 with the reason, never 5, and nothing is changed."""
    before = manager.everything()
    classname, properties = (ASKED.get(name) or SINGLE[name])[:2]
    answer = manager.add("web2", rasd(classname, **properties), defined=False)
    assert (answer.value, bool(answer.reason)) == (FAILED, True)
    assert manager.everything() == before


# Removing


def test_remove_several(manager: Manager) -> None:
    assert manager.remove("web1/defined/vdb", "web1/defined/sda", "web1/defined/rng:0").value == OK
    assert not {"vdb", "sda", "rng:0"} & manager.settings("web1").keys()
    assert {"vdb", "sda", "rng:0"} <= manager.settings("web1", defined=False).keys()


def test_remove_one_twice_named(manager: Manager) -> None:
    """The same resource by both configurations of a system that is off, and twice."""
    names = ["desktop1/sda", "desktop1/defined/sda", "desktop1/sda"]
    assert manager.remove(*names).value == OK
    assert "sda" not in manager.settings("desktop1")


def test_remove_of_several_systems(manager: Manager) -> None:
    assert manager.remove("desktop1/defined/sda", "archive1/defined/vda").value == OK
    assert "vda" not in manager.settings("archive1")


REMOVE_REFUSALS: dict[str, tuple[list[str], int, str]] = {
    "empty": ([], INVALID, "ResourceSettings"),
    "unknown": (["desktop1/sda", "desktop1/nothing"], INVALID, "desktop1/nothing"),
    "processors": (["desktop1/sda", "desktop1/defined/proc"], INVALID, "desktop1/defined/proc"),
    "memory": (["desktop1/mem"], INVALID, "without its memory"),
    "controller in use": (["desktop1/defined/controller:sata:0"], FAILED, "in use by desktop1/defined/sda"),
    "controller in use by what stays": (["desktop1/controller:sata:0", "desktop1/sda"], FAILED, "by desktop1/sdb"),
    "display of an active system": (["web1/vnc"], BAD_STATE, "web1/vnc"),
    "sound of an active system, after another's disk": (["desktop1/sda", "web1/video:0"], BAD_STATE, "web1/video:0"),
}  # fmt: skip


@pytest.mark.parametrize(("names", "code", "reason"), REMOVE_REFUSALS.values(), ids=REMOVE_REFUSALS)
def test_remove_refused(manager: Manager, names: list[str], code: int, reason: str) -> None:
    before = manager.everything()
    answer = manager.remove(*names)
    assert (answer.value, answer.out) == (code, ())
    assert re.search(reason, answer.reason), answer.reason
    assert manager.everything() == before


def test_controller_with_all_that_is_on_it(manager: Manager) -> None:
    names = ["controller:sata:0", "sda", "sdb"]
    assert manager.remove(*(f"desktop1/defined/{name}" for name in names)).value == OK
    assert not {"sda", "sdb"} & manager.settings("desktop1").keys()


def test_remove_what_is_no_setting(manager: Manager) -> None:
    answer = manager.call("RemoveResourceSettings", ResourceSettings=[head_path("web1"), None])
    assert answer.value == INVALID
    assert "NULL" in answer.reason
    answer = manager.call("RemoveResourceSettings", ResourceSettings=[head_path("web1")])
    assert (answer.value, "Test:web1" in answer.reason) == (INVALID, True)


def test_unplugging_that_the_driver_cannot(manager: Manager) -> None:
    """Nothing is lost, of either configuration."""
    before = manager.everything()
    answer = manager.remove("web1/vda", "web1/defined/vdb")
    assert (answer.value, bool(answer.reason)) == (FAILED, True)
    assert manager.everything() == before


def test_failure_in_the_second_system_takes_back_the_first(manager: Manager) -> None:
    """libvirt refuses the second definition: the first is as it was."""
    before = manager.everything()
    good = rasd("Disk", InstanceID="desktop1/defined/sda", HostResource=["/images/other.img"])
    bad = rasd("Disk", InstanceID="archive1/defined/vda", VirtualDevice="nonsense/1")
    answer = manager.modify(good, bad)
    assert (answer.value, "libvirt" in answer.reason) == (FAILED, True)
    assert manager.everything() == before
