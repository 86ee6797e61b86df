"""docs/adding-a-property.md replayed: its changes applied to a copy of the tree, its client run against that copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.docs.markdown import DOCS, ROOT, Block, blocks

PAGE = DOCS / "adding-a-property.md"
URL = "http://127.0.0.1:5988"
NEEDED = ("src", "mof", "profiles", "tests", "tools", "pyproject.toml")
READY = re.compile(r"serves (http://\S+?)\. Try:")


def edited(text: str, hunk: list[str]) -> str:
    """A text with one hunk applied: lines with " " and "-" must be there together once. ValueError if they are not."""
    lines = text.splitlines()
    before, after = ([line[1:] for line in hunk if line[0] in kept] for kept in (" -", " +"))
    places = [at for at in range(len(lines)) if lines[at : at + len(before)] == before]
    if len(places) != 1:
        raise ValueError(f"found {len(places)} times instead of once:\n" + "\n".join(before))
    lines[places[0] : places[0] + len(before)] = after
    return "\n".join(lines) + "\n"


def apply(root: Path, block: Block) -> str:
    """Apply a diff block, whose first line names the file; the name."""
    head, *hunk = block.text.splitlines()
    target = root / head.removeprefix("--- ")
    target.write_text(edited(target.read_text(encoding="utf-8"), hunk), encoding="utf-8")
    return head.removeprefix("--- ")


def environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the changes of the page."""
    copy = tmp_path_factory.mktemp("tree")
    for part in NEEDED:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / part)
    changed = [apply(copy, block) for block in blocks(PAGE, "diff")]
    assert [name.split("/")[-2] for name in changed] == ["model", "mapping", "virt", "domains", "golden"]
    return copy


@pytest.fixture(scope="module")
def url(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the changed copy on the embedded node."""
    state = tmp_path_factory.mktemp("state")
    command = [sys.executable, "-m", "virtcim", "serve", "--listen", "http://127.0.0.1:0", "--state-dir", str(state)]
    server = subprocess.Popen(command, env=environment(tree), stdout=subprocess.PIPE, text=True, cwd=state)
    try:
        assert server.stdout is not None
        found = READY.search(server.stdout.readline())
        assert found, "the server did not start"
        yield found[1]
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0


def test_client(url: str, tree: Path) -> None:
    """The property shows over CIM-XML, and ModifyResourceSettings sets it."""
    (client,), (wanted,) = blocks(PAGE, "python"), blocks(PAGE, "text")
    assert client.text.count(URL) == 1
    command = [sys.executable, "-c", client.text.replace(URL, url)]
    done = subprocess.run(command, env=environment(tree), capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == (wanted.text, 0), done.stderr


def test_client_fails_without_the_changes(shared_server: Any) -> None:
    """The page adds something that is not there yet."""
    (client,) = blocks(PAGE, "python")
    command = [sys.executable, "-c", client.text.replace(URL, shared_server.url)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode
    assert "DriverCopyOnRead" in done.stderr.splitlines()[-1]


def test_suite(tree: Path) -> None:
    """The golden file of the page is what the changed code makes, byte for byte; the schema is sound."""
    golden = tree / "tests/data/golden/everything.json"
    before = golden.read_bytes()
    assert pytest_in(tree, "tests/mapping/test_golden.py", "tests/schema/test_tree.py") == ""
    assert pytest_in(tree, "tests/mapping/test_golden.py", "--regenerate") == ""
    assert golden.read_bytes() == before


def pytest_in(tree: Path, *arguments: str) -> str:
    """What pytest complains of in a copy of the tree; empty when all is well."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, env=environment(tree), cwd=tree, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize(
    "text", ["one\nthree\n", "one\ntwo\none\ntwo\n", "", "zone\ntwo\n"], ids=["gone", "twice", "empty", "part of line"]
)
def test_change_that_does_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match="instead of once"):
        edited(text, [" one", "+new", " two"])


def test_change_that_fits() -> None:
    assert edited("one\ntwo\nfour\n", [" one", "-two", "+three", " four"]) == "one\nthree\nfour\n"
