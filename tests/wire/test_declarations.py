"""Classes and qualifier types in requests: everything that the schema holds comes back as it was; what is refused."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
import pywbem
from tests.wire.samples import Served, operation, parameter

from virtcim.broker import mof, mof_files
from virtcim.broker.call import Declaration
from virtcim.resources import mof_dir
from virtcim.wire.declarations import class_given, declaration_text, qualifier_given, read_declaration
from virtcim.wire.faults import Misplaced, Unacceptable


@pytest.fixture(scope="module")
def declared() -> Any:
    """All that our MOF declares, as written."""
    return mof.compile_files(mof_files.files_in(mof_dir()))


def test_every_class_comes_back(declared: Any) -> None:
    assert len(declared.classes) > 100
    for one in declared.classes.values():
        again = read_declaration(declaration_text(Declaration(one))).declared
        assert isinstance(again, pywbem.CIMClass)
        assert again.tomof() == one.tomof()
        for kind in ("properties", "methods"):
            assert list(getattr(again, kind)) == list(getattr(one, kind))


def test_every_qualifier_comes_back(declared: Any) -> None:
    assert len(declared.qualifiers) > 20
    for one in declared.qualifiers.values():
        again = read_declaration(declaration_text(Declaration(one))).declared
        assert isinstance(again, pywbem.CIMQualifierDeclaration)
        assert (again.name, again.type, again.value, again.is_array) == (one.name, one.type, one.value, one.is_array)
        assert {k for k, v in again.scopes.items() if v} >= {k for k, v in one.scopes.items() if v and k != "ANY"}
        for flavor in ("tosubclass", "overridable", "translatable", "toinstance"):
            assert getattr(again, flavor) == getattr(one, flavor)


def test_as_pywbem_sends_it(declared: Any) -> None:
    for one in list(declared.classes.values())[:40]:
        again = class_given(ElementTree.fromstring(one.tocimxml().toxml())).declared
        assert isinstance(again, pywbem.CIMClass)
        assert again.tomof() == one.tomof()


KEY = '<QUALIFIER NAME="Key" TYPE="boolean"><VALUE>{}</VALUE></QUALIFIER>'
REFUSED = {
    "property twice": '<CLASS NAME="A"><PROPERTY NAME="p" TYPE="string"/><PROPERTY NAME="P" TYPE="string"/></CLASS>',
    "unknown type": '<CLASS NAME="A"><PROPERTY NAME="p" TYPE="uint7"/></CLASS>',
    "value out of range": '<CLASS NAME="A"><PROPERTY NAME="p" TYPE="uint8"><VALUE>256</VALUE></PROPERTY></CLASS>',
    "no number": '<CLASS NAME="A"><PROPERTY NAME="p" TYPE="uint8"><VALUE>x</VALUE></PROPERTY></CLASS>',
    "no boolean": f'<CLASS NAME="A">{KEY.format("yes")}</CLASS>',
    "no datetime": '<CLASS NAME="A"><PROPERTY NAME="p" TYPE="datetime"><VALUE>now</VALUE></PROPERTY></CLASS>',
    "method of an unknown type": '<CLASS NAME="A"><METHOD NAME="m" TYPE="void"/></CLASS>',
    "qualifier twice": f'<CLASS NAME="A">{KEY.format("TRUE") * 2}</CLASS>',
}


@pytest.mark.parametrize("xml", REFUSED.values(), ids=REFUSED.keys())
def test_refused(served: Served, xml: str) -> None:
    with pytest.raises(Unacceptable):
        class_given(ElementTree.fromstring(xml))
    response, body = served.post(operation(parameter(xml, "NewClass")))
    assert response.status == 200
    assert b'<ERROR CODE="4"' in body
    assert not served.calls


MISPLACED = {
    "no name": "<CLASS/>",
    "property without a type": '<CLASS NAME="A"><PROPERTY NAME="p"/></CLASS>',
    "two values": '<CLASS NAME="A"><PROPERTY NAME="p" TYPE="string"><VALUE/><VALUE/></PROPERTY></CLASS>',
    "array size is no number": '<CLASS NAME="A"><PROPERTY.ARRAY NAME="p" TYPE="string" ARRAYSIZE="x"/></CLASS>',
    "flavor is no boolean": '<CLASS NAME="A"><QUALIFIER NAME="Key" TYPE="boolean" TOSUBCLASS="1"/></CLASS>',
    "an instance in it": '<CLASS NAME="A"><INSTANCE CLASSNAME="B"/></CLASS>',
}


@pytest.mark.parametrize("xml", MISPLACED.values(), ids=MISPLACED.keys())
def test_misplaced(served: Served, xml: str) -> None:
    with pytest.raises(Misplaced):
        class_given(ElementTree.fromstring(xml))
    assert served.post(operation(parameter(xml, "NewClass")))[0].status == 400


def test_qualifier_refused() -> None:
    with pytest.raises(Unacceptable):
        qualifier_given(ElementTree.fromstring('<QUALIFIER.DECLARATION NAME="Q" TYPE="string2"/>'))
    with pytest.raises(Misplaced):
        qualifier_given(ElementTree.fromstring('<QUALIFIER.DECLARATION NAME="Q"/>'))
