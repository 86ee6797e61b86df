"""Replies: each form, what an item keeps, errors, and text that XML cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree
from tests.wire.samples import CLASSES, EVERY, SYSTEM, link, system, system_path

from virtcim.broker.call import (
    EVERYTHING,
    Answer,
    Call,
    CIMError,
    ClassPath,
    Form,
    Instance,
    Item,
    Path,
    Selection,
    Status,
    Value,
)
from virtcim.wire.encode import Encoder
from virtcim.wire.kept import SLICE

CALL = Call('7"<', "GetInstance", "root/virt", {})
NAME = (
    '<INSTANCENAME CLASSNAME="Virt_System"><KEYBINDING NAME="CreationClassName"><KEYVALUE VALUETYPE="string"'
    ' TYPE="string">Virt_System</KEYVALUE></KEYBINDING><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string"'
    ' TYPE="string">vm1</KEYVALUE></KEYBINDING></INSTANCENAME>'
)
SPACE = '<LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="virt"/></LOCALNAMESPACEPATH>'
HOST = f"<NAMESPACEPATH><HOST>here</HOST>{SPACE}</NAMESPACEPATH>"
INSTANCE = (
    '<INSTANCE CLASSNAME="Virt_System"><PROPERTY NAME="CreationClassName" TYPE="string"><VALUE>Virt_System</VALUE>'
    '</PROPERTY><PROPERTY NAME="Name" TYPE="string"><VALUE>vm1</VALUE></PROPERTY><PROPERTY NAME="EnabledState"'
    ' TYPE="uint16"><VALUE>2</VALUE></PROPERTY><PROPERTY NAME="Caption" TYPE="string"></PROPERTY></INSTANCE>'
)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(CLASSES.__getitem__, "here")


def text(chunks: Iterable[bytes]) -> str:
    whole = b"".join(chunks).decode()
    etree.fromstring(whole.encode())
    return whole


def content(encoder: Encoder, form: Form, *items: object, selection: Selection = EVERYTHING) -> str:
    """What is within IRETURNVALUE."""
    whole = text(encoder.reply(CALL, Answer(form, items, selection)))
    return whole.partition("<IRETURNVALUE>")[2].partition("</IRETURNVALUE>")[0]


def test_message(encoder: Encoder) -> None:
    assert text(encoder.reply(CALL, Answer(Form.CLASS_NAME, ["A"]))) == (
        '<?xml version="1.0" encoding="utf-8"?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="7&quot;&lt;"'
        ' PROTOCOLVERSION="1.0"><SIMPLERSP><IMETHODRESPONSE NAME="GetInstance"><IRETURNVALUE><CLASSNAME NAME="A"/>'
        "</IRETURNVALUE></IMETHODRESPONSE></SIMPLERSP></MESSAGE></CIM>\n"
    )


FORMS: dict[str, tuple[Form, object, str]] = {
    "instance": (Form.INSTANCE, system(EnabledState=2), INSTANCE),
    "named instance": (
        Form.NAMED_INSTANCE,
        system(EnabledState=2),
        f"<VALUE.NAMEDINSTANCE>{NAME}{INSTANCE}</VALUE.NAMEDINSTANCE>",
    ),
    "name of an item": (Form.INSTANCE_NAME, system(), NAME),
    "name of a path": (Form.INSTANCE_NAME, system_path(), NAME),
    "object with path": (
        Form.OBJECT_WITH_PATH,
        system(EnabledState=2),
        f"<VALUE.OBJECTWITHPATH><INSTANCEPATH>{HOST}{NAME}</INSTANCEPATH>{INSTANCE}</VALUE.OBJECTWITHPATH>",
    ),
    "object path of an item": (
        Form.OBJECT_PATH,
        system(),
        f"<OBJECTPATH><INSTANCEPATH>{HOST}{NAME}</INSTANCEPATH></OBJECTPATH>",
    ),
    "object path of a path": (
        Form.OBJECT_PATH,
        replace(system_path(), namespace=None),
        f"<OBJECTPATH><INSTANCEPATH>{HOST}{NAME}</INSTANCEPATH></OBJECTPATH>",
    ),
    "class name": (Form.CLASS_NAME, "A", '<CLASSNAME NAME="A"/>'),
    "class path": (
        Form.CLASS_PATH,
        ClassPath("A", "interop"),
        (
            '<OBJECTPATH><CLASSPATH><NAMESPACEPATH><HOST>here</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME="interop"/>'
            '</LOCALNAMESPACEPATH></NAMESPACEPATH><CLASSNAME NAME="A"/></CLASSPATH></OBJECTPATH>'
        ),
    ),
}


@pytest.mark.parametrize(("form", "item", "xml"), FORMS.values(), ids=FORMS.keys())
def test_form(encoder: Encoder, form: Form, item: object, xml: str) -> None:
    assert content(encoder, form, item) == xml
    assert content(encoder, form, item, item) == xml * 2  # as kept, too


def test_nothing_has_no_return_value(encoder: Encoder) -> None:
    assert "IRETURNVALUE" not in text(encoder.reply(CALL, Answer(Form.NOTHING)))


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.NOTHING])
def test_empty_list_has_an_empty_return_value(encoder: Encoder, form: Form) -> None:
    assert "<IRETURNVALUE></IRETURNVALUE>" in text(encoder.reply(CALL, Answer(form)))


def test_link(encoder: Encoder) -> None:
    other = NAME.replace("vm1", "vm2")
    found = content(encoder, Form.NAMED_INSTANCE, link("vm1", "vm2"))
    ends = [
        f"<VALUE.REFERENCE><LOCALINSTANCEPATH>{SPACE}{n}</LOCALINSTANCEPATH></VALUE.REFERENCE>" for n in (NAME, other)
    ]
    assert f'<KEYBINDING NAME="Antecedent">{ends[0]}</KEYBINDING><KEYBINDING NAME="Dependent">{ends[1]}<' in found
    reference = '<PROPERTY.REFERENCE NAME="Dependent" REFERENCECLASS="Virt_System">'
    assert f"{reference}{ends[1]}</PROPERTY.REFERENCE></INSTANCE>" in found


SELECTIONS = {
    "nothing": (Selection(frozenset()), ""),
    "unknown": (Selection(frozenset({"bogus"})), ""),
    "one": (Selection(frozenset({"caption"})), '<PROPERTY NAME="Caption" TYPE="string"></PROPERTY>'),
    "with origin": (
        Selection(frozenset({"enabledstate", "caption"}), class_origin=True),
        (
            '<PROPERTY NAME="EnabledState" TYPE="uint16" CLASSORIGIN="Virt_Base"><VALUE>2</VALUE></PROPERTY>'
            '<PROPERTY NAME="Caption" TYPE="string" CLASSORIGIN="Virt_Base"></PROPERTY>'
        ),
    ),
}


@pytest.mark.parametrize(("selection", "xml"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_selection(encoder: Encoder, selection: Selection, xml: str) -> None:
    item = system(EnabledState=2)
    assert content(encoder, Form.INSTANCE, item) == INSTANCE
    for _ in range(2):
        found = content(encoder, Form.INSTANCE, item, selection=selection)
        assert found == f'<INSTANCE CLASSNAME="Virt_System">{xml}</INSTANCE>'
    assert content(encoder, Form.INSTANCE, item) == INSTANCE


def test_an_item_is_encoded_once(encoder: Encoder) -> None:
    item = system(EnabledState=2)
    first = content(encoder, Form.NAMED_INSTANCE, item)
    item.properties["EnabledState"] = 3
    assert content(encoder, Form.NAMED_INSTANCE, item) == first
    assert content(encoder, Form.OBJECT_WITH_PATH, item).endswith(f"{INSTANCE}</VALUE.OBJECTWITHPATH>")


ARRAYS: dict[str, tuple[str, list[Value], str]] = {
    "numbers": ("uint8", [1, None, 255], "<VALUE>1</VALUE><VALUE.NULL/><VALUE>255</VALUE>"),
    "booleans": ("boolean", [True, None, False], "<VALUE>TRUE</VALUE><VALUE.NULL/><VALUE>FALSE</VALUE>"),
    "texts": ("string", ["", None], "<VALUE></VALUE><VALUE.NULL/>"),
    "empty": ("string", [], ""),
}


@pytest.mark.parametrize(("type_name", "values", "xml"), ARRAYS.values(), ids=ARRAYS.keys())
def test_array(encoder: Encoder, type_name: str, values: list[Value], xml: str) -> None:
    item = Item(EVERY, Path("Virt_Every", (("Name", "a"),), "root/virt"), {f"Array_{type_name}": values})
    found = content(encoder, Form.INSTANCE, item)
    start = f'<PROPERTY.ARRAY NAME="Array_{type_name}" TYPE="{type_name}">'
    assert f"{start}<VALUE.ARRAY>{xml}</VALUE.ARRAY></PROPERTY.ARRAY>" in found


def test_embedded_instance_is_escaped_text_of_what_it_has(encoder: Encoder) -> None:
    inner = Instance(
        "Virt_Every", {"Name": "<\r", "Scalar_uint8": None, "Inner": Instance("Virt_System", {"Name": "&"})}
    )
    item = Item(EVERY, Path("Virt_Every", (("Name", "a"),), "root/virt"), {"Inner": inner, "Anything": inner})
    root = etree.fromstring(content(encoder, Form.INSTANCE, item).encode())
    found = {p.get("NAME"): p for p in root if len(p)}
    assert [found[name].get("EmbeddedObject") for name in ("Inner", "Anything")] == ["instance", "object"]
    embedded = etree.fromstring(found["Inner"].findtext("VALUE") or "")
    assert [p.get("NAME") for p in embedded] == ["Name", "Scalar_uint8", "Inner"]
    assert embedded.findtext("PROPERTY/VALUE") == "<\r"
    nested = etree.fromstring(embedded[2].findtext("VALUE") or "")
    assert etree.tostring(nested).decode() == (
        '<INSTANCE CLASSNAME="Virt_System"><PROPERTY NAME="Name" TYPE="string"><VALUE>&amp;</VALUE></PROPERTY>'
        "</INSTANCE>"
    )


def test_null_is_not_marked_as_embedded(encoder: Encoder) -> None:
    found = content(encoder, Form.INSTANCE, Item(EVERY, Path("Virt_Every", (("Name", "a"),), "root/virt"), {}))
    assert '<PROPERTY.ARRAY NAME="Inners" TYPE="string"></PROPERTY.ARRAY>' in found
    assert "EmbeddedObject" not in found


ILLEGAL = {
    "nul": ("a\0b", "a\ufffdb"),
    "escape": ("\x1b[0m", "\ufffd[0m"),
    "surrogate": ("\ud800", "\ufffd"),
    "no character": ("\ufffe\uffff", "\ufffd\ufffd"),
    "line ends": ("\r\n\t", "\r\n\t"),
    "end of cdata": ("]]>", "]]>"),
    "beyond the plane": ("\U0001f600", "\U0001f600"),
}


@pytest.mark.parametrize(("given", "seen"), ILLEGAL.values(), ids=ILLEGAL.keys())
def test_characters(encoder: Encoder, given: str, seen: str) -> None:
    item = system(given, Caption=given)
    reply = etree.fromstring(b"".join(encoder.reply(CALL, Answer(Form.NAMED_INSTANCE, [item]))))
    assert reply.findtext(".//KEYBINDING[@NAME='Name']/KEYVALUE") == seen
    assert reply.findtext(".//PROPERTY[@NAME='Caption']/VALUE") == seen
    error = etree.fromstring(b"".join(encoder.error_reply(CALL, CIMError(Status.FAILED, given))))
    found = error.find(".//ERROR")
    assert found is not None
    assert found.get("DESCRIPTION") == seen


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "text for a number": ({"Scalar_uint8": "1"}, "Virt_Every.Scalar_uint8"),
    "number for a text": ({"Scalar_string": 1}, "Virt_Every.Scalar_string: 1 is no string"),
    "number for a boolean": ({"Scalar_boolean": 1}, "Virt_Every.Scalar_boolean: 1 is no boolean"),
    "text for an array": ({"Array_string": "a"}, "Virt_Every.Array_string: 'a' is no array"),
    "text for a reference": ({"Ref": "a"}, "Virt_Every.Ref: 'a' is no reference"),
    "number for an instance": ({"Inner": 1}, "Virt_Every.Inner: 1 is no embedded instance"),
    "within an instance": (
        {"Inner": Instance("Virt_System", {"EnabledState": "x"})},
        "Virt_Every.Inner: Virt_System.EnabledState",
    ),
    "key that the class has not": ({"Ref": Path("Virt_System", (("Nome", "x"),))}, "Virt_System has no key Nome"),
}


@pytest.mark.parametrize(("properties", "reason"), WRONG.values(), ids=WRONG.keys())
def test_ill_typed_value_is_named(encoder: Encoder, properties: dict[str, Any], reason: str) -> None:
    item = Item(EVERY, Path("Virt_Every", (("Name", "a"),), "root/virt"), properties)
    with pytest.raises(ValueError, match=re.escape(reason)):
        content(encoder, Form.INSTANCE, item)


def test_chunks_are_taken_as_they_come(encoder: Encoder) -> None:
    taken = []

    def items() -> Iterable[Item]:
        for number in range(3000):
            taken.append(number)
            yield system(f"vm{number}")

    chunks = encoder.reply(CALL, Answer(Form.NAMED_INSTANCE, items()))
    first = next(chunks)
    assert SLICE <= len(first) < SLICE + 20_000
    assert 50 < len(taken) < 2900
    assert b"".join((first, *chunks)).count(b"</VALUE.NAMEDINSTANCE>") == 3000


def test_properties_come_in_the_order_of_the_class(encoder: Encoder) -> None:
    item = Item(SYSTEM, system_path(), {"EnabledState": 2, "Name": "vm1", "CreationClassName": "Virt_System"})
    assert content(encoder, Form.INSTANCE, item) == INSTANCE
