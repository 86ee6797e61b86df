"""Requests that are correct, or whose parameters cannot be meant: the Call they become."""

from __future__ import annotations

import pytest
from tests.wire.samples import GOOD_NAME, SPACE, message, method_call, operation, parameter

from virtcim.broker.call import Argument, ClassPath, Instance, Path, Status, Value
from virtcim.wire.decode import decode
from virtcim.wire.faults import HTTPFault, RefusedCall

HOST = f"<NAMESPACEPATH><HOST>far:5988</HOST>{SPACE}</NAMESPACEPATH>"
KEY = '<KEYBINDING NAME="k"><KEYVALUE>v</KEYVALUE></KEYBINDING>'
NAME = f'<INSTANCENAME CLASSNAME="A">{KEY}</INSTANCENAME>'
KEYS = (("k", "v"),)
INSTANCE = """<INSTANCE CLASSNAME="A"><QUALIFIER NAME="q" TYPE="string"/><PROPERTY NAME="p" TYPE="uint8"><QUALIFIER
  NAME="q" TYPE="string"/><VALUE>1</VALUE></PROPERTY> <PROPERTY NAME="n" TYPE="string"/>
  <PROPERTY.ARRAY NAME="a" TYPE="string"><VALUE.ARRAY><VALUE>x</VALUE><VALUE.NULL/><VALUE/></VALUE.ARRAY>
  </PROPERTY.ARRAY>
  <PROPERTY.ARRAY NAME="na" TYPE="string"></PROPERTY.ARRAY><PROPERTY.ARRAY NAME="ea" TYPE="string"><VALUE.ARRAY/>
  </PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="r"><VALUE.REFERENCE><CLASSNAME NAME="B"/></VALUE.REFERENCE>
  </PROPERTY.REFERENCE></INSTANCE>"""
PROPERTIES: dict[str, Value] = {
    "p": "1",
    "n": None,
    "a": ["x", None, ""],
    "na": None,
    "ea": [],
    "r": ClassPath("B"),
}

VALUES: dict[str, tuple[str, Value]] = {
    "nothing": ("", None),
    "text": ("<VALUE>a</VALUE>", "a"),
    "empty text": ("<VALUE/>", ""),
    "blanks are kept": ("<VALUE> \n a\t</VALUE>", " \n a\t"),
    "cdata": ("<VALUE>a<![CDATA[<b>&]]>c</VALUE>", "a<b>&c"),
    "comment within text": ("<VALUE>a<!-- b -->c<?d?>e</VALUE>", "ace"),
    "character references": ("<VALUE>&lt;&#13;&#x1F600;</VALUE>", "<\r\U0001f600"),
    "array": ("<VALUE.ARRAY><VALUE>a</VALUE><VALUE.NULL/></VALUE.ARRAY>", ["a", None]),
    "empty array": ("<VALUE.ARRAY/>", []),
    "class name": ('<CLASSNAME NAME="A"/>', ClassPath("A")),
    "instance name": (NAME, Path("A", KEYS)),
    "key without a name": (
        '<INSTANCENAME CLASSNAME="A"><KEYVALUE> v </KEYVALUE></INSTANCENAME>',
        Path("A", (("", " v "),)),
    ),
    "reference without a name": (
        f'<INSTANCENAME CLASSNAME="A"><VALUE.REFERENCE>{NAME}</VALUE.REFERENCE></INSTANCENAME>',
        Path("A", (("", Path("A", KEYS)),)),
    ),
    "no keys": ('<INSTANCENAME CLASSNAME="A"/>', Path("A", ())),
    "reference as key": (
        (
            '<INSTANCENAME CLASSNAME="L"><KEYBINDING NAME="r"><VALUE.REFERENCE><LOCALINSTANCEPATH>'
            f"{SPACE}{NAME}</LOCALINSTANCEPATH></VALUE.REFERENCE></KEYBINDING></INSTANCENAME>"
        ),
        Path("L", (("r", Path("A", KEYS, "root/virt")),)),
    ),
    "reference to instance name": (f"<VALUE.REFERENCE>{NAME}</VALUE.REFERENCE>", Path("A", KEYS)),
    "reference to instance path": (
        f"<VALUE.REFERENCE><INSTANCEPATH>{HOST}{NAME}</INSTANCEPATH></VALUE.REFERENCE>",
        Path("A", KEYS, "root/virt"),
    ),
    "reference to class path": (
        f'<VALUE.REFERENCE><CLASSPATH>{HOST}<CLASSNAME NAME="A"/></CLASSPATH></VALUE.REFERENCE>',
        ClassPath("A", "root/virt"),
    ),
    "reference to local class path": (
        f'<VALUE.REFERENCE><LOCALCLASSPATH>{SPACE}<CLASSNAME NAME="A"/></LOCALCLASSPATH></VALUE.REFERENCE>',
        ClassPath("A", "root/virt"),
    ),
    "instance": (INSTANCE, Instance("A", PROPERTIES)),
    "named instance": (
        f"<VALUE.NAMEDINSTANCE>{NAME}{INSTANCE}</VALUE.NAMEDINSTANCE>",
        Instance("A", PROPERTIES, Path("A", KEYS)),
    ),
    "class": ('<CLASS NAME="A" SUPERCLASS="B"><PROPERTY NAME="p" TYPE="string"/></CLASS>', ClassPath("A")),
    "qualifier": ('<QUALIFIER.DECLARATION NAME="Key" TYPE="boolean"/>', ClassPath("Key")),
}


@pytest.mark.parametrize(("xml", "value"), VALUES.values(), ids=VALUES.keys())
def test_operation_parameter(xml: str, value: Value) -> None:
    call = decode(operation(parameter(xml)))
    assert call.parameters == {"X": value}
    assert (call.message_id, call.name, call.namespace, call.target) == ("7", "GetInstance", "root/virt", None)


@pytest.mark.parametrize(("xml", "value"), VALUES.values(), ids=VALUES.keys())
def test_method_parameter(xml: str, value: Value) -> None:
    call = decode(method_call(f'<PARAMVALUE NAME="X" PARAMTYPE="uint8">{xml}</PARAMVALUE>'))
    assert call.parameters == {"X": Argument(value, "uint8")}
    assert call.target == ClassPath("Virt_System", "root/virt")


def test_reference_array() -> None:
    xml = f"<VALUE.REFARRAY><VALUE.REFERENCE>{NAME}</VALUE.REFERENCE><VALUE.NULL/></VALUE.REFARRAY>"
    call = decode(method_call(f'<PARAMVALUE NAME="X">{xml}</PARAMVALUE>'))
    assert call.parameters == {"X": Argument([Path("A", KEYS), None], None)}


def test_method_of_an_instance() -> None:
    call = decode(method_call(target=f"<LOCALINSTANCEPATH>{SPACE}{NAME}</LOCALINSTANCEPATH>"))
    assert call.target == Path("A", KEYS, "root/virt")
    assert call.namespace == "root/virt"


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


def test_refused_operation_parameter() -> None:
    with pytest.raises(RefusedCall, match="parameter ClassName is given twice") as refused:
        decode(operation(parameter("", "classname") + parameter("", "ClassName")))
    assert refused.value.call.target is None


LENIENT = {
    "blanks and mark before the declaration": b" \r\n\xef\xbb\xbf " + GOOD_NAME,
    "mark": b"\xef\xbb\xbf" + GOOD_NAME,
    "no declaration": GOOD_NAME.split(b"?>", 1)[1],
    "other declared encoding": GOOD_NAME.replace(b"utf-8", b"iso-8859-1", 1),
    "semicolon after the end": GOOD_NAME + b";\n",
    "comments and instructions": b"<!-- a --><?b?>"
    + GOOD_NAME.split(b"?>", 1)[1].replace(b"<MESSAGE", b"<!-- c --><MESSAGE"),
    "correlator": GOOD_NAME.replace(
        b"<IMETHODCALL", b'<CORRELATOR NAME="c" TYPE="string"><VALUE>1</VALUE></CORRELATOR><IMETHODCALL'
    ),
    "namespace with slashes": GOOD_NAME.replace(
        b'<NAMESPACE NAME="root"/><NAMESPACE NAME="virt"/>', b'<NAMESPACE NAME="/root/virt/"/>'
    ),
}


@pytest.mark.parametrize("body", LENIENT.values(), ids=LENIENT.keys())
def test_leniently_read(body: bytes) -> None:
    call = decode(body)
    assert call.namespace == "root/virt"
    assert call.parameters == {"InstanceName": Path("Ä", (("k", "ß"),))}


def test_message_id_is_any_text() -> None:
    call = decode(operation().replace(b'ID="7"', 'ID=" &lt;ü&quot;&#10;"'.encode()))
    assert call.message_id == ' <ü"\n'


def test_depth_limit() -> None:
    assert decode(operation(parameter("<VALUE>a</VALUE>")), max_depth=6).parameters == {"X": "a"}
    with pytest.raises(HTTPFault, match="deeper than 5"):
        decode(operation(parameter("<VALUE>a</VALUE>")), max_depth=5)


def test_every_cut_of_a_request_is_a_fault() -> None:
    body = method_call(f'<PARAMVALUE NAME="X" {ATTRIBUTES}><VALUE>{escaped(OUTER)}</VALUE></PARAMVALUE>')
    for end in range(len(body)):
        with pytest.raises(HTTPFault) as fault:
            decode(body[:end])
        assert fault.value.status == 400


def test_nothing_but_the_call_is_in_a_message() -> None:
    with pytest.raises(HTTPFault, match="MESSAGE holds CORRELATOR"):
        decode(message("<CORRELATOR/>"))
