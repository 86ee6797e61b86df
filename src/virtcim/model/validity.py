"""Whether a document is valid by libvirt's own schema (RELAX NG), compiled once: libvirt compiles it for every call."""

from __future__ import annotations

import re
import threading
from hashlib import blake2b
from pathlib import Path

from lxml import etree

from virtcim.model.tree import Element

MOST = 256  # shapes that are remembered
# What tells a document from others of its shape; wherever it may be, the schema takes any that is written in this way.
# The beginning of its element goes with it: looking for one character is twenty times as fast as looking behind each.
# The end stays, which is another one for each.
_OWN = re.compile(
    r"<(?:uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=</uuid>)"
    r"|name>[A-Za-z0-9_-]+(?=</name>)"
    r"|mac address=\"[0-9a-f][02468ace](?::[0-9a-f]{2}){5}(?=\"/>)"
    r"|source file=\"/[A-Za-z0-9_./-]+\"(?=/>)"
    r"|virtcim:CreationTime>[0-9.+-]+(?=</virtcim:CreationTime>))"
)
_GAP = "<"  # before such an end there is none in a document


class Schema:
    """A file of libvirt's schemas. Errors: ValueError for one that is missing or no schema."""

    def __init__(self, file: Path) -> None:
        try:
            self._compiled = etree.RelaxNG(file=str(file))
        except (OSError, etree.LxmlError) as error:
            raise ValueError(f"{file}: {error}") from error
        self._lock = threading.Lock()
        self._valid: set[bytes] = set()  # digests of shapes

    def accepts(self, document: Element, xml: str) -> bool:
        """Whether a document is valid, whose text is given as well; one of a shape that was is not looked at again."""
        shape = blake2b(_OWN.sub(_GAP, xml).encode(), digest_size=20).digest()
        with self._lock:
            if shape in self._valid:
                return True
            if not self._compiled.validate(document):
                return False
            if len(self._valid) >= MOST:
                self._valid.clear()
            self._valid.add(shape)
            return True
