"""XML of a request: the hardened parser, and access to children, attributes and text that checks their place.

The parser is expat, which forgets a document with its tree: libxml2 keeps every name and blank text that it has ever
seen in a dictionary of the thread, and a client may invent as many as it likes.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree import ElementTree

from virtcim.wire.faults import BadXML, Misplaced, NotWellFormed

Element = ElementTree.Element

BOM = b"\xef\xbb\xbf"
# Blanks before the XML declaration and a semicolon after </CIM> are sent by scripts written for older servers.
BLANK = b" \t\r\n"
TRAILING = b" \t\r\n;"

# Only white space, processing instructions and comments can precede a DOCTYPE. Atomic groups: never backtracks.
_DOCTYPE = re.compile(rb"(?>\s*+(?><\?.*?\?>|<!--.*?-->))*+\s*+<!DOCTYPE", re.DOTALL)


class Size(NamedTuple):
    """What a document may have: levels of elements; tags and attributes, which take some hundred bytes each."""

    levels: int = 64
    nodes: int = 1_000_000


ANY_SIZE = Size()


def parse(data: bytes, most: Size) -> Element:
    """The root element of UTF-8 XML. Errors: BadXML, also for a DOCTYPE, too many nodes or levels of elements."""
    data = data.strip(BLANK).removeprefix(BOM).lstrip(BLANK).rstrip(TRAILING)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise BadXML(f"not UTF-8: {error.reason} at byte {error.start}") from error
    if b"\0" in data:
        raise NotWellFormed("contains a NUL character, or is not encoded in UTF-8")
    if b"<!DOCTYPE" in data and _DOCTYPE.match(data):
        raise BadXML("a DOCTYPE is not accepted")
    tags = data.count(b"<")
    if tags + data.count(b"=") > most.nodes:
        raise BadXML(f"there are more than {most.nodes} tags and attributes")
    parser = ElementTree.XMLParser(encoding="utf-8")
    try:
        parser.feed(data)
        root: Element = parser.close()
    except ElementTree.ParseError as error:
        raise NotWellFormed(f"not well-formed XML: {error}") from error
    if tags > most.levels and _deeper(root, most.levels):
        raise BadXML(f"elements are nested deeper than {most.levels} levels")
    return root


def _deeper(root: Element, levels: int) -> bool:
    """Whether elements are nested in more levels."""
    level = [root]
    for _ in range(levels):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


def children(element: Element, *tags: str) -> list[Element]:
    """The child elements; raises Misplaced for a tag that is not one of `tags`, or for text between them."""
    found = list(element)
    for child in found:
        if child.tag not in tags:
            raise Misplaced(f"{element.tag} holds {child.tag}, expected {' or '.join(tags) or 'nothing'}")
        if child.tail:
            _no_text(element, child.tail)
    if element.text:
        _no_text(element, element.text)
    return found


def only_child(element: Element, *tags: str) -> Element:
    """The single child; raises Misplaced when there is none, several, or another one."""
    found = children(element, *tags)
    if len(found) != 1:
        raise Misplaced(f"{element.tag} holds {len(found)} elements, expected one {' or '.join(tags)}")
    return found[0]


def optional_child(element: Element, *tags: str) -> Element | None:
    """The single child, or None."""
    return only_child(element, *tags) if len(element) else None


def _no_text(element: Element, text: str) -> None:
    if not text.isspace():
        raise Misplaced(f"{element.tag} holds text: {text.strip()[:40]!r}")


def text_of(element: Element) -> str:
    """The text of an element that has nothing but text, white space included."""
    if len(element):
        raise Misplaced(f"{element.tag} holds {element[0].tag}, expected text")
    return element.text or ""


def attribute(element: Element, name: str) -> str:
    """A required attribute; raises Misplaced when it is missing."""
    value = element.get(name)
    if value is None:
        raise Misplaced(f"{element.tag} has no {name}")
    return value


def name_of(element: Element, name: str = "NAME") -> str:
    """A required attribute that holds the name of something; raises Misplaced when it is missing or empty."""
    value = attribute(element, name).strip()
    if not value:
        raise Misplaced(f"{element.tag} has an empty {name}")
    return value
