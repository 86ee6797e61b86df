"""Roles: the file that gives them, and what a guard lets through."""

from __future__ import annotations

from pathlib import Path as File

import pytest
from tests.wire.granting import INSTANCE, POWER, READS, access, allowed, guard, method, operation
from tests.wire.samples import link, system

from virtcim.broker.call import (
    Answer,
    Call,
    CIMError,
    ClassPath,
    Form,
    Instance,
    MethodAnswer,
    Path,
)
from virtcim.wire import guard as guard_module
from virtcim.wire.caller import Caller, Certificate
from virtcim.wire.roles import Access, Rule

CHANGES = [
    operation("DeleteInstance", InstanceName=INSTANCE),
    operation("CreateInstance", NewInstance=Instance("Virt_System")),
    operation("SetQualifier"),
    operation("NoSuchOperation"),
    method("DefineSystem"),
    method("GetInstance"),
]


@pytest.mark.parametrize(
    ("role", "may"),
    [("reader", READS), ("operator", READS + POWER), ("administrator", READS + POWER + CHANGES)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_built_in_roles(role: str, may: list[Call]) -> None:
    granted = Access(users={"alice": (role,)}, default=())
    for call in READS + POWER + CHANGES:
        assert allowed(granted, "alice", call) == (call in may), call.name
        assert not allowed(granted, "bob", call)


def test_without_a_file_all_known_users_are_readers() -> None:
    assert allowed(Access(), "anybody", READS[0])
    assert not allowed(Access(), "anybody", POWER[0])
    assert allowed(Access(), "root", CHANGES[0])


def test_trusted_callers_need_no_role() -> None:
    answer = guard(Access(users={}, default=())).answer(
        Caller("root", trusted=True), POWER[0], lambda _: MethodAnswer(0, "uint32")
    )
    assert isinstance(answer, MethodAnswer)


CUSTOM = """
roles:
  web:
    - operations: ["@read", "Request*"]
      namespaces: [root/virt]
      classes: [Virt_System]
    - operations: EnumerateInstances
      namespaces: [interop]
  starter:
    - operations: [Start]
users:
  alice: web
  bob: [starter, reader]
default: []
"""


@pytest.mark.parametrize(
    ("user", "call", "may"),
    [
        ("alice", operation("GetInstance", InstanceName=INSTANCE), True),
        ("alice", operation("GetInstance", InstanceName=Path("virt_system", ())), True),
        ("alice", operation("GetInstance", InstanceName=Path("KVM_System", ())), True),
        ("alice", operation("GetInstance", InstanceName=Path("Virt_Link", ())), False),
        ("alice", operation("GetInstance", InstanceName=Path("No_Such", ())), False),
        ("alice", operation("GetInstance"), False),
        ("alice", operation("GetInstance", InstanceName=INSTANCE, ClassName=ClassPath("Virt_Link")), False),
        ("alice", operation("GetInstance", InstanceName="Virt_System"), False),
        ("alice", operation("GetInstance", "root/cimv2", InstanceName=INSTANCE), True),
        ("alice", operation("GetInstance", "ROOT/virt", InstanceName=INSTANCE), True),
        ("alice", operation("GetInstance", "interop", InstanceName=INSTANCE), False),
        ("alice", operation("GetInstance", "nowhere", InstanceName=INSTANCE), False),
        ("alice", operation("EnumerateInstances", "root/interop", ClassName=ClassPath("Virt_Link")), True),
        ("alice", operation("GetClass", ClassName=ClassPath("Virt_Link")), True),
        ("alice", operation("EnumerateClassNames"), True),
        ("alice", operation("ExecQuery", Query="select * from KVM_System where Name = 'x'"), True),
        ("alice", operation("ExecQuery", Query="SELECT * FROM Virt_Link"), False),
        ("alice", operation("ExecQuery", Query="SELECT * FROM Virt_System, Virt_Link"), False),
        ("alice", operation("ExecQuery", Query="SELECT * FROM Virt_Link WHERE A = ' FROM Virt_System'"), False),
        ("alice", operation("OpenQueryInstances", FilterQuery="SELECT * FROM Virt_System"), True),
        ("alice", operation("OpenQueryInstances", Query="SELECT * FROM Virt_System"), False),
        ("alice", operation("PullInstancePaths", EnumerationContext="x"), True),
        ("alice", method("RequestStateChange", "KVM_System"), True),
        ("alice", method("RequestStateChange", "Virt_Link"), False),
        ("alice", method("Start", "KVM_System"), False),
        ("alice", operation("ModifyInstance", ModifiedInstance=Instance("Virt_System")), False),
        ("bob", method("start", "Virt_Link"), True),
        ("bob", operation("GetInstance", InstanceName=INSTANCE), True),
        ("bob", method("Stop"), False),
        ("carol", operation("EnumerateClassNames"), False),
        ("root", method("Stop"), True),
    ],
)
def test_custom_roles(tmp_path: File, user: str, call: Call, may: bool) -> None:
    assert allowed(access(tmp_path, CUSTOM), user, call) is may


@pytest.mark.parametrize("name", ["Associators", "OpenAssociatorInstances", "PullInstancesWithPath"])
def test_restricted_roles_see_only_their_classes(tmp_path: File, name: str) -> None:
    call = operation(name, ObjectName=INSTANCE)
    answer = guard(access(tmp_path, CUSTOM)).answer(
        Caller("alice"), call, lambda _: Answer(Form.OBJECT_WITH_PATH, [system("a"), link("a", "b"), system("b")])
    )
    assert isinstance(answer, Answer)
    assert [item.cls.name for item in answer.items] == ["Virt_System", "Virt_System"]  # type: ignore[attr-defined]


def test_denial_says_nothing_about_what_exists(caplog: pytest.LogCaptureFixture) -> None:
    texts = set()
    for classname in ("Virt_System", "No_Such_Class"):
        with pytest.raises(CIMError) as denied:
            guard(Access()).answer(Caller("eve", "h"), method("Start", classname), lambda _: Answer(Form.NOTHING))
        texts.add(denied.value.message)
    assert texts == {"the roles of eve do not allow this Start"}


def test_groups_of_the_machine_give_roles(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = access(tmp_path, "groups: {libvirt: operator}")
    monkeypatch.setattr(guard_module, "groups_of", {"alice": ["users", "libvirt"], "bob": ["users"]}.get)
    assert allowed(granted, "alice", POWER[0])
    assert not allowed(granted, "bob", READS[0])


def test_groups_are_looked_up() -> None:
    assert "root" in guard_module.groups_of("root")
    assert guard_module.groups_of("no such user") == []


CERTIFICATE = Certificate("CN=backup,O=Example", "backup", "ab" * 32)


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", "backup"),
        ('certificates: {"CN=backup,O=Example": alice}', "alice"),
        (f'certificates: {{"SHA256:{"AB:" * 31}AB": bob}}', "bob"),
        ('certificates: {"CN=backup": alice}', None),
    ],
    ids=["common name", "subject", "fingerprint", "other"],
)
def test_user_of_a_certificate(tmp_path: File, text: str, user: str | None) -> None:
    assert guard(access(tmp_path, text)).certificate_user(CERTIFICATE) == user


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "the file must be a mapping"),
        ("role: {}", "the file has no role, but"),
        ("users: {alice: admin}", "users: alice: there is no role admin, but reader, operator, administrator"),
        ("users: {alice: 5}", "users: alice must be one or more texts"),
        ("users: [alice]", "users must be a mapping"),
        ("default: nobody", "default: there is no role nobody"),
        ("roles: {reader: [{operations: Get*}]}", "reader cannot be defined anew"),
        ("roles: {web: {}}", "web must be a list of rules"),
        ("roles: {web: []}", "web must be a list of rules"),
        ("roles: {web: [{}]}", "rule 1 has no operations"),
        ("roles: {web: [{operations: Get*, class: x}]}", "rule 1 has no class, but"),
        ("roles: {web: [{operations: '@all'}]}", "@all is none of @read"),
        ("roles: {web: [{operations: Get*, classes: [5]}]}", "classes must be one or more texts"),
        ("certificates: {x: 1}", "certificates must map to texts"),
        ("users: {1: reader}", "users must be a mapping with texts as keys"),
        ("users: [", "not YAML"),
        ("users: !!python/name:os.system x", "not YAML"),
    ],
)
def test_bad_file_is_refused_with_the_place(tmp_path: File, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="yaml") as refused:
        access(tmp_path, text)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("caller", "call", "seen"),
    [
        (Caller("alice"), operation("GetInstance", InstanceName=INSTANCE), True),
        (Caller("alice"), operation("Associators", ObjectName=INSTANCE), False),  # is to be looked through
        (Caller("bob"), operation("GetInstance", InstanceName=INSTANCE), False),
        (Caller("root", trusted=True), operation("Associators", ObjectName=INSTANCE), True),
    ],
    ids=["reader", "across", "nobody", "trusted"],
)
def test_who_may_see_a_reply_that_was_given_before(caller: Caller, call: Call, seen: bool) -> None:
    assert guard(Access(users={"alice": ("reader",)}, default=())).lets_see(caller, call) is seen


def test_an_answer_looked_through_for_one_caller_holds_for_nobody_else() -> None:
    some = {"some": (Rule(("@read",), classes=("virt_system",)),)}
    granted = Access(roles=some, users={"alice": ("some",)}, default=())
    call = operation("Associators", ObjectName=INSTANCE)
    whole = Answer(Form.OBJECT_PATH, (), holds=lambda: True, ahead=lambda: None)
    seen = guard(granted).answer(Caller("alice"), call, lambda _: whole)
    assert isinstance(seen, Answer)
    assert (seen.holds, seen.ahead) == (None, None)


def test_an_answer_is_not_looked_through_for_who_may_see_all_classes() -> None:
    granted = Access(users={"alice": ("reader",)}, default=())
    call = operation("Associators", ObjectName=INSTANCE)
    whole = Answer(Form.OBJECT_PATH, (), holds=lambda: True)
    assert guard(granted).answer(Caller("alice"), call, lambda _: whole) is whole
