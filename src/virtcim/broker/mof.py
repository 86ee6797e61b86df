"""MOF files -> pywbem class and qualifier declarations, in any order; what a class inherits is resolved by `schema`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path as File
from typing import Any

import pywbem

from virtcim.broker.mof_files import MofError


class _Collector(pywbem.BaseRepositoryConnection):
    """Takes what the compiler makes and answers nothing: inheritance is checked on the whole afterwards."""

    default_namespace = "root/virt"
    conn_id = None

    def __init__(self) -> None:
        self.classes: dict[str, pywbem.CIMClass] = {}
        self.qualifiers: dict[str, pywbem.CIMQualifierDeclaration] = {}

    def CreateClass(self, *args: Any, **kwargs: Any) -> None:
        declared = args[0] if args else kwargs["NewClass"]
        self.classes[declared.classname.lower()] = declared

    def SetQualifier(self, *args: Any, **kwargs: Any) -> None:
        declared = args[0] if args else kwargs["QualifierDeclaration"]
        self.qualifiers[declared.name.lower()] = declared

    def EnumerateQualifiers(self, *args: Any, **kwargs: Any) -> list[pywbem.CIMQualifierDeclaration]:
        return list(self.qualifiers.values())

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise pywbem.CIMError(pywbem.CIM_ERR_NOT_SUPPORTED, "only classes and qualifiers may be declared here")

    EnumerateInstanceNames = CreateInstance = ModifyInstance = DeleteInstance = _refuse
    GetClass = ModifyClass = DeleteClass = GetQualifier = DeleteQualifier = _refuse


def compile_files(files: Iterable[File]) -> _Collector:
    """Compile the files. Errors: MofError with the file and the compiler's message."""
    found = _Collector()
    compiler = pywbem.MOFCompiler(found, search_paths=[], verbose=False, log_func=None)
    for file in files:
        try:
            compiler.compile_string(file.read_text(), found.default_namespace, filename=str(file))
        except pywbem.MOFCompileError as error:
            raise MofError(f"{file}: {error}") from error
    return found
