"""InvokeMethod: what is checked before a handler runs, and what becomes of its result."""

from __future__ import annotations

import time

import pytest
from tests.broker.conftest import Client, World, system_path

from virtcim.broker.call import CIMError, ClassPath, Path, Status, Value

SYSTEM = system_path("a")
METHOD = "RequestStateChange"


@pytest.mark.parametrize(
    ("target", "method", "arguments", "status"),
    [
        pytest.param(system_path("none"), METHOD, {}, Status.NOT_FOUND, id="no such instance"),
        pytest.param(ClassPath("X_None"), METHOD, {}, Status.NOT_FOUND, id="no such class"),
        pytest.param(ClassPath("Test_Memory"), "Reset", {}, Status.METHOD_NOT_AVAILABLE, id="left out"),
        pytest.param(SYSTEM, "Explode", {}, Status.METHOD_NOT_FOUND, id="no such method"),
        pytest.param(SYSTEM, METHOD, {"Bogus": "1"}, Status.INVALID_PARAMETER, id="no such parameter"),
        pytest.param(SYSTEM, METHOD, {"RequestedState": "two"}, Status.INVALID_PARAMETER, id="not a number"),
        pytest.param(SYSTEM, METHOD, {"RequestedState": "65536"}, Status.INVALID_PARAMETER, id="out of range"),
        pytest.param(SYSTEM, METHOD, {"RequestedState": ["2"]}, Status.INVALID_PARAMETER, id="an array"),
        pytest.param(SYSTEM, METHOD, {"TimeoutPeriod": "soon"}, Status.INVALID_PARAMETER, id="not a datetime"),
        pytest.param(
            ClassPath("CIM_ComputerSystem"), METHOD, {}, Status.INVALID_PARAMETER, id="class of two instances"
        ),
        pytest.param(
            ClassPath("Test_Memory"), "RequestStateChange", {}, Status.METHOD_NOT_AVAILABLE, id="of a class above"
        ),
    ],
)
def test_never_reaches_the_handler(
    client: Client, target: Path | ClassPath, method: str, arguments: dict[str, Value], status: Status
) -> None:
    with pytest.raises(CIMError) as caught:
        client.invoke(target, method, **arguments)
    assert caught.value.status == status


def test_completes(client: Client) -> None:
    answer = client.invoke(SYSTEM, "requeststatechange", requestedstate="0x2")
    assert (answer.value, answer.type, answer.out) == (0, "uint32", ())


def test_on_a_class_with_one_instance(client: Client) -> None:
    assert client.invoke(ClassPath("KVM_ComputerSystem"), METHOD, RequestedState="2").value == 0


@pytest.mark.parametrize(("state", "value", "reason"), [(None, 5, "NULL"), ("3", 4, "closed"), ("9", 4, "closed")])
def test_refusals_become_return_values_with_a_reason(
    client: Client, state: str | None, value: int, reason: str
) -> None:
    answer = client.invoke(SYSTEM, METHOD, RequestedState=state)
    assert answer.value == value
    assert reason in answer.reason


def test_a_fault_of_the_program_is_not_hidden(client: Client) -> None:
    with pytest.raises(ValueError, match="fault"):
        client.invoke(SYSTEM, METHOD, RequestedState="99")


def test_long_work_becomes_a_job(client: Client, world: World) -> None:
    answer = client.invoke(SYSTEM, METHOD, RequestedState="4")
    assert answer.value == 4096
    (out,) = answer.out
    assert out.declared.name == "Job"
    assert isinstance(out.value, Path)
    deadline = time.monotonic() + 10
    while client("GetInstance", InstanceName=out.value)[0].properties["JobState"] != 7:
        assert time.monotonic() < deadline, "the job does not end"
        time.sleep(0.01)


def test_work_that_ends_at_once_leaves_no_job(client: Client) -> None:
    answer = client.invoke(SYSTEM, METHOD, RequestedState="6")
    assert (answer.value, answer.out, list(client.jobs)) == (0, (), [])
