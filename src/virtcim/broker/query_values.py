"""What query conditions compare: datetimes by the moment they mean, references by what they name."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from virtcim.broker.call import Path
from virtcim.later import Later

if TYPE_CHECKING:
    import pywbem
else:
    pywbem = Later("pywbem")

_DATETIME = re.compile(r"[0-9*]{14}\.[0-9*]{6}(?:[+-][0-9]{3}|:000)")
_EPOCH = datetime(1, 1, 1)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EQUALITY = ("=", "<>")


@dataclass(frozen=True)
class Moment:
    """A datetime: microseconds since the year 1 in UTC, or of an interval; None where digits are unknown."""

    interval: bool
    microseconds: int | None


def moment(text: str) -> Moment:
    """A CIM datetime (DSP0004 clause 5.2.4). Errors: ValueError."""
    if not _DATETIME.fullmatch(text):
        raise ValueError(f"{text!r} is no datetime")
    interval = text.endswith(":000")
    if "*" in text:
        return Moment(interval, None)
    if interval:
        days, hours, minutes, seconds = int(text[:8]), int(text[8:10]), int(text[10:12]), int(text[12:14])
        return Moment(True, (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + int(text[15:21]))
    since = datetime.strptime(text[:21], "%Y%m%d%H%M%S.%f") - _EPOCH - timedelta(minutes=int(text[21:]))
    return Moment(False, since // timedelta(microseconds=1))


@dataclass(frozen=True)
class Named:
    """What a path names; without a namespace it may be in any."""

    classname: str
    keys: frozenset[tuple[str, str]]
    namespace: str | None

    def same(self, other: Named) -> bool:
        return (self.classname, self.keys) == (other.classname, other.keys) and (
            self.namespace is None or other.namespace is None or self.namespace == other.namespace
        )


def named(path: Path) -> Named:
    """What an instance path names."""
    keys = frozenset((name.lower(), _key(value)) for name, value in path.keys)
    return Named(path.classname.lower(), keys, path.namespace and path.namespace.lower())


def named_by_uri(text: str) -> Named:
    """What a WBEM URI (DSP0207) names. Errors: ValueError."""
    found = pywbem.CIMInstanceName.from_wbem_uri(text)
    return named(_path(found))


def _path(found: Any) -> Path:
    keys = tuple((str(name), _plain(value)) for name, value in found.keybindings.items())
    return Path(found.classname, keys, found.namespace)


def _plain(value: Any) -> Any:
    return _path(value) if isinstance(value, pywbem.CIMInstanceName) else value


def _key(value: object) -> str:
    if isinstance(value, Path):
        inner = named(value)
        return f"{inner.classname}.{sorted(inner.keys)}"
    if isinstance(value, bool):
        return str(value).upper()
    return str(value)


def compare(how: str, left: Any, right: Any) -> bool | None:
    """The result of an operator; None when a side is NULL or unknown, or the two are of different kinds."""
    if left is None or right is None:
        return None
    if isinstance(left, Moment) and isinstance(right, Moment):
        if left.interval is not right.interval:
            return None
        return compare(how, left.microseconds, right.microseconds)
    if isinstance(left, Named) and isinstance(right, Named):
        return left.same(right) is (how == "=")
    if _kind(left) is not _kind(right) or _kind(left) not in (bool, float, str):
        return None
    return _OPERATORS[how](left, right)


def _kind(value: object) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def as_moment(value: object) -> Moment | None:
    """A value as a datetime, None when it is none."""
    try:
        return moment(value) if isinstance(value, str) else None
    except ValueError:
        return None


def as_named(value: object) -> Named | None:
    """A value as a reference, None when it is none."""
    try:
        return named(value) if isinstance(value, Path) else named_by_uri(value) if isinstance(value, str) else None
    except ValueError:
        return None
