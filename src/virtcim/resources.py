"""Where the files that ship with the package are: the MOF, the profile facts and the embedded data."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SOURCE_TREE = _PACKAGE.parent.parent


def mof_dir() -> Path:
    """Directory of the MOF: cim/, virt/ and interop/ below it."""
    return _first_directory(_PACKAGE / "mof", _SOURCE_TREE / "mof")


def profiles_dir() -> Path:
    """Directory of the profile facts, one YAML file a profile."""
    return _first_directory(_PACKAGE / "profile_facts", _SOURCE_TREE / "profiles")


def data_file(name: str) -> Path:
    """Absolute path of a file of src/virtcim/data; FileNotFoundError when the package was installed without it."""
    path = _PACKAGE / "data" / name
    if not path.is_file():
        raise FileNotFoundError(f"virtcim is installed without its data file {path}")
    return path


def _first_directory(installed: Path, source_tree: Path) -> Path:
    """An installed package carries the directory; an editable install has it beside src/."""
    for candidate in (installed, source_tree):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"virtcim is installed without {installed}, and there is no {source_tree}")
