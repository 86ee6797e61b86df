"""Reading and editing libvirt documents as lxml trees so that taking back an edit restores every byte."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lxml import etree

from virtcim.model.codecs import ModelError

Element = etree._Element

NAMESPACE = "http://virtcim.org/schema/1"
PREFIX = "virtcim"
PREFIXES = {PREFIX: NAMESPACE}
FEW = 4  # children that are looked at one by one sooner than lxml makes an iterator over those with a tag


def parse(xml: str) -> Element:
    """The root element of a libvirt document; blanks are kept. Entities are not expanded. Raises ModelError."""
    try:
        return etree.fromstring(xml.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ModelError("document", None, f"is not well-formed: {error}") from error


def serialise(element: Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def expanded(step: str) -> str:
    prefix, colon, name = step.partition(":")
    return f"{{{PREFIXES[prefix]}}}{name}" if colon else step


def is_empty(element: Element) -> bool:
    return len(element) == 0 and not element.attrib and not (element.text or "").strip()


def append(parent: Element, child: Element) -> Element:
    """Add a last child, indented like its siblings, so that removing it restores every byte."""
    last = parent[-1] if len(parent) else None
    parent.append(child)
    _indent(parent, last, child)
    return child


def make_child(parent: Element, tag: str) -> Element:
    """As `append`, of a new element: made where it belongs it takes half as long."""
    last = parent[-1] if len(parent) else None
    child = etree.SubElement(parent, tag, nsmap=PREFIXES if tag.startswith("{") else None)
    _indent(parent, last, child)
    return child


def _indent(parent: Element, last: Element | None, child: Element) -> None:
    if last is None:
        child.tail = parent.text
    else:
        child.tail, last.tail = last.tail, parent.text


def first_child(element: Element, tag: str) -> Element | None:
    """The first child element with a tag, for less than element.find() takes, which reads a path first."""
    count = len(element)
    if count > FEW:
        return next(element.iterchildren(tag), None)
    child = element[0] if count else None
    while child is not None and child.tag != tag:
        child = child.getnext()
    return child


def insert_before(sibling: Element, element: Element) -> None:
    """Add an element ahead of another one, so that removing it restores every byte."""
    parent = sibling.getparent()
    if parent is not None:
        element.tail = parent.text
        parent.insert(parent.index(sibling), element)


def remove(element: Element) -> None:
    """Take an element out with the blanks that belong to it."""
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if element.getnext() is None:
        if before is None:
            parent.text = element.tail
        else:
            before.tail = element.tail
    element.tail = None
    parent.remove(element)


@dataclass(frozen=True)
class Place:
    """Where a field lives below its view: child steps, then an attribute, or the text when there is none."""

    steps: tuple[str, ...]
    attribute: str | None

    @classmethod
    @cache
    def of(cls, path: str) -> Place:
        steps, at, attribute = path.partition("@")
        return cls(tuple(expanded(step) for step in steps.split("/") if step), attribute if at else None)

    def find(self, element: Element) -> Element | None:
        found: Element | None = element
        for step in self.steps:
            if found is None:
                return None
            found = first_child(found, step)
        return found

    def make(self, element: Element) -> Element:
        for step in self.steps:
            child = first_child(element, step)
            element = make_child(element, step) if child is None else child
        return element

    def prune(self, top: Element, element: Element) -> None:
        """Remove an emptied element, then its parents as far as they are empty, never the view's own element."""
        while element is not top and is_empty(element):
            parent = element.getparent()
            remove(element)
            element = top if parent is None else parent
