"""The MOF tree by itself: it compiles, is complete, and says something about everything of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pywbem import CIMClass, MOFCompiler, MOFWBEMConnection
from tools.mof_files import NAMESPACE, Declarations, elements, mof_files, needs, read_folder
from tools.mof_from_schema import index_text

ROOT = Path(__file__).parents[2]
MOF = ROOT / "mof"
OURS = {"virt": "Virt_", "interop": "Virt_", "cim": "CIM_", "experimental": "CIM_"}
FILES = [path for path in mof_files(MOF) if path.parent != MOF]


@pytest.fixture(scope="module")
def tree() -> Declarations:
    return read_folder(MOF)


def ancestors(tree: Declarations, cls: CIMClass) -> list[CIMClass]:
    found = []
    while cls.superclass:
        cls = tree.declared[cls.superclass]
        found.append(cls)
    return found


def ours(tree: Declarations) -> list[CIMClass]:
    return [cls for name, cls in tree.declared.items() if name.startswith("Virt_")]


def test_index_compiles_with_all_checks_of_the_compiler() -> None:
    repository = MOFWBEMConnection()
    MOFCompiler(repository, log_func=None).compile_file(str(MOF / "index.mof"), NAMESPACE)
    assert len(repository.classes[NAMESPACE]) == len(FILES)


def test_index_is_up_to_date() -> None:
    assert (MOF / "index.mof").read_text() == index_text(MOF), "run: python -m tools.mof_from_schema"


def test_each_file_declares_the_class_it_is_named_after(tree: Declarations) -> None:
    assert sorted(tree.declared) == sorted(path.stem for path in FILES)
    assert [path.name for path in FILES if not path.name.startswith(OURS[path.parent.name])] == []


def test_classes_that_are_referred_to_exist(tree: Declarations) -> None:
    absent = {
        f"{other} for {name}"
        for name, cls in tree.declared.items()
        for other in needs(cls)
        if other not in tree.declared
    }
    assert absent == set()


def test_classes_named_by_the_profiles_exist(tree: Declarations) -> None:
    named = {
        f"{found} in {path.name}"
        for path in (ROOT / "profiles").glob("*.yaml")
        for found in re.findall(r"\b(?:CIM|Virt)_[A-Za-z0-9]+\b", path.read_text(encoding="utf-8"))
        if found not in tree.declared and not found.startswith("CIM_ERR")
    }
    assert named == set()


def test_every_class_has_a_description(tree: Declarations) -> None:
    assert [name for name, cls in tree.declared.items() if "Description" not in cls.qualifiers] == []


def test_every_element_of_ours_has_a_description(tree: Declarations) -> None:
    bare = [name for cls in ours(tree) for name, item in elements(cls) if "Description" not in item.qualifiers]
    assert bare == []


def test_our_classes_extend_standard_ones_without_new_keys(tree: Declarations) -> None:
    for cls in ours(tree):
        assert ancestors(tree, cls)[-1].classname.startswith("CIM_"), cls.classname
        assert [prop.name for prop in cls.properties.values() if "Key" in prop.qualifiers] == [], cls.classname


def test_inherited_elements_are_only_redeclared_as_overrides_of_one_type(tree: Declarations) -> None:
    for cls in tree.declared.values():
        inherited = {prop.name: prop for above in reversed(ancestors(tree, cls)) for prop in above.properties.values()}
        for prop in cls.properties.values():
            if prop.name in inherited and not cls.classname.startswith("CIM_"):
                assert "Override" in prop.qualifiers, f"{cls.classname}.{prop.name} hides an inherited property"
                assert inherited[prop.name].type == prop.type, f"{cls.classname}.{prop.name} changes its type"


def test_values_have_a_name_each(tree: Declarations) -> None:
    for cls in tree.declared.values():
        for name, item in elements(cls):
            if cls.classname.startswith("Virt_") and "ValueMap" in item.qualifiers:
                assert len(item.qualifiers["ValueMap"].value) == len(item.qualifiers["Values"].value), name


@pytest.mark.parametrize("flag", ["Association", "Indication"])
def test_our_associations_and_indications_say_so(tree: Declarations, flag: str) -> None:
    expected = {cls.classname for cls in ours(tree) if any(flag in above.qualifiers for above in ancestors(tree, cls))}
    assert {cls.classname for cls in ours(tree) if flag in cls.qualifiers} == expected
