"""The import rules of docs/architecture.md: who may import whom, no cycles, no imports inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import virtcim

SOURCES = Path(virtcim.__file__).parent
TOP = frozenset({"__main__"})
EVERYWHERE = frozenset({"__init__", "later", "messages"})

# Layer -> what of ours it may import, besides itself. A dotted entry is one module. __main__ may import everything.
ALLOWED: Mapping[str, frozenset[str]] = {
    "wire": frozenset({"broker.call", "broker.batches"}),
    "broker": frozenset(),
    "profiles": frozenset({"broker.call", "broker.provider", "host", "mapping"}),
    "mapping": frozenset({"model"}),
    "host": frozenset({"model"}),
    "model": frozenset(),
    "conformance": frozenset(),
    "front": frozenset({"config", "config_values", "wire", "broker.call"}),
    "dispatching": frozenset({"broker", "profiles"}),
    "gauges": frozenset({"wire", "host", "broker"}),
    "logs": frozenset(),
    "notify": frozenset(),
    "precompiled": frozenset({"resources", "broker"}),
    "running": frozenset({"config", "logs", "notify"}),
    "eventing": frozenset({"broker", "host", "profiles", "wire"}),
    "layer_settings": frozenset({"config", "broker", "eventing", "host"}),
    "config": frozenset({"settings"}),
    "settings": frozenset({"config_values", "resources"}),
    "config_values": frozenset(),
    "resources": frozenset(),
    "later": frozenset(),
    "messages": frozenset({"resources"}),
    "__init__": frozenset(),
}

# Library -> the layers that may import it.
LIBRARIES: Mapping[str, frozenset[str]] = {
    "libvirt": frozenset({"host"}),
    "lxml": frozenset({"model"}),
    "starlette": frozenset({"wire"}),
    "uvicorn": frozenset({"wire"}),
    "argon2": frozenset({"wire"}),
    "bcrypt": frozenset({"wire"}),
    "pam": frozenset({"wire"}),
    "prometheus_client": frozenset({"wire"}),
    "click": frozenset(),
    "sqlalchemy": frozenset({"broker"}),
    "alembic": frozenset({"broker"}),
}


class Module(NamedTuple):
    """One source file: dotted name below the package ("broker.call"), its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        """First part of the name: a package, or a module beside __main__."""
        return self.name.partition(".")[0]


def modules(sources: Path) -> dict[str, Module]:
    """Every module below sources; a package is named as itself, the top package "__init__"."""
    found = {}
    for path in sorted(sources.rglob("*.py")):
        parts = path.relative_to(sources).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = Module(name, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return found


def imports(tree: ast.AST, package: str = "virtcim") -> Iterator[str]:
    """Absolute dotted names that the tree imports; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"relative import in line {node.lineno}: write {package}. in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(module: Module, known: Mapping[str, Module], package: str = "virtcim") -> Iterator[str]:
    """Names of the package's modules that the module imports."""
    for name in imports(module.tree, package):
        below = name.removeprefix(f"{package}.")
        if name in {package, f"{package}.__version__"}:
            yield "__init__"
        elif below != name:
            yield below if below in known else below.rpartition(".")[0] or below


def forbidden(module: Module, known: Mapping[str, Module]) -> Iterator[str]:
    """What the module imports against the rules, in words."""
    if module.layer in TOP:
        return
    for target in own_imports(module, known):
        inside = target.partition(".")[0] == module.layer
        if not inside and target not in EVERYWHERE and not {target, target.partition(".")[0]} & ALLOWED[module.layer]:
            yield f"{module.name} imports {target}"
    for name in imports(module.tree):
        library = name.partition(".")[0]
        if library in LIBRARIES and module.layer not in LIBRARIES[library]:
            yield f"{module.name} imports {library}"


def late_imports(module: Module) -> Iterator[str]:
    """Imports inside functions, in words."""
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield f"{module.name}:{node.lineno} in {function.name}()"


def cycle(known: Mapping[str, Module]) -> list[str]:
    """The modules of one import cycle, or nothing."""
    graph = {
        name: {target for target in own_imports(module, known) if target != name} for name, module in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


KNOWN = modules(SOURCES)


def test_every_layer_has_its_rule() -> None:
    assert {module.layer for module in KNOWN.values()} - TOP <= ALLOWED.keys()


@pytest.mark.parametrize("name", KNOWN)
def test_imports_point_down(name: str) -> None:
    assert list(forbidden(KNOWN[name], KNOWN)) == []


def test_no_import_cycles() -> None:
    assert cycle(KNOWN) == []


@pytest.mark.parametrize("name", KNOWN)
def test_imports_are_at_the_top(name: str) -> None:
    assert list(late_imports(KNOWN[name])) == []


def tree_of(directory: Path, **files: str) -> dict[str, Module]:
    """Modules made up for a test: broker__call="import x" is broker/call.py."""
    for name, text in files.items():
        path = directory / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return modules(directory)


@pytest.mark.parametrize(
    ("importer", "statement", "verdict"),
    [
        ("wire__app", "from virtcim.broker.call import Call", []),
        ("wire__app", "from virtcim.broker import call", []),
        ("wire__app", "from virtcim.broker.schema import Schema", ["wire.app imports broker.schema"]),
        ("wire__app", "import virtcim.broker.schema", ["wire.app imports broker.schema"]),
        ("wire__app", "from virtcim.wire.decode import decode", []),
        ("broker__schema", "from virtcim.wire import app", ["broker.schema imports wire.app"]),
        ("host__link", "import libvirt", []),
        ("model__domain", "from libvirt import virDomain", ["model.domain imports libvirt"]),
        ("model__domain", "from lxml import etree", []),
        ("profiles__dsp1057", "from virtcim.model.domain import Disk", ["profiles.dsp1057 imports model.domain"]),
    ],
)
def test_rule_judges(tmp_path: Path, importer: str, statement: str, verdict: list[str]) -> None:
    files = dict.fromkeys(("broker__call", "broker__schema", "wire__app", "wire__decode", "model__domain"), "")
    known = tree_of(tmp_path, **{**files, importer: statement})
    assert list(forbidden(known[importer.replace("__", ".")], known)) == verdict


def test_cycle_is_found(tmp_path: Path) -> None:
    known = tree_of(tmp_path, host__a="from virtcim.host import b", host__b="from virtcim.host.a import x")
    assert {"host.a", "host.b"} <= set(cycle(known))


def test_late_import_is_found(tmp_path: Path) -> None:
    known = tree_of(tmp_path, host__a="def f():\n    import json\n")
    assert list(late_imports(known["host.a"])) == ["host.a:2 in f()"]
