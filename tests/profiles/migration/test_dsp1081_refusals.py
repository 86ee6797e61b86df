"""DSP1081: settings, systems, destinations, changes, states and obstacles with which no system is moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.profiles.client import out, system_path
from tests.profiles.management import embedded
from tests.profiles.migrating import (
    BAD_STATE,
    INCOMPATIBLE,
    INVALID,
    LIVE,
    OK,
    OTHER_TYPE,
    RASD,
    RESTART,
    UNSUPPORTED,
    Mover,
    setting,
    vssd,
)
from tests.told import symbol_of

from virtcim.broker.call import Path
from virtcim.host import domains
from virtcim.host.inventory import Underway, Vm
from virtcim.host.obstacles import About, Obstacle
from virtcim.profiles.migration import why_not

NOWHERE = "nowhere.invalid"
MISSING = "<interface type='network'><source network='nobodys'/></interface>"


SETTINGS: dict[str, tuple[dict[str, Any], int, str]] = {
    "type": ({"MigrationType": 9}, INVALID, "MigrationType"),
    "type of other drivers": ({"MigrationType": LIVE}, UNSUPPORTED, "MigrationType"),
    "priority": ({"Priority": 1}, UNSUPPORTED, "Priority"),
    "percent": ({"Bandwidth": 10, "BandwidthUnit": "percent"}, UNSUPPORTED, "BandwidthUnit"),
    "more than all": ({"Bandwidth": 101, "BandwidthUnit": "percent"}, INVALID, "Bandwidth"),
    "no unit": ({"Bandwidth": 10}, INVALID, "BandwidthUnit"),
    "transport": ({"TransportType": 8}, INVALID, "TransportType"),
    "transport by name": ({"TransportType": 1, "OtherTransportType": "x"}, UNSUPPORTED, "OtherTransportType"),
    "local socket": ({"TransportType": 6}, UNSUPPORTED, "TransportType"),
    "state": ({"MigrationType": RESTART}, BAD_STATE, "MigrationType"),
}
CALLS = ("CheckVirtualSystemIsMigratableToSystem", "MigrateVirtualSystemToSystem")
HOST_CALLS = ("CheckVirtualSystemIsMigratableToHost", "MigrateVirtualSystemToHost")


@pytest.mark.parametrize(("given", "code", "word"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_are_refused(mover: Mover, still: Vm, given: dict[str, Any], code: int, word: str) -> None:
    before = mover.everything()
    for method in CALLS:
        answer = mover.call(method, still, MigrationSettingData=setting(**given))
        assert answer.value == code
        assert word in answer.reason
        offered = ("SETTING_NOT_OFFERED", "METHOD_NOT_SUPPORTED")
        assert (code == UNSUPPORTED) is (symbol_of(answer.reason) in offered)
        assert answer.out == ()
    assert mover.everything() == before


SYSTEMS: dict[str, Callable[[Mover], Path | None]] = {
    "none": lambda _: None,
    "nobody": lambda _: system_path("3b0a7c1e-52d4-4f0e-9a61-6f1d2c8effff"),
    "a host": lambda mover: mover.host_path(mover.here),
    "one of another host": lambda mover: system_path(mover.there.vms[0].uuid),
    "no class": lambda _: Path("No_Such", (("Name", "x"),)),
}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_systems_that_are_not_the_services(mover: Mover, system: Callable[[Mover], Path | None]) -> None:
    for method in CALLS:
        answer = mover.call(method, system(mover))
        assert answer.value == INVALID
        assert "ComputerSystem" in answer.reason


DESTINATIONS: dict[str, tuple[Callable[[Mover], Path | None], int]] = {
    "none": (lambda _: None, INVALID),
    "itself": (lambda mover: mover.host_path(mover.here), INCOMPATIBLE),
    "a virtual system": (lambda mover: system_path(mover.there.vms[0].uuid), INVALID),
    "another server's system": (lambda _: system_path("elsewhere"), INVALID),
    "another server's host of no name": (lambda _: Path("KVM_HostSystem", (("Name", "a b"),)), INVALID),
}


@pytest.mark.parametrize(("to", "code"), DESTINATIONS.values(), ids=DESTINATIONS)
def test_systems_that_are_no_destination(
    mover: Mover, still: Vm, to: Callable[[Mover], Path | None], code: int
) -> None:
    for method in CALLS:
        answer = mover.call(method, still, DestinationSystem=to(mover))
        assert answer.value == code
        assert "DestinationSystem" in answer.reason or "DestinationHost" in answer.reason
        assert code == INVALID or symbol_of(answer.reason) == "MIGRATION_SAME_HOST"


@pytest.mark.parametrize(("text", "code"), [(None, INVALID), ("a_b", INVALID), ("localhost", INCOMPATIBLE)])
def test_hosts_that_are_no_destination(mover: Mover, still: Vm, text: str | None, code: int) -> None:
    for method in HOST_CALLS:
        answer = mover.call(method, still, DestinationHost=text)
        assert answer.value == code
        assert "DestinationHost" in answer.reason


@pytest.mark.parametrize("number", [2, 3, 4, 5], ids=["ssh", "tls", "tls-strict", "tcp"])
def test_a_host_that_cannot_be_reached(mover: Mover, still: Vm, number: int) -> None:
    given = setting(TransportType=number)
    check = mover.call(HOST_CALLS[0], still, DestinationHost=NOWHERE, MigrationSettingData=given)
    assert (check.value, out(check, "IsMigratable")) == (OK, False)
    move = mover.call(HOST_CALLS[1], still, DestinationHost=NOWHERE, MigrationSettingData=given)
    assert (move.value, move.out) == (2, ())
    assert NOWHERE in check.reason
    assert check.reason == move.reason
    assert symbol_of(check.reason) == symbol_of(move.reason) == "MIGRATION_DEST_UNREACHABLE"
    assert mover.here.vm(still.uuid) is still


def _of_other(mover: Mover, _: Vm) -> dict[str, Any]:
    other = mover.here.vm_named("web1")
    assert other is not None
    return {"NewResourceSettingData": [embedded(RASD, InstanceID=f"{other.uuid}/vda", HostResource=["/x"])]}


CHANGES: dict[str, tuple[Callable[[Mover, Vm], dict[str, Any]], int, str]] = {
    "a bad name": (lambda *_: {"NewSystemSettingData": vssd(VirtualSystemIdentifier="a/b")}, INVALID, "Identifier"),
    "a long name": (lambda *_: {"NewSystemSettingData": vssd(VirtualSystemIdentifier="x" * 300)}, INVALID, "longer"),
    "another UUID": (
        lambda *_: {"NewSystemSettingData": vssd(UUID="00000000-0000-4000-8000-000000000000")}, INVALID, "UUID",
    ),
    "another platform": (
        lambda *_: {"NewSystemSettingData": vssd(VirtualSystemType="DMTF:XEN")}, INVALID, "VirtualSystemType",
    ),
    "another's head": (
        lambda *_: {"NewSystemSettingData": vssd(InstanceID="Test:nobody")}, INCOMPATIBLE, "NewSystemSettingData",
    ),
    "a setting without InstanceID": (
        lambda *_: {"NewResourceSettingData": [embedded(RASD, HostResource=["/x"])]}, INVALID, "InstanceID",
    ),
    "another's setting": (_of_other, INCOMPATIBLE, "NewResourceSettingData[0]"),
    "a setting that cannot be": (
        lambda _, vm: {
            "NewResourceSettingData": [embedded(RASD, InstanceID=f"{vm.uuid}/defined/vda", EmulatedType=77)]
        },
        INVALID, "EmulatedType",
    ),
    "no setting": (lambda *_: {"NewResourceSettingData": [None]}, INVALID, "NewResourceSettingData[0]"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "code", "word"), CHANGES.values(), ids=CHANGES)
def test_changes_that_are_refused(
    mover: Mover, still: Vm, given: Callable[[Mover, Vm], dict[str, Any]], code: int, word: str
) -> None:
    before = mover.everything()
    for method in CALLS:
        answer = mover.call(method, still, **given(mover, still))
        assert answer.value == code, answer.reason
        assert word in answer.reason
    assert mover.everything() == before


def _saved(mover: Mover) -> Vm:
    vm = mover.define("state-saved", start=True)
    return domains.save(vm) or vm


def _paused(mover: Mover) -> Vm:
    vm = mover.define("state-paused", start=True)
    return domains.pause(vm) or vm


def _transient(mover: Mover) -> Vm:
    mover.client.add_transient("state-transient")
    found = mover.here.vm_named("state-transient")
    assert found is not None
    return found


def _under_way(mover: Mover) -> Vm:
    vm = mover.define("state-under-way")
    return mover.here.set_underway(vm.uuid, Underway(5, 19, 10)) or vm


STATES: dict[str, tuple[Callable[[Mover], Vm], dict[str, Any]]] = {
    "saved": (_saved, {}),
    "active, by definition": (lambda mover: mover.define("state-active", start=True), {"MigrationType": OTHER_TYPE}),
    "paused, by restart": (_paused, {"MigrationType": RESTART}),
    "transient": (_transient, {}),
    "being moved": (_under_way, {}),
}


@pytest.mark.parametrize(("make", "given"), STATES.values(), ids=STATES)
def test_states_that_do_not_allow_it(mover: Mover, make: Callable[[Mover], Vm], given: dict[str, Any]) -> None:
    vm = make(mover)
    before = mover.everything()
    for method in CALLS:
        answer = mover.call(method, vm, MigrationSettingData=setting(**given))
        assert answer.value == BAD_STATE, answer.reason
        assert vm.name in answer.reason
        assert symbol_of(answer.reason) in ("MIGRATION_INVALID_STATE", "VS_BUSY", "METHOD_INVALID_STATE")
    assert mover.everything() == before


def _snapshot(mover: Mover, vm: Vm) -> str:
    with mover.here.link.borrow() as connection:
        connection.lookupByUUIDString(vm.uuid).snapshotCreateXML("<domainsnapshot/>")
    return "1 snapshots"


def _same_name(mover: Mover, vm: Vm) -> str:
    with mover.there.link.borrow() as connection:
        xml = f"<domain type='test'><name>{vm.name}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        connection.defineXML(xml)
    return f"another system is named {vm.name}"


def _same_uuid(mover: Mover, vm: Vm) -> str:
    with mover.there.link.borrow() as connection:
        connection.defineXML(str(vm.defined_xml).replace(vm.name, "namesake"))
    return "is that of namesake there"


OBSTACLES = {
    "snapshots": ("", _snapshot),
    "a name that is taken": ("", _same_name),
    "a UUID that is taken": ("", _same_uuid),
    "a network that is not there": (MISSING, lambda *_: "no network nobodys there"),
}


@pytest.mark.parametrize(("devices", "make"), OBSTACLES.values(), ids=OBSTACLES)
def test_what_stands_in_the_way(mover: Mover, devices: str, make: Callable[[Mover, Vm], str]) -> None:
    vm = mover.define(f"way-{make.__name__.strip('_<>')}", devices=devices)
    word = make(mover, vm)
    before = mover.everything()
    check, move = mover.check(vm), mover.move(vm)
    assert (check.value, out(check, "IsMigratable")) == (OK, False)
    assert (move.value, move.out) == (INCOMPATIBLE, ())
    assert word in check.reason
    assert word in move.reason
    assert {symbol_of(one.reason) for one in (check, move)} == {"MIGRATION_DEST_INCOMPATIBLE"}
    assert mover.everything() == before


@pytest.mark.parametrize(
    ("about", "symbol"),
    [
        ({About.PROCESSORS}, "MIGRATION_CPU_INCOMPATIBLE"),
        ({About.STORAGE}, "MIGRATION_STORAGE_NOT_SHARED"),
        ({About.STORAGE, About.PROCESSORS}, "MIGRATION_DEST_INCOMPATIBLE"),
    ],
)
def test_what_obstacles_are_about(about: set[About], symbol: str) -> None:
    found = [Obstacle("too little", one) for one in about]
    assert symbol_of(why_not("web1", "there", found)) == symbol
