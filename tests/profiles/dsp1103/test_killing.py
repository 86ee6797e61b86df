"""DSP1103: jobs that are ended at once, by RequestStateChange and by the older KillJob."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.profiles.client import out
from tests.profiles.dsp1103.work import Bench, Client
from tests.told import symbol_of

from virtcim.broker.call import CIMError, Instance, Path, Status
from virtcim.profiles import dsp1103


def killable(client: Client, bench: Bench) -> Path:
    path = client.begin()
    assert bench.half.wait(30)
    job = client.job(path)
    job.work = replace(job.work, kill=job.work.cancel)
    return path


def test_a_job_is_killed(client: Client, bench: Bench) -> None:
    path = killable(client, bench)
    assert client.invoke(path, "RequestStateChange", RequestedState="5", TimeoutPeriod=None).value == 4096
    job = client.end(path)
    assert (job["JobState"], job["OperationalStatus"], job["Status"]) == (9, [10, 17], "Stopped")
    assert isinstance(out(client.invoke(path, "GetError"), "Error"), Instance)
    assert client.invoke(path, "RequestStateChange", RequestedState="5", TimeoutPeriod=None).value == 4097


def test_kill_job_answers_when_it_has_ended(client: Client, bench: Bench) -> None:
    path = killable(client, bench)
    assert client.invoke(path, "KillJob").value == 0
    job = client.get(path)
    assert (job["JobState"], job["DeleteOnCompletion"]) == (9, True)
    again = client.invoke(path, "KillJob")
    assert (again.value, again.reason) == (4, "the job has ended")


def test_kill_job_removes_the_job_if_asked(client: Client, bench: Bench) -> None:
    path = killable(client, bench)
    assert client.invoke(path, "KillJob", DeleteOnKill="true").value == 0
    with pytest.raises(CIMError) as caught:
        client.get(path)
    assert caught.value.status == Status.NOT_FOUND


def test_kill_job_keeps_the_job_if_asked(client: Client, bench: Bench) -> None:
    path = killable(client, bench)
    assert client.invoke(path, "KillJob", DeleteOnKill="false").value == 0
    assert client.get(path)["DeleteOnCompletion"] is False


def test_what_cannot_be_killed_goes_on(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    answer = client.invoke(path, "KillJob", DeleteOnKill="false")
    assert (answer.value, "cannot be ended by KillJob" in answer.reason) == (1, True)
    assert symbol_of(answer.reason) == "JOB_NOT_CANCELLABLE"
    job = client.get(path)
    assert (job["JobState"], job["DeleteOnCompletion"]) == (4, True)


def test_kill_job_does_not_wait_for_ever(client: Client, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsp1103, "KILL_PATIENCE", 0.05)
    path = killable(client, bench)
    job = client.job(path)
    job.work = replace(job.work, kill=lambda: None)
    answer = client.invoke(path, "KillJob")
    assert (answer.value, symbol_of(answer.reason)) == (3, "JOB_KILL_TIMEOUT")
    bench.go.set()
    assert client.end(path)["JobState"] == 7
