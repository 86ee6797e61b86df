"""Fenced blocks and links of the project's documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, "" for none, and its lines."""

    language: str
    text: str


def documents() -> list[Path]:
    """Every document that readers are meant to read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a document in these languages, in order."""
    found = (Block(one["language"], one["text"]) for one in _FENCE.finditer(document.read_text(encoding="utf-8")))
    return [block for block in found if block.language in languages]


def code_lines(document: Path) -> Iterator[str]:
    """The lines of indented and of sh blocks: what a reader would type."""
    text = document.read_text(encoding="utf-8")
    for block in blocks(document, "sh"):
        yield from block.text.splitlines()
    yield from re.findall(r"^    (\S.*)$", _FENCE.sub("", text), re.MULTILINE)


def links(document: Path) -> list[str]:
    """The targets of the links outside of blocks."""
    return _LINK.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))


def anchors(document: Path) -> set[str]:
    """What a link may name behind #, as the usual hosts of Markdown make it from headings."""
    headings = _HEADING.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
