"""Read MOF class declarations, from the DMTF archive or from a folder, exactly as they are written."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pywbem import CIMClass, CIMQualifierDeclaration, MOFCompiler, MOFWBEMConnection

NAMESPACE = "root/virt"
QUALIFIER_FILES = ("qualifiers", "qualifiers_optional")


class Declarations(MOFWBEMConnection):  # type: ignore[misc]  # pywbem is untyped
    """Keeps what a compiler hands over without resolving or checking it, so the order of files does not matter."""

    def __init__(self) -> None:
        super().__init__(conn=None)
        self.declared: dict[str, CIMClass] = {}

    def CreateClass(self, NewClass: CIMClass, namespace: str | None = None) -> None:
        self.declared[NewClass.classname] = NewClass

    def declared_qualifiers(self) -> dict[str, CIMQualifierDeclaration]:
        return {name: self.qualifiers[NAMESPACE][name] for name in self.qualifiers.get(NAMESPACE, {})}


class Reader:
    """A MOF compiler that fills one Declarations."""

    def __init__(self) -> None:
        self.found = Declarations()
        self._compiler = MOFCompiler(self.found, log_func=None)

    def read(self, text: str, name: str) -> None:
        """Raise pywbem.MOFCompileError, which names the file and line, when the text is not MOF."""
        self._compiler.compile_string(text, NAMESPACE, filename=name)


class SchemaArchive:
    """The zip of MOF files that the DMTF publishes for one schema version, one file per class."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._member = {Path(name).stem: name for name in self._zip.namelist() if name.endswith(".mof")}
        self._reader = Reader()
        for name in QUALIFIER_FILES:
            self._read(name)

    def __contains__(self, classname: str) -> bool:
        return classname in self._member

    def _read(self, name: str) -> None:
        self._reader.read(self._zip.read(self._member[name]).decode("utf-8"), name)

    def qualifiers(self) -> dict[str, CIMQualifierDeclaration]:
        return self._reader.found.declared_qualifiers()

    def cim_class(self, classname: str) -> CIMClass:
        """One class as declared; KeyError when the schema does not have it."""
        if classname not in self._reader.found.declared:
            self._read(classname)
        return self._reader.found.declared[classname]


def read_folder(root: Path) -> Declarations:
    """All declarations below a folder that has `qualifiers.mof` at its top."""
    reader = Reader()
    for path in mof_files(root):
        reader.read(path.read_text(encoding="utf-8"), str(path))
    return reader.found


def mof_files(root: Path) -> list[Path]:
    """`qualifiers.mof`, then every class file; the index is left out."""
    classes = sorted(path for path in root.rglob("*.mof") if path.parent != root)
    return [root / "qualifiers.mof", *classes]


def elements(cls: CIMClass) -> Iterator[tuple[str, Any]]:
    """Properties, methods and parameters with their dotted names: `Class.Method.Parameter`."""
    for prop in cls.properties.values():
        yield f"{cls.classname}.{prop.name}", prop
    for method in cls.methods.values():
        yield f"{cls.classname}.{method.name}", method
        for parameter in method.parameters.values():
            yield f"{cls.classname}.{method.name}.{parameter.name}", parameter


def needs(cls: CIMClass) -> list[str]:
    """The classes a class cannot be compiled without: superclass, reference targets, embedded instances."""
    found = [cls.superclass] if cls.superclass else []
    for _, element in elements(cls):
        if getattr(element, "reference_class", None):
            found.append(element.reference_class)
        embedded: Any = element.qualifiers.get("EmbeddedInstance")
        if embedded is not None and embedded.value:
            found.append(embedded.value)
    return list(dict.fromkeys(name for name in found if name != cls.classname))


def in_order(classes: Mapping[str, CIMClass], names: Iterable[str]) -> list[str]:
    """Names with each class after its superclass, and after what it refers to as far as circles allow."""
    placed: dict[str, None] = {}
    entered: set[str] = set()

    def place(name: str) -> None:
        if name in entered or name not in classes:
            return
        entered.add(name)
        for other in needs(classes[name]):
            place(other)
        placed[name] = None

    for name in sorted(names, key=str.casefold):
        place(name)
    return list(placed)
