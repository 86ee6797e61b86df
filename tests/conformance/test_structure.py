"""The structural table of CIM-XML responses, the ValueMap reader and path identity."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from pywbem import CIMInstanceName, CIMQualifier

from virtcim.conformance import structure
from virtcim.conformance.paths import key, same, show
from virtcim.conformance.values import allowed

NAMED = (
    '<VALUE.NAMEDINSTANCE><INSTANCENAME CLASSNAME="A"><KEYBINDING NAME="k"><KEYVALUE VALUETYPE="string" TYPE="string">'
    '1</KEYVALUE></KEYBINDING></INSTANCENAME><INSTANCE CLASSNAME="A"><PROPERTY NAME="k" TYPE="string"><VALUE>1</VALUE>'
    '</PROPERTY><PROPERTY.ARRAY NAME="n" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE.NULL/></VALUE.ARRAY>'
    "</PROPERTY.ARRAY></INSTANCE></VALUE.NAMEDINSTANCE>"
)


def response(content: str) -> ElementTree.Element:
    """A response document around the content of IMETHODRESPONSE."""
    return ElementTree.fromstring(
        '<CIM CIMVERSION="2.0" DTDVERSION="2.0">\n<MESSAGE ID="1" PROTOCOLVERSION="1.0"><SIMPLERSP>'
        f'<IMETHODRESPONSE NAME="X">{content}</IMETHODRESPONSE></SIMPLERSP></MESSAGE></CIM>'
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<IRETURNVALUE/>",
        f"<IRETURNVALUE>{NAMED}{NAMED}</IRETURNVALUE>",
        '<ERROR CODE="5" DESCRIPTION="x"/>',
        '<IRETURNVALUE/><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>TRUE</VALUE></PARAMVALUE>',
    ],
    ids=["void", "empty", "instances", "error", "out-parameter"],
)
def test_good_structure(content: str) -> None:
    assert structure.faults(response(content)) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (NAMED, "IMETHODRESPONSE holds ['VALUE.NAMEDINSTANCE']"),
        (f"<IRETURNVALUE>{NAMED}<VALUE>1</VALUE></IRETURNVALUE>", "IRETURNVALUE holds"),
        ("<ERROR/>", "ERROR lacks CODE"),
        ('<ERROR CODE="1"/><IRETURNVALUE/>', "IMETHODRESPONSE holds ['ERROR', 'IRETURNVALUE']"),
        ("<IRETURNVALUE>text</IRETURNVALUE>", "IRETURNVALUE has text"),
        ('<IRETURNVALUE><CLASSNAME NAME="A" CLASS="B"/></IRETURNVALUE>', "CLASSNAME has an attribute CLASS"),
        ("<IRETURNVALUE><THING/></IRETURNVALUE>", "THING is no element"),
        (NAMED.replace(' TYPE="string">1', ">1"), "KEYVALUE lacks TYPE"),
    ],
    ids=["no-return", "mixed", "no-code", "error-and-value", "text", "attribute", "element", "key-type"],
)
def test_bad_structure(content: str, fault: str) -> None:
    assert any(fault in one for one in structure.faults(response(content)))


def test_the_root_is_CIM() -> None:
    assert "the root element is MESSAGE" in structure.faults(ElementTree.fromstring("<MESSAGE/>"))


def value_map(entries: list[str], names: list[str] | None = None) -> dict[str, CIMQualifier]:
    """ValueMap and perhaps Values."""
    qualifiers = {"ValueMap": CIMQualifier("ValueMap", entries, type="string")}
    if names is not None:
        qualifiers["Values"] = CIMQualifier("Values", names, type="string")
    return qualifiers


@pytest.mark.parametrize(
    ("qualifiers", "value", "listed"),
    [
        ({}, 77, True),
        (value_map(["1", "2"]), 2, True),
        (value_map(["1", "2"]), 3, False),
        (value_map(["UUID", "IP"]), "UUID", True),
        (value_map(["UUID", "IP"]), "uuid", False),
        (value_map(["1", "2..9"], ["One", "DMTF Reserved"]), 5, False),
        (value_map(["1", "2..9"], ["One", "Vendor Reserved"]), 5, True),
        (value_map(["1", ".."], ["One", "DMTF Reserved"]), 5, False),
        (value_map(["1", "0x10.."]), 17, True),
        (value_map(["1", "0x10.."]), 15, False),
        (value_map(["1", "2.."]), "x", False),
    ],
    ids=["no-map", "in", "out", "word", "word-case", "dmtf", "vendor", "rest", "hex", "below", "word-in-range"],
)
def test_value_maps(qualifiers: dict[str, CIMQualifier], value: object, listed: bool) -> None:
    assert allowed(qualifiers)(value) is listed


def test_a_path_is_the_same_whatever_the_host_and_case() -> None:
    one = CIMInstanceName("CIM_A", {"Name": "x"}, host="h:5988", namespace="root/virt")
    assert same(one, CIMInstanceName("cim_a", {"NAME": "x"}, namespace="Root/Virt/"))
    assert same(one, CIMInstanceName("CIM_A", {"Name": "x"}), "root/virt")
    assert not same(one, CIMInstanceName("CIM_A", {"Name": "X"}, namespace="root/virt"))
    assert not same(one, CIMInstanceName("CIM_A", {"Name": "x"}, namespace="interop"))


def test_a_reference_key_is_compared_as_a_path() -> None:
    inner = CIMInstanceName("CIM_A", {"Name": "x"}, host="h", namespace="root/virt")
    bare = CIMInstanceName("CIM_A", {"Name": "x"})
    assert key(CIMInstanceName("CIM_L", {"Of": inner}), "root/virt") == key(
        CIMInstanceName("CIM_L", {"Of": bare}), "root/virt"
    )


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (CIMInstanceName("A", {"InstanceID": "i", "Name": "n"}), "A 'i'"),
        (CIMInstanceName("A", {"Name": "n"}), "A 'n'"),
        (CIMInstanceName("A", {"Other": "n"}), 'A.Other="n"'),
    ],
    ids=["id", "name", "other"],
)
def test_a_path_in_a_report(path: CIMInstanceName, shown: str) -> None:
    assert show(path).endswith(shown)
