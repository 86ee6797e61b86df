"""The MOF files of the schema: which there are, and what they are told from others by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path as File


class MofError(Exception):
    """The MOF cannot be compiled; the message names the file."""


def files_in(directory: File) -> list[File]:
    """Every MOF file below a directory, qualifier declarations first."""
    files = sorted(file for file in directory.rglob("*.mof") if file.name != "index.mof")
    return sorted(files, key=lambda file: file.name != "qualifiers.mof")


def digest(files: Iterable[File]) -> str:
    """A key that changes with any byte of the files or with the compiler."""
    made = hashlib.sha256(version("pywbem").encode())
    for file in files:
        made.update(file.name.encode())
        made.update(file.read_bytes())
    return made.hexdigest()
