"""Whether a document is valid by libvirt's own schema (RELAX NG), compiled once: libvirt compiles it for every call."""

from __future__ import annotations

import threading
from pathlib import Path

from lxml import etree

from virtcim.model.tree import parse


class Schema:
    """A file of libvirt's schemas. Errors: ValueError for one that is missing or no schema."""

    def __init__(self, file: Path) -> None:
        try:
            self._compiled = etree.RelaxNG(file=str(file))
        except (OSError, etree.LxmlError) as error:
            raise ValueError(f"{file}: {error}") from error
        self._lock = threading.Lock()

    def accepts(self, xml: str) -> bool:
        """Errors: ModelError for what is no XML."""
        with self._lock:
            return self._compiled.validate(parse(xml))
