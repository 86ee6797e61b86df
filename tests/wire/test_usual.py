"""Method calls in the form that most clients write: what the patterns find is what the parser finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from random import Random

import pytest
from tests.wire.samples import SPACE, method_call, operation

from virtcim.broker.call import Argument, Call, Instance
from virtcim.wire import usual
from virtcim.wire.called import DEEPEST, usual_call
from virtcim.wire.decode import decoded, parsed
from virtcim.wire.elements import ANY_SIZE, Size
from virtcim.wire.faults import HTTPFault, RefusedCall
from virtcim.wire.headers import CIMHeaders

KEYS = (
    '<KEYBINDING NAME="k"><KEYVALUE VALUETYPE="string" TYPE="string">v w</KEYVALUE></KEYBINDING>'
    '<KEYBINDING NAME="j"><KEYVALUE>ä</KEYVALUE></KEYBINDING>'
)
NAME = f'<INSTANCENAME CLASSNAME="A">{KEYS}</INSTANCENAME>'
LOCAL = f"<LOCALINSTANCEPATH>{SPACE}{NAME}</LOCALINSTANCEPATH>"
PLAIN = '<PROPERTY NAME="p" TYPE="string"><VALUE>1 &amp;lt; 2</VALUE></PROPERTY>'
INSTANCE = (
    f'<INSTANCE CLASSNAME="A_b">{PLAIN}<PROPERTY NAME="n" TYPE="string"/>'
    '<PROPERTY NAME="m" PROPAGATED="true" TYPE="string"></PROPERTY><PROPERTY.ARRAY NAME="a" TYPE="uint8"><VALUE.ARRAY>'
    '<VALUE>1</VALUE><VALUE></VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.ARRAY NAME="z" TYPE="uint8"/></INSTANCE>'
)
INNER = f"<VALUE>{escape(INSTANCE)}</VALUE>"
PARAMETERS = {
    "instance": f'<PARAMVALUE NAME="a" PARAMTYPE="string" EmbeddedObject="object">{INNER}</PARAMVALUE>',
    "instances": f'<PARAMVALUE NAME="b" PARAMTYPE="Instance"><VALUE.ARRAY>{INNER * 2}</VALUE.ARRAY></PARAMVALUE>',
    "name": f'<PARAMVALUE NAME="c"><VALUE.REFERENCE>{NAME}</VALUE.REFERENCE></PARAMVALUE>',
    "path": f'<PARAMVALUE NAME="d" PARAMTYPE="reference"><VALUE.REFERENCE>{LOCAL}</VALUE.REFERENCE></PARAMVALUE>',
    "array": '<PARAMVALUE NAME="e"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>&amp;\n</VALUE></VALUE.ARRAY></PARAMVALUE>',
    "nothing": '<PARAMVALUE NAME="f"/>',
    "nothing within": '<PARAMVALUE NAME="g" PARAMTYPE="string"></PARAMVALUE>',
    "text": '<PARAMVALUE NAME="h" PARAMTYPE=" UINT8 "><VALUE>x&quot;\t€</VALUE></PARAMVALUE>',
    "empty text": '<PARAMVALUE NAME="i"><VALUE></VALUE></PARAMVALUE>',
    "escaped tags": (
        f'<PARAMVALUE NAME="j"><VALUE.ARRAY><VALUE>{escape("</VALUE><VALUE>")}</VALUE></VALUE.ARRAY></PARAMVALUE>'
    ),
    "none": "",
}
BODY = method_call("".join(PARAMETERS.values()), target=LOCAL)
Outcome = tuple[Call, str] | tuple[object, ...]


@pytest.fixture
def by_parser(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Outcome]:
    def outcome(body: bytes) -> Outcome:
        with monkeypatch.context() as without:
            without.setattr(usual, "instance", lambda _: None)
            return _outcome(parsed, body)

    return outcome


def _outcome(read: Callable[[bytes, None, Size], tuple[Call, str]], body: bytes) -> Outcome:
    try:
        return read(body, None, ANY_SIZE)
    except HTTPFault as fault:
        return fault.status, fault.cimerror, fault.detail
    except RefusedCall as refused:
        return refused.call, refused.error.status, refused.error.message


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_usual_parameter(parameter: str, by_parser: Callable[[bytes], Outcome]) -> None:
    body = method_call(parameter, target=LOCAL)
    found = usual_call(body, ANY_SIZE)
    assert found is not None
    assert found == by_parser(body)


def test_embedded_instances_are_found() -> None:
    found = usual.instance(INSTANCE)
    assert found == Instance("A_b", {"p": "1 &lt; 2", "n": None, "m": None, "a": ["1", ""], "z": None})


UNUSUAL = {
    "operation": operation(),
    "of a class": method_call(),
    "comment": BODY.replace(b"<SIMPLEREQ>", b"<!-- <a> --><SIMPLEREQ>"),
    "no declaration": BODY.partition(b"?>")[2],
    "other quotes": BODY.replace(b'NAME="a"', b"NAME='a'", 1),
    "cdata": BODY.replace(b"<VALUE>x", b"<VALUE><![CDATA[x]]>"),
    "carriage return": BODY.replace(b"<VALUE>x", b"<VALUE>\r\n"),
    "character reference": BODY.replace(b"<VALUE>x", b"<VALUE>&#13;"),
    "unknown reference": BODY.replace(b"&quot;", b"&nbsp;"),
    "default namespace": BODY.replace(b'<PARAMVALUE NAME="a"', b'<PARAMVALUE xmlns="x" NAME="a"'),
    "attribute twice": BODY.replace(b'NAME="a"', b'NAME="a" NAME="a"', 1),
    "parameter twice": BODY.replace(b'NAME="b"', b'NAME="A"', 1),
    "property twice": BODY.replace(b"NAME=&quot;n", b"NAME=&quot;P", 1),
    "key twice": BODY.replace(b'NAME="j"', b'NAME="K"', 1),
    "noncharacter": BODY.replace("€".encode(), b"\xef\xbf\xbe"),
    "control character": BODY.replace(b"v w", b"v\x0cw", 1),
    "not UTF-8": BODY.replace(b"<VALUE>x", b"<VALUE>\xff"),
    "end of an array of CDATA": BODY.replace(b"<VALUE>x", b"<VALUE>]]>"),
    "other end": BODY.replace(b"</SIMPLEREQ>", b"</MULTIREQ>"),
    "more after the end": BODY + b"<CIM/>",
}


@pytest.mark.parametrize("body", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_is_unusual_is_left_to_the_parser(body: bytes, by_parser: Callable[[bytes], Outcome]) -> None:
    assert usual_call(body, ANY_SIZE) is None
    assert _outcome(decoded, body) == by_parser(body)


@pytest.mark.parametrize("most", [Size(levels=DEEPEST - 1), Size(nodes=100)], ids=["levels", "nodes"])
def test_what_may_pass_the_limits_is_left_to_the_parser(most: Size) -> None:
    assert usual_call(BODY, ANY_SIZE) is not None
    assert usual_call(BODY, most) is None


def test_headers_are_compared() -> None:
    with pytest.raises(HTTPFault, match="CIMMethod is Stop"):
        decoded(BODY, CIMHeaders("Stop", "root/virt:A"), ANY_SIZE)
    assert decoded(BODY, CIMHeaders("Start", "root/virt:A"), ANY_SIZE)[1] == "1.0"


_PARTS = re.compile(rb'<[^<>]*>|&[a-z]+;|"[^"]*"|\w+|[^<>&]+')
_BITS = (
    *(
        b"&lt;",
        b"&amp;",
        b"&quot;",
        b"&apos;",
        b"&#9;",
        b"\r",
        b"\n",
        b"\t",
        b'"',
        b"'",
        b"<",
        b">",
        b"/",
        b" ",
        b"]]>",
    ),
    *(b"\xc2\xa0", b"\xc2\x85", b"\x7f", b"\xed\xa0\x80", b"\0", b".ARRAY", b"x", b"<VALUE/>", b"<VALUE.NULL/>"),
    *(b' xmlns="a"', b' EmbeddedObject="instance"', b' PARAMTYPE="object"', b' NAME="p"', b"</VALUE><VALUE>"),
)


def changed(random: Random, body: bytes) -> bytes:
    """With a part that is left out, repeated or replaced by another, or with something in between."""
    one = random.choice(list(_PARTS.finditer(body)))
    if random.random() < 0.5:
        return body[: one.start()] + random.choice(_BITS) + body[random.choice((one.start(), one.end())) :]
    other = random.choice((b"", one[0] * 2, random.choice(_PARTS.findall(body))))
    return body[: one.start()] + other + body[one.end() :]


def test_a_changed_call_is_what_the_parser_finds(by_parser: Callable[[bytes], Outcome]) -> None:
    random, found = Random(20_261), 0
    for _ in range(4000):
        body = changed(random, BODY)
        found += usual_call(body, ANY_SIZE) is not None
        assert _outcome(decoded, body) == by_parser(body), body
    assert found > 400


def test_escapes_are_taken_out_once() -> None:
    body = method_call(PARAMETERS["text"].replace("x&quot;", "&amp;lt;&apos;&gt;"), target=LOCAL)
    assert decoded(body, None, ANY_SIZE)[0].parameters == {"h": Argument("&lt;'>\t€", "uint8")}
