"""Modules that most runs never need, loaded when something of them is first used: they cost time and memory."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module. Where names and types matter, the module is imported under TYPE_CHECKING as well."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(import_module(self._name), attribute)
        setattr(self, attribute, found)
        return found
