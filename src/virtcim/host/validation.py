"""Validating domain documents here, where libvirt's schema of the very same version is installed.

It says the same as VIR_DOMAIN_DEFINE_VALIDATE, for which libvirtd compiles its schema each time: some 10 ms. Whoever is
told here that a document is not valid asks libvirt with the flag, whose words are better.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import libvirt

from virtcim.host.records import version_text
from virtcim.model.tree import Element
from virtcim.model.validity import Schema

log = logging.getLogger(__name__)

SCHEMAS = Path("/usr/share/libvirt/schemas")
_DELETED = "(deleted)"  # in proc(5) maps: what is loaded is not what is installed any more


class _Compiled(NamedTuple):
    schema: Schema
    changed: int  # st_mtime_ns of the file


class Validator:
    """The schema of domains as this machine has it installed, compiled when it is first needed."""

    def __init__(self, directory: Path = SCHEMAS, replaced: Callable[[], bool] | None = None) -> None:
        self._file = directory / "domain.rng"
        self._content = str(directory / "domaincommon.rng")  # which the other one includes
        self._replaced = replaced or library_replaced
        self._version = version_text(libvirt.getVersion())
        self._lock = threading.Lock()
        self._compiled: _Compiled | None = None
        self._useless = False

    def finds_valid(self, document: Element, xml: str, version: str) -> bool:
        """Whether libvirt of this version accepts the document, for certain; otherwise only libvirt can tell."""
        compiled = self._ready(version)
        return compiled is not None and compiled.accepts(document, xml)

    def _ready(self, version: str) -> Schema | None:
        if version != self._version:
            return None
        with self._lock:
            if self._compiled is None and not self._useless:
                self._compile()
            if self._compiled is not None and self._changed() != self._compiled.changed:
                log.info("libvirt's schemas have been replaced; libvirt validates")
                self._compiled, self._useless = None, True
            return self._compiled.schema if self._compiled else None

    def _compile(self) -> None:
        """Of the version that this process has loaded, unless it was replaced before."""
        self._useless = True
        try:
            if not self._replaced():
                self._compiled = _Compiled(Schema(self._file), self._changed() or 0)
        except ValueError as error:
            log.info("libvirt validates: %s", error)

    def _changed(self) -> int | None:
        try:
            return os.stat(self._content).st_mtime_ns
        except OSError:
            return None


def library_replaced() -> bool:
    """Whether the libvirt library of this process has been replaced by another since it was loaded."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return any("libvirt" in line and line.endswith(_DELETED) for line in lines)


DOMAINS = Validator()
