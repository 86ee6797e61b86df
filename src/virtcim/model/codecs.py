"""How text of a libvirt document becomes a value and back; both ways are strict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

SIZE_UNITS = {
    "b": 1, "bytes": 1, "KB": 10**3, "k": 2**10, "KiB": 2**10, "MB": 10**6, "M": 2**20, "MiB": 2**20,
    "GB": 10**9, "G": 2**30, "GiB": 2**30, "TB": 10**12, "T": 2**40, "TiB": 2**40,
}  # fmt: skip
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class ModelError(ValueError):
    """A value that its place in a document cannot have; `where` names element or attribute."""

    def __init__(self, where: str, value: object, reason: str) -> None:
        shown = "" if value is None else f" {value!r}"
        super().__init__(f"{where}:{shown} {reason}")
        self.where, self.value, self.reason = where, value, reason


class Codec(Protocol[T]):
    def read(self, text: str, where: str) -> T: ...
    def write(self, value: T, where: str) -> str: ...


@dataclass(frozen=True)
class Text:
    """Text, optionally of a pattern that must match wholly."""

    pattern: re.Pattern[str] | None = None
    wanted: str = ""

    def read(self, text: str, where: str) -> str:
        return text

    def write(self, value: str, where: str) -> str:
        if not isinstance(value, str):
            raise ModelError(where, value, "is not text")
        if NOT_IN_XML.search(value):
            raise ModelError(where, value, "has a character that XML cannot hold")
        if self.pattern is not None and self.pattern.fullmatch(value) is None:
            raise ModelError(where, value, f"is not {self.wanted}")
        return value


@dataclass(frozen=True)
class Integer:
    """A whole number in a range; a number written as 0x... is read too."""

    low: int = 0
    high: int = 2**64 - 1
    hexadecimal: int | None = None  # digits to write, None for decimal

    def read(self, text: str, where: str) -> int:
        word = text.strip()
        try:
            number = int(word, 16 if word[:2] in ("0x", "0X") else 10)
        except ValueError as error:
            raise ModelError(where, text, "is not a number") from error
        return self.checked(number, where)

    def write(self, value: int, where: str) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ModelError(where, value, "is not a number")
        self.checked(value, where)
        return str(value) if self.hexadecimal is None else f"0x{value:0{self.hexadecimal}x}"

    def checked(self, value: int, where: str) -> int:
        if not self.low <= value <= self.high:
            raise ModelError(where, value, f"is not between {self.low} and {self.high}")
        return value


@dataclass(frozen=True)
class Words(Generic[T]):
    """A closed set of words, each standing for a value."""

    words: dict[str, T]

    def read(self, text: str, where: str) -> T:
        if text not in self.words:
            raise ModelError(where, text, f"is not one of {', '.join(self.words)}")
        return self.words[text]

    def write(self, value: T, where: str) -> str:
        for word, meaning in self.words.items():
            if meaning == value and type(meaning) is type(value):
                return word
        raise ModelError(where, value, f"is not one of {', '.join(map(str, self.words.values()))}")


TEXT = Text()
NUMBER = Integer()
YES_NO = Words({"yes": True, "no": False})
ON_OFF = Words({"on": True, "off": False})
MAC = Text(re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"), "a MAC address of six pairs of hexadecimal digits")
UUID = Text(re.compile(r"[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}"), "a UUID")


@dataclass(frozen=True)
class Choice:
    """One of several words. A document may hold others, of a libvirt newer than we: they read as they are."""

    words: tuple[str, ...]

    def read(self, text: str, where: str) -> str:
        return text

    def write(self, value: str, where: str) -> str:
        if value not in self.words:
            raise ModelError(where, value, f"is not one of {', '.join(self.words)}")
        return value
