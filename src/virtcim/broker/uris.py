"""Paths as text: WBEM URIs without a host (DSP0207)."""

from __future__ import annotations

from virtcim.broker.call import Path


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
