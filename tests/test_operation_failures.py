"""Every operation and every failure that DSP0200 lists for it, over the wire: which CIM status is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.caller import INTEROP, NOWHERE, VIRT, Caller, Reply, instance, named, path, system

from virtcim.broker.operations import OPERATIONS, REQUIRED
from virtcim.conformance.raw import class_name, intrinsic, text

NO_CLASS, SYSTEMS = "Virt_None", "CIM_ComputerSystem"

Parameters = dict[str, str]


@pytest.fixture(scope="module")
def call(shared_server: Any) -> Iterator[Caller]:
    caller = Caller(shared_server.url)
    yield caller
    caller.close()


GHOST = system("ghost")
STRANGER = path(NO_CLASS, Name="web1")
FQL = {"FilterQueryLanguage": text("DMTF:FQL"), "FilterQuery": text("Name = 'x'")}
WQL = {"FilterQueryLanguage": text("WQL"), "FilterQuery": text(f"SELECT * FROM {SYSTEMS}")}
NO_CONTEXT = {"EnumerationContext": text("none"), "MaxObjectCount": text(1)}

# A correct call of each operation.
GOOD: dict[str, Parameters] = {
    "GetInstance": {"InstanceName": system()},
    "EnumerateInstances": {"ClassName": class_name(SYSTEMS)},
    "EnumerateInstanceNames": {"ClassName": class_name(SYSTEMS)},
    "Associators": {"ObjectName": system()},
    "AssociatorNames": {"ObjectName": system()},
    "References": {"ObjectName": system()},
    "ReferenceNames": {"ObjectName": system()},
    "GetClass": {"ClassName": class_name(SYSTEMS)},
    "EnumerateClasses": {"ClassName": class_name(SYSTEMS)},
    "EnumerateClassNames": {},
    "GetQualifier": {"QualifierName": text("Key")},
    "EnumerateQualifiers": {},
    "GetProperty": {"InstanceName": system(), "PropertyName": text("Name")},
    "ExecQuery": {"QueryLanguage": text("WQL"), "Query": text(f"SELECT * FROM {SYSTEMS}")},
    "OpenEnumerateInstances": {"ClassName": class_name(SYSTEMS)},
    "OpenEnumerateInstancePaths": {"ClassName": class_name(SYSTEMS)},
    "OpenAssociatorInstances": {"InstanceName": system()},
    "OpenAssociatorInstancePaths": {"InstanceName": system()},
    "OpenReferenceInstances": {"InstanceName": system()},
    "OpenReferenceInstancePaths": {"InstanceName": system()},
    "OpenQueryInstances": WQL,
}
# Of these a correct call would change something, or needs an open session.
ALMOST: dict[str, tuple[Parameters, int]] = {
    "PullInstancesWithPath": (NO_CONTEXT, 21),
    "PullInstancePaths": (NO_CONTEXT, 21),
    "PullInstances": (NO_CONTEXT, 21),
    "CloseEnumeration": ({"EnumerationContext": text("none")}, 21),
    "EnumerationCount": ({"EnumerationContext": text("none")}, 21),
    "CreateInstance": ({"NewInstance": instance(NO_CLASS)}, 5),
    "ModifyInstance": ({"ModifiedInstance": named(GHOST, instance("Test_ComputerSystem"))}, 6),
    "DeleteInstance": ({"InstanceName": GHOST}, 6),
    "SetProperty": ({"InstanceName": GHOST, "PropertyName": text("ElementName")}, 6),
    "CreateClass": ({"NewClass": '<CLASS NAME="X_New"/>'}, 7),
    "ModifyClass": ({"ModifiedClass": '<CLASS NAME="CIM_ComputerSystem"/>'}, 7),
    "DeleteClass": ({"ClassName": class_name(SYSTEMS)}, 7),
    "SetQualifier": ({"QualifierDeclaration": '<QUALIFIER.DECLARATION NAME="X" TYPE="string"/>'}, 7),
    "DeleteQualifier": ({"QualifierName": text("Key")}, 7),
}
CALLS = {**{name: (given, 0) for name, given in GOOD.items()}, **ALMOST}


def test_every_operation_is_here() -> None:
    assert {name.lower() for name in CALLS} == set(OPERATIONS)


@pytest.mark.parametrize("name", CALLS)
def test_as_it_should_be(call: Caller, name: str) -> None:
    given, status = CALLS[name]
    assert call(name, given).status == status


@pytest.mark.parametrize("name", CALLS)
def test_unknown_namespace(call: Caller, name: str) -> None:
    reply = call(name, CALLS[name][0], NOWHERE)
    assert reply.status == 3
    assert NOWHERE in reply.body


@pytest.mark.parametrize("name", CALLS)
def test_namespace_comes_before_parameters(call: Caller, name: str) -> None:
    assert call(name, {"Bogus": text("x")}, NOWHERE).status == 3


@pytest.mark.parametrize("name", CALLS)
def test_unknown_parameter(call: Caller, name: str) -> None:
    reply = call(name, {**CALLS[name][0], "Bogus": text("x")})
    assert reply.status == 4
    assert "Bogus" in reply.body


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name][0]])
def test_parameter_given_twice(call: Caller, name: str) -> None:
    given = CALLS[name][0]
    first = next(iter(given))
    twice = intrinsic(name, VIRT, **given, **{first.upper(): given[first]})
    reply = call.send(name, twice, VIRT)
    assert reply.status == 4
    assert first.upper() in reply.body


def required() -> Iterator[tuple[str, str]]:
    for name in CALLS:
        yield from ((name, p.name) for p in OPERATIONS[name.lower()].parameters if p.default is REQUIRED)


@pytest.mark.parametrize(("name", "parameter"), list(required()))
@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
def test_required_parameter(call: Caller, name: str, parameter: str, null: bool) -> None:
    given = dict(CALLS[name][0])
    del given[parameter]
    reply = call(name, {**given, parameter: ""} if null else given)
    assert reply.status == 4
    assert f"needs {parameter}" in reply.body


def parameters() -> Iterator[tuple[str, str]]:
    for name in CALLS:
        yield from ((name, p.name) for p in OPERATIONS[name.lower()].parameters if p.kind != "any")


@pytest.mark.parametrize(("name", "parameter"), list(parameters()))
def test_parameter_of_another_kind(call: Caller, name: str, parameter: str) -> None:
    """A class where a value is expected, a value where something else is."""
    kind = next(p.kind for p in OPERATIONS[name.lower()].parameters if p.name == parameter)
    wrong = class_name("X") if kind in ("text", "names") else text("x")
    reply = call(name, {**CALLS[name][0], parameter: wrong})
    assert reply.status == 4
    assert parameter in reply.body


def _open(name: str) -> dict[str, tuple[Parameters, int]]:
    """What all Open operations with a filter refuse."""
    return {
        f"{name}: time-out too long": ({"OperationTimeout": text(4_000_000_000)}, 22),
        f"{name}: endless": ({"OperationTimeout": text(0)}, 22),
        f"{name}: goes on after errors": ({"ContinueOnError": text("TRUE")}, 26),
        f"{name}: unknown filter language": ({**FQL, "FilterQueryLanguage": text("X")}, 14),
        f"{name}: filter that cannot be read": ({**FQL, "FilterQuery": text("Name = =")}, 15),
        f"{name}: filter without a language": ({"FilterQuery": text("Name = 'x'")}, 4),
        f"{name}: language without a filter": ({"FilterQueryLanguage": text("DMTF:FQL")}, 4),
    }


def _association(name: str, parameter: str, classname: int, missing: int) -> dict[str, tuple[Parameters, int]]:
    found = {
        f"{name}: class does not exist": ({parameter: STRANGER}, classname),
        f"{name}: no such instance": ({parameter: GHOST}, missing),
        f"{name}: no such key": ({parameter: path("Test_ComputerSystem", Bogus="x")}, 4),
        f"{name}: unknown result class": ({"ResultClass": class_name(NO_CLASS)}, 4),
    }
    if "Associat" in name:
        found[f"{name}: unknown association"] = ({"AssocClass": class_name(NO_CLASS)}, 4)
    return found


# What each operation refuses: the parameters that differ from a correct call, and the status.
REFUSED: dict[str, tuple[Parameters, int]] = {
    "GetClass: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 6),
    "GetInstance: class does not exist": ({"InstanceName": STRANGER}, 5),
    "GetInstance: no such instance": ({"InstanceName": GHOST}, 6),
    "GetInstance: by a class above": ({"InstanceName": system(classname=SYSTEMS)}, 6),
    "GetInstance: keys are missing": ({"InstanceName": path("Test_ComputerSystem", Name="web1")}, 6),
    "GetInstance: no such key": ({"InstanceName": path("Test_ComputerSystem", Bogus="x")}, 4),
    "DeleteInstance: class does not exist": ({"InstanceName": STRANGER}, 5),
    "DeleteInstance: no such instance": ({"InstanceName": GHOST}, 6),
    "DeleteInstance: of a class that is not deleted": ({"InstanceName": system()}, 7),
    "CreateInstance: class does not exist": ({"NewInstance": instance(NO_CLASS)}, 5),
    "CreateInstance: of a class that is not created": ({"NewInstance": instance("Test_ComputerSystem")}, 7),
    "ModifyInstance: class does not exist": ({"ModifiedInstance": named(STRANGER, instance(NO_CLASS))}, 5),
    "ModifyInstance: no such instance": ({"ModifiedInstance": named(GHOST, instance("Test_ComputerSystem"))}, 6),
    "ModifyInstance: of a class that is not changed": (
        {"ModifiedInstance": named(system(), instance("Test_ComputerSystem", ElementName="x"))},
        7,
    ),
    "ModifyInstance: path of another class": ({"ModifiedInstance": named(system(), instance("Test_Memory"))}, 4),
    "EnumerateClasses: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 5),
    "EnumerateClassNames: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 5),
    "EnumerateInstances: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 5),
    "EnumerateInstanceNames: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 5),
    "ExecQuery: unknown language": ({"QueryLanguage": text("X")}, 14),
    "ExecQuery: cannot be read": ({"Query": text("SELECT")}, 15),
    "ExecQuery: class does not exist": ({"Query": text(f"SELECT * FROM {NO_CLASS}")}, 15),
    **_association("Associators", "ObjectName", 4, 6),
    **_association("AssociatorNames", "ObjectName", 4, 6),
    **_association("References", "ObjectName", 4, 6),
    **_association("ReferenceNames", "ObjectName", 4, 6),
    "GetProperty: class does not exist": ({"InstanceName": STRANGER}, 5),
    "GetProperty: no such instance": ({"InstanceName": GHOST}, 6),
    "GetProperty: no such property": ({"PropertyName": text("Bogus")}, 12),
    "SetProperty: class does not exist": ({"InstanceName": STRANGER}, 5),
    "SetProperty: no such instance": ({"InstanceName": GHOST}, 6),
    "SetProperty: no such property": ({"InstanceName": system(), "PropertyName": text("Bogus")}, 12),
    "SetProperty: neither": ({"PropertyName": text("Bogus")}, 6),
    "SetProperty: of a class that is not changed": ({"InstanceName": system()}, 7),
    "SetProperty: value of another type": (
        {"InstanceName": system(), "PropertyName": text("EnabledState"), "NewValue": text("two")},
        13,
    ),
    "GetQualifier: not declared": ({"QualifierName": text("Bogus")}, 6),
    **_open("OpenEnumerateInstances"),
    **_open("OpenEnumerateInstancePaths"),
    "OpenEnumerateInstances: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 5),
    "OpenEnumerateInstancePaths: class does not exist": ({"ClassName": class_name(NO_CLASS)}, 5),
    **_open("OpenAssociatorInstances"),
    **_open("OpenAssociatorInstancePaths"),
    **_open("OpenReferenceInstances"),
    **_open("OpenReferenceInstancePaths"),
    **_association("OpenAssociatorInstances", "InstanceName", 4, 6),
    **_association("OpenAssociatorInstancePaths", "InstanceName", 4, 6),
    **_association("OpenReferenceInstances", "InstanceName", 4, 6),
    **_association("OpenReferenceInstancePaths", "InstanceName", 4, 6),
    "OpenQueryInstances: time-out too long": ({"OperationTimeout": text(4_000_000_000)}, 22),
    "OpenQueryInstances: goes on after errors": ({"ContinueOnError": text("TRUE")}, 26),
    "OpenQueryInstances: unknown language": ({"FilterQueryLanguage": text("X")}, 14),
    "OpenQueryInstances: cannot be read": ({"FilterQuery": text("SELECT")}, 15),
    "PullInstancesWithPath: no such session": ({}, 21),
    "PullInstancePaths: no such session": ({}, 21),
    "PullInstances: no such session": ({}, 21),
    "CloseEnumeration: no such session": ({}, 21),
    "EnumerationCount: no such session": ({}, 21),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(call: Caller, case: str) -> None:
    name = case.partition(":")[0]
    change, status = REFUSED[case]
    reply = call(name, {**CALLS[name][0], **change})
    assert reply.status == status, reply.body
    assert re.search(r' DESCRIPTION="[^"]+"', reply.body)
    assert f'<IMETHODRESPONSE NAME="{name}">' in reply.body


@pytest.mark.parametrize("name", ["InvokeMethod", "ExecMethod", "Nonsense", "getInstance2"])
def test_operation_that_is_not_there(call: Caller, name: str) -> None:
    assert call(name, {}, NOWHERE).status == 7


ORDER = {
    "time-out before continuing": ({"OperationTimeout": text(4_000_000_000), "ContinueOnError": text("TRUE")}, 22),
    "continuing before the language": (
        {"ContinueOnError": text("TRUE"), **FQL, "FilterQueryLanguage": text("X")},
        26,
    ),
    "language before the query": ({"FilterQueryLanguage": text("X"), "FilterQuery": text("Name = =")}, 14),
    "query before the class": ({**FQL, "FilterQuery": text("Name = ="), "ClassName": class_name(NO_CLASS)}, 15),
    "language before the class": ({**FQL, "FilterQueryLanguage": text("X"), "ClassName": class_name(NO_CLASS)}, 14),
}


@pytest.mark.parametrize(("change", "status"), ORDER.values(), ids=ORDER.keys())
def test_first_failure_of_the_list_is_answered(call: Caller, change: Parameters, status: int) -> None:
    name = "OpenEnumerateInstances"
    assert call(name, {**CALLS[name][0], **change}).status == status


OPENS = {name: OPERATIONS[name.lower()] for name in CALLS if name.startswith("Open")}
PULLS = ("PullInstancesWithPath", "PullInstancePaths", "PullInstances")


@pytest.mark.parametrize("name", OPENS)
def test_life_of_a_session(call: Caller, name: str) -> None:
    """Wrong kind of pull, then the right one, then closed: afterwards nothing takes its context."""
    form = OPENS[name].form
    right = next(pull for pull in PULLS if OPERATIONS[pull.lower()].form is form)
    opened = call(name, {**CALLS[name][0], "MaxObjectCount": text(1)})
    context = _context(opened)
    for wrong in (pull for pull in PULLS if pull != right):
        assert call(wrong, {"EnumerationContext": context, "MaxObjectCount": text(1)}).status == 21
    assert call(right, {"EnumerationContext": context, "MaxObjectCount": text(1)}, INTEROP).status == 21
    pulled = call(right, {"EnumerationContext": context, "MaxObjectCount": text(1)})
    assert pulled.status == 0
    assert call(right, {"EnumerationContext": context, "MaxObjectCount": text(1)}).status == 21
    context = _context(pulled)
    assert call("CloseEnumeration", {"EnumerationContext": context}).status == 0
    for closing in ("CloseEnumeration", "EnumerationCount"):
        assert call(closing, {"EnumerationContext": context}).status == 21
    assert call(right, {"EnumerationContext": context, "MaxObjectCount": text(1)}).status == 21


def _context(reply: Reply) -> str:
    assert reply.status == 0, reply.body
    found = re.search(r'NAME="EnumerationContext"[^>]*><VALUE>([^<]+)</VALUE>', reply.body)
    assert found, "the enumeration has ended already"
    return text(found[1])
