"""One instance in MOF text, `instance of X { a = 1; b = {"x", "y"}; };` (DSP0004 annex A), as clients embed it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from virtcim.broker.call import Instance, Value


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


_TOKENS = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*(?s:.*?)\*/)
      | (?P<string>"(?:[^"\\]|\\(?s:.))*")
      | (?P<char>'(?:[^'\\]|\\[xX][0-9A-Fa-f]{1,4}|\\.)')
      | (?P<real>[+-]?[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?)
      | (?P<binary>[+-]?[01]+[bB]\b)
      | (?P<hex>[+-]?0[xX][0-9A-Fa-f]+)
      | (?P<octal>[+-]?0[0-7]+\b)
      | (?P<decimal>[+-]?[0-9]+)
      | (?P<word>[A-Za-z_\u0080-\uffef][A-Za-z0-9_\u0080-\uffef]*)
      | (?P<mark>[{}\[\]()=;,:$])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:[xX]([0-9A-Fa-f]{1,4})|((?s:.)))")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_BASES = {"binary": 2, "octal": 8, "decimal": 10, "hex": 16}


def parse_mof(text: str) -> Instance:
    """The single instance that `text` declares; values are text. Raises ValueError with line and column."""
    return _Parser(text).document()


class _Parser:
    """Recursive descent over the tokens, one of them looked at ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._scan()
        self._next = next(self._tokens)

    def _scan(self) -> Iterator[_Token]:
        position = 0
        while position < len(self._text):
            match = _TOKENS.match(self._text, position)
            if match is None:
                raise self._error(position, f"unexpected {self._text[position]!r}")
            if match.lastgroup != "blank":
                yield _Token(str(match.lastgroup), match[0], position)
            position = match.end()
        yield _Token("end", "", position)

    def _error(self, position: int, reason: str) -> ValueError:
        line = self._text.count("\n", 0, position) + 1
        column = position - self._text.rfind("\n", 0, position)
        return ValueError(f"MOF line {line} column {column}: {reason}")

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _accept(self, mark: str) -> bool:
        if self._next.kind == "mark" and self._next.text == mark:
            self._take()
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._accept(mark):
            raise self._unexpected(f"expected '{mark}'")

    def _unexpected(self, expected: str) -> ValueError:
        found = self._next.text[:40] or "the end of the text"
        return self._error(self._next.start, f"{expected}, found {found}")

    def _word(self, *words: str) -> str:
        if self._next.kind != "word" or (words and self._next.text.lower() not in words):
            raise self._unexpected(f"expected {' or '.join(words) or 'a name'}")
        return self._take().text

    def document(self) -> Instance:
        self._qualifiers()
        self._word("instance")
        self._word("of")
        classname = self._word()
        if self._next.kind == "word":
            self._word("as")
            self._expect("$")
            self._word()
        self._expect("{")
        properties = self._properties()
        self._accept(";")
        if self._next.kind != "end":
            raise self._unexpected("expected nothing after the instance")
        return Instance(classname, properties)

    def _qualifiers(self) -> None:
        """Qualifiers of instances mean nothing since CIM 2.3 and are passed over."""
        if not self._accept("["):
            return
        while not self._accept("]"):
            if self._take().kind == "end":
                raise self._unexpected("expected ']'")

    def _properties(self) -> dict[str, Value]:
        properties: dict[str, Value] = {}
        names: set[str] = set()
        while not self._accept("}"):
            self._qualifiers()
            start = self._next.start
            name = self._word()
            if name.lower() in names:
                raise self._error(start, f"property {name} is given twice")
            names.add(name.lower())
            self._expect("=")
            properties[name] = self._array() if self._accept("{") else self._literal()
            self._expect(";")
        return properties

    def _array(self) -> list[Value]:
        values: list[Value] = []
        if self._accept("}"):
            return values
        while True:
            values.append(self._literal())
            if self._accept("}"):
                return values
            self._expect(",")

    def _literal(self) -> Value:
        kind = self._next.kind
        if kind == "string":
            return self._string()
        if kind == "char":
            return self._unescaped(self._take())
        if kind == "real":
            return self._take().text
        if kind in _BASES:
            return self._integer()
        return self._constant()

    def _string(self) -> str:
        parts = []
        while self._next.kind == "string":
            parts.append(self._unescaped(self._take()))
        return "".join(parts)

    def _integer(self) -> str:
        token = self._take()
        return str(int(token.text.rstrip("bB") if token.kind == "binary" else token.text, _BASES[token.kind]))

    def _constant(self) -> Value:
        if self._next.kind == "word" and self._next.text.upper() in ("TRUE", "FALSE", "NULL"):
            word = self._take().text.upper()
            return None if word == "NULL" else word
        raise self._unexpected("expected a value")

    def _unescaped(self, token: _Token) -> str:
        def replace(match: re.Match[str]) -> str:
            if match[1]:
                return chr(int(match[1], 16))
            if match[2] not in _ESCAPES:
                raise self._error(token.start + 1 + match.start(), f"unknown escape \\{match[2]}")
            return _ESCAPES[match[2]]

        return _ESCAPE.sub(replace, token.text[1:-1])
