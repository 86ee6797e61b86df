"""What the writer writes is read back unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
from pywbem import CIMClass, MOFCompileError
from tools.mof_files import Reader, in_order, mof_files
from tools.mof_text import WIDTH, class_text, qualifier_text, quoted

QUALIFIERS = Path(__file__).parents[2] / "mof" / "qualifiers.mof"

CLASSES = {
    "empty": "class A_B { };",
    "no qualifiers": "class A_B : A_C { string P; };",
    "escapes in a description": r'[Description("say \"hi\"\n\tto C:\\dir")] class A_B { };',
    "long description": f'[Description("{"many words " * 60}end")] class A_B {{ }};',
    "false boolean": "class A_B { [Key(false), Write] string P; };",
    "defaults": 'class A_B { uint16 N = 7; sint64 M = -3; boolean F = false; string S = "a\\"b"; real32 R = 1.5; };',
    "array default": 'class A_B { uint8 N[] = {1, 2}; string S[3] = {"x", "y"}; };',
    "value map": 'class A_B { [ValueMap{"0", "..", "32768..65535"}, Values{"a,b", "c", "d"}] uint16 N; };',
    "reference": "[Association] class A_B { [Key, Min(1), Max(1)] A_C REF Near; [Key] A_C REF Far = NULL; };",
    "methods": 'class A_B { uint32 Go(); [Deprecated{"A_B.Go"}] uint32 Run([In(false), Out] A_C REF J, string T[]); };',
}


def compiled(text: str) -> CIMClass:
    reader = Reader()
    reader.read(QUALIFIERS.read_text(), "qualifiers.mof")
    reader.read(text, "test")
    (cls,) = reader.found.declared.values()
    return cls


@pytest.mark.parametrize("text", CLASSES.values(), ids=CLASSES.keys())
def test_classes_survive_a_round_trip(text: str) -> None:
    cls = compiled(text)
    assert compiled(class_text(cls)) == cls


def test_lines_keep_to_the_width() -> None:
    text = class_text(compiled(CLASSES["long description"]))
    assert max(len(line) for line in text.splitlines()) <= WIDTH


def test_qualifiers_survive_a_round_trip() -> None:
    first, second = Reader(), Reader()
    first.read(QUALIFIERS.read_text(), "qualifiers.mof")
    declared = first.found.declared_qualifiers()
    second.read("".join(qualifier_text(item) for item in declared.values()), "again")
    assert second.found.declared_qualifiers() == declared


def test_strings_are_quoted() -> None:
    assert quoted('a"b\\c\n') == r'"a\"b\\c\n"'


def test_an_unknown_qualifier_is_refused() -> None:
    with pytest.raises(MOFCompileError, match="Colour"):
        compiled('[Colour("red")] class A_B { };')


def test_text_that_is_not_mof_is_refused() -> None:
    with pytest.raises(MOFCompileError):
        compiled("class A_B { string; };")


def test_superclasses_and_targets_come_first() -> None:
    classes = {
        "A_Link": compiled("[Association] class A_Link { [Key] Z_End REF Far; [Key] A_Link REF Same; };"),
        "M_Child": compiled("class M_Child : Z_End { };"),
        "Z_End": compiled("class Z_End { };"),
    }
    assert in_order(classes, classes) == ["Z_End", "A_Link", "M_Child"]


def test_the_index_is_not_a_class_file(tmp_path: Path) -> None:
    (tmp_path / "cim").mkdir()
    for name in ("qualifiers.mof", "index.mof", "cim/CIM_A.mof"):
        (tmp_path / name).write_text("")
    assert [path.relative_to(tmp_path).as_posix() for path in mof_files(tmp_path)] == [
        "qualifiers.mof",
        "cim/CIM_A.mof",
    ]
