"""Jobs of servers that are gone: taken over by who drives their host, and ended when nobody has come for long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path as File

import pytest
from tests.broker.postgres import running_postgres
from tests.profiles.client import system_path
from tests.profiles.eventful import Eventful, eventful_running

from virtcim.broker import jobs_kept
from virtcim.broker.call import ClassPath, Instance, Properties
from virtcim.broker.provider import Job
from virtcim.broker.schema import Schema
from virtcim.broker.store import KeptJob, Store

ELSEWHERE = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
def client(repository: Schema, node_uri: str, tmp_path: File) -> Iterator[Eventful]:
    with (
        running_postgres() as postgres,
        eventful_running(repository, node_uri, tmp_path, store=postgres.url) as client,
    ):
        yield client


def left_behind(client: Eventful, name: str, place: str, uuid: str) -> None:
    """A job as a server leaves it that dies while it reboots a system."""
    job = client.job_of(client.invoke(system_path("web2"), "RequestStateChange", RequestedState="10"))
    assert job.ended.wait(10)
    assert job.work.intent is not None
    assert client.events._jobs is not None
    intent = Instance(job.work.intent.kind, {**job.work.intent.facts, "hostUuid": uuid})
    document: Properties = {**client.events._jobs._kept._document(job), "intent": intent}
    url = client.events._store.database.engine.url
    dead = Store(url.render_as_string(hide_password=False))
    assert dead.keep_job(KeptJob(name, 4, time.time(), document, place))
    dead.close()


def looked(client: Eventful, name: str) -> Job | None:
    client.events.look_around()
    return client.jobs.get(name)


def test_a_job_is_for_who_drives_its_host(client: Eventful, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another ends it when nobody has come, and does not take a system of the same name for the one that it is of."""
    host = client.world.hosts[0]
    left_behind(client, "here", client.events._place(host).lease, host.uuid)
    left_behind(client, "there", "host:elsewhere", ELSEWHERE)
    monkeypatch.setattr(jobs_kept, "ABSENCE", 0.0)
    here = looked(client, "here")
    assert here is not None
    assert affected(client, here) == ["web2"]
    assert looked(client, "there") is None
    monkeypatch.setattr(jobs_kept, "FORSAKEN", 0.0)
    there = looked(client, "there")
    assert there is not None
    assert there.ended.wait(10)
    assert (there.state, there.uncertain, "does not drive" in there.error) == (10, True, True)
    assert affected(client, there) == []


def affected(client: Eventful, job: Job) -> list[object]:
    (path,) = (
        item.path
        for item in client.call("EnumerateInstanceNames", "root/virt", ClassName=ClassPath("CIM_ConcreteJob"))
        if str(item.path.key("InstanceID")).endswith(job.id)
    )
    found = client.call("AssociatorNames", "root/virt", ObjectName=path, AssocClass=ClassPath("CIM_AffectedJobElement"))
    return [one.key("Name") for one in found]
