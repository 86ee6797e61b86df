"""DSP1103: what a job remembers of its call, how long it stays, who removes it, and how it is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.profiles.dsp1103.work import Bench, Client, bench_profile

from virtcim.broker.call import CIMError, Instance, Path, Properties, Status, Value
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import Refused
from virtcim.broker.schema import Schema

RESULT = "CIM_AssociatedJobMethodResult"
LONG = "00000001000000.000000:000"


def ended(client: Client, bench: Bench) -> Path:
    path = client.begin()
    bench.go.set()
    client.end(path)
    return path


def modify(client: Client, path: Path, names: list[Value] | None = None, /, **properties: Value) -> None:
    given = Instance(path.classname, properties, path)
    client.call("ModifyInstance", ModifiedInstance=given, PropertyList=names)


def instance(value: Value) -> Properties:
    assert isinstance(value, Instance), value
    return value.properties


# The call it came from


def test_parameters_of_the_call(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    job = client.get(path)
    inputs = job["JobInParameters"]
    assert isinstance(inputs, Instance)
    assert (inputs.classname, inputs.properties) == ("__JobInParameters", {"PowerState": 2})
    assert job.get("JobOutParameters") is None
    bench.go.set()
    outputs = client.end(path)["JobOutParameters"]
    assert isinstance(outputs, Instance)
    assert (outputs.classname, outputs.properties) == ("__JobOutParameters", {"__ReturnValue": 0})


def test_method_result(client: Client, bench: Bench) -> None:
    path = client.begin()
    assert bench.half.wait(30)
    (result,) = client.across(path, RESULT)
    assert client.across(result, RESULT) == [path]
    running = client.get(result)
    before = instance(running["PreCallIndication"])
    assert (before["MethodName"], before["PreCall"]) == ("RequestPowerStateChange", True)
    assert instance(before["MethodParameters"]) == {"PowerState": 2}
    service = client.path("CIM_PowerManagementService", "one")
    assert str(before["SourceInstanceModelPath"]).startswith(f"root/virt:{service.classname}.")
    assert running.get("PostCallIndication") is None
    bench.go.set()
    client.end(path)
    after = instance(client.get(result)["PostCallIndication"])
    assert (after["PreCall"], after["ReturnValue"]) == (False, "0")


def test_method_result_of_a_failure(client: Client, bench: Bench) -> None:
    bench.fault = Refused("Failed", "no")
    path = ended(client, bench)
    (result,) = client.across(path, RESULT)
    assert instance(client.get(result)["PostCallIndication"])["ReturnValue"] == "4"
    assert client.get(path).get("JobOutParameters") is None


# How long it stays


def test_a_job_goes_by_itself(repository: Schema, bench: Bench) -> None:
    """Nobody looks, and it is told all the same."""
    jobs = Jobs(0.2, str)
    client = Client(repository, bench, jobs, bench_profile(bench))
    gone = threading.Event()
    jobs.on_change(lambda _job, away: gone.set() if away else None)
    begun = time.monotonic()
    path = ended(client, bench)
    (result,) = client.across(path, RESULT)
    assert gone.wait(10)
    assert time.monotonic() - begun >= 0.2
    for one in (path, result):
        with pytest.raises(CIMError, match="no such instance"):
            client.get(one)


def test_a_job_is_kept_for_longer(repository: Schema, bench: Bench) -> None:
    client = Client(repository, bench, Jobs(0.3, str), bench_profile(bench))
    path = client.begin()
    modify(client, path, TimeBeforeRemoval=LONG)
    bench.go.set()
    client.end(path)
    time.sleep(0.6)
    assert client.get(path)["TimeBeforeRemoval"] == LONG


def test_a_job_is_kept_for_ever_and_removed_later(repository: Schema, bench: Bench) -> None:
    client = Client(repository, bench, Jobs(0.3, str), bench_profile(bench))
    path = client.begin()
    modify(client, path, ["DeleteOnCompletion"], DeleteOnCompletion="false", TimeBeforeRemoval=LONG)
    bench.go.set()
    client.end(path)
    time.sleep(0.6)
    job = client.get(path)
    assert (job["DeleteOnCompletion"], job["TimeBeforeRemoval"]) == (False, "00000000000000.300000:000")
    modify(client, path, DeleteOnCompletion="true")
    with pytest.raises(CIMError, match="no such instance"):
        client.get(path)


REFUSED: dict[str, tuple[dict[str, Value], str]] = {
    "state": ({"JobState": "7"}, "JobState"),
    "name": ({"Name": "other"}, "Name"),
    "priority": ({"Priority": "1"}, "Priority"),
    "both": ({"DeleteOnCompletion": "false", "Notify": "me"}, "Notify"),
    "moment": ({"TimeBeforeRemoval": "20260101000000.000000+000"}, "TimeBeforeRemoval"),
    "no time": ({"TimeBeforeRemoval": "soon"}, "TimeBeforeRemoval"),
    "stars": ({"TimeBeforeRemoval": "0000000000****.000000:000"}, "TimeBeforeRemoval"),
    "25 hours": ({"TimeBeforeRemoval": "00000000250000.000000:000"}, "TimeBeforeRemoval"),
    "null time": ({"TimeBeforeRemoval": None}, "TimeBeforeRemoval"),
    "null switch": ({"DeleteOnCompletion": None}, "DeleteOnCompletion"),
    "no switch": ({"DeleteOnCompletion": "maybe"}, "DeleteOnCompletion"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_modifications(client: Client, name: str) -> None:
    given, culprit = REFUSED[name]
    path = client.begin()
    before = client.get(path)
    with pytest.raises(CIMError, match=culprit) as caught:
        modify(client, path, None, **given)
    assert caught.value.status == Status.INVALID_PARAMETER
    kept = ("TimeBeforeRemoval", "DeleteOnCompletion", "Name")
    assert {one: client.get(path)[one] for one in kept} == {one: before[one] for one in kept}


def test_a_property_that_no_job_has(client: Client) -> None:
    with pytest.raises(CIMError, match="Colour") as caught:
        modify(client, client.begin(), Colour="red")
    assert caught.value.status == Status.NO_SUCH_PROPERTY


# Who removes it


def test_a_client_removes_a_job(client: Client, bench: Bench) -> None:
    path = ended(client, bench)
    client.call("DeleteInstance", InstanceName=path)
    assert client.all_of("CIM_ConcreteJob") == client.all_of("CIM_MethodResult") == client.all_of(RESULT) == []
    with pytest.raises(CIMError) as caught:
        client.call("DeleteInstance", InstanceName=path)
    assert caught.value.status == Status.NOT_FOUND


def test_a_running_job_is_not_removed(client: Client, bench: Bench) -> None:
    path = client.begin()
    with pytest.raises(CIMError, match="has not ended") as caught:
        client.call("DeleteInstance", InstanceName=path)
    assert caught.value.status == Status.FAILED
    assert client.get(path)["JobState"] in (3, 4)
    (result,) = client.across(path, RESULT)
    with pytest.raises(CIMError) as caught:
        client.call("DeleteInstance", InstanceName=result)
    assert caught.value.status == Status.NOT_SUPPORTED


def test_jobs_are_not_created(client: Client) -> None:
    given = Instance("KVM_ConcreteJob", {"InstanceID": "virtcim:job/mine", "Name": "mine"})
    with pytest.raises(CIMError) as caught:
        client.call("CreateInstance", NewInstance=given)
    assert caught.value.status == Status.NOT_SUPPORTED


# What no job understands


BAD_CALLS: dict[str, tuple[str, dict[str, Value]]] = {
    "state is no number": ("RequestStateChange", {"RequestedState": "four"}),
    "state is too large": ("RequestStateChange", {"RequestedState": "65536"}),
    "state is an array": ("RequestStateChange", {"RequestedState": ["4"]}),
    "timeout is no time": ("RequestStateChange", {"RequestedState": "4", "TimeoutPeriod": "soon"}),
    "no such parameter of RequestStateChange": ("RequestStateChange", {"State": "4"}),
    "no such parameter of GetError": ("GetError", {"Errors": None}),
    "no such parameter of GetErrors": ("GetErrors", {"Nothing": "1"}),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_calls_that_no_job_understands(client: Client, name: str) -> None:
    method, given = BAD_CALLS[name]
    path = client.begin()
    with pytest.raises(CIMError) as caught:
        client.invoke(path, method, **given)
    assert caught.value.status == Status.INVALID_PARAMETER
    assert next(iter(given)) in caught.value.message or "TimeoutPeriod" in caught.value.message
    assert client.get(path)["JobState"] in (3, 4)


METHODS: dict[str, Callable[[Client, Path], object]] = {
    "RequestStateChange": lambda client, path: client.invoke(path, "RequestStateChange", RequestedState="4"),
    "GetError": lambda client, path: client.invoke(path, "GetError"),
    "GetErrors": lambda client, path: client.invoke(path, "GetErrors"),
    "KillJob": lambda client, path: client.invoke(path, "KillJob"),
    "ModifyInstance": lambda client, path: modify(client, path, DeleteOnCompletion="false"),
    "DeleteInstance": lambda client, path: client.call("DeleteInstance", InstanceName=path),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_job_that_nobody_began(client: Client, name: str) -> None:
    with pytest.raises(CIMError) as caught:
        METHODS[name](client, Path("KVM_ConcreteJob", (("InstanceID", "virtcim:job/none"),)))
    assert caught.value.status in (Status.NOT_FOUND, Status.METHOD_NOT_AVAILABLE)
