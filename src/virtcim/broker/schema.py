"""The class repository: compiled from MOF once, beside it or in a cache; a leaf of each Virt_ class per platform."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from virtcim.broker.call import CIMError, ClassDef, Status
from virtcim.broker.mof_files import digest, files_in
from virtcim.broker.resolve import Declared, SchemaError, derive
from virtcim.later import Later

if TYPE_CHECKING:
    import pywbem
else:
    pywbem = Later("pywbem")

OURS = "Virt_"
BESIDE = ".compiled"  # the directory in that of the MOF for what was compiled with the installation
_FORMAT = 3  # of the cache; raise when ClassDef or what is pickled changes


class Schema:
    """All classes, by name in any case."""

    def __init__(self, classes: dict[str, ClassDef], declared_from: Any, platforms: Iterable[str] = ()) -> None:
        self._declared_from = declared_from
        self.platforms = tuple(platforms)
        self._classes = dict(classes)
        for leaf in self._leaves(classes.values()):
            self._classes[leaf.name.lower()] = leaf
        self._children: dict[str, list[str]] = {}
        for found in self._classes.values():
            self._children.setdefault((found.superclass or "").lower(), []).append(found.name)
        self._ancestors: dict[str, frozenset[str]] = {}

    def _leaves(self, classes: Iterable[ClassDef]) -> Iterator[ClassDef]:
        for parent in classes:
            if parent.name.startswith(OURS) and not parent.is_abstract:
                for platform in self.platforms:
                    name = leaf_name(parent.name, platform)
                    yield ClassDef(name, parent.name, parent.properties, parent.methods, parent.is_association, False)

    def find(self, name: str) -> ClassDef | None:
        return self._classes.get(name.lower())

    def get(self, name: str, status: Status = Status.INVALID_CLASS) -> ClassDef:
        """The class of that name. Errors: CIMError with the status asked for."""
        found = self._classes.get(name.lower())
        if found is None:
            raise CIMError(status, f"class {name} does not exist")
        return found

    def is_a(self, name: str, ancestor: str) -> bool:
        """Whether a class is another or below it."""
        return ancestor.lower() in self._line(name.lower())

    def _line(self, name: str) -> frozenset[str]:
        line = self._ancestors.get(name)
        if line is None:
            found = self._classes.get(name)
            above = self._line(found.superclass.lower()) if found and found.superclass else frozenset()
            line = self._ancestors[name] = above | {name}
        return line

    def children(self, name: str | None) -> list[str]:
        """The direct subclasses; of None the top-level classes."""
        return self._children.get((name or "").lower(), [])

    def below(self, name: str | None) -> Iterator[str]:
        """All subclasses, direct ones before their own."""
        for child in self.children(name):
            yield child
            yield from self.below(child)

    def __iter__(self) -> Iterator[ClassDef]:
        return iter(self._classes.values())

    @cached_property
    def _all_declared(self) -> tuple[Declared, dict[str, pywbem.CIMQualifierDeclaration]]:
        classes, qualifiers = self._declared_from()
        return dict(classes), qualifiers

    def declared(self, name: str) -> pywbem.CIMClass:
        """The declaration with qualifiers and inherited elements. Errors: CIMError NOT_FOUND."""
        classes, _ = self._all_declared
        found = self.get(name, Status.NOT_FOUND)
        if found.name.lower() not in classes:
            own = pywbem.CIMClass(found.name, superclass=found.superclass)
            classes[found.name.lower()] = derive(own, classes[str(found.superclass).lower()])
        return classes[found.name.lower()]

    @property
    def qualifiers(self) -> dict[str, pywbem.CIMQualifierDeclaration]:
        """Qualifier declarations by lower-case name."""
        return self._all_declared[1]


def leaf_name(classname: str, platform: str | None) -> str:
    """The class an object is served under: the platform's leaf of a Virt_ class, any other class itself."""
    if platform and classname.startswith(OURS):
        return f"{platform}_{classname.removeprefix(OURS)}"
    return classname


def load(directory: File, cache: File, platforms: Iterable[str] = ()) -> Schema:
    """The schema of a MOF directory, compiled into the cache unless that is done already. Errors: SchemaError."""
    name = _name_of(directory)
    small, large = _files(directory / BESIDE, name)
    if not (small.exists() and large.exists()):
        small, large = _files(cache, name)
    if not (small.exists() and large.exists()):
        _compile(directory, small, large)
    return Schema(_read(small), lambda: _read(large), platforms)


def compile_beside(directory: File) -> None:
    """Compile a MOF directory for all servers that will be started with it. Errors: SchemaError, OSError."""
    files = _files(directory / BESIDE, _name_of(directory))
    _compile(directory, *files)
    for old in set((directory / BESIDE).iterdir()) - set(files):
        old.unlink()


def _name_of(directory: File) -> str:
    """What the files compiled from a directory are called. Errors: SchemaError."""
    files = files_in(directory)
    if not files:
        raise SchemaError(f"no MOF files in {directory}")
    return f"schema-{_FORMAT}-{digest(files)[:16]}"


def _files(place: File, name: str) -> tuple[File, File]:
    """What the broker needs of each class, and the whole declarations."""
    return place / f"{name}.classes", place / f"{name}.declared"


def _compile(directory: File, small: File, large: File) -> None:
    """See `compiling`. Errors: SchemaError with what that says, OSError."""
    small.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "virtcim.broker.compiling", *map(str, (directory, small, large))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SchemaError(done.stderr.strip())


def _read(file: File) -> Any:
    return pickle.loads(file.read_bytes())
