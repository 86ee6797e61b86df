"""The documents say what is so: generated parts are up to date, names and links lead somewhere, commands work."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from tests.docs.markdown import DOCS, ROOT, anchors, blocks, code_lines, documents, links, name
from tools import profile_docs

from virtcim import config
from virtcim.__main__ import main
from virtcim.broker.catalog import Catalog
from virtcim.broker.provider import Profile

SOURCES = ROOT / "src" / "virtcim"
MODULES = sorted(file.stem for file in (SOURCES / "profiles").glob("dsp[0-9]*.py") if file.stem[3:].isdigit())
READING = {"gi", "ei", "ein", "ai", "ain", "ri", "rin", "gc", "ec", "ecn"}  # of wbemcli
URL = "http://127.0.0.1:5988"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return profile_docs.catalog(tmp_path_factory.mktemp("cache"))


# What is generated


def test_generated_parts_are_up_to_date(known: Catalog) -> None:
    assert profile_docs.stale(known) == [], profile_docs.HINT


@pytest.fixture
def copy(tmp_path: Path, known: Catalog) -> Path:
    """The documents, up to date."""
    shutil.copytree(DOCS, tmp_path / "docs")
    profile_docs.write(known, tmp_path)
    return tmp_path


def test_stale_pages_are_found_and_renewed(known: Catalog, copy: Path) -> None:
    pages = copy / "docs" / "profiles"
    (pages / "dsp1042.md").write_text("old", encoding="utf-8")
    (pages / "dsp1057.md").unlink()
    (pages / "dsp9999.md").write_text("of a profile that is no more", encoding="utf-8")
    wrong = ["docs/profiles/dsp1042.md", "docs/profiles/dsp1057.md", "docs/profiles/dsp9999.md"]
    assert profile_docs.stale(known, copy) == wrong
    profile_docs.write(known, copy)
    assert profile_docs.stale(known, copy) == []


def test_settings_table_without_its_place() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        profile_docs.with_settings("# Operations\n")


def test_page_shows_what_a_profile_leaves_out(known: Catalog) -> None:
    profile = Profile("dsp1042")
    profile.leaves_out("CIM_Service", "StartService", "it is | always there")
    page = next(page for page in profile_docs.pages(known) if page.dsp == "dsp1042")
    text = profile_docs.page_text(replace(page, profile=profile), known)
    assert "| `CIM_Service` | `StartService` | it is \\| always there |" in text


@pytest.mark.parametrize("module", MODULES)
def test_every_profile_has_its_page(module: str, known: Catalog) -> None:
    text = (DOCS / "profiles" / f"{module}.md").read_text(encoding="utf-8")
    profile = next(profile for profile in known.profiles if profile.facts == module)
    said = [*(one.classname for one in profile.instances), *(one.classname for one in profile.associations)]
    said += [one.name for one in profile.methods] + [part for one in profile.unsupported for part in one]
    assert [part for part in said if part not in text] == []


@pytest.mark.parametrize("setting", config.help_texts())
def test_every_setting_is_described(setting: str) -> None:
    assert f"| `{setting}` |" in (DOCS / "operations.md").read_text(encoding="utf-8")


# What is named


@pytest.mark.parametrize("document", documents(), ids=name)
def test_links_resolve(document: Path) -> None:
    """Links between documents, and those into headings; what is on other servers is not asked."""
    broken = []
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if urlsplit(link).scheme:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


PATHS = re.compile(r"`(\w[\w./-]+(?:\.(?:py|yaml|mof|sh|json|xml|md)|/))`")


def named_paths() -> Iterator[tuple[str, str]]:
    for document in documents():
        for path in PATHS.findall(document.read_text(encoding="utf-8")):
            yield name(document), path


def exists(path: str) -> bool:
    """Whether a path leads from the root, the package, a layer or the schema to something that is there."""
    beside = (ROOT / one for one in ("mof", "mof/virt", "tests", "scripts/testbed"))
    places = [ROOT, *beside, SOURCES, *(one for one in SOURCES.iterdir() if one.is_dir())]
    return any((place / path).exists() for place in places)


def test_files_that_are_named_exist() -> None:
    outside = {"cache/"}  # of the state directory
    assert [(document, path) for document, path in named_paths() if not exists(path) and path not in outside] == []


def test_architecture_names_every_layer() -> None:
    layers = [one.name for one in SOURCES.iterdir() if (one / "__init__.py").exists()]
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert [layer for layer in layers if f"| `{layer}/` |" not in text] == []


def test_make_targets_exist() -> None:
    wanted = {target for document in documents() for target in re.findall(r"\bmake ([a-z]+)", _code(document))}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert wanted - targets == set()
    assert {"run", "test", "check"} <= wanted


def _code(document: Path) -> str:
    text = document.read_text(encoding="utf-8")
    return "\n".join([*code_lines(document), *re.findall(r"`([^`\n]+)`", text)])


# What is typed


def commands(program: str) -> list[Any]:
    """The command lines of a program in all documents, without its name; a synopsis with [] is no command line."""
    found: list[Any] = []
    for document in documents():
        for line in code_lines(document):
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == program and "[" not in line:
                found.append(pytest.param(words[1:], id=f"{name(document)}: {line.strip()}"))
    return found


@pytest.mark.parametrize("words", commands("wbemcli"))
def test_wbemcli(words: list[str], shared_server: Any) -> None:
    """As printed, but for the port."""
    if not shutil.which("wbemcli"):
        pytest.skip("wbemcli is not installed")
    assert words[0] in READING
    done = _run(["wbemcli", "-nl", *_here(words, shared_server)])
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.strip()


@pytest.mark.parametrize("words", commands("pywbemcli"))
def test_pywbemcli(words: list[str], shared_server: Any) -> None:
    done = _run([str(Path(sys.executable).with_name("pywbemcli")), *_here(words, shared_server)])
    assert done.returncode == 0, done.stderr + done.stdout
    assert "System Virtualization" in done.stdout


@pytest.mark.parametrize("words", commands("virtcim"))
def test_virtcim_knows_its_options(words: list[str]) -> None:
    """Parsed, not run."""
    command = main.commands[words[0]]
    assert command.make_context(words[0], [*words[1:]], resilient_parsing=False)


def test_option_that_is_not_there() -> None:
    with pytest.raises(click.NoSuchOption):
        main.commands["serve"].make_context("serve", ["--sing"])


def test_synopsis_names_options_that_are_there() -> None:
    (line,) = (line for line in code_lines(DOCS / "operations.md") if line.startswith("virtcim serve"))
    named = set(re.findall(r"--[a-z-]+", line))
    assert named == {option for one in main.commands["serve"].params for option in one.opts}


def test_commands_that_the_server_prints(shared_server: Any) -> None:
    """The three to try that `virtcim serve` prints."""
    lines = [line.strip() for line in _try().splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line.format(url=shared_server.url))
        program = shutil.which(words[0]) or str(Path(sys.executable).with_name(Path(words[0]).name))
        if words[0] == "wbemcli" and not shutil.which("wbemcli"):
            continue
        assert _run([program, *words[1:]]).returncode == 0, line


def _try() -> str:
    found = re.search(r'^TRY = """(.*?)"""', (SOURCES / "__main__.py").read_text(encoding="utf-8"), re.M | re.S)
    assert found
    return found[1]


def _here(words: list[str], server: Any) -> list[str]:
    assert any(URL in word for word in words)
    return [word.replace(URL, server.url) for word in words]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_settings_files_are_accepted(tmp_path: Path) -> None:
    (block,) = blocks(DOCS / "operations.md", "yaml")
    file = tmp_path / "settings.yaml"
    file.write_text(block.text, encoding="utf-8")
    settings, _ = config.load({}, {}, file)
    assert settings.naming == yaml.safe_load(block.text)["naming"]


def test_settings_that_security_says_are_refused() -> None:
    for url in ("https://127.0.0.1:5989", "http://0.0.0.0:5988"):
        with pytest.raises(config.ConfigError):
            config.load({"listen": url}, {})


# What is not said

# Of the machines and ways the project was made on and in; each pattern written so that it does not match itself.
PRIVATE = (r"/wor[k]/", r"/tmp/coor[d]", r"\bissue[s]? #?\d", r"\bsession #?\d", r"\bclaud[e]\b", r"language mode[l]")
BARE = {"Makefile", "LICENSE", ".gitignore"}
PARTS = ("src", "mof", "profiles", "docs", "tests", "tools", "scripts", "bench", "typings", ".ci")


def texts() -> Iterator[Path]:
    yield from (one for one in ROOT.iterdir() if one.is_file() and (one.suffix in {".md", ".toml"} or one.name in BARE))
    for part in PARTS:
        yield from (one for one in (ROOT / part).rglob("*") if one.is_file() and "__pycache__" not in one.parts)


def test_the_project_speaks_of_itself_only() -> None:
    pattern = re.compile("|".join(PRIVATE), re.IGNORECASE)
    found = []
    for file in texts():
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []
