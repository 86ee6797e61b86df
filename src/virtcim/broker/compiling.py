"""`python -m virtcim.broker.compiling DIRECTORY CLASSES DECLARED`: MOF files to the cache of `schema`.

It is a process of its own because what a compiler needs would stay with a server for as long as that runs.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path as File
from typing import Any

from virtcim.broker.mof import compile_files
from virtcim.broker.mof_files import MofError, files_in
from virtcim.broker.resolve import SchemaError, compact, resolve_all


def compiled(directory: File, classes: File, declared: File) -> None:
    """Write what the broker needs of each class, and the whole declarations. Errors: MofError, SchemaError, OSError."""
    found = compile_files(files_in(directory))
    resolved = resolve_all(found.classes)
    _write(declared, (resolved, found.qualifiers))
    parts: dict[str, Any] = {}
    _write(
        classes, {name: compact(one, lambda part: parts.setdefault(repr(part), part)) for name, one in resolved.items()}
    )


def _write(file: File, content: object) -> None:
    """Write beside and rename, so that two servers that start at once never read half a file."""
    beside = file.with_suffix(f".{os.getpid()}")
    beside.write_bytes(pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL))
    beside.replace(file)


def main(*files: str) -> None:
    try:
        compiled(*map(File, files))
    except (MofError, SchemaError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
