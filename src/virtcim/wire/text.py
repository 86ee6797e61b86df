"""CIM values and names as XML text (DSP0201 clause 5.2.3): escaping, and one function a CIM type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

_ILLEGAL = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_SPECIAL = re.compile(f"[<>&\r{_ILLEGAL}]")
_SPECIAL_IN_ATTRIBUTE = re.compile(f'[<>&"\r\n\t{_ILLEGAL}]')
# A bare CR would be read as LF; in an attribute, LF and TAB would be read as blanks (XML 1.0 clauses 2.11 and 3.3.3).
_ESCAPES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


def escaped(text: str) -> str:
    """Text content; characters that XML cannot hold become U+FFFD."""
    return _SPECIAL.sub(_escape, text) if _SPECIAL.search(text) else text


def quoted(text: str) -> str:
    """An attribute value with its quotes."""
    return f'"{_SPECIAL_IN_ATTRIBUTE.sub(_escape, text)}"'


def _boolean(value: Any) -> str:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is no boolean")
    return "TRUE" if value else "FALSE"


def _integer(value: Any) -> str:
    return f"{value:d}"


def _real(digits: int) -> Callable[[Any], str]:
    """`digits` after the point, so that 9 (real32) or 17 (real64) significant ones bring the same value back."""

    def text(value: Any) -> str:
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "INF" if value > 0 else "-INF"
        return f"{value:.{digits}E}"

    return text


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no string")
    return escaped(value)


TEXT: dict[str, Callable[[Any], str]] = {
    "boolean": _boolean,
    "string": _string,
    "char16": _string,
    "datetime": _string,
    "real32": _real(8),
    "real64": _real(16),
    **{f"{sign}int{bits}": _integer for sign in "us" for bits in (8, 16, 32, 64)},
}


def value_type(type_name: str) -> str:
    """The VALUETYPE of a key of a CIM type."""
    if type_name == "boolean":
        return "boolean"
    return "string" if type_name in ("string", "char16", "datetime") else "numeric"
