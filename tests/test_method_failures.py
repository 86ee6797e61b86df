"""Method calls and every failure that DSP0200 lists for them, over the wire: which CIM status is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.caller import NOWHERE, Caller, path, system, value

from virtcim.conformance.raw import class_name, text

NO_CLASS = "Virt_None"


@pytest.fixture(scope="module")
def call(shared_server: Any) -> Iterator[Caller]:
    caller = Caller(shared_server.url)
    yield caller
    caller.close()


METHODS = {
    "no such class": (f"{class_name(NO_CLASS)}", "Start", 6),
    "no such instance": (system("ghost"), "RequestStateChange", 6),
    "no such method": (system(), "Explode", 17),
    "no such key": (path("Test_ComputerSystem", Bogus="x"), "RequestStateChange", 4),
    "left out": (system(), "SetPowerState", 16),
    "class with several instances": (class_name("Test_ComputerSystem"), "RequestStateChange", 4),
}


@pytest.mark.parametrize(("target", "name", "status"), METHODS.values(), ids=METHODS.keys())
def test_method(call: Caller, target: str, name: str, status: int) -> None:
    assert call.invoke(name, target).status == status


ARGUMENTS = {
    "unknown": value("Bogus", text(1)),
    "no number": value("RequestedState", text("two")),
    "out of range": value("RequestedState", text(70_000)),
    "an array": value("RequestedState", "<VALUE.ARRAY><VALUE>2</VALUE></VALUE.ARRAY>"),
    "a path": value("RequestedState", f"<VALUE.REFERENCE>{system()}</VALUE.REFERENCE>"),
    "no datetime": value("TimeoutPeriod", text("soon")),
    "twice": value("RequestedState", text(2)) + value("requestedstate", text(2)),
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_argument_of_a_method(call: Caller, arguments: str) -> None:
    assert call.invoke("RequestStateChange", system(), arguments).status == 4


@pytest.mark.parametrize("name", ["RequestStateChange", "Explode"])
def test_method_in_an_unknown_namespace(call: Caller, name: str) -> None:
    assert call.invoke(name, system(), "", NOWHERE).status == 3


def test_null_state_is_the_methods_own_failure(call: Caller) -> None:
    reply = call.invoke("RequestStateChange", system(), value("RequestedState", ""))
    assert reply.status == 0
    assert "<VALUE>5</VALUE>" in reply.body
