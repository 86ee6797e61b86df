"""The audit log: which calls are in it, and that no secret is."""

from __future__ import annotations

import logging

import pytest
from tests.wire.granting import INSTANCE, POWER, READS, allowed, guard, method, operation

from virtcim.broker.call import (
    Answer,
    Call,
    CIMError,
    Form,
    Instance,
    MethodAnswer,
    Status,
)
from virtcim.wire.caller import Caller
from virtcim.wire.roles import Access

AUDITED = {
    "method": (
        method("Start", Force="true", Password="hunter2", SystemSettings="<INSTANCE><X>hunter2</X></INSTANCE>"),
        MethodAnswer(5, "uint32", reason="it is off"),
        {"result": "5 (it is off)", "target": "Virt_System", "call": "Start"},
        "Force=true, Password=***, SystemSettings=<embedded instance>",
    ),
    "instances": (
        method("Add", Settings=[Instance("X", {"Password": "hunter2", "InstanceID": "a/vnc", "VncKey": "hunter2"})]),
        MethodAnswer(0, "uint32"),
        {"result": "0"},
        "Settings=[X(InstanceID=a/vnc)]",
    ),
    "MOF": (
        method("Add", Setting="  instance of X { Password = hunter2; };"),
        MethodAnswer(0, "uint32"),
        {"result": "0"},
        "Setting=<embedded instance>",
    ),
    "operation": (
        operation("DeleteInstance", InstanceName=INSTANCE),
        Answer(Form.NOTHING),
        {"result": "0", "namespace": "root/virt", "target": ""},
        'InstanceName=:Virt_System.Name="a"',
    ),
    "long": (
        method("Add", Text="x" * 500),
        MethodAnswer(0, "uint32"),
        {},
        f"Text={'x' * 120}...",
    ),
}


@pytest.mark.parametrize(("call", "answer", "fields", "parameters"), AUDITED.values(), ids=AUDITED.keys())
def test_changes_are_audited_without_secrets(
    call: Call,
    answer: Answer | MethodAnswer,
    fields: dict[str, str],
    parameters: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "virtcim.audit")
    granted = Access(users={"alice": ("administrator",)})
    guard(granted).answer(Caller("alice", "192.0.2.1"), call, lambda _: answer)
    (record,) = caplog.records
    shown = record.__dict__["fields"]
    assert fields.items() <= shown.items()
    assert (shown["user"], shown["from"], shown["parameters"]) == ("alice", "192.0.2.1", parameters)
    assert "hunter2" not in str(shown)


@pytest.mark.parametrize(
    ("call", "error", "result"),
    [
        (POWER[0], CIMError(Status.NOT_FOUND, "gone"), "NOT_FOUND: gone"),
        (POWER[0], KeyError("hunter2"), "internal error"),
        (READS[0], CIMError(Status.NOT_FOUND, "gone"), None),
    ],
    ids=["refused", "fault", "reading"],
)
def test_failures_are_audited(
    call: Call, error: Exception, result: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    def dispatch(_: Call) -> Answer:
        raise error

    caplog.set_level(logging.INFO, "virtcim.audit")
    with pytest.raises(type(error)):
        guard(Access(users={"alice": ("administrator",)})).answer(Caller("alice"), call, dispatch)
    assert [record.__dict__["fields"]["result"] for record in caplog.records] == ([result] if result else [])


def test_denied_reading_is_audited_and_allowed_reading_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "virtcim.audit")
    assert allowed(Access(), "alice", READS[0])
    assert not caplog.records
    assert not allowed(Access(default=()), "alice", READS[0])
    assert caplog.records[0].__dict__["fields"]["result"].startswith("ACCESS_DENIED")
