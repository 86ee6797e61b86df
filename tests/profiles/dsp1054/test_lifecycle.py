"""Indications of what really happens to systems of the embedded node, whoever causes it; alerts; jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.profiles.client import system_path
from tests.profiles.eventful import Eventful

from virtcim.broker.provider import As, Progress, Returned, Work
from virtcim.host.events import Event, EventKind, Topic
from virtcim.profiles.alerts import alert_of

NEW = (
    "<domain type='test'><name>new</name><uuid>6e6577ab-0000-4000-8000-000000000001</uuid>"
    "<memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"
)


def libvirt_does(client: Eventful, what: Callable[[Any], object]) -> None:
    with client.world.hosts[0].link.borrow() as connection:
        what(connection)


def systems(client: Eventful, count: int) -> list[Any]:
    """The first indications about systems."""
    client.listener.wait_for(count)
    return client.listener.indications[:count]


def about(kind: str, classname: str = "CIM_ComputerSystem") -> str:
    return f"SELECT * FROM CIM_Inst{kind} WHERE SourceInstance ISA {classname}"


def test_nothing_is_told_of_what_was_there_before(client: Eventful) -> None:
    client.subscribe()
    client.world.hosts[0].reconcile()
    client.quiet()


def test_the_life_of_a_system_made_by_libvirt(client: Eventful) -> None:
    """Defined, started, destroyed and undefined behind the server's back: each told once."""
    client.subscribe(about("Indication"))
    libvirt_does(client, lambda c: c.defineXML(NEW))
    systems(client, 1)
    libvirt_does(client, lambda c: c.lookupByName("new").create())
    systems(client, 2)
    libvirt_does(client, lambda c: c.lookupByName("new").destroy())
    systems(client, 3)
    libvirt_does(client, lambda c: c.lookupByName("new").undefine())
    created, started, stopped, deleted = systems(client, 4)
    client.world.hosts[0].reconcile()
    client.quiet()
    assert created.classname == "Test_ComputerSystemCreatedIndication"
    assert started.classname == stopped.classname == "Test_ComputerSystemModifiedIndication"
    assert deleted.classname == "Test_ComputerSystemDeletedIndication"
    assert created["SourceInstance"]["EnabledState"] == 3
    assert (started["PreviousInstance"]["EnabledState"], started["SourceInstance"]["EnabledState"]) == (3, 2)
    assert "EnabledState" in started["ChangedPropertyNames"]
    assert "Name" not in started["ChangedPropertyNames"]
    assert deleted["SourceInstance"]["Name"] == "new"
    name = 'root/virt:Test_ComputerSystem.CreationClassName="Test_ComputerSystem",Name="new"'
    assert set(deleted["SourceInstanceModelPath"].split(":")[1].split(".", 1)[1].split(",")) == set(
        name.split(".", 1)[1].split(",")
    )
    assert [one["SequenceNumber"] for one in (created, started, stopped, deleted)] == [0, 1, 2, 3]
    assert len({one["IndicationIdentifier"] for one in (created, started, stopped, deleted)}) == 4
    assert created["IndicationTime"].minutes_from_utc == 0


def test_what_cim_does_is_told_once_too(client: Eventful) -> None:
    client.subscribe(about("Modification"))
    assert client.invoke(system_path("web2"), "RequestStateChange", RequestedState="9").value == 0
    client.heard(1)
    client.settle()
    changed = [one["ChangedPropertyNames"] for one in client.listener.indications]
    assert sum("EnabledState" in names for names in changed) == 1


def test_settings_come_and_go_with_their_system(client: Eventful) -> None:
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ResourceAllocationSettingData")
    libvirt_does(client, lambda c: c.defineXML(NEW))
    client.heard(2)
    client.settle()
    created = client.listener.indications
    assert {one.classname for one in created} == {"Test_ResourceAllocationSettingDataCreatedIndication"}
    told = {one["SourceInstance"]["InstanceID"] for one in created}
    assert {"new/mem", "new/proc", "new/defined/mem", "new/defined/proc"} <= told
    libvirt_does(client, lambda c: c.defineXML(NEW.replace("65536", "131072")))
    client.listener.wait_for(len(created) + 2)
    changed = client.listener.indications[len(created) :]
    assert {one.classname for one in changed} == {"Test_ResourceAllocationSettingDataModifiedIndication"}
    assert {one["SourceInstance"]["InstanceID"] for one in changed} == {"new/mem", "new/defined/mem"}
    heard = len(client.listener.bodies)
    libvirt_does(client, lambda c: c.lookupByName("new").undefine())
    client.listener.wait_for(heard + len(created))
    gone = client.listener.indications[heard:]
    assert {one["SourceInstance"]["InstanceID"] for one in gone} == told


POOL = "<pool type='dir'><name>more</name><target><path>/more</path></target></pool>"


def test_pools_come_change_and_go(client: Eventful) -> None:
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ResourcePool")

    def told(classname: str) -> list[str]:
        found = [one for one in client.listener.indications if one.classname == classname]
        return [one["SourceInstance"]["InstanceID"] for one in found]

    libvirt_does(client, lambda c: c.storagePoolDefineXML(POOL))
    client.heard(1)
    client.settle()
    assert "DiskPool/more" in told("CIM_InstCreation")
    libvirt_does(client, lambda c: c.storagePoolLookupByName("more").undefine())
    client.settle()
    assert "DiskPool/more" in told("CIM_InstDeletion")
    libvirt_does(client, lambda c: c.defineXML(NEW).create())
    client.settle()
    assert any(name.startswith("MemoryPool/") for name in told("CIM_InstModification"))


def test_the_life_of_a_job(client: Eventful) -> None:
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ConcreteJob")
    answer = client.invoke(system_path("web2"), "RequestStateChange", RequestedState="10")
    assert answer.value == 4096
    client.job_of(answer)
    first = client.heard(2)
    assert first[0].classname == "CIM_InstCreation"
    deadline = [one["SourceInstance"]["JobState"] for one in client.listener.indications]
    while 7 not in deadline:
        client.listener.wait_for(len(deadline) + 1)
        deadline = [one["SourceInstance"]["JobState"] for one in client.listener.indications]
    final = client.listener.indications[-1]
    assert final["PreviousInstance"]["InstanceID"] == final["SourceInstance"]["InstanceID"]
    assert (final["SourceInstance"]["PercentComplete"], "JobState" in final["ChangedPropertyNames"]) == (100, True)


def test_the_progress_of_a_job(client: Eventful) -> None:
    query = (
        "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ConcreteJob AND"
        " SourceInstance.CIM_ConcreteJob::PercentComplete <> PreviousInstance.CIM_ConcreteJob::PercentComplete"
    )
    client.subscribe(query)
    vm = client.vm("web2")

    def run(progress: Progress) -> Returned:
        for percent in range(100):
            progress.percent = percent
        return Returned()

    job = client.jobs.start(Work("count", [], run, patience=0), "RequestStateChange", As(vm, "Virt_ComputerSystem"))
    assert job.ended.wait(5)
    client.heard(1)
    client.settle()
    told = [one["SourceInstance"]["PercentComplete"] for one in client.listener.indications]
    assert told == sorted(told)
    assert len(told) <= 22
    assert told[-1] == 100


ALERTS: tuple[tuple[EventKind, tuple[Any, ...], str | None, int], ...] = (
    (EventKind.LIFECYCLE, (8, 0), "VIRTCIM0201", 6),
    (EventKind.LIFECYCLE, (5, 2), "VIRTCIM0201", 6),
    (EventKind.LIFECYCLE, (5, 5), "VIRTCIM0202", 6),
    (EventKind.LIFECYCLE, (5, 0), None, 0),
    (EventKind.LIFECYCLE, (2, 0), None, 0),
    (EventKind.IO_ERROR, ("/a.img", "virtio-disk0", 1), "VIRTCIM0203", 5),
    (EventKind.IO_ERROR, ("/a.img", "virtio-disk0", 99), "VIRTCIM0203", 5),
    (EventKind.IO_ERROR, ("/a.img", "virtio-disk0", 1, ""), "VIRTCIM0203", 5),
    (EventKind.IO_ERROR, ("/a.img", "virtio-disk0", 1, "enospc"), "VIRTCIM0208", 5),
    (EventKind.BLOCK_THRESHOLD, ("vda", "/a.img", 1000, 24), "VIRTCIM0209", 3),
    (EventKind.MEMORY_FAILURE, (0, 0, 0), "VIRTCIM0215", 4),
    (EventKind.MEMORY_FAILURE, (1, 2, 0), "VIRTCIM0215", 6),
    (EventKind.MEMORY_FAILURE, (1, 9, 0), "VIRTCIM0215", 5),
    (EventKind.CONTROL_ERROR, (), "VIRTCIM0216", 5),
    (EventKind.WATCHDOG, (2,), "VIRTCIM0204", 5),
    (EventKind.DEVICE_REMOVAL_FAILED, ("net0",), "VIRTCIM0205", 4),
    (EventKind.AGENT_LIFECYCLE, (1, 2), "VIRTCIM0206", 2),
    (EventKind.AGENT_LIFECYCLE, (2, 2), "VIRTCIM0207", 2),
    (EventKind.AGENT_LIFECYCLE, (2, 1), None, 0),
    (EventKind.BALLOON_CHANGE, (1,), None, 0),
)


@pytest.mark.parametrize(("kind", "values", "message_id", "severity"), ALERTS, ids=str)
def test_alerts(
    client: Eventful, kind: EventKind, values: tuple[Any, ...], message_id: str | None, severity: int
) -> None:
    """Each goes the whole way, from libvirt's event to the listener."""
    client.subscribe("SELECT * FROM CIM_AlertIndication WHERE OwningEntity = 'virtcim'")
    host = client.world.hosts[0]
    event = Event(Topic.DOMAIN, kind, client.vm("web2").uuid, "web2", values)
    host._keeper.event(event)
    if message_id is None:
        client.quiet(0.2)
        return
    (alert,) = client.heard(1)
    assert (alert["MessageID"], alert["PerceivedSeverity"], alert["SystemName"]) == (message_id, severity, "web2")
    assert alert["AlertingManagedElement"].startswith("root/virt:Test_ComputerSystem.")
    assert alert["Message"]
    assert alert["MessageArguments"][0] == "web2"


def test_events_of_others_are_no_alerts(client: Eventful) -> None:
    event = Event(Topic.POOL, EventKind.LIFECYCLE, "key", "pool", (8, 0))
    assert alert_of(client.world.hosts[0], event, "x") is None
