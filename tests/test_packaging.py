"""What the packages install: settings that load, roles that can be read, and every library that is imported."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from virtcim.config import load
from virtcim.wire.roles import read_access

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
INSTALLED = {"virtcim.yaml": "/etc/virtcim/virtcim.yaml", "access.yaml": "/etc/virtcim/access.yaml"}
OPTIONAL = {"python-pam"}


def test_installed_settings_let_in_nobody_unknown() -> None:
    settings, _ = load({}, {}, PACKAGING / "virtcim.yaml")
    assert settings.authentication == ("file",)
    assert settings.connect == ("qemu:///system",)
    assert str(settings.access_file) == INSTALLED["access.yaml"]


def test_installed_roles_give_nothing() -> None:
    access = read_access(PACKAGING / "access.yaml")
    assert access.names("anybody", ()) == ()
    assert access.names("root", ()) == ("administrator",)


def test_commented_examples_can_be_used(tmp_path: Path) -> None:
    text = (PACKAGING / "access.yaml").read_text(encoding="utf-8")
    shown = re.sub(r"^#(  .*)$", r"\1", text.replace(" {}", ""), flags=re.M)
    (tmp_path / "access.yaml").write_text(shown, encoding="utf-8")
    access = read_access(tmp_path / "access.yaml")
    assert access.names("bob", ["libvirt"]) == ("operator", "web")
    assert access.roles["web"][0].classes == ("cim_computersystem",)


def test_unit_runs_what_is_installed() -> None:
    unit = (PACKAGING / "virtcim.service").read_text(encoding="utf-8")
    assert f"ExecStart=/usr/bin/virtcim serve --config {INSTALLED['virtcim.yaml']}" in unit
    assert "Type=notify\n" in unit
    conffiles = (PACKAGING / "debian" / "conffiles").read_text(encoding="utf-8").split()
    assert set(INSTALLED.values()) < set(conffiles)


@pytest.mark.parametrize(
    "script", sorted([*PACKAGING.glob("*.sh"), *PACKAGING.glob("debian/p*")]), ids=lambda path: path.name
)
def test_scripts_can_be_parsed(script: Path) -> None:
    shell = "bash" if script.suffix else "sh"
    subprocess.run([shell, "-n", script], check=True)
    assert script.stat().st_mode & 0o111


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_is_understood() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", PACKAGING / "virtcim.service"], capture_output=True, text=True, check=False
    )
    assert not [line for line in done.stderr.splitlines() if "virtcim.service" in line and "not executable" not in line]


def imported() -> set[str]:
    """Libraries that the package imports, by their top modules."""
    names = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"virtcim"}


def test_every_imported_library_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {plain(entry) for entry in project["dependencies"]}
    known = packages_distributions()
    wanted = {plain(known[name][0]) for name in imported()}
    assert wanted - required == OPTIONAL
    assert required - wanted == {"uvloop"}  # uvicorn takes it where it is there


def plain(requirement: str) -> str:
    """The name of a requirement as names are compared."""
    name = re.split(r"[<>=\[;~! ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
