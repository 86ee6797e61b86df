"""The standard classes equal those of the DMTF schema, save for what their descriptions say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pywbem import CIMClass
from tools.mof_files import Declarations, SchemaArchive, elements, read_folder
from tools.mof_from_schema import load_descriptions, problems

ROOT = Path(__file__).parents[2]
ARCHIVE = ROOT.parent / "shared" / "cim_schema_2.49.0Final-MOFs.zip"
STANDARD = sorted(path.stem for path in (ROOT / "mof" / "cim").glob("*.mof"))
LONGEST_COMMON_RUN = 6  # words in a row; shorter ones are everyday phrases

pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason=f"{ARCHIVE.name} is not beside the project")


@pytest.fixture(scope="module")
def archive() -> SchemaArchive:
    return SchemaArchive(ARCHIVE)


@pytest.fixture(scope="module")
def tree() -> Declarations:
    return read_folder(ROOT / "mof")


def undescribed(cls: CIMClass) -> CIMClass:
    bare = cls.copy()
    for _, element in [(bare.classname, bare), *elements(bare)]:
        element.qualifiers.pop("Description", None)
    return bare


def runs(text: str, length: int) -> set[str]:
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[start : start + length]) for start in range(len(words) - length + 1)}


@pytest.mark.parametrize("name", STANDARD)
def test_only_descriptions_differ(archive: SchemaArchive, tree: Declarations, name: str) -> None:
    ours, theirs = undescribed(tree.declared[name]), undescribed(archive.cim_class(name))
    assert ours == theirs
    assert list(ours.properties) == list(theirs.properties)
    assert list(ours.methods) == list(theirs.methods)


def test_qualifier_declarations_are_the_same(archive: SchemaArchive, tree: Declarations) -> None:
    assert tree.declared_qualifiers() == archive.qualifiers()


@pytest.mark.parametrize("name", STANDARD)
def test_descriptions_are_our_own(archive: SchemaArchive, tree: Declarations, name: str) -> None:
    theirs = archive.cim_class(name)
    original = {path: item for path, item in [(name, theirs), *elements(theirs)] if "Description" in item.qualifiers}
    cls = tree.declared[name]
    for path, item in [(name, cls), *elements(cls)]:
        if path in original and "Description" in item.qualifiers:
            text, model = item.qualifiers["Description"].value, original[path].qualifiers["Description"].value
            assert text != model
            assert not runs(text, LONGEST_COMMON_RUN) & runs(model, LONGEST_COMMON_RUN), path


def test_descriptions_fit_the_schema(archive: SchemaArchive) -> None:
    assert problems(archive, load_descriptions()) == []


def test_experimental_classes_are_not_in_the_schema(archive: SchemaArchive) -> None:
    names = [path.stem for path in (ROOT / "mof" / "experimental").glob("*.mof")]
    assert names
    assert [name for name in names if name in archive] == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param({"CIM_Nothing": "x"}, "CIM_Nothing: not a class of the schema", id="unknown class"),
        pytest.param(
            {"CIM_ManagedElement": "x", "CIM_ManagedElement.Colour": "x"},
            "CIM_ManagedElement.Colour: nothing of that name is declared there",
            id="unknown property",
        ),
        pytest.param({"CIM_Memory": "x"}, "CIM_StorageExtent: needed by CIM_Memory", id="superclass left out"),
        pytest.param({"CIM_SystemDevice": "x"}, "CIM_LogicalDevice: needed by CIM_SystemDevice", id="target left out"),
        pytest.param({"CIM_InstIndication": "x"}, "CIM_Indication: needed by CIM_InstIndication", id="indication root"),
    ],
)
def test_problems_name_the_culprit(archive: SchemaArchive, texts: dict[str, str], message: str) -> None:
    assert message in problems(archive, texts)
