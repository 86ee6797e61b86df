"""What the check of export requests finds fault with."""

from __future__ import annotations

import pytest

from virtcim.conformance.dsp1054_attempts import _body_faults, _header_faults

HEADERS = {
    "cimexport": "MethodRequest",
    "cimexportmethod": "ExportIndication",
    "content-type": 'application/xml; charset="utf-8"',
}
BODY = (
    '<?xml version="1.0"?><CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="1" PROTOCOLVERSION="1.0"><SIMPLEEXPREQ>'
    '<EXPMETHODCALL NAME="ExportIndication"><EXPPARAMVALUE NAME="NewIndication"><INSTANCE CLASSNAME="X"/>'
    "</EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>"
)
WRONG_HEADERS: dict[str, tuple[dict[str, str], str]] = {
    "none": ({"cimexport": ""}, "cimexport"),
    "another method": ({"cimexportmethod": "X"}, "cimexportmethod is X"),
    "another type": ({"content-type": "text/plain"}, "Content-Type"),
    "another encoding": ({"content-type": "text/xml; charset=latin-1"}, "latin-1"),
}
WRONG_BODIES: dict[str, tuple[str, str, str]] = {
    "no XML": ("<MESSAGE", "MESSAGE", "no XML"),
    "another root": ("CIM ", "CIN ", "no XML"),
    "no version": ('DTDVERSION="2.0"', "", "CIM has no DTDVERSION"),
    "no message id": (' ID="1"', "", "MESSAGE has no ID"),
    "another method": ("ExportIndication", "Export", "has the NAME Export"),
    "another parameter": ("NewIndication", "Indication", "has the NAME Indication"),
    "no instance": ('<INSTANCE CLASSNAME="X"/>', "", "no INSTANCE"),
}


def test_a_right_request() -> None:
    assert list(_header_faults(HEADERS)) == []
    assert list(_body_faults(BODY.encode())) == []


def test_a_right_request_by_m_post() -> None:
    headers = {f"40-{name}": value for name, value in HEADERS.items() if name != "content-type"}
    given = {
        **headers,
        "man": "http://www.dmtf.org/cim/mapping/http/v1.0 ; ns=40",
        "content-type": "text/xml; charset=utf-8",
    }
    assert list(_header_faults(given)) == []


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_wrong_headers(name: str) -> None:
    wrong, words = WRONG_HEADERS[name]
    (fault,) = _header_faults({**HEADERS, **wrong})
    assert words in fault


@pytest.mark.parametrize("name", WRONG_BODIES)
def test_wrong_bodies(name: str) -> None:
    old, new, words = WRONG_BODIES[name]
    (fault,) = _body_faults(BODY.replace(old, new, 1).encode())
    assert words in fault
