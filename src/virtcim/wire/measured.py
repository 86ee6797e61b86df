"""What is measured, whatever form it is told in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reading:
    """A value as it is when somebody asks: `values` by the values of the labels."""

    name: str
    help: str
    values: Mapping[Any, float]
    labels: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Count:
    """How often something has happened so far: `values` by the values of the labels."""

    name: str
    help: str
    values: Mapping[tuple[str, ...], int]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Timing:
    """Times so far, by one label: `bounds` in seconds, and for each value how many were up to each, and their sum."""

    name: str
    help: str
    label: str
    bounds: tuple[float, ...]
    values: Mapping[str, tuple[Sequence[int], float]]


Measured = Reading | Count | Timing
