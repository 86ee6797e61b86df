"""What was measured, as rows with a verdict: a table for people, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import libvirt


@dataclass(frozen=True)
class Row:
    """One line: times in seconds, or what `unit` says; `ratio` is what the target is about, with its bound.

    `at_least` turns the bound around: the ratio must not be below it.
    """

    work: str
    n: str
    result: float
    ratio: float
    bound: float
    target: str
    floor: float | None = None
    libvirt: float | None = None
    unit: str = "ms"
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound


HEADINGS = ("work", "N", "floor F", "libvirt L", "result", "ratio", "target", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    shown = (_number(row.floor, row.unit), _number(row.libvirt, row.unit), _number(row.result, row.unit))
    return (row.work, row.n, *shown, f"{row.ratio:.2f}", row.target, "met" if row.met else "MISSED")


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    scaled = value * 1000 if unit == "ms" else value
    return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f} {unit}"


def table(rows: Iterable[Row]) -> str:
    """As Markdown, aligned."""
    lines = [HEADINGS, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]])


def machine() -> dict[str, object]:
    """What a reader has to know of the machine, in general terms."""
    number = libvirt.getVersion()
    return {
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "libvirt": f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}",
    }


def write_json(file: Path, rows: Sequence[Row], **more: object) -> None:
    found = [{**asdict(row), "verdict": "met" if row.met else "missed"} for row in rows]
    file.write_text(json.dumps({"machine": machine(), **more, "rows": found}, indent=2) + "\n", encoding="utf-8")
