"""Calls of every kind, and a guard that judges them by roles."""

from __future__ import annotations

from pathlib import Path as File

from tests.wire.samples import CLASSES, class_def, declared

from virtcim.broker.call import (
    Answer,
    Argument,
    Call,
    CIMError,
    ClassPath,
    Form,
    Path,
    Status,
    Value,
)
from virtcim.wire.caller import Caller
from virtcim.wire.guard import Guard
from virtcim.wire.roles import Access, read_access

SUB = class_def("KVM_System", declared("Name", is_key=True), superclass="Virt_System")
KNOWN = {name.lower(): cls for name, cls in {**CLASSES, "KVM_System": SUB}.items()}
NAMESPACES = {"root/virt": "root/virt", "root/cimv2": "root/virt", "interop": "interop", "root/interop": "interop"}
INSTANCE = Path("Virt_System", (("Name", "a"),))


def access(directory: File, text: str) -> Access:
    file = directory / "access.yaml"
    file.write_text(text, encoding="utf-8")
    return read_access(file)


def guard(granted: Access) -> Guard:
    return Guard(lambda: granted, lambda name: KNOWN.get(name.lower()), NAMESPACES)


def operation(name: str, namespace: str = "root/virt", /, **parameters: Value) -> Call:
    return Call("1", name, namespace, parameters)


def method(name: str, classname: str = "Virt_System", **parameters: Value) -> Call:
    return Call("1", name, "root/virt", {k: Argument(v) for k, v in parameters.items()}, ClassPath(classname))


def allowed(granted: Access, user: str, call: Call) -> bool:
    calls = []

    def dispatch(given: Call) -> Answer:
        calls.append(given)
        return Answer(Form.NOTHING)

    try:
        guard(granted).answer(Caller(user, "192.0.2.1"), call, dispatch)
    except CIMError as error:
        return error.status is not Status.ACCESS_DENIED or bool(calls)
    assert calls == [call]
    return True


READS = [
    operation("GetInstance", InstanceName=INSTANCE),
    operation("enumerateinstances", ClassName=ClassPath("Virt_System")),
    operation("EnumerateClassNames"),
    operation("PullInstancesWithPath", EnumerationContext="x"),
    operation("ExecQuery", Query="SELECT * FROM Virt_System"),
]
POWER = [method("RequestStateChange"), method("requestpowerstatechange"), method("KillJob")]
