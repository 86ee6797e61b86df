"""Requests that are correct, or whose parameters cannot be meant: the Call they become."""

from __future__ import annotations

import pytest
import pywbem
from tests.wire.samples import GOOD_NAME, SPACE, message, method_call, operation, parameter

from virtcim.broker.call import Argument, ClassPath, Declaration, Instance, Path, Value
from virtcim.wire.decode import decode
from virtcim.wire.elements import Size
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
    "key on a line of its own": (
        '<INSTANCENAME CLASSNAME="A"><KEYVALUE>\n  v w\n </KEYVALUE></INSTANCENAME>',
        Path("A", (("", "v w"),)),
    ),
    "key with line breaks": (
        '<INSTANCENAME CLASSNAME="A"><KEYVALUE>\nv\n</KEYVALUE></INSTANCENAME>',
        Path("A", (("", "\nv\n"),)),
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
    "class": (
        '<CLASS NAME="A" SUPERCLASS="B"><PROPERTY NAME="p" TYPE="string"/></CLASS>',
        Declaration(pywbem.CIMClass("A", superclass="B", properties=[pywbem.CIMProperty("p", None, "string")])),
    ),
    "qualifier": (
        '<QUALIFIER.DECLARATION NAME="Key" TYPE="boolean"/>',
        Declaration(pywbem.CIMQualifierDeclaration("Key", "boolean", is_array=False)),
    ),
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


def test_refused_target() -> None:
    target = f'<LOCALINSTANCEPATH>{SPACE}<INSTANCENAME CLASSNAME="A">{KEY * 2}</INSTANCENAME></LOCALINSTANCEPATH>'
    with pytest.raises(RefusedCall, match="names a key twice") as refused:
        decode(method_call(target=target))
    assert (refused.value.call.name, refused.value.call.namespace) == ("Start", "root/virt")
    assert refused.value.call.target is not None


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
    assert decode(operation(parameter("<VALUE>a</VALUE>")), size=Size(6)).parameters == {"X": "a"}
    with pytest.raises(HTTPFault, match="deeper than 5"):
        decode(operation(parameter("<VALUE>a</VALUE>")), size=Size(5))


def test_nothing_but_the_call_is_in_a_message() -> None:
    with pytest.raises(HTTPFault, match="MESSAGE holds CORRELATOR"):
        decode(message("<CORRELATOR/>"))
