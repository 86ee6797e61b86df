"""Embedded instances as MOF text."""

from __future__ import annotations

import pytest

from virtcim.broker.call import Instance, Path, Value
from virtcim.wire.embedded import parse_embedded

LITERALS: dict[str, tuple[str, Value]] = {
    "decimal": ("12", "12"),
    "negative": ("-12", "-12"),
    "positive": ("+12", "12"),
    "zero": ("0", "0"),
    "hexadecimal": ("0xFf", "255"),
    "octal": ("017", "15"),
    "binary": ("101b", "5"),
    "real": ("-1.5E+3", "-1.5E+3"),
    "real without digits before the point": (".5", ".5"),
    "true": ("true", "TRUE"),
    "false": ("FALSE", "FALSE"),
    "null": ("Null", None),
    "character": ("'x'", "x"),
    "escaped character": ("'\\x41'", "A"),
    "string": ('"a b"', "a b"),
    "empty string": ('""', ""),
    "escapes": (r'"\b\t\n\f\r\"\'\\\x41\X00e9"', "\b\t\n\f\r\"'\\Aé"),
    "concatenation": ('"a" "b"\n// c\n"d"', "abd"),
    "nested quotes": (r'"instance of B { a = \"x\"; };"', 'instance of B { a = "x"; };'),
    "comment marks in a string": ('"/* // */"', "/* // */"),
    "array": ('{"x", "y" "z", NULL}', ["x", "yz", None]),
    "numbers": ("{ 1,2 , -3 }", ["1", "2", "-3"]),
    "empty array": ("{}", []),
}


@pytest.mark.parametrize(("text", "value"), LITERALS.values(), ids=LITERALS.keys())
def test_literal(text: str, value: Value) -> None:
    assert parse_embedded(f"instance of A {{ p = {text}; }};") == Instance("A", {"p": value})


FORMS = {
    "plain": "instance of A { p = 1; q = 2; };",
    "no last semicolon": "instance of A{p=1;q=2;}",
    "capitals": "INSTANCE OF A { p = 1; q = 2; };",
    "alias": "instance of A as $x { p = 1; q = 2; };",
    "qualifiers": '[Description("]")] instance of A { [Key, Max(3)] p = 1; q = 2; };',
    "comments and lines": "\n// first\ninstance /* of B */ of A\r\n{\n\tp = 1;\n\tq = 2;\n};\n\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_form(text: str) -> None:
    assert parse_embedded(text) == Instance("A", {"p": "1", "q": "2"})


ERRORS = {
    "empty": ("", "line 1 column 1: expected instance, found the end of the text"),
    "other word": ("class A {};", "line 1 column 1: expected instance, found class"),
    "no class": ("instance of { };", "line 1 column 13: expected a name, found {"),
    "no semicolon": ("instance of A {\n a = 1\n b = 2; };", "line 3 column 2: expected ';', found b"),
    "no value": ("instance of A { a = ; };", "line 1 column 21: expected a value, found ;"),
    "word as value": ("instance of A { a = maybe; };", "line 1 column 21: expected a value, found maybe"),
    "unclosed": ("instance of A { a = 1;", "line 1 column 23: expected a name, found the end of the text"),
    "unclosed string": ('instance of A { a = "x; };', "line 1 column 21: unexpected '\"'"),
    "unclosed qualifiers": ("[Key instance of A {};", "expected ']'"),
    "unknown escape": (r'instance of A { a = "x\q"; };', r"line 1 column 23: unknown escape \q"),
    "array in array": ("instance of A { a = {{1}}; };", "line 1 column 22: expected a value, found {"),
    "comma at the end of an array": ("instance of A { a = {1,}; };", "expected a value, found }"),
    "property twice": ("instance of A {\n a = 1;\n A = 2; };", "line 3 column 2: property A is given twice"),
    "two instances": ("instance of A {}; instance of B {};", "line 1 column 19: expected nothing after the instance"),
    "strange character": ("instance of A { a = ?; };", "line 1 column 21: unexpected '?'"),
    "number with letters": ("instance of A { a = 12x; };", "line 1 column 23: expected ';', found x"),
}


@pytest.mark.parametrize(("text", "reason"), ERRORS.values(), ids=ERRORS.keys())
def test_error(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="MOF") as error:
        parse_embedded(text)
    assert reason in str(error.value)


def test_text_of_a_named_instance() -> None:
    text = '<VALUE.NAMEDINSTANCE><INSTANCENAME CLASSNAME="A"/><INSTANCE CLASSNAME="A"/></VALUE.NAMEDINSTANCE>'
    assert parse_embedded(text) == Instance("A", {}, Path("A", ()))


def test_text_of_xml_is_an_instance_as_well() -> None:
    text = ' \n<?xml version="1.0" encoding="utf-8"?><INSTANCE CLASSNAME="A"/>'
    assert parse_embedded(text) == Instance("A", {})


@pytest.mark.parametrize("text", ["<INSTANCE", "<CLASS NAME='A'/>", "<a/>", "\ud800", "<\ud800"])
def test_bad_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_embedded(text)
