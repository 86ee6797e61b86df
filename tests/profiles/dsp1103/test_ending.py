"""DSP1103: jobs that are asked to end early, and what RequestStateChange refuses."""

from __future__ import annotations

import threading

import pytest
from tests.profiles.client import out
from tests.profiles.dsp1103.work import Bench, Client
from tests.told import symbol_of

from virtcim.broker.call import Instance, MethodAnswer, Path

OWNING, AFFECTED = "CIM_OwningJobElement", "CIM_AffectedJobElement"


def ask(client: Client, path: Path, state: int | None, timeout: str | None = None) -> MethodAnswer:
    requested = None if state is None else str(state)
    return client.invoke(path, "RequestStateChange", RequestedState=requested, TimeoutPeriod=timeout)


def test_job_is_terminated(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    assert ask(client, path, 4).value == 4096
    job = client.end(path)
    assert (job["JobState"], job["JobStatus"], job["ErrorDescription"]) == (8, "ended early", "ended early")
    assert job["OperationalStatus"] == [10, 17]
    errors = out(client.invoke(path, "GetErrors"), "Errors")
    assert isinstance(errors, list)
    (error,) = errors
    assert isinstance(error, Instance)
    assert error.properties["MessageID"] == "VIRTCIM0103"  # JOB_CANCELLED
    assert error.properties["MessageArguments"] == ["ended early"]
    assert len(bench.systems) == 2


def test_job_that_is_asked_to_end(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    job = client.job(path)
    hold = threading.Event()
    object.__setattr__(job.work, "cancel", hold.set)  # ends nothing yet
    assert ask(client, path, 4).value == 4096
    assert hold.is_set()
    assert (client.get(path)["JobState"], client.get(path)["OperationalStatus"]) == (6, [9])
    bench.go.set()
    assert client.end(path)["JobState"] == 7  # it was done before it could end early


@pytest.mark.parametrize(
    ("state", "timeout", "running", "ended"),
    [
        (2, None, 1, 4097),
        (3, None, 1, 4097),
        (5, None, 1, 4097),
        (6, None, 1, 4097),
        (None, None, 5, 5),
        (1, None, 5, 5),
        (7, None, 5, 5),
        (4, "00000000000005.000000:000", 4098, 4098),
        (9, "00000000000005.000000:000", 5, 5),
    ],
    ids=["start", "suspend", "kill", "service", "null", "1", "7", "timeout", "unknown and timeout"],
)
def test_refused_changes(
    client: Client, bench: Bench, state: int | None, timeout: str | None, running: int, ended: int
) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    assert ask(client, path, state, timeout).value == running
    assert client.get(path)["JobState"] == 4
    bench.go.set()
    client.end(path)
    assert ask(client, path, state, timeout).value == ended
    assert client.get(path)["JobState"] == 7


def test_no_timeout_is_allowed(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    assert ask(client, path, 4, "00000000000000.000000:000").value == 4096


def test_ended_job_is_not_terminated(client: Client, bench: Bench) -> None:
    path = client.begin()
    bench.go.set()
    client.end(path)
    answer = ask(client, path, 4)
    assert (answer.value, answer.reason) == (4097, "the job has ended")
    assert symbol_of(answer.reason) == "JOB_ENDED"


def test_work_that_cannot_end_early(client: Client, bench: Bench) -> None:
    bench.cancellable = False
    path = client.begin()
    assert bench.half.wait(30)
    answer = ask(client, path, 4)
    assert answer.value == 1
    assert "work on one" in answer.reason
