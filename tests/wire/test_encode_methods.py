"""Replies to method calls, and ERROR elements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from lxml import etree
from tests.wire.samples import CLASSES, declared, system_path

from virtcim.broker.call import Call, CIMError, ClassPath, Instance, MethodAnswer, Out, Status
from virtcim.wire.encode import Encoder

CALL = Call("7", "GetInstance", "root/virt", {})
METHOD = replace(CALL, name="Start", target=ClassPath("Virt_System"))
NAME = (
    '<INSTANCENAME CLASSNAME="Virt_System"><KEYBINDING NAME="CreationClassName"><KEYVALUE VALUETYPE="string"'
    ' TYPE="string">Virt_System</KEYVALUE></KEYBINDING><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string"'
    ' TYPE="string">vm1</KEYVALUE></KEYBINDING></INSTANCENAME>'
)
SPACE = '<LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="virt"/></LOCALNAMESPACEPATH>'


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(CLASSES.__getitem__, "here")


def text(chunks: Iterable[bytes]) -> str:
    whole = b"".join(chunks).decode()
    etree.fromstring(whole.encode())
    return whole


METHODS: dict[str, tuple[MethodAnswer, str]] = {
    "value": (MethodAnswer(0, "uint32"), '<RETURNVALUE PARAMTYPE="uint32"><VALUE>0</VALUE></RETURNVALUE>'),
    "none": (MethodAnswer(None, "uint32"), ""),
    "boolean": (MethodAnswer(False, "boolean"), '<RETURNVALUE PARAMTYPE="boolean"><VALUE>FALSE</VALUE></RETURNVALUE>'),
    "out": (
        MethodAnswer(None, "uint32", (Out(declared("A", "boolean"), False), Out(declared("B"), None))),
        '<PARAMVALUE NAME="A" PARAMTYPE="boolean"><VALUE>FALSE</VALUE></PARAMVALUE>',
    ),
    "reference": (
        MethodAnswer(None, "uint32", (Out(declared("Job", "reference"), system_path()),)),
        (
            '<PARAMVALUE NAME="Job" PARAMTYPE="reference"><VALUE.REFERENCE><LOCALINSTANCEPATH>'
            f"{SPACE}{NAME}</LOCALINSTANCEPATH></VALUE.REFERENCE></PARAMVALUE>"
        ),
    ),
    "references": (
        MethodAnswer(None, "uint32", (Out(declared("All", "reference", is_array=True), [system_path(), None]),)),
        (
            '<PARAMVALUE NAME="All" PARAMTYPE="reference"><VALUE.REFARRAY><VALUE.REFERENCE><LOCALINSTANCEPATH>'
            f"{SPACE}{NAME}</LOCALINSTANCEPATH></VALUE.REFERENCE><VALUE.NULL/></VALUE.REFARRAY></PARAMVALUE>"
        ),
    ),
    "class reference": (
        MethodAnswer(None, "uint32", (Out(declared("C", "reference"), ClassPath("A")),)),
        (
            '<PARAMVALUE NAME="C" PARAMTYPE="reference"><VALUE.REFERENCE><CLASSNAME NAME="A"/>'
            "</VALUE.REFERENCE></PARAMVALUE>"
        ),
    ),
    "class reference with namespace": (
        MethodAnswer(None, "uint32", (Out(declared("C", "reference"), ClassPath("A", "root/virt")),)),
        (
            f'<PARAMVALUE NAME="C" PARAMTYPE="reference"><VALUE.REFERENCE><LOCALCLASSPATH>{SPACE}<CLASSNAME NAME="A"/>'
            "</LOCALCLASSPATH></VALUE.REFERENCE></PARAMVALUE>"
        ),
    ),
    "embedded text": (
        MethodAnswer(None, "uint32", (Out(declared("I", embedded="CIM_X"), "<INSTANCE/>"),)),
        (
            '<PARAMVALUE NAME="I" PARAMTYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE/&gt;</VALUE>'
            "</PARAMVALUE>"
        ),
    ),
    "embedded": (
        MethodAnswer(None, "uint32", (Out(declared("I", embedded="CIM_X"), Instance("Virt_System", {})),)),
        (
            '<PARAMVALUE NAME="I" PARAMTYPE="string" EmbeddedObject="instance"><VALUE>'
            '&lt;INSTANCE CLASSNAME="Virt_System"&gt;&lt;/INSTANCE&gt;</VALUE></PARAMVALUE>'
        ),
    ),
}


@pytest.mark.parametrize(("answer", "xml"), METHODS.values(), ids=METHODS.keys())
def test_method(encoder: Encoder, answer: MethodAnswer, xml: str) -> None:
    assert f'<METHODRESPONSE NAME="Start">{xml}</METHODRESPONSE>' in encoder.method_reply(METHOD, answer).decode()


def test_error(encoder: Encoder) -> None:
    error = CIMError(Status.NOT_FOUND, 'no "x"')
    for call, tag in ((CALL, "IMETHODRESPONSE"), (METHOD, "METHODRESPONSE")):
        reply = text(encoder.error_reply(call, error))
        start = (
            f'<{tag} NAME="{call.name}"><ERROR CODE="6" DESCRIPTION="no &quot;x&quot;"><INSTANCE CLASSNAME="CIM_Error">'
        )
        assert start in reply
        assert f"</INSTANCE></ERROR></{tag}>" in reply
