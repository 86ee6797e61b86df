"""DefineSystem with ReferenceConfiguration (DSP1042) on the embedded node."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.profiles.client import system_path
from tests.profiles.devices import asked
from tests.profiles.management import INVALID, Manager, head_path, rasd, resulting_system

from virtcim.broker.call import Instance, Path

WEB1 = head_path("web1")


def compared(manager: Manager, name: str) -> list[dict[str, Any]]:
    """The settings of a Defined configuration but for what is of this one system only."""
    own = {"InstanceID", "Parent", "ElementName", "Address", "SourceMACFilteringEnabled"}
    return sorted(
        (
            {k: v for k, v in one.properties.items() if k not in own} | ({} if one.properties.get("ResourceType") == 10
             else {"Address": one.properties.get("Address")})
            for one in manager.settings(name).values()
        ),
        key=str,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["web1", "db1", "mail1", "archive1", "desktop1", "legacy1"])
@pytest.mark.parametrize("defined", [True, False], ids=["Defined", "State"])
def test_copy(manager: Manager, name: str, defined: bool) -> None:
    """The reference alone makes an equal system with an identity of its own (R11)."""
    before = manager.everything()
    copy = resulting_system(manager.define(reference=head_path(name, defined)))
    assert compared(manager, copy) == compared(manager, name)
    assert manager.head(copy).properties["UUID"] != manager.head(name).properties["UUID"]
    macs = [set(re.findall(r"<mac address='(.*?)'", manager.xml(one))) for one in (name, copy)]
    assert not macs[0] & macs[1]
    assert len(macs[0]) == len(macs[1])
    after = manager.everything()
    assert {one: after[one] for one in before} == before


def test_copy_of_a_transient_system(manager: Manager) -> None:
    copy = resulting_system(manager.define(reference=head_path("probe1", defined=False)))
    assert manager.client.vm(copy).persistent


def test_what_is_given_wins_over_the_reference(manager: Manager) -> None:
    """R12; what is not given is as in the reference, unknown XML too."""
    manager.define(ElementName="copy", OnCrash="preserve", reference=WEB1)
    head, old = manager.head("copy").properties, manager.head("web1").properties
    assert (head["OnCrash"], head["ElementName"]) == ("preserve", "copy")
    for name in ("Machine", "BootDevices", "CPUMode", "Description", "OnReboot", "EnablePAE"):
        assert head[name] == old[name]
    assert "<timer name='rtc' tickpolicy='catchup'/>" in manager.xml("copy")
    assert "http://example.com/owner/1.0" in manager.xml("copy")


def test_autostart_of_the_reference(manager: Manager) -> None:
    manager.modify_system(InstanceID="Test:web1/defined", AutomaticStartupAction=4)
    manager.define(ElementName="follows", reference=WEB1)
    manager.define(ElementName="does not", reference=WEB1, AutomaticStartupAction=2)
    assert [manager.client.vm(name).autostart for name in ("follows", "does not")] == [True, False]


def test_single_kinds_are_changed_in_the_copy(manager: Manager) -> None:
    """Memory without a unit is in bytes here as well; what is not given stays."""
    memory, processors = rasd("Mem", VirtualQuantity=2**30), rasd("Proc", VirtualQuantity=3)
    manager.define(memory, processors, ElementName="copy", reference=WEB1)
    settings = {name: one.properties for name, one in manager.settings("copy").items()}
    assert (settings["mem"]["VirtualQuantity"], settings["mem"]["Limit"]) == (2**20, 8 * 2**20)
    assert [settings["proc"][name] for name in ("VirtualQuantity", "MaxVirtualQuantity", "Weight")] == [3, 4, 2048]


def test_other_kinds_are_added_to_the_copy(manager: Manager) -> None:
    count = len(manager.settings("web1"))
    manager.define(asked("disk"), asked("net"), ElementName="copy", reference=WEB1)
    assert len(manager.settings("copy")) == count + 2


def test_setting_with_the_id_of_the_reference_changes_it(manager: Manager) -> None:
    disk = rasd("Disk", InstanceID="web1/defined/vda", HostResource=["file:///images/other.qcow2"])
    manager.define(disk, ElementName="copy", reference=WEB1)
    found = manager.settings("copy")["vda"].properties
    assert (found["Address"], found["DriverCache"], found["SerialNumber"]) == (
        "/images/other.qcow2", "none", "WEB1ROOT",
    )  # fmt: skip
    assert len(manager.settings("copy")) == len(manager.settings("web1"))


@pytest.mark.parametrize(
    ("given", "dev", "name", "value"),
    [
        (rasd("Disk", VirtualDevice="vda", HostResource=["/images/new.img"]), "vda", "Address", "/images/new.img"),
        (rasd("Graphics", ResourceSubType="vnc", Address="127.0.0.1:5999"), "vnc", "Address", "127.0.0.1:5999"),
        (
            rasd("Controller", InstanceID="copy/controller:usb:0", ResourceSubType="usb", Index=0, Model="nec-xhci"),
            "controller:usb:0",
            "Model",
            "nec-xhci",
        ),
        (
            rasd("Input", InstanceID="copy/tablet:usb", ResourceSubType="tablet", BusType="usb"),
            "tablet:usb",
            "BusType",
            "usb",
        ),
    ],
    ids=["disk", "graphics", "InstanceID of the new system", "input device"],
)
def test_setting_with_the_name_of_one_in_the_reference_takes_its_place(
    manager: Manager, given: Instance, dev: str, name: str, value: str
) -> None:
    manager.define(given, ElementName="copy", reference=WEB1)
    assert manager.settings("copy")[dev].properties[name] == value
    assert len(manager.settings("copy")) == len(manager.settings("web1"))


@pytest.mark.parametrize(
    "path",
    [
        Path("Test_VirtualSystemSettingData", (("InstanceID", "Test:nobody"),)),
        Path("Test_VirtualSystemSettingData", (("InstanceID", "Test:probe1/defined"),)),
        system_path("web1"),
        Path("Test_NoSuchClass", (("InstanceID", "Test:web1"),)),
    ],
    ids=["unknown", "transient", "system", "no-class"],
)
def test_reference_that_is_none(manager: Manager, path: Path) -> None:
    answer = manager.define(ElementName="copy", reference=path)
    assert answer.value == INVALID
    assert "ReferenceConfiguration" in answer.reason
    assert "copy" not in manager.names()
