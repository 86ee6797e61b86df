"""Make `mof/cim`, `mof/qualifiers.mof` and `mof/index.mof` from the DMTF schema archive and our own descriptions.

Run from the project root: `python -m tools.mof_from_schema cim_schema_2.49.0Final-MOFs.zip`; without the archive only
the index is made, which is enough after a class of our own was added.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import yaml
from pywbem import CIMClass, CIMQualifier
from tools.mof_files import SchemaArchive, elements, in_order, mof_files, needs, read_folder
from tools.mof_text import class_text, qualifier_text

DESCRIPTIONS = Path(__file__).with_name("descriptions.yaml")
MOF = Path(__file__).parents[1] / "mof"


def load_descriptions(path: Path = DESCRIPTIONS) -> dict[str, str]:
    """`Class`, `Class.Property`, `Class.Method`, `Class.Method.Parameter` -> text; its classes are the ones we ship."""
    texts: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts


def described(cls: CIMClass, texts: dict[str, str]) -> CIMClass:
    """A copy of a class with its descriptions replaced by ours, or removed where we have none."""
    result = copy.deepcopy(cls)
    for name, element in [(cls.classname, result), *elements(result)]:
        element.qualifiers.pop("Description", None)
        if name in texts:
            element.qualifiers["Description"] = CIMQualifier("Description", texts[name])
    return result


def problems(archive: SchemaArchive, texts: dict[str, str]) -> list[str]:
    """What is wrong with the list of classes and descriptions, one line each."""
    shipped = {name for name in texts if "." not in name}
    unknown = [f"{name}: not a class of the schema" for name in shipped if name not in archive]
    classes = [archive.cim_class(name) for name in shipped if name in archive]
    known = shipped | {name for cls in classes for name, _ in elements(cls)}
    stray = [f"{name}: nothing of that name is declared there" for name in texts if name not in known]
    absent = [f"{other}: needed by {cls.classname}" for cls in classes for other in needs(cls) if other not in shipped]
    return sorted(unknown + stray + absent)


def write_classes(archive: SchemaArchive, texts: dict[str, str], folder: Path) -> None:
    """One file per class; files of classes no longer shipped are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    shipped = {name for name in texts if "." not in name}
    for path in folder.glob("*.mof"):
        if path.stem not in shipped:
            path.unlink()
    for name in shipped:
        text = class_text(described(archive.cim_class(name), texts))
        (folder / f"{name}.mof").write_text(text, encoding="utf-8")


def index_text(root: Path) -> str:
    """Includes of all files, each class after its superclass."""
    where = {path.stem: path.relative_to(root).as_posix() for path in mof_files(root)}
    ordered = in_order(read_folder(root).declared, where)
    return "".join(f'#pragma include ("{where[name]}")\n' for name in ["qualifiers", *ordered])


def write_schema(archive: SchemaArchive, texts: dict[str, str], root: Path) -> None:
    """All that comes from the archive."""
    qualifiers = (qualifier_text(declaration) for declaration in archive.qualifiers().values())
    (root / "qualifiers.mof").write_text("\n".join(qualifiers), encoding="utf-8")
    write_classes(archive, texts, root / "cim")


def main(arguments: list[str]) -> int:
    if arguments:
        archive, texts = SchemaArchive(Path(arguments[0])), load_descriptions()
        if wrong := problems(archive, texts):
            sys.stderr.write("\n".join(wrong) + "\n")
            return 1
        write_schema(archive, texts, MOF)
    (MOF / "index.mof").write_text(index_text(MOF), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
