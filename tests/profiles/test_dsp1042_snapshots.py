"""Snapshots of virtual systems over the embedded node: taken, shown, applied, changed and destroyed (DSP1042)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.profiles.client import system_path
from tests.profiles.management import BAD_STATE, INVALID, JOB, OK, Manager, embedded, head_path
from tests.profiles.snapshotting import DISK, FULL, Keeper
from tests.told import symbol_of

from virtcim.broker.call import Path
from virtcim.host import domains

BAD_TYPE = 6


@pytest.fixture
def keeper(manager: Manager) -> Keeper:
    return Keeper(manager)


def test_a_snapshot_is_a_configuration_with_resources_of_its_own(keeper: Keeper) -> None:
    path = keeper.taken("web2", ElementName="before the upgrade", Notes=["kernel", "database"])
    head = keeper.client.get(path).properties
    assert path.key("InstanceID") == "Test:web2/snapshot/before the upgrade"
    shown = {name: head[name] for name in ("ElementName", "Notes", "SnapshotType", "ChangeableType")}
    assert shown == {"ElementName": "before the upgrade", "Notes": ["kernel", "database"], "SnapshotType": FULL,
                     "ChangeableType": 0}  # fmt: skip
    assert keeper.across(path, "CIM_SnapshotOfVirtualSystem") == ["web2"]
    parts = keeper.across(path, "CIM_VirtualSystemSettingDataComponent")
    assert "web2/snapshot/before the upgrade/mem" in parts
    state = keeper.across(head_path("web2", False), "CIM_VirtualSystemSettingDataComponent")
    assert [one.rpartition("/")[2] for one in parts] == sorted(one.rpartition("/")[2] for one in state)
    for association in ("CIM_ElementSettingData", "CIM_SettingsDefineState"):
        assert keeper.across(path, association) == []


def test_a_line_of_snapshots_and_what_is_applied(keeper: Keeper) -> None:
    """Each descends from the one before; going back begins another branch, and is remembered until that is gone."""
    system = system_path("web2")
    assert keeper.across(system, "CIM_LastAppliedSnapshot") == []
    first, second = keeper.taken("web2", ElementName="first"), keeper.taken("web2", ElementName="second")
    assert keeper.across(system, "CIM_MostCurrentSnapshotInBranch") == ["Test:web2/snapshot/second"]
    assert keeper.across(second, "CIM_Dependency", "CIM_VirtualSystemSettingData") == ["Test:web2/snapshot/first"]
    domains.destroy(keeper.client.vm("web2"))
    for _ in range(2):
        assert keeper.apply(first) == OK
        assert keeper.client.get(system).properties["EnabledState"] == 2
        assert keeper.across(system, "CIM_LastAppliedSnapshot") == ["Test:web2/snapshot/first"]
        assert keeper.across(system, "CIM_MostCurrentSnapshotInBranch") == ["Test:web2/snapshot/first"]
    assert keeper.across(keeper.taken("web2", ElementName="third"), "CIM_ConcreteDependency") == [
        "Test:web2/snapshot/first"
    ]
    assert keeper.destroy(first) == OK
    assert keeper.across(system, "CIM_LastAppliedSnapshot") == []
    assert keeper.across(system, "CIM_SnapshotOfVirtualSystem") == [
        "Test:web2/snapshot/second", "Test:web2/snapshot/third",
    ]  # fmt: skip
    assert keeper.across(second, "CIM_ConcreteDependency") == []


def test_the_configuration_goes_back_with_it(keeper: Keeper) -> None:
    path = keeper.taken("web1")
    before = keeper.manager.xml("web1")
    assert keeper.manager.modify_system(InstanceID="Test:web1/defined", Description="changed").value == OK
    assert keeper.apply(path) == OK
    after = keeper.manager.xml("web1")
    assert "changed" not in after
    assert [line for line in after.splitlines() if "virtcim" not in line and "metadata" not in line] == [
        line for line in before.splitlines() if "virtcim" not in line and "metadata" not in line
    ]


def test_capabilities_say_what_the_service_then_does(keeper: Keeper) -> None:
    (found,) = (one.properties for one in keeper.client.instances("Test_VirtualSystemSnapshotServiceCapabilities"))
    assert found["SynchronousMethodsSupported"] == found["AynchronousMethodsSupported"] == [2, 3, 4]
    supported = found["SnapshotTypesSupported"]
    domains.destroy(keeper.client.vm("web1"))
    for name in ("web1", "web2"):
        (own,) = keeper.client.across(
            system_path(name), "CIM_ElementCapabilities", "CIM_VirtualSystemSnapshotCapabilities"
        )
        enabled = own.properties["SnapshotTypesEnabled"]
        assert isinstance(enabled, list)
        assert isinstance(supported, list)
        assert set(enabled) <= set(supported)
        assert (32768 in enabled) == (name == "web2"), "of memory there is none to keep while it is off"
        assert keeper.take(name, 32768).value == (OK if name == "web2" else BAD_STATE)


BAD_CALLS: dict[str, tuple[dict[str, Any], int]] = {
    "no type": ({"kind": None}, INVALID),
    "a type of nobody": ({"kind": 77}, BAD_TYPE),
    "a type that the driver has not": ({"kind": DISK}, BAD_TYPE),
    "a slash is none of a name, a line break is": ({"ElementName": "a\nb"}, INVALID),
    "a long name": ({"ElementName": "n" * 241}, INVALID),
    "a note of two lines": ({"ElementName": "x", "Notes": ["a\nb"]}, INVALID),
    "no such system": ({"name": "nobody"}, INVALID),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_what_cannot_be_taken_leaves_nothing(keeper: Keeper, case: str) -> None:
    given, code = BAD_CALLS[case]
    arguments = {"name": "web2", "kind": FULL, **given}
    name, kind = arguments.pop("name"), arguments.pop("kind")
    before = keeper.manager.everything()
    if kind is None:
        answer = keeper.client.invoke(keeper.service, "CreateSnapshot", AffectedSystem=system_path(name))
    else:
        answer = keeper.take(name, kind, **arguments)
    assert answer.value == code
    assert keeper.manager.everything() == before
    assert all(not vm.snapshots for vm in keeper.manager.host.vms)


def test_refusals_are_told_by_messages(keeper: Keeper) -> None:
    path = keeper.taken("web2", ElementName="one")
    nowhere = Path(path.classname, (("InstanceID", "Test:web2/snapshot/none"),), path.namespace)
    apply = partial(keeper.client.invoke, keeper.service, "ApplySnapshot")
    assert symbol_of(keeper.take("web2", 77).reason) == "SNAPSHOT_TYPE"
    assert symbol_of(apply(Snapshot=nowhere).reason) == "SNAPSHOT_NOT_FOUND"
    with keeper.manager.host.link.borrow() as connection:
        connection.lookupByName("web2").snapshotLookupByName("one").delete()
    assert symbol_of(apply(Snapshot=path).reason) in ("SNAPSHOT_GONE", "SNAPSHOT_NOT_FOUND")
    domains.destroy(keeper.client.vm("web2"))
    assert symbol_of(keeper.take("web2", 32768).reason) == "SNAPSHOT_STATE"


def test_a_saved_system_has_no_snapshot_taken_or_applied(keeper: Keeper) -> None:
    path = keeper.taken("web2")
    domains.save(keeper.client.vm("web2"))
    assert [keeper.take("web2", kind).value for kind in (FULL, 32768, 32769)] == [BAD_STATE] * 3
    assert keeper.apply(path) == BAD_STATE
    assert keeper.client.vm("web2").managed_save


def test_names_are_made_unique_and_fit_for_libvirt(keeper: Keeper) -> None:
    for label, name in (
        ("a/b", "a-b"),
        ("a/b", "a-b-2"),
        ("..", "snapshot-"),
        ("17", "snapshot-17"),
        ("100%", "100%25"),
    ):
        path = keeper.taken("web2", ElementName=label)
        assert str(path.key("InstanceID")).startswith(f"Test:web2/snapshot/{name}")
        assert keeper.client.get(path).properties["ElementName"] == label


def test_only_what_it_is_called_can_be_changed(keeper: Keeper) -> None:
    path = keeper.taken("web2", ElementName="old", Notes=["one"])
    snapshot_id = str(path.key("InstanceID"))
    assert keeper.manager.modify_system(InstanceID=snapshot_id, ElementName="new").value == OK
    assert keeper.manager.modify_system(InstanceID=snapshot_id, Notes=["two", "three"]).value == OK
    properties = keeper.client.get(path).properties
    assert (properties["ElementName"], properties["Notes"]) == ("new", ["two", "three"])
    assert keeper.across(system_path("web2"), "CIM_MostCurrentSnapshotInBranch") == [snapshot_id]
    for change in ({"Description": "x"}, {"VirtualSystemIdentifier": "y"}, {"ElementName": "a\nb"}):
        assert keeper.manager.modify_system(InstanceID=snapshot_id, **change).value == INVALID
    assert keeper.client.get(path).properties["ElementName"] == "new"
    assert keeper.manager.modify_system(InstanceID="Test:web2/snapshot/none", ElementName="x").value == INVALID


def test_resources_of_a_snapshot_stay_what_they_were(keeper: Keeper) -> None:
    path = keeper.taken("web2")
    memory = keeper.manager.setting_path(f"{str(path.key('InstanceID')).removeprefix('Test:')}/mem")
    change = embedded(memory.classname, InstanceID=memory.key("InstanceID"), VirtualQuantity=1)
    assert keeper.manager.modify(change).value == INVALID
    assert keeper.manager.call("RemoveResourceSettings", ResourceSettings=[memory]).value == INVALID
    assert (
        keeper.manager.call("AddResourceSettings", AffectedConfiguration=path, ResourceSettings=[change]).value
        == INVALID
    )


def test_a_new_system_like_a_snapshot(keeper: Keeper) -> None:
    path = keeper.taken("web1")
    answer = keeper.manager.define(reference=path, ElementName="as it was")
    assert answer.value == OK, answer.reason
    assert _kinds(keeper, "as it was") == _kinds(keeper, "web1")


def _kinds(keeper: Keeper, name: str) -> list[str]:
    """What resources a system has; the addresses of its interfaces are its own."""
    return sorted(one.path.classname for one in keeper.manager.settings(name).values())


def test_a_system_goes_with_its_snapshots(keeper: Keeper) -> None:
    first, second = keeper.taken("web2"), keeper.taken("web2")
    assert keeper.manager.destroy("web2").value == OK
    assert not [one for one in keeper.client.instances("CIM_VirtualSystemSettingData") if one.path in (first, second)]
    assert "web2" not in keeper.manager.names()


def test_what_was_taken_behind_the_back_is_seen(keeper: Keeper) -> None:
    """A look finds the first, a second one, one less, and another one that is current."""
    vm = keeper.client.vm("web2")
    xml = "<domainsnapshot><name>{}</name></domainsnapshot>"

    def names() -> list[str]:
        keeper.manager.host._keeper.reconcile()
        return [one.name for one in keeper.manager.host.vm(vm.uuid).snapshots]  # type: ignore[union-attr]

    with keeper.manager.host.link.borrow() as connection:
        domain = connection.lookupByUUIDString(vm.uuid)
        names()
        for name in ("one", "two"):
            domain.snapshotCreateXML(xml.format(name))
        assert names() == ["one", "two"]
        domain.snapshotLookupByName("one").delete()
        assert names() == ["two"]


def test_jobs_end_as_libvirt_says(keeper: Keeper) -> None:
    """A snapshot that is gone when its turn comes: the reason, and the system as it was."""
    path = keeper.taken("web2")
    with keeper.manager.host.link.borrow() as connection:
        connection.lookupByName("web2").snapshotLookupByName(str(path.key("InstanceID")).rpartition("/")[2]).delete()
    assert keeper.apply(path) == keeper.destroy(path) == INVALID
    assert keeper.client.vm("web2").underway is None


def test_what_clients_of_libvirt_cim_mean(keeper: Keeper) -> None:
    """Type 32769 saves a system and leaves it so; its own configuration then is what is applied, or destroyed."""
    own = head_path("web2", False)
    for method in ("ApplySnapshot", "DestroySnapshot"):
        answer = keeper.take("web2", 32769)
        assert answer.value == JOB
        returned = keeper.client.job_of(answer).returned
        assert returned is not None
        assert returned.out["ResultingSnapshot"].id == own.key("InstanceID")  # type: ignore[attr-defined]
        assert keeper.client.vm("web2").managed_save
        name = "Snapshot" if method == "ApplySnapshot" else "AffectedSnapshot"
        assert keeper.client.invoke(keeper.service, method, **{name: own}).value == OK
        assert not keeper.client.vm("web2").managed_save
        if method == "DestroySnapshot":
            assert not keeper.client.vm("web2").active
    assert keeper.apply(own) == keeper.destroy(own) == INVALID
