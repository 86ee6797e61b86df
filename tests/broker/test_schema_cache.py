"""The classes of a MOF directory: compiled by a process of its own, once, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtcim.broker import schema
from virtcim.broker.resolve import SchemaError
from virtcim.resources import mof_dir

QUALIFIERS = "qualifiers.mof"
REFUSED = {
    "what is no MOF": ("class Broken {", "broken.mof"),
    "a superclass that is not there": ("class Virt_Orphan : CIM_NoParent { };", "CIM_NoParent"),
    "an instance": ("instance of CIM_None { };", "broken.mof"),
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "mof"
    made.mkdir()
    (found,) = mof_dir().rglob(QUALIFIERS)
    (made / QUALIFIERS).write_text(found.read_text())
    return made


@pytest.mark.parametrize(("text", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_mof_that_cannot_be_compiled_is_named(directory: Path, tmp_path: Path, text: str, named: str) -> None:
    (directory / "broken.mof").write_text(text)
    with pytest.raises(SchemaError, match=named):
        schema.load(directory, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_was_compiled_is_read_again(directory: Path, tmp_path: Path) -> None:
    (directory / "one.mof").write_text("class Virt_One { [Key] string Name; };")
    assert schema.load(directory, tmp_path / "cache").get("virt_one").key_names == {"name"}
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert schema.load(directory, tmp_path / "cache", ["KVM"]).get("KVM_One").name == "KVM_One"
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()} == kept


def test_what_was_compiled_beside_the_mof_is_read(directory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    one = directory / "one.mof"
    for text in ("class Virt_Old { [Key] string Name; };", "class Virt_One { [Key] string Name; };"):
        one.write_text(text)
        schema.compile_beside(directory)
    assert schema.load(directory, cache).get("Virt_One").key_names == {"name"}
    assert not cache.exists()
    assert len(list((directory / schema.BESIDE).iterdir())) == 2
    one.write_text("class Virt_New { [Key] string Name; };")
    assert schema.load(directory, cache).get("Virt_New").key_names == {"name"}
    assert len(list(cache.iterdir())) == 2
