"""Embedded instances and other refusals of method parameters; requests cut off and damaged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.samples import SPACE, method_call

from virtcim.broker.call import Argument, ClassPath, Instance, Status, Value
from virtcim.wire.decode import decode
from virtcim.wire.faults import HTTPFault, RefusedCall

KEY = '<KEYBINDING NAME="k"><KEYVALUE>v</KEYVALUE></KEYBINDING>'
NAME = f'<INSTANCENAME CLASSNAME="A">{KEY}</INSTANCENAME>'


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


INNER = '<INSTANCE CLASSNAME="A"><PROPERTY NAME="p" TYPE="string"><VALUE>1</VALUE></PROPERTY></INSTANCE>'
OUTER = (
    '<INSTANCE CLASSNAME="B"><PROPERTY NAME="i" TYPE="string" EmbeddedObject="instance"><VALUE>'
    f"{escaped(INNER)}</VALUE></PROPERTY></INSTANCE>"
)
A = Instance("A", {"p": "1"})
EMBEDDED: dict[str, tuple[str, str, Value]] = {
    "instance": ('PARAMTYPE="string" EmbeddedObject="instance"', f"<VALUE>{escaped(INNER)}</VALUE>", A),
    "object": ('PARAMTYPE="string" EmbeddedObject="object"', f"<VALUE>{escaped(INNER)}</VALUE>", A),
    "capitals": ('PARAMTYPE="string" EMBEDDEDOBJECT="instance"', f"<VALUE>{escaped(INNER)}</VALUE>", A),
    "both": (
        'PARAMTYPE="string" EmbeddedObject="instance" EMBEDDEDOBJECT="instance"',
        f"<VALUE>{escaped(INNER)}</VALUE>",
        A,
    ),
    "cdata": ('PARAMTYPE="string" EmbeddedObject="instance"', f"<VALUE><![CDATA[{INNER}]]></VALUE>", A),
    "by type": ('PARAMTYPE="instance"', f"<VALUE>{escaped(INNER)}</VALUE>", A),
    "as an element": ('PARAMTYPE="string" EmbeddedObject="instance"', INNER, A),
    "mof": ('PARAMTYPE="string" EmbeddedObject="instance"', "<VALUE>instance of A { p = 1; };</VALUE>", A),
    "array": (
        'PARAMTYPE="string" EmbeddedObject="instance"',
        f"<VALUE.ARRAY><VALUE>{escaped(INNER)}</VALUE><VALUE.NULL/></VALUE.ARRAY>",
        [A, None],
    ),
    "nested": (
        'PARAMTYPE="string" EmbeddedObject="instance"',
        f"<VALUE>{escaped(OUTER)}</VALUE>",
        Instance("B", {"i": A}),
    ),
    "null": ('PARAMTYPE="string" EmbeddedObject="instance"', "", None),
    "plain text stays text": ('PARAMTYPE="string"', f"<VALUE>{escaped(INNER)}</VALUE>", INNER),
}


@pytest.mark.parametrize(("attributes", "xml", "value"), EMBEDDED.values(), ids=EMBEDDED.keys())
def test_embedded_instance(attributes: str, xml: str, value: Value) -> None:
    call = decode(method_call(f'<PARAMVALUE NAME="X" {attributes}>{xml}</PARAMVALUE>'))
    assert call.parameters == {"X": Argument(value, "string")}


def deep(levels: int) -> str:
    text = INNER
    for _ in range(levels):
        text = OUTER.replace(escaped(INNER), escaped(text))
    return text


ATTRIBUTES = 'PARAMTYPE="string" EmbeddedObject="instance"'
REFUSED = {
    "parameter twice": ('<PARAMVALUE NAME="X"/><PARAMVALUE NAME="x"/>', "parameter x is given twice"),
    "property twice": (
        (
            '<PARAMVALUE NAME="X"><INSTANCE CLASSNAME="A"><PROPERTY NAME="p" TYPE="string"/>'
            '<PROPERTY.ARRAY NAME="P" TYPE="string"/></INSTANCE></PARAMVALUE>'
        ),
        "instance of A: property P is given twice",
    ),
    "key twice": (
        f'<PARAMVALUE NAME="X"><INSTANCENAME CLASSNAME="A">{KEY * 2}</INSTANCENAME></PARAMVALUE>',
        "names a key twice",
    ),
    "broken instance": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>&lt;INST</VALUE></PARAMVALUE>',
        "X: not well-formed",
    ),
    "other element": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>&lt;A/></VALUE></PARAMVALUE>',
        "X: A where an INSTANCE",
    ),
    "doctype": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>&lt;!DOCTYPE a>&lt;a/></VALUE></PARAMVALUE>',
        "X: a DOCTYPE",
    ),
    "class": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>&lt;CLASS NAME="A"/></VALUE></PARAMVALUE>',
        "X: class A is embedded where an instance is expected",
    ),
    "no instance": (f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>hello</VALUE></PARAMVALUE>', "X: MOF line 1 column 1"),
    "one of an array": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE.ARRAY><VALUE.NULL/><VALUE>a</VALUE></VALUE.ARRAY></PARAMVALUE>',
        "X[1]: MOF line 1",
    ),
    "nested": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>{escaped(OUTER.replace("/INSTANCE", "/I", 1))}</VALUE></PARAMVALUE>',
        "X: i: not well-formed",
    ),
    "embedded too deep": (
        f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>{escaped(deep(20))}</VALUE></PARAMVALUE>',
        "deeper",
    ),
}


@pytest.mark.parametrize(("xml", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_parameter(xml: str, reason: str) -> None:
    with pytest.raises(RefusedCall) as refused:
        decode(method_call(xml))
    assert refused.value.error.status is Status.INVALID_PARAMETER
    assert reason in refused.value.error.message
    assert refused.value.call.name == "Start"
    assert refused.value.call.target == ClassPath("Virt_System", "root/virt")


def test_every_cut_of_a_request_is_a_fault() -> None:
    body = method_call(f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>{escaped(OUTER)}</VALUE></PARAMVALUE>')
    for end in range(len(body)):
        with pytest.raises(HTTPFault) as fault:
            decode(body[:end])
        assert fault.value.status == 400


TAGS = (
    *("CIM", "MESSAGE", "SIMPLEREQ", "METHODCALL", "PARAMVALUE", "VALUE", "VALUE.ARRAY", "VALUE.NULL", "INSTANCE"),
    *("LOCALCLASSPATH", "LOCALINSTANCEPATH", "INSTANCENAME", "KEYBINDING", "KEYVALUE", "VALUE.REFERENCE", "PROPERTY"),
)
SAMPLE = method_call(
    f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>{escaped(OUTER)}</VALUE></PARAMVALUE>'
    f'<PARAMVALUE NAME="Y"><VALUE.REFERENCE>{NAME}</VALUE.REFERENCE></PARAMVALUE>'
    f'<PARAMVALUE NAME="Z">{OUTER}</PARAMVALUE>',
    target=f"<LOCALINSTANCEPATH>{SPACE}{NAME}</LOCALINSTANCEPATH>",
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_request_is_a_call_or_a_fault(data: st.DataObject) -> None:
    body = SAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        if data.draw(st.booleans()):
            old, new = data.draw(st.sampled_from(TAGS)), data.draw(st.sampled_from(TAGS))
            body = body.replace(old.encode(), new.encode(), data.draw(st.integers(1, 2)))
        else:
            position = data.draw(st.integers(0, len(body)))
            body = body[:position] + data.draw(st.binary(max_size=3)) + body[position + data.draw(st.integers(0, 3)) :]
    assert outcome(body)


def outcome(body: bytes) -> str:
    """What a request comes to: the name of its call, or the reason why it has none. Other exceptions pass."""
    try:
        return decode(body).name
    except HTTPFault as fault:
        return fault.detail if fault.status in (400, 501) else ""
    except RefusedCall as refused:
        return refused.error.message
