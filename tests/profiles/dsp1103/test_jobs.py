"""DSP1103: a job from the method that begins it to the day it is forgotten."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator

import pytest
from tests.profiles.client import out
from tests.profiles.dsp1103.work import CREATE, EXCLUSIVE_USE, Bench, Client, bench_profile

from virtcim.broker.call import CIMError, Instance, Path, Status, Value
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import As, Refused, Returned, Unknown, Work
from virtcim.broker.schema import Schema
from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.host.states import DomainState
from virtcim.messages import message
from virtcim.profiles import dsp1027, dsp1052, dsp1057
from virtcim.profiles.faults import translate

OWNING, AFFECTED = "CIM_OwningJobElement", "CIM_AffectedJobElement"


def interval_seconds(value: Value) -> float:
    found = re.fullmatch(r"(\d{8})(\d{2})(\d{2})(\d{2}\.\d{6}):000", str(value))
    assert found, value
    days, hours, minutes, seconds = found.groups()
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def test_running_job(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    assert path.classname == "KVM_ConcreteJob"
    assert str(path.key("InstanceID")).startswith("virtcim:job/")
    job = client.get(path)
    assert job["Name"] == "RequestPowerStateChange"
    assert job["ElementName"] == "work on one"
    assert (job["JobState"], job["PercentComplete"], job["JobStatus"]) == (4, 40, "Running")
    assert (job["OperationalStatus"], job["Status"], job["HealthState"]) == ([2], "OK", 5)
    assert (job["ErrorCode"], job.get("ErrorDescription")) == (0, None)
    assert job["DeleteOnCompletion"] is True
    assert interval_seconds(job["TimeBeforeRemoval"]) == 60
    assert str(job["TimeSubmitted"]) <= str(job["StartTime"]) <= str(job["TimeOfLastStateChange"])
    assert 0 <= interval_seconds(job["ElapsedTime"]) < 30


def test_progress_never_says_done_before_the_end(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    client.job(path).progress.percent = 100
    assert client.get(path)["PercentComplete"] == 99


def test_completed_job(client: Client, bench: Bench) -> None:
    path = client.begin()
    bench.go.set()
    job = client.end(path)
    assert (job["JobState"], job["PercentComplete"], job["JobStatus"]) == (7, 100, "Completed")
    assert (job["OperationalStatus"], job["Status"], job["HealthState"]) == ([2, 17], "OK", 5)
    assert (job["ErrorCode"], job.get("ErrorDescription")) == (0, None)
    assert client.get(path)["ElapsedTime"] == job["ElapsedTime"]
    for method in ("GetError", "GetErrors"):
        answer = client.invoke(path, method)
        assert (answer.value, answer.out) == (0, ())


@pytest.mark.parametrize(
    ("fault", "text"),
    [(Refused("Failed", "the guest does not answer"), "the guest does not answer"), (ValueError("broken"), "broken")],
    ids=["refused", "raised"],
)
def test_failed_job(client: Client, bench: Bench, fault: Exception, text: str) -> None:
    bench.fault = fault
    path = client.begin()
    bench.go.set()
    job = client.end(path)
    assert (job["JobState"], job["JobStatus"], job["ErrorDescription"], job["ErrorCode"]) == (10, text, text, 1)
    assert (job["OperationalStatus"], job["Status"], job["HealthState"]) == ([6, 17], "Error", 20)
    assert job["PercentComplete"] == 40
    one = out(client.invoke(path, "GetError"), "Error")
    several = out(client.invoke(path, "GetErrors"), "Errors")
    assert several == [one]
    assert isinstance(one, Instance)
    assert one.classname == "CIM_Error"
    assert (one.properties["Message"], one.properties["CIMStatusCode"]) == (text, Status.FAILED)
    assert one.properties["MessageID"] == "VIRTCIM0101"


def test_job_that_failed_by_a_message(client: Client, bench: Bench) -> None:
    """CIM_Error is that message, whatever words the job shows."""
    bench.fault = Refused("Failed", message("VS_TRANSITION_FAILED", "web1", "shutdown", "no"))
    path = client.begin()
    bench.go.set()
    assert client.end(path)["ErrorDescription"] == "web1: shutdown failed: no"
    one = out(client.invoke(path, "GetError"), "Error")
    assert isinstance(one, Instance)
    assert (one.properties["MessageID"], one.properties["MessageArguments"]) == (
        "VIRTCIM0407",
        ["web1", "shutdown", "no"],
    )


def test_job_that_nobody_knows_of(client: Client, bench: Bench) -> None:
    bench.fault = Unknown("the server ended")
    path = client.begin()
    bench.go.set()
    assert client.end(path)["HealthState"] == 0
    one = out(client.invoke(path, "GetError"), "Error")
    assert isinstance(one, Instance)
    assert (one.properties["MessageID"], one.properties["Message"]) == ("VIRTCIM0102", "the server ended")


@pytest.mark.parametrize(
    ("fault", "level"),
    [
        (Refused("Failed", "the guest says no"), logging.INFO),
        (HostError(Kind.TIMEOUT, "the guest says nothing"), logging.INFO),
        (ValueError("broken"), logging.WARNING),
    ],
    ids=["refused", "of the host", "a fault"],
)
def test_what_is_logged_of_a_failed_job(
    repository: Schema, bench: Bench, fault: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for a refusal; where to look for a fault of the program."""
    caplog.set_level(logging.INFO, "virtcim.broker.jobs")
    jobs = Jobs(60, str, lambda error: translate(error) is not None)
    client = Client(repository, bench, jobs, bench_profile(bench))
    bench.fault = fault
    path = client.begin()
    bench.go.set()
    client.end(path)
    (record,) = (one for one in caplog.records if one.name == "virtcim.broker.jobs")
    assert (record.levelno, bool(record.exc_info)) == (level, level == logging.WARNING)
    assert level == logging.WARNING or "the guest says" in record.getMessage()


def test_errors_may_be_given(client: Client, bench: Bench) -> None:
    bench.go.set()
    path = client.begin()
    client.end(path)
    assert client.invoke(path, "GetErrors", Errors=None).value == 0


# Associations


def test_owner_is_the_instance_whose_method_was_called(client: Client) -> None:
    path = client.begin()
    service = client.path("CIM_PowerManagementService", "one")
    assert client.across(path, OWNING) == [service]
    assert client.across(service, OWNING) == [path]


@pytest.mark.parametrize(
    ("classname", "name"),
    [("CIM_ComputerSystem", "one"), ("CIM_ComputerSystem", "two"), ("CIM_PowerManagementService", "two")],
)
def test_nothing_else_is_the_owner(client: Client, classname: str, name: str) -> None:
    client.begin()
    assert client.across(client.path(classname, name), OWNING) == []


def test_affected_element(client: Client) -> None:
    path = client.begin()
    system = client.path("CIM_ComputerSystem", "one")
    assert client.across(path, AFFECTED) == [system]
    assert client.across(system, AFFECTED) == [path]
    assert client.across(client.path("CIM_PowerManagementService", "one"), AFFECTED) == []
    (link,) = client.all_of(AFFECTED)
    assert (link.cls.name, link.properties["ElementEffects"]) == ("KVM_AffectedJobElement", [EXCLUSIVE_USE])
    assert client.get(link.path) == link.properties


def test_created_element_is_affected_once_it_is_there(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    assert len(client.across(path, AFFECTED)) == 1
    bench.go.set()
    client.end(path)
    links = {one.properties["AffectedElement"]: one.properties["ElementEffects"] for one in client.all_of(AFFECTED)}
    assert links == {
        client.path("CIM_ComputerSystem", "one"): [EXCLUSIVE_USE],
        client.path("CIM_ComputerSystem", "three"): [CREATE],
    }


def test_job_goes_with_its_associations(repository: Schema, bench: Bench) -> None:
    client = Client(repository, bench, Jobs(0.2, str), bench_profile(bench))
    path = client.begin()
    bench.go.set()
    client.end(path)
    deadline = time.monotonic() + 30
    while client.all_of("CIM_ConcreteJob") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.all_of("CIM_ConcreteJob") == client.all_of(OWNING) == client.all_of(AFFECTED) == []
    assert client.across(client.path("CIM_ComputerSystem", "one"), AFFECTED) == []
    with pytest.raises(CIMError, match="no such instance"):
        client.get(path)


@pytest.mark.parametrize("name", ["virtcim:job/none", "virtcim:job/", "job", ""])
def test_unknown_job(client: Client, name: str) -> None:
    client.begin()
    with pytest.raises(CIMError) as caught:
        client.get(Path("KVM_ConcreteJob", (("InstanceID", name),)))
    assert caught.value.status == Status.NOT_FOUND


def test_job_is_no_instance_of_another_platform(client: Client) -> None:
    path = client.begin()
    with pytest.raises(CIMError):
        client.get(Path("Test_ConcreteJob", path.keys))


# Over the embedded node: a virtual system is another object after each change, and the same system


@pytest.fixture
def node(repository: Schema, node_uri: str) -> Iterator[tuple[Client, Hosts]]:
    world = Hosts([node_uri], HostSettings())
    world.start()
    assert world.wait(30)
    yield Client(repository, world, Jobs(60, str), dsp1052.profile, dsp1057.profile, dsp1027.profile), world
    world.stop()


def test_affected_system_is_followed_through_its_changes(node: tuple[Client, Hosts]) -> None:
    client, world = node
    vm = next(one for one in world.vms() if one.state == DomainState.RUNNING)
    done = threading.Event()
    work = Work("wait", [(vm, EXCLUSIVE_USE)], lambda _: Returned(done.wait(30) * 0))
    job = client.jobs.start(work, "Wait", As(vm, "Virt_ComputerSystem"))
    (path,) = (one.path for one in client.all_of("CIM_ConcreteJob"))
    (system,) = client.across(path, AFFECTED)
    domains.pause(vm)
    assert vm.host.vm(vm.uuid) is not vm
    assert client.across(path, AFFECTED) == client.across(path, OWNING) == [system]
    assert client.across(system, AFFECTED) == [path]
    (link,) = client.all_of(AFFECTED)
    assert link.properties["ElementEffects"] == [EXCLUSIVE_USE]
    done.set()
    assert job.ended.wait(30)
