"""Requests that DSP0200 answers by an HTTP status and a CIMError header: the table of its clause on errors."""

from __future__ import annotations

import pytest
from tests.wire.samples import SPACE, Served, message, method_call, operation, parameter

GOOD = operation()
SIMPLE = f'<SIMPLEREQ><IMETHODCALL NAME="GetInstance">{SPACE}</IMETHODCALL></SIMPLEREQ>'
NESTED_KEY = "<KEYBINDING NAME='k'><VALUE.REFERENCE><INSTANCENAME CLASSNAME='X'>"
NESTED_END = "</INSTANCENAME></VALUE.REFERENCE></KEYBINDING>"


def nested(levels: int) -> bytes:
    inner = NESTED_KEY * levels + NESTED_END * levels
    return operation(parameter(f"<INSTANCENAME CLASSNAME='X'>{inner}</INSTANCENAME>"))


WELL_FORMED = "request-not-well-formed"
VALID = "request-not-valid"
LOOSELY = "request-not-loosely-valid"
BODIES = {
    "empty": (b"", 400, WELL_FORMED),
    "no xml": (b"hello", 400, WELL_FORMED),
    "cut in half": (GOOD[: len(GOOD) // 2], 400, WELL_FORMED),
    "undefined entity": (operation(parameter("<VALUE>&bomb;</VALUE>")), 400, WELL_FORMED),
    "two roots": (GOOD + GOOD, 400, WELL_FORMED),
    "utf-16 without a mark": (GOOD.decode().encode("utf-16-le"), 400, WELL_FORMED),
    "utf-16": (GOOD.decode().encode("utf-16"), 400, VALID),
    "invalid utf-8": (operation(parameter("<VALUE>?</VALUE>")).replace(b"?</VALUE", b"\xff</VALUE"), 400, VALID),
    "surrogate": (operation(parameter("<VALUE>#</VALUE>")).replace(b"#", b"\xed\xa0\x80"), 400, VALID),
    "doctype": (b"<!DOCTYPE CIM>" + GOOD.split(b"?>")[1], 400, VALID),
    "doctype after comments": (b"<?a?><!-- > --> \n<!DOCTYPE CIM>" + GOOD.split(b"?>")[1], 400, VALID),
    "entity bomb": (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + operation(parameter("<VALUE>&b;</VALUE>")).split(b"?>")[1],
        400,
        VALID,
    ),
    "external entity": (
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + operation(parameter("<VALUE>&a;</VALUE>")).split(b"?>")[1],
        400,
        VALID,
    ),
    "too deep": (nested(30), 400, VALID),
    "too deep for the parser": (nested(5000), 400, VALID),
    "other root": (b"<CIMX/>", 400, LOOSELY),
    "in a namespace": (GOOD.replace(b"<CIM ", b'<CIM xmlns="urn:x" '), 400, LOOSELY),
    "no message": (b'<CIM CIMVERSION="2.0" DTDVERSION="2.0"/>', 400, LOOSELY),
    "no version": (GOOD.replace(b' CIMVERSION="2.0"', b""), 400, LOOSELY),
    "no message id": (GOOD.replace(b' ID="7"', b""), 400, LOOSELY),
    "version without a dot": (operation(cim="2"), 400, LOOSELY),
    "a response": (message("<SIMPLERSP/>"), 400, LOOSELY),
    "an export": (message("<SIMPLEEXPREQ/>"), 400, LOOSELY),
    "no call": (message("<SIMPLEREQ/>"), 400, LOOSELY),
    "two calls": (message(SIMPLE.replace("</SIMPLEREQ>", '<METHODCALL NAME="x"/></SIMPLEREQ>')), 400, LOOSELY),
    "no namespace": (operation().replace(SPACE.encode(), b""), 400, LOOSELY),
    "empty namespace": (operation().replace(SPACE.encode(), b"<LOCALNAMESPACEPATH/>"), 400, LOOSELY),
    "text between": (operation("text"), 400, LOOSELY),
    "parameter without a name": (operation("<IPARAMVALUE/>"), 400, LOOSELY),
    "parameter with two values": (operation(parameter("<VALUE/><VALUE/>")), 400, LOOSELY),
    "unknown value": (operation(parameter("<FOO/>")), 400, LOOSELY),
    "method parameter in an operation": (operation('<PARAMVALUE NAME="x"/>'), 400, LOOSELY),
    "element in VALUE": (operation(parameter("<VALUE>a<b/></VALUE>")), 400, LOOSELY),
    "VALUE in INSTANCENAME": (
        operation(parameter('<INSTANCENAME CLASSNAME="X"><VALUE/></INSTANCENAME>')),
        400,
        LOOSELY,
    ),
    "parameter with an empty name": (operation('<IPARAMVALUE NAME=" "/>'), 400, LOOSELY),
    "parameter before the namespace": (operation().replace(SPACE.encode(), b"<IPARAMVALUE NAME='x'/>"), 400, LOOSELY),
    "two namespaces": (operation(SPACE), 400, LOOSELY),
    "property with two values": (
        operation(parameter('<INSTANCE CLASSNAME="A"><PROPERTY NAME="p"><VALUE/><VALUE/></PROPERTY></INSTANCE>')),
        400,
        LOOSELY,
    ),
    "named instance without a name": (
        operation(parameter('<VALUE.NAMEDINSTANCE><INSTANCE CLASSNAME="A"/></VALUE.NAMEDINSTANCE>')),
        400,
        LOOSELY,
    ),
    "path without an instance": (
        operation(parameter(f"<VALUE.REFERENCE><LOCALINSTANCEPATH>{SPACE}</LOCALINSTANCEPATH></VALUE.REFERENCE>")),
        400,
        LOOSELY,
    ),
    "path without class": (operation(parameter("<INSTANCENAME/>")), 400, LOOSELY),
    "cim 3": (operation(cim="3.0"), 501, "unsupported-cim-version"),
    "dtd 3": (operation(dtd="3.0"), 501, "unsupported-dtd-version"),
    "protocol 2": (operation(protocol="2.0"), 501, "unsupported-protocol-version"),
    "several requests": (message(f"<MULTIREQ>{SIMPLE}{SIMPLE}</MULTIREQ>"), 501, "multiple-requests-unsupported"),
}


@pytest.mark.parametrize(("body", "status", "cimerror"), BODIES.values(), ids=BODIES.keys())
def test_body(served: Served, body: bytes, status: int, cimerror: str) -> None:
    response, detail = served.post(body)
    assert (response.status, response.headers["CIMError"]) == (status, cimerror)
    assert detail.strip()
    assert response.headers["PGErrorDetail"]
    assert not served.calls


MISMATCH = "header-mismatch"
HEADERS: dict[str, tuple[dict[str, str | None], int, str | None]] = {
    "no operation": ({"CIMOperation": None}, 400, None),
    "other operation": ({"CIMOperation": "Foo"}, 400, "unsupported-operation"),
    "empty operation": ({"CIMOperation": ""}, 400, "unsupported-operation"),
    "export": ({"CIMOperation": None, "CIMExport": "MethodRequest"}, 400, "unsupported-operation"),
    "no method": ({"CIMMethod": None}, 400, MISMATCH),
    "other method": ({"CIMMethod": "GetClass"}, 400, MISMATCH),
    "empty method": ({"CIMMethod": ""}, 400, MISMATCH),
    "no object": ({"CIMObject": None}, 400, MISMATCH),
    "other namespace": ({"CIMObject": "root%2Fcimv2"}, 400, MISMATCH),
    "object not utf-8": ({"CIMObject": "root%FFvirt"}, 400, MISMATCH),
    "batch": ({"CIMBatch": ""}, 400, MISMATCH),
    "other protocol version": ({"CIMProtocolVersion": "1.1"}, 400, MISMATCH),
    "wrong content type": ({"Content-Type": "application/json"}, 415, None),
    "no content type": ({"Content-Type": None}, 415, None),
    "wrong charset": ({"Content-Type": "text/xml; charset=latin1"}, 415, None),
    "compressed": ({"Content-Encoding": "gzip"}, 415, None),
    "accepts json only": ({"Accept": "application/json"}, 406, None),
    "accepts xml not": ({"Accept": "application/json, text/xml;q=0"}, 406, None),
    "accepts latin1 only": ({"Accept-Charset": "iso-8859-1"}, 406, None),
    "range": ({"Range": "bytes=0-5"}, 406, None),
}


@pytest.mark.parametrize(("change", "status", "cimerror"), HEADERS.values(), ids=HEADERS.keys())
def test_header(served: Served, change: dict[str, str | None], status: int, cimerror: str | None) -> None:
    response, detail = served.post(GOOD, change)
    assert (response.status, response.headers["CIMError"]) == (status, cimerror)
    assert detail.strip()
    assert not served.calls


ACCEPTED: dict[str, dict[str, str | None]] = {
    "as sent": {},
    "plain object": {"CIMObject": "/root/virt/"},
    "object in capitals": {"CIMObject": "ROOT%2FVirt"},
    "operation in small letters": {"CIMOperation": "methodcall"},
    "protocol version": {"CIMProtocolVersion": "1.0"},
    "text/xml": {"Content-Type": "text/xml"},
    "bare charset": {"Content-Type": "TEXT/XML;charset=UTF-8"},
    "accept everything": {"Accept": "*/*"},
    "accept a list": {"Accept": "text/html, application/xml;q=0.9, */*;q=0.1", "Accept-Charset": "utf-8, *;q=0.1"},
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_header_accepted(served: Served, change: dict[str, str | None]) -> None:
    response, body = served.post(GOOD, change)
    assert response.status == 200, body
    assert response.headers["CIMOperation"] == "MethodResponse"
    assert response.headers["Content-Type"] == 'application/xml; charset="utf-8"'
    assert response.headers["Server"] is None
    assert len(served.calls) == 1


OBJECTS = {
    "class": ("root%2Fvirt%3AVirt_System", 200),
    "other class": ("root%2Fvirt%3AVirt_Every", 400),
    "no class": ("root%2Fvirt", 400),
    "keys in latin-1": ('root/virt:Virt_System.Name="\xfc %"', 200),
    "keys": ("root/virt:virt_system.Name=%22a.b:c%22", 200),
}


@pytest.mark.parametrize(("header", "status"), OBJECTS.values(), ids=OBJECTS.keys())
def test_object_of_a_method(served: Served, header: str, status: int) -> None:
    response, _ = served.post(method_call(), {"CIMMethod": "Start", "CIMObject": header})
    assert response.status == status


METHODS = {"GET": 405, "PUT": 405, "DELETE": 405, "HEAD": 405, "M-SEARCH": 501}


@pytest.mark.parametrize(("method", "status"), METHODS.items(), ids=METHODS.keys())
def test_method(served: Served, method: str, status: int) -> None:
    response, _ = served.post(GOOD, method=method)
    assert response.status == status
    assert response.headers["CIMError"] is None
    assert response.headers["Allow"] == ("POST" if status == 405 else None)


def test_higher_minor_versions_are_served(served: Served) -> None:
    response, _ = served.post(operation(cim="2.9", dtd="2.4", protocol="1.9"))
    assert response.status == 200
