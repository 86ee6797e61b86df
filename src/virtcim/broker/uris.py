"""Paths as text: WBEM URIs (DSP0207), written without a host and read with or without one."""

from __future__ import annotations

import re

from virtcim.broker.call import Path

_HEAD = re.compile(r"(?:(?:https?:|cim[\w+.-]*:)?//[^/]*)?(?:/?([\w/-]*):)?([A-Za-z]\w*_\w+)\.(\w+=.+)", re.DOTALL)
_KEYS = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^",]+)(?:,(?=\w)|$)', re.DOTALL)


def path_in(text: str) -> Path | None:
    """The instance path that a WBEM URI says, its keys as text; None where the text is none."""
    head = _HEAD.fullmatch(text)
    if head is None or _KEYS.sub("", head[3]):
        return None
    keys = tuple((name, _plain(value)) for name, value in _KEYS.findall(head[3]))
    return Path(head[2], keys, head[1] or None)


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def model_path(path: Path) -> str:
    """A path as WBEM URI without host (DSP0207): root/virt:Class.Key="value",...; nested ones are escaped."""
    keys = ",".join(f"{name}={_key(value)}" for name, value in path.keys)
    return f"{path.namespace}:{path.classname}.{keys}"


def _key(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    text = model_path(value) if isinstance(value, Path) else str(value)
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))
