"""DestroySystem of DSP1042 on the embedded node, and what is of another host."""

from __future__ import annotations

import pytest
from tests.profiles.client import system_path
from tests.profiles.devices import asked
from tests.profiles.management import INVALID, OK, Manager, head_path, instance, managing

from virtcim.broker.call import CIMError, Path
from virtcim.broker.schema import Schema


@pytest.mark.parametrize("name", ["web1", "mail1", "archive1", "desktop1", "legacy1", "probe1"])
def test_destroy(manager: Manager, name: str) -> None:
    """Running, paused, saved, off, crashed and transient: no instance mentions it any more (R14)."""
    vm = manager.client.vm(name)
    answer = manager.destroy(name)
    assert (answer.value, answer.out) == (OK, ())
    assert name not in manager.names()
    with manager.host.link.borrow() as connection:
        assert vm.uuid not in [one.UUIDString() for one in connection.listAllDomains()]
    for classname in ("CIM_System", "CIM_SettingData", "CIM_LogicalDevice", "CIM_HostedDependency"):
        assert not [str(one.path) for one in manager.client.instances(classname) if f"{name}/" in f"{one.path}/"
                    and vm.uuid in str(one.properties)]  # fmt: skip
    assert not any(str(one.properties["InstanceID"]).startswith(f"{name}/")
                   for one in manager.client.instances("CIM_ResourceAllocationSettingData"))  # fmt: skip


def test_destroy_keeps_the_volumes(manager: Manager) -> None:
    before = [volume.path for volume in manager.host.volumes]
    manager.destroy("archive1")
    manager.host.reconcile()
    assert [volume.path for volume in manager.host.volumes] == before


@pytest.mark.parametrize(
    "path",
    [system_path("nobody"), None, head_path("web1"), Path("Test_HostSystem", ())],
    ids=["unknown", "NULL", "settings", "host"],
)
def test_destroy_of_no_system(manager: Manager, path: Path | None) -> None:
    """4 with a reason; nothing happens."""
    before = manager.everything()
    if path is not None and path.classname == "Test_HostSystem":
        (path,) = (one.path for one in manager.client.instances("Test_HostSystem"))
    answer = manager.call("DestroySystem", AffectedSystem=path)
    assert (answer.value, "AffectedSystem" in answer.reason) == (INVALID, True)
    assert manager.everything() == before


def test_destroy_twice(manager: Manager) -> None:
    assert manager.destroy("mail1").value == OK
    assert manager.destroy("mail1").value == INVALID


def test_destroy_behind_our_back(manager: Manager) -> None:
    """Somebody else was faster than our knowledge of it: unknown, whatever was read before."""
    vm = manager.client.vm("desktop1")
    with manager.host.link.borrow() as connection:
        connection.lookupByName("desktop1").undefine()
    assert manager.destroy("desktop1").value == INVALID
    assert manager.host.vm(vm.uuid) is None


def test_system_of_another_host(repository: Schema, node_uri: str) -> None:
    """A service manages its own host alone."""
    with managing(repository, node_uri, "test:///default", naming="uuid") as manager:
        other = next(iter(manager.client.world.hosts[1].vms))
        (path,) = (one.path for one in manager.client.instances("Test_ComputerSystem") if other.uuid in str(one.path))
        (head,) = (one.path for one in manager.client.instances("Test_VirtualSystemSettingData")
                   if one.properties["InstanceID"] == f"Test:{other.uuid}")  # fmt: skip
        (memory,) = (one for one in manager.client.instances("Test_MemResourceAllocationSettingData")
                     if one.properties["InstanceID"] == f"{other.uuid}/mem")  # fmt: skip
        answers = [
            manager.call("DestroySystem", AffectedSystem=path),
            manager.call("AddResourceSettings", AffectedConfiguration=head, ResourceSettings=[asked("disk")]),
            manager.modify(instance(memory)),
            manager.call("RemoveResourceSettings", ResourceSettings=[memory.path]),
            manager.modify_system(InstanceID=f"Test:{other.uuid}", Description="changed"),
            manager.define(ElementName="copy", reference=head),
        ]
        assert [answer.value for answer in answers] == [INVALID] * len(answers)
        assert all("node" in answer.reason or other.uuid in answer.reason for answer in answers)


def test_instances_are_not_created_or_deleted(manager: Manager) -> None:
    """R28."""
    for name in ("web1",):
        with pytest.raises(CIMError):
            manager.client.call("DeleteInstance", InstanceName=system_path(name))
        with pytest.raises(CIMError):
            manager.client.call("CreateInstance", NewInstance=instance(manager.client.system(name)))
