"""The registry of messages: ids that stay, numbers that the schema has, and code that names what there is."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest

import virtcim
from virtcim import messages
from virtcim.broker import jobs_kept
from virtcim.broker.call import Status
from virtcim.broker.schema import Schema
from virtcim.host.errors import MESSAGES as OF_LIBVIRT
from virtcim.host.errors import HostError, Kind
from virtcim.messages import Entry, Message, message
from virtcim.profiles import faults

SOURCES = Path(virtcim.__file__).parent
RELEASED = Path(__file__).parents[1] / "data" / "messages.txt"
ENTRIES = sorted(messages.registry().values(), key=lambda one: one.number)
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.symbol)


def line(entry: Entry) -> str:
    return f"{entry.id} {entry.symbol} ({', '.join(entry.arguments)}): {entry.template}"


def test_released_messages_stay() -> None:
    """What is in the file is for ever; a new message is appended to it."""
    released = RELEASED.read_text(encoding="utf-8").splitlines()
    now = list(map(line, ENTRIES))
    assert [one for one in released if one not in now] == [], "changed or gone"
    assert [one for one in now if one not in released] == [], f"append to {RELEASED}"


def test_nothing_is_used_twice() -> None:
    for values in ([one.number for one in ENTRIES], [one.symbol for one in ENTRIES]):
        assert len(values) == len(set(values))
    content = (SOURCES / "data" / messages.FILE).read_text(encoding="utf-8")
    assert len(ENTRIES) == len(re.findall(r"^  - name:", content, re.MULTILINE))


@each_entry
def test_every_argument_has_its_place(entry: Entry) -> None:
    assert entry.places == {*range(1, len(entry.arguments) + 1)}


@each_entry
def test_numbers_are_those_of_the_schema(entry: Entry, repository: Schema) -> None:
    is_alert = entry.alert_type is not None
    assert is_alert is (entry.error_type is None) is (entry.status is None)
    declared = repository.get("CIM_AlertIndication" if is_alert else "CIM_Error").properties
    kind = "alerttype" if is_alert else "errortype"
    for name, number in ((kind, entry.alert_type or entry.error_type), ("perceivedseverity", entry.severity)):
        assert str(number) in declared[name].values or (name, number) == ("perceivedseverity", None)
    assert entry.cause is None or str(entry.cause) in declared["probablecause"].values
    assert entry.status is None or Status(entry.status)


@cache
def answers(repository: Schema) -> frozenset[str]:
    """The Values entries of all return values."""
    methods = (method for one in repository for method in one.methods.values())
    return frozenset(value for method in methods for value in method.values.values())


@each_entry
def test_answers_are_those_of_methods(entry: Entry, repository: Schema) -> None:
    assert set(entry.answers) <= answers(repository)


@each_entry
def test_no_id_of_the_dmtf_is_claimed(entry: Entry) -> None:
    assert entry.dmtf_id is None
    made = messages.properties(message(entry.symbol, *entry.arguments))
    assert (made["OwningEntity"], made["MessageID"]) == ("virtcim", f"VIRTCIM{entry.number:04}")
    assert made["Message"] == entry.template.format("", *entry.arguments)


# Who names them


def sources() -> Iterator[tuple[str, ast.AST]]:
    for file in SOURCES.rglob("*.py"):
        if file.parent.name != "conformance":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield f"{file.relative_to(SOURCES)}:{getattr(node, 'lineno', 0)}", node


def named() -> Iterator[tuple[str, str, int | None]]:
    """Where code names a message, its symbol, and how many arguments it gives."""
    for where, node in sources():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            first = node.args[0] if node.args else None
            if name == "message" and isinstance(first, ast.Constant):
                yield where, str(first.value), len(node.args) - 1
            if name == "or_else":
                assert first is not None
                yield from ((where, str(one.value), 1) for one in ast.walk(first) if isinstance(one, ast.Constant))


def properties() -> Iterator[tuple[str, str, int]]:
    """The messages of properties that cannot be: where the setting is, the property, and why."""
    for where, node in sources():
        for one in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "symbol":
                yield where, ast.literal_eval(one.value), 3


NAMED = [*named(), *properties(), *(("libvirt", symbol, 1) for symbol in OF_LIBVIRT.values())]


@pytest.mark.parametrize(("where", "symbol", "given"), NAMED, ids=lambda one: str(one))
def test_code_names_what_there_is(where: str, symbol: str, given: int) -> None:
    assert len(messages.registry()[symbol].arguments) == given, where


def test_every_message_is_named() -> None:
    used = {symbol for _, symbol, _ in NAMED}
    assert [one.symbol for one in ENTRIES if not one.general and one.symbol not in used] == []


def test_symbols_are_named_nowhere_else() -> None:
    """Only the registry knows the ids."""
    texts = (file for file in SOURCES.rglob("*.py"))
    found = [str(file) for file in texts if re.search(r"VIRTCIM\d", file.read_text(encoding="utf-8"))]
    assert found == []


# What is made of them


def test_wrong_number_of_arguments() -> None:
    with pytest.raises(LookupError, match="VS_GONE has 1 arguments, not 2"):
        message("VS_GONE", "web1", "web2")


def test_arguments_are_put_in_as_they_are() -> None:
    assert message("VS_GONE", "{2} {x} %s") == "virtual system {2} {x} %s is gone"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("qemu+ssh://root:secret@far/system", "qemu+ssh://far/system"),
        ("at qemu+tcp://root@[::1]:16509/system?x=a@b, it is", "at qemu+tcp://[::1]:16509/system?x=a@b, it is"),
        ("mail to root@far", "mail to root@far"),
    ],
)
def test_users_of_uris_are_left_out(words: str, shown: str) -> None:
    told = message("HYPERVISOR_LOST", words, words)
    assert told.arguments == (shown, shown)
    assert told == f"libvirt at {shown} is not reachable: {shown}"


def test_words_become_the_argument_of_a_general_message() -> None:
    own = message("VS_GONE", "web1")
    assert messages.of_status(Status.NOT_FOUND, own) is messages.of_refusal("Failed", own) is own
    assert messages.of_status(Status.NOT_FOUND, "x").symbol == "CIM_ERR_NOT_FOUND"
    assert messages.of_refusal("Invalid State", "x").symbol == "METHOD_INVALID_STATE"
    assert messages.of_refusal("Method Parameters Checked", "x").symbol == "METHOD_REFUSED"


def test_survives_pickling() -> None:
    again: Message = pickle.loads(pickle.dumps(message("VS_GONE", "web1")))
    assert (again, again.symbol, again.arguments) == ("virtual system web1 is gone", "VS_GONE", ("web1",))


def test_jobs_that_are_kept_have_their_messages_again() -> None:
    found = jobs_kept.words_of({"error": "virtual system web1 is gone", "message": ["VS_GONE", "web1"]})
    assert isinstance(found, Message)
    assert (found, found.symbol, found.arguments) == ("virtual system web1 is gone", "VS_GONE", ("web1",))
    assert not isinstance(jobs_kept.words_of({"error": "x", "message": None}), Message)
    assert jobs_kept.words_of({"error": ""}) == ""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (HostError(Kind.FAILED, "no"), "web1: save failed: no"),
        (HostError(Kind.FAILED, message("HYPERVISOR_ERROR", "no")), "web1: save failed: libvirt: no"),
        (
            HostError(Kind.FAILED, message("RESOURCE_UNPLUG_REFUSED", "web1", "net0")),
            "the guest of domain web1 refuses",
        ),
        (HostError(Kind.TIMEOUT, "late"), "late"),
    ],
    ids=["words", "words of libvirt", "a message", "another kind"],
)
def test_what_a_failure_was_in_the_way_of(error: HostError, told: str) -> None:
    """A message that says more is left as it is."""
    tell = partial(message, "VS_TRANSITION_FAILED", "web1", "save")
    with pytest.raises(HostError) as caught, faults.telling(Kind.FAILED, tell):
        raise error
    assert caught.value.message.startswith(told)
    assert (caught.value.kind, faults.explain(caught.value)) == (error.kind, caught.value.message)
