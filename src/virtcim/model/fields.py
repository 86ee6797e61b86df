"""Typed views over lxml elements: a field is one line, get reads the document, set writes it at once, None removes."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import ClassVar, Generic, Self, TypeVar, cast, overload

from lxml import etree

from virtcim.model.codecs import ON_OFF, SIZE_UNITS, TEXT, YES_NO, Choice, Codec, Integer, ModelError
from virtcim.model.tree import Element, Place, append, expanded, insert_before, make_child, parse, remove, serialise

__all__ = [
    "Ahead", "Each", "Field", "Many", "ModelError", "Presence", "Secret", "Size", "View", "Whole", "integer",
    "on_off", "one_of", "parse", "serialise", "size_kib", "text", "texts", "yes_no",
]  # fmt: skip

T = TypeVar("T")
V = TypeVar("V", bound="View")


class View:
    """One element of a libvirt document, seen through the fields its class declares."""

    tag: ClassVar[str] = ""

    def __init__(self, element: Element) -> None:
        self.element = element

    @classmethod
    def new(cls) -> Self:
        return cls(etree.Element(cls.tag))

    @classmethod
    def parse(cls, xml: str) -> Self:
        element = parse(xml)
        if element.tag != cls.tag:
            raise ModelError(cls.tag, str(element.tag), "is another element")
        return cls(element)

    @property
    def parts(self) -> set[str]:
        """The tags of the child elements."""
        return {str(child.tag) for child in self.element}

    @property
    def xml(self) -> str:
        return serialise(self.element)

    def copy(self) -> Self:
        return type(self)(copy.copy(self.element))  # with all that is in it, as lxml copies

    def add(self, child: View, inside: str = "") -> None:
        """Append a child view; `inside` names the element that holds it, made when absent."""
        append(Place.of(inside).make(self.element), child.element)

    def remove(self) -> None:
        """Take this view's element out of its document."""
        remove(self.element)


class Field(Generic[T]):
    """A value at a place below a view. On the class, the attribute is the Field itself."""

    def __init__(self, path: str, codec: Codec[T]) -> None:
        self.path = path
        self.place = Place.of(path)
        self.codec = codec
        self.owner = ""

    def inside(self, step: str) -> Self:
        """The same of a child, for a view of its parent."""
        return type(self)(f"{step}{self.path}" if self.place.steps == () else f"{step}/{self.path}", self.codec)

    def __set_name__(self, owner: type[View], name: str) -> None:
        self.owner, self.name = owner.tag, name

    @overload
    def __get__(self, view: None, owner: type[View]) -> Self: ...
    @overload
    def __get__(self, view: View, owner: type[View]) -> T | None: ...
    def __get__(self, view: View | None, owner: type[View]) -> Self | T | None:
        return self if view is None else self.read(view)

    def __set__(self, view: View, value: T | None) -> None:
        self.write(view, value)

    @cached_property
    def where(self) -> str:
        return f"{self.owner}/{self.path}" if not self.path.startswith("@") else f"{self.owner}{self.path}"

    def read(self, view: View) -> T | None:
        place = self.place
        element = place.find(view.element) if place.steps else view.element
        if element is None:
            return None
        found = element.text if place.attribute is None else element.get(place.attribute)
        return None if found is None else self.codec.read(found, self.where)

    def write(self, view: View, value: T | None) -> None:
        if value is None or value == "":
            self.clear(view)
        else:
            text = self.codec.write(value, self.where)
            self.write_element(self.place.make(view.element), text)

    def write_element(self, element: Element, text: str) -> None:
        if self.place.attribute is None:
            element.text = text
        else:
            element.set(self.place.attribute, text)

    def clear(self, view: View) -> None:
        element = self.place.find(view.element)
        if element is None:
            return
        if self.place.attribute is None:
            element.text = None
        elif self.place.attribute in element.attrib:
            del element.attrib[self.place.attribute]
        else:
            return
        self.place.prune(view.element, element)


class Size(Field[int]):
    """An element with a size and a `unit` attribute, as a number of KiB; written in KiB."""

    unit: ClassVar[str] = "KiB"

    def read(self, view: View) -> int | None:
        element = self.place.find(view.element)
        if element is None:
            return None
        found, unit = element.text, element.get("unit", self.unit)
        number = None if found is None else self.codec.read(found, self.where)
        if unit not in SIZE_UNITS:
            raise ModelError(f"{self.where}/@unit", unit, "is no unit of size")
        return None if number is None else number * SIZE_UNITS[unit] // SIZE_UNITS[self.unit]

    def write_element(self, element: Element, text: str) -> None:
        super().write_element(element, text)
        if element.get("unit") is not None or self.owner != "domain":
            element.set("unit", self.unit)

    def clear(self, view: View) -> None:
        element = self.place.find(view.element)
        if element is not None and "unit" in element.attrib:
            del element.attrib["unit"]
        super().clear(view)


class Ahead(Field[str]):
    """The text of an element that libvirt's schema wants before another one, unlike all others."""

    def __init__(self, path: str, before: str) -> None:
        super().__init__(path, TEXT)
        self.before = before

    def write(self, view: View, value: str | None) -> None:
        sibling = view.element.find(self.before)
        if value and sibling is not None and self.place.find(view.element) is None:
            insert_before(sibling, etree.Element(self.path))
        super().write(view, value)


class Whole(Field[T]):
    """An attribute without which its element means nothing: clearing it takes the element with all its content."""

    def clear(self, view: View) -> None:
        element = self.place.find(view.element)
        parent = None if element is None else element.getparent()
        if element is not None and parent is not None:
            remove(element)
            self.place.prune(view.element, parent)


class Presence(Field[bool]):
    """An element whose being there is the value, such as <readonly/>."""

    def __init__(self, path: str) -> None:
        super().__init__(path, cast("Codec[bool]", TEXT))

    def read(self, view: View) -> bool:
        return self.place.find(view.element) is not None

    def write(self, view: View, value: bool | None) -> None:
        element = self.place.find(view.element)
        if value and element is None:
            self.place.make(view.element)
        elif not value and element is not None:
            parent = element.getparent()
            remove(element)
            if parent is not None:
                self.place.prune(view.element, parent)


class Each(Field[list[T]]):
    """The values of repeated children, in document order; the last step of the path repeats. Absent = empty list."""

    def __init__(self, path: str, codec: Codec[T]) -> None:
        super().__init__(path, cast("Codec[list[T]]", codec))
        self.single = Field(f"@{self.place.attribute}" if self.place.attribute else "", codec)
        self.parents = Place(self.place.steps[:-1], None)

    def __set_name__(self, owner: type[View], name: str) -> None:
        super().__set_name__(owner, name)
        self.single.owner = f"{owner.tag}/{self.path.partition('@')[0]}"

    def read(self, view: View) -> list[T]:
        parent = self.parents.find(view.element)
        if parent is None:
            return []
        single = self.single
        children, attribute = parent.iterchildren(self.place.steps[-1]), single.place.attribute
        found = (child.text if attribute is None else child.get(attribute) for child in children)
        return [single.codec.read(text, single.where) for text in found if text is not None]

    def write(self, view: View, value: list[T] | None) -> None:
        codec = self.single.codec
        texts = [codec.write(item, self.where) for item in value or []]
        parent = self.parents.find(view.element) if not texts else self.parents.make(view.element)
        if parent is None:
            return
        tag = self.place.steps[-1]
        present = parent.findall(tag)
        for extra in present[len(texts) :]:
            remove(extra)
        for number, text in enumerate(texts):
            child = present[number] if number < len(present) else make_child(parent, tag)
            self.single.write_element(child, text)
        self.parents.prune(view.element, parent)


class Secret(Field[str]):
    """A value that can be set and cleared but never read: what reads documents must not be able to show it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, TEXT)

    def read(self, view: View) -> str | None:
        raise AttributeError(f"{self.where} can only be written")

    def is_set(self, view: View) -> bool:
        """Whether there is a value, as far as the document tells: libvirt leaves secrets out unless asked."""
        return Field.read(self, view) is not None


class Many(Generic[V]):
    """Child elements as views, in document order: `view.add(child, inside)` adds one, `child.remove()` takes it out."""

    def __init__(self, view: type[V], inside: str = "") -> None:
        self.view = view
        self.tag = expanded(view.tag)
        self.place = Place.of(inside)

    @overload
    def __get__(self, view: None, owner: type[View]) -> Self: ...
    @overload
    def __get__(self, view: View, owner: type[View]) -> tuple[V, ...]: ...
    def __get__(self, view: View | None, owner: type[View]) -> Self | tuple[V, ...]:
        if view is None:
            return self
        holder = self.place.find(view.element)
        return () if holder is None else tuple(map(self.view, holder.iterchildren(self.tag)))


def text(path: str) -> Field[str]:
    return Field(path, TEXT)


def integer(path: str, low: int = 0, high: int = 2**64 - 1) -> Field[int]:
    return Field(path, Integer(low, high))


def yes_no(path: str) -> Field[bool]:
    return Field(path, YES_NO)


def on_off(path: str) -> Field[bool]:
    return Field(path, ON_OFF)


def one_of(path: str, *words: str) -> Field[str]:
    return Field(path, Choice(words))


def size_kib(path: str) -> Size:
    return Size(path, Integer())


def texts(path: str) -> Each[str]:
    return Each(path, TEXT)
