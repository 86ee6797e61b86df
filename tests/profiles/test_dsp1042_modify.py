"""ModifyResourceSettings of DSP1042 on the embedded node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.profiles.devices import ASKED, asked
from tests.profiles.management import BAD_STATE, FAILED, INVALID, OK, Manager, embedded, instance, rasd, results
from tests.told import symbol_of

from virtcim.broker.call import Instance
from virtcim.host import domains
from virtcim.host.inventory import Vm
from virtcim.model.domain import Domain

SYSTEMS = ("web1", "web2", "db1", "mail1", "archive1", "desktop1", "legacy1")


@pytest.mark.parametrize("name", SYSTEMS)
def test_whole_instances_sent_back(manager: Manager, name: str) -> None:
    """What is given as it is changes nothing, of either configuration."""
    before = manager.everything()
    for defined in (True, False):
        items = manager.settings(name, defined).values()
        answer = manager.modify(*map(instance, items))
        assert answer.value == OK, answer.reason
        assert results(answer) == [one.properties["InstanceID"] for one in items]
    assert manager.everything() == before


def test_transient_system_sent_back(manager: Manager) -> None:
    answer = manager.modify(*map(instance, manager.settings("probe1", defined=False).values()))
    assert answer.value == OK, answer.reason


@pytest.mark.parametrize("name", ASKED)
def test_nothing_but_null(manager: Manager, name: str) -> None:
    """NULL leaves everything as it is (R17)."""
    manager.define(asked(name), ElementName="one")
    before = manager.xml("one")
    for item in manager.settings("one").values():
        empty = dict.fromkeys(item.properties, None) | {"InstanceID": item.properties["InstanceID"]}
        answer = manager.modify(embedded(item.cls.name, **empty))
        assert answer.value == OK, answer.reason
    assert manager.xml("one") == before


SAME_NUMBERS = {
    "mem": (rasd("Mem", VirtualQuantity=2**27), "VirtualQuantity", 2**17, "byte * 2^20", 2**27),
    "net": (rasd("Net", PoolID="NetworkPool/production", Limit=8000), "Limit", 8000, "byte / second", 64000),
}


@pytest.mark.parametrize("name", SAME_NUMBERS)
def test_same_number_in_another_unit(manager: Manager, name: str) -> None:
    """It is another amount, not what is there already."""
    asked, number, shown, unit, wanted = SAME_NUMBERS[name]
    manager.define(asked, ElementName="one")
    item = next(one for one in manager.settings("one").values() if one.cls.name == asked.classname)
    assert item.properties[number] == shown
    change = {"InstanceID": item.properties["InstanceID"], number: shown, "AllocationUnits": unit}
    answer = manager.modify(embedded(item.cls.name, **change))
    assert answer.value == OK, answer.reason
    assert manager.client.get(item.path).properties[number] == wanted


# kind -> what to change in the setting of devices.asked, what it reads back as (the same where absent)
CHANGES: dict[str, dict[str, Any]] = {
    "disk": {"HostResource": ["file:///images/other.raw"], "DriverCache": "none"},
    "lun": {"HostResource": ["file:///dev/sdy"]},
    "cdrom": {"HostResource": ["file:///images/cd.iso"]},
    "floppy": {"HostResource": ["file:///images/floppy.img"]},
    "filesystem": {"Address": "/srv2", "Access": 1},
    "net": {"Limit": 8000000, "PoolID": "NetworkPool/backbone"},
    "graphics": {"Address": "127.0.0.1:5978", "KeyMap": "de"},
    "video": {"Heads": 2},
    "input": {"BusType": "virtio"},
    "keyboard": {"BusType": "virtio"},
    "serial": {"SourceType": 4, "SourcePath": "/var/log/serial"},
    "parallel": {"SourcePath": "/var/log/other"},
    "channel": {"TargetName": "org.example.1"},
    "scsi": {"Queues": "4"},
    "usb": {"Model": "qemu-xhci"},
    "controller": {"Vectors": "3"},
    "sound": {"Model": "ich9"},
    "watchdog": {"Action": "poweroff"},
    "rng": {"RateBytes": 1000, "RatePeriod": 2000},
    "tpm": {"Model": "tpm-tis"},
    "balloon": {"StatsPeriod": 7},
    "pci": {"Managed": False},
    "usbdev": {"VendorID": "0x1234"},
}


def test_every_kind_is_changed() -> None:
    assert CHANGES.keys() == ASKED.keys() - {"ide", "console"}  # which have nothing that could change alone


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "part"])
def test_change(manager: Manager, name: str, whole: bool) -> None:
    """A part of a setting, or all of it with the part changed; the result is where the setting is then."""
    manager.define(ElementName="one")
    (old,) = results(manager.add("one", asked(name)))
    item = manager.settings("one")[old.removeprefix("one/defined/")]
    rest = {} if not whole else {k: v for k, v in item.properties.items() if k not in ALIASES.get(name, ())}
    answer = manager.modify(embedded(item.cls.name, **{**rest, **CHANGES[name], "InstanceID": old}))
    assert answer.value == OK, answer.reason
    (new,) = results(answer)
    found = manager.settings("one")[new.removeprefix("one/defined/")].properties
    assert {name: found.get(name) for name in CHANGES[name]} == CHANGES[name]


def test_what_libvirt_would_ignore(manager: Manager) -> None:
    """The first console is the first serial port: a change of it alone would be lost without a word."""
    before = manager.everything()
    answer = manager.modify(rasd("Console", InstanceID="db1/defined/charconsole:0", SourceType=0))
    assert (answer.value, "leaves SourceType" in answer.reason) == (FAILED, True)
    assert symbol_of(answer.reason) == "SETTING_IGNORED"
    assert manager.everything() == before


# Properties that say the same as one that is changed: a client that changes one of them leaves the others out.
ALIASES = {
    "disk": ("Address",),
    "lun": ("Address",),
    "filesystem": ("HostResource", "readonly"),
    "net": ("Connection", "NetworkName"),
    "sound": ("ResourceSubType",),
    "tpm": ("ResourceSubType",),
    "usbdev": ("HostResource",),
}


def test_setting_that_gets_another_id(manager: Manager) -> None:
    """The result is the new one."""
    disk = rasd("Disk", InstanceID="desktop1/defined/sda", VirtualDevice="sdf")
    nic = rasd("Net", InstanceID="desktop1/52:54:00:10:00:09", Address="52:54:00:10:00:99")
    answer = manager.modify(disk, nic)
    assert results(answer) == ["desktop1/defined/sdf", "desktop1/52:54:00:10:00:99"]


def test_one_of_an_address_in_any_case(manager: Manager) -> None:
    nic = rasd("Net", InstanceID="desktop1/defined/52:54:00:10:00:0A", ResourceSubType="e1000")
    assert results(manager.modify(nic)) == ["desktop1/defined/52:54:00:10:00:0a"]


def test_several_systems_in_one_call(manager: Manager) -> None:
    """Results in the order of the call."""
    given = [
        rasd("Mem", InstanceID="archive1/defined/mem", VirtualQuantity=2**20),
        rasd("Proc", InstanceID="desktop1/defined/proc", VirtualQuantity=3),
        rasd("Disk", InstanceID="archive1/defined/vda", DriverCache="none"),
        rasd("Mem", InstanceID="desktop1/mem", VirtualQuantity=2**21),
    ]
    answer = manager.modify(*given)
    assert results(answer) == [one.properties["InstanceID"] for one in given]
    assert manager.settings("archive1")["vda"].properties["DriverCache"] == "none"
    assert manager.settings("desktop1")["proc"].properties["VirtualQuantity"] == 3
    assert manager.settings("desktop1")["mem"].properties["VirtualQuantity"] == 2**21


def test_definition_of_an_active_system(manager: Manager) -> None:
    """What it runs with stays."""
    live = manager.xml("web1", live=True)
    answer = manager.modify(rasd("Mem", InstanceID="web1/defined/mem", VirtualQuantity=2**20, Limit=2**22))
    assert answer.value == OK, answer.reason
    assert manager.settings("web1")["mem"].properties["VirtualQuantity"] == 2**20
    assert manager.settings("web1", defined=False)["mem"].properties["VirtualQuantity"] == 2**22
    assert manager.xml("web1", live=True) == live


LIVE: dict[str, tuple[Instance, str, str, int]] = {
    "memory": (rasd("Mem", InstanceID="web1/mem", VirtualQuantity=2**21), "mem", "VirtualQuantity", 2**21),
    "processors": (rasd("Proc", InstanceID="web1/proc", VirtualQuantity=3), "proc", "VirtualQuantity", 3),
}


@pytest.mark.parametrize(("given", "dev", "name", "value"), LIVE.values(), ids=LIVE)
def test_running_system(manager: Manager, given: Instance, dev: str, name: str, value: int) -> None:
    """State of an active system: it changes at once, and its definition with it."""
    answer = manager.modify(given)
    assert answer.value == OK, answer.reason
    for defined in (True, False):
        assert manager.settings("web1", defined)[dev].properties[name] == value


def test_running_transient_system(manager: Manager) -> None:
    answer = manager.modify(rasd("Mem", InstanceID="probe1/mem", VirtualQuantity=2**18))
    assert answer.value == OK, answer.reason
    assert manager.settings("probe1", defined=False)["mem"].properties["VirtualQuantity"] == 2**18


def test_part_that_cannot_be_done_live_takes_back_the_rest(manager: Manager) -> None:
    before = manager.everything()
    memory = rasd("Mem", InstanceID="web1/mem", VirtualQuantity=2**21)
    answer = manager.modify(memory, rasd("Disk", InstanceID="web1/vda", DriverCache="writeback"))
    assert (answer.value, "ResourceSettings[1]" in answer.reason) == (BAD_STATE, True)
    assert manager.everything() == before


REFUSALS: dict[str, tuple[list[Instance], int, str]] = {
    "empty": ([], INVALID, "ResourceSettings is NULL or empty"),
    "no id": ([rasd("Mem", VirtualQuantity=1)], INVALID, r"ResourceSettings\[0\].InstanceID is missing"),
    "blank id": ([rasd("Mem", InstanceID="", VirtualQuantity=1)], INVALID, r"ResourceSettings\[0\].InstanceID"),
    "id of no form": ([rasd("Mem", InstanceID="web1", VirtualQuantity=1)], INVALID, "InstanceID 'web1'"),
    "unknown system": ([rasd("Mem", InstanceID="nobody/mem", VirtualQuantity=1)], INVALID, "'nobody/mem'"),
    "unknown device": ([rasd("Disk", InstanceID="web1/vdz", HostResource=["/a"])], INVALID, "'web1/vdz'"),
    "definition of a transient system": ([rasd("Mem", InstanceID="probe1/defined/mem")], INVALID, "probe1/defined/mem"),
    "second unknown": (
        [rasd("Mem", InstanceID="desktop1/mem", VirtualQuantity=1024), rasd("Mem", InstanceID="nobody/mem")],
        INVALID, r"\[1\].InstanceID",
    ),
    "second bad": (
        [rasd("Mem", InstanceID="desktop1/mem", VirtualQuantity=1024),
         rasd("Proc", InstanceID="desktop1/proc", VirtualQuantity=0)],
        INVALID, r"\[1\].VirtualQuantity",
    ),
    "bad in another system": (
        [rasd("Mem", InstanceID="desktop1/mem", VirtualQuantity=1024),
         rasd("Proc", InstanceID="archive1/defined/proc", VirtualQuantity=0)],
        INVALID, r"\[1\].VirtualQuantity",
    ),
    "another type": ([rasd("Disk", InstanceID="desktop1/sda", ResourceType=10)], INVALID, "ResourceType"),
    "fixed property": ([rasd("Mem", InstanceID="desktop1/mem", PoolID="MemoryPool/1")], INVALID, "PoolID"),
    "target of another": ([rasd("Disk", InstanceID="desktop1/sda", VirtualDevice="sdb")], INVALID, "Device 'sdb'"),
    "contradiction": (
        [rasd("Disk", InstanceID="desktop1/sda", Address="/a", HostResource=["/b"])], INVALID, "contradicts",
    ),
    "no hot-plug": ([rasd("Proc", InstanceID="web1/proc", VirtualQuantity=9)], BAD_STATE, r"\[0\].MaxVirtualQuantity"),
    "saved": (
        [rasd("Mem", InstanceID="desktop1/mem", VirtualQuantity=1024),
         rasd("Mem", InstanceID="archive1/mem"), rasd("Disk", InstanceID="archive1/vda", DriverCache="none")],
        BAD_STATE, r"\[2\]: archive1 is saved",
    ),
    "frozen property": ([rasd("Mem", InstanceID="web1/mem", dumpCore=False)], BAD_STATE, "dumpCore"),
    "what libvirt refuses": (
        [rasd("Mem", InstanceID="desktop1/mem", VirtualQuantity=1024),
         rasd("Disk", InstanceID="archive1/defined/vda", VirtualDevice="nonsense/1")], FAILED, "libvirt",
    ),
    "wrong class": ([embedded("Test_VirtualSystemSettingData", InstanceID="Test:web1")], INVALID, "ResourceSettings"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "code", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_refused(manager: Manager, settings: list[Instance], code: int, reason: str) -> None:
    """All or nothing, over all systems of the call (R17, R19)."""
    before = manager.everything()
    answer = manager.modify(*settings)
    assert (answer.value, answer.out) == (code, ()), answer.reason
    assert re.search(reason, answer.reason), answer.reason
    assert manager.everything() == before


def test_system_that_is_removed_during_the_change(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told that it is gone, and what somebody else has removed does not come back."""
    edit = domains.edit

    @contextmanager
    def edit_and_lose(vm: Vm) -> Iterator[Domain]:
        with edit(vm) as document:
            yield document
        with vm.host.link.borrow() as connection:
            connection.lookupByName(vm.name).undefine()
        vm.host.refresh(vm.uuid)

    manager.define(rasd("Mem", VirtualQuantity=2**27), ElementName="brief")
    monkeypatch.setattr(domains, "edit", edit_and_lose)
    answer = manager.modify(rasd("Mem", InstanceID="brief/defined/mem", VirtualQuantity=2**16))
    assert (answer.value, answer.reason) == (FAILED, "virtual system brief is gone")
    assert symbol_of(answer.reason) == "VS_GONE"
    assert "brief" not in manager.names()
    with manager.host.link.borrow() as connection:
        assert "brief" not in [domain.name() for domain in connection.listAllDomains()]


def test_put_back(manager: Manager) -> None:
    manager.define(ElementName="kept")
    vm = manager.client.vm("kept")
    before = domains.definition(vm)
    manager.redefine("kept", "<on_crash>destroy</on_crash>", "<on_crash>restart</on_crash>")
    domains.put_back(vm, before)
    assert manager.xml("kept") == before
