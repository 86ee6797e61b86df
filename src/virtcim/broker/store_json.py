"""Typed values <-> JSON, exactly: what is written is read back as the same value of the same type."""

from __future__ import annotations

import json
import math
from typing import Any

from virtcim.broker.call import ClassPath, Declaration, Instance, Path, Properties, Value

_REALS = {"INF": math.inf, "-INF": -math.inf, "NaN": math.nan}


class BadDocument(Exception):
    """A stored document that this version cannot read."""


def dumps(properties: Properties) -> str:
    """Properties as a JSON object; the order is kept."""
    return json.dumps({name: _plain(value) for name, value in properties.items()}, ensure_ascii=False)


def loads(text: str) -> Properties:
    """What `dumps` wrote. Errors: BadDocument."""
    try:
        return {name: _value(plain) for name, plain in json.loads(text).items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadDocument(f"stored properties are not readable: {error!r}") from error


def path_text(path: Path) -> str:
    """A path as one line of JSON: equal paths have equal texts."""
    return json.dumps(_plain(path), ensure_ascii=False, separators=(",", ":"))


def path_of(text: str) -> Path:
    """The path of a `path_text`. Errors: BadDocument."""
    try:
        value = _value(json.loads(text))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadDocument(f"a stored path is not readable: {error!r}") from error
    if not isinstance(value, Path):
        raise BadDocument(f"{text} is no path")
    return value


def _plain(value: Value) -> Any:
    """Objects stand for what JSON has no form for; plain values stand for themselves."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"real": "NaN" if math.isnan(value) else f"{value:f}".upper()}
    if isinstance(value, Path):
        return {"path": [value.namespace, value.classname, [[name, _plain(key)] for name, key in value.keys]]}
    if isinstance(value, ClassPath):
        return {"class": [value.namespace, value.classname]}
    if isinstance(value, Instance):
        properties = {name: _plain(one) for name, one in value.properties.items()}
        return {"instance": [value.classname, properties, _plain(value.path)]}
    if isinstance(value, Declaration):
        raise TypeError(f"{value} is a declaration, which no property holds")
    return [_plain(one) for one in value]


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(one) for one in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "real":
        return _REALS[content]
    if kind == "path":
        namespace, classname, keys = content
        return Path(classname, tuple((name, _value(key)) for name, key in keys), namespace)
    if kind == "class":
        return ClassPath(content[1], content[0])
    classname, properties, path = content
    return Instance(classname, {name: _value(one) for name, one in properties.items()}, _value(path))
