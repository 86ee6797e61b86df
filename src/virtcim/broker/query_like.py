"""LIKE: the regular expressions of DSP1001 (CQL, FQL) and the wildcards of WQL, in time linear in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_PATTERN = 1_024
MAX_STATES = 1_024
MAX_DEPTH = 32
MAX_KEPT = 256  # steps of one pattern that are remembered

Accepts = Callable[[str], bool]


class BadPattern(ValueError):
    """A pattern that cannot be read; the message says why."""


@dataclass(slots=True)
class _State:
    """Goes on to `out` when `accepts` holds; without `accepts` at once, if it is no anchor or stands at its place."""

    accepts: Accepts | None = None
    anchor: str = ""  # "^" holds at the beginning, "$" at the end
    out: tuple[int, ...] = ()


class Pattern:
    """A pattern as a machine: all its states are followed at once, so nothing is ever tried again."""

    def __init__(self, states: list[_State], start: int, end: int) -> None:
        self._states = states
        self._start = start
        self._end = end
        self._kept: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def found_in(self, text: str) -> bool:
        """Whether some part of the text fits; anchors tie the part to the ends of the text."""
        here = self._reached((self._start,), True, not text)
        for position, character in enumerate(text, 1):
            if self._end in here:
                return True
            here = self._step(here, character) if position < len(text) else self._moved(here, character, True)
        return self._end in here

    def _step(self, here: frozenset[int], character: str) -> frozenset[int]:
        key = (here, character)
        there = self._kept.get(key)
        if there is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            there = self._kept[key] = self._moved(here, character, False)
        return there

    def _moved(self, here: frozenset[int], character: str, at_end: bool) -> frozenset[int]:
        out = [self._start]  # a match may begin at any character
        for number in here:
            state = self._states[number]
            if state.accepts is not None and state.accepts(character):
                out += state.out
        return self._reached(out, False, at_end)

    def _reached(self, numbers: Iterable[int], at_start: bool, at_end: bool) -> frozenset[int]:
        """The states with all that follow from them without a character."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            state = self._states[number]
            if state.accepts is None and {"": True, "^": at_start, "$": at_end}[state.anchor]:
                waiting += state.out
        return frozenset(found)


class _Machine:
    """Builds states from the last to the first: every part is given what follows it and answers where it begins."""

    def __init__(self) -> None:
        self.states = [_State()]  # number 0 is the end

    def add(self, *out: int, accepts: Accepts | None = None, anchor: str = "") -> int:
        if len(self.states) >= MAX_STATES:
            raise BadPattern(f"the pattern needs more than {MAX_STATES} states")
        self.states.append(_State(accepts, anchor, out))
        return len(self.states) - 1

    def pattern(self, part: Part) -> Pattern:
        return Pattern(self.states, part(self, 0), 0)


Part = Callable[[_Machine, int], int]


def _one(accepts: Accepts) -> Part:
    return lambda machine, after: machine.add(after, accepts=accepts)


def _anchor(which: str) -> Part:
    return lambda machine, after: machine.add(after, anchor=which)


def _sequence(parts: list[Part]) -> Part:
    def build(machine: _Machine, after: int) -> int:
        for part in reversed(parts):
            after = part(machine, after)
        return after

    return build


def _choice(parts: list[Part]) -> Part:
    return lambda machine, after: machine.add(*(part(machine, after) for part in parts))


def _repeat(part: Part, least: int, most: int | None) -> Part:
    def build(machine: _Machine, after: int) -> int:
        if most is None:
            loop = machine.add()
            machine.states[loop].out = (part(machine, loop), after)
            after = loop
        for _ in range(0 if most is None else most - least):
            after = machine.add(part(machine, after), after)
        for _ in range(least):
            after = part(machine, after)
        return after

    return build


def _any(_: str) -> bool:
    return True


def _same(character: str) -> Accepts:
    return lambda other: other == character


def _among(ranges: list[tuple[str, str]], negated: bool) -> Accepts:
    return lambda character: any(low <= character <= high for low, high in ranges) is not negated


class _Reader:
    """Reads a regular expression, in which a negated class is written [abc]^."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Part:
        part = self._choice()
        if self._at < len(self._text):
            raise BadPattern(f"{self._peek()} at {self._at + 1} closes nothing")
        return part

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, wanted: str = "") -> str:
        character = self._peek()
        if not character or (wanted and character != wanted):
            raise BadPattern(f"{wanted or 'a character'} is missing at {self._at + 1}")
        self._at += 1
        return character

    def _choice(self) -> Part:
        parts = [self._sequence()]
        while self._peek() == "|":
            self._take()
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else _choice(parts)

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return _sequence(parts)

    def _atom(self) -> Part:
        character = self._take()
        if character in "^$":
            return _anchor(character)
        if character == "(":
            return self._group()
        if character == "[":
            return _one(self._class())
        if character in "*+?{":
            raise BadPattern(f"{character} at {self._at} repeats nothing")
        if character == ".":
            return _one(_any)
        return _one(_same(self._take() if character == "\\" else character))

    def _group(self) -> Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadPattern(f"groups are nested deeper than {MAX_DEPTH} levels")
        part = self._choice()
        self._take(")")
        self._depth -= 1
        return part

    def _repeated(self, part: Part) -> Part:
        counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        while self._peek() and self._peek() in "*+?{":
            character = self._take()
            least, most = counts[character] if character in counts else self._counts()
            part = _repeat(part, least, most)
        return part

    def _counts(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at : max(end, self._at)].partition(",")
        if not low.isdecimal() or (high and not high.isdecimal()) or len(low) > 4 or len(high) > 4:
            raise BadPattern(f"{{ at {self._at} is not followed by m}}, m,}} or m,n}}")
        self._at = end + 1
        least = int(low)
        most = int(high) if high else None if comma else least
        if most is not None and most < least:
            raise BadPattern(f"{{{low},{high}}} allows nothing")
        return least, most

    def _class(self) -> Accepts:
        if self._peek() == "^":
            raise BadPattern("a negated class is written [abc]^")
        ranges = [self._range()]
        while self._peek() != "]":
            ranges.append(self._range())
        self._take("]")
        negated = self._peek() == "^"
        self._at += negated
        return _among(ranges, negated)

    def _range(self) -> tuple[str, str]:
        low = self._class_character()
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in ("]", ""):
            return low, low
        self._take()
        high = self._class_character()
        if high < low:
            raise BadPattern(f"the range {low}-{high} is empty")
        return low, high

    def _class_character(self) -> str:
        character = self._take()
        return self._take() if character == "\\" else character


class _WildcardReader(_Reader):
    """Reads WQL's patterns: % and _, [a-f] and [^x]; they have to fit the whole text."""

    def whole(self) -> Part:
        parts: list[Part] = [_anchor("^")]
        while self._peek():
            parts.append(self._atom())
        return _sequence([*parts, _anchor("$")])

    def _atom(self) -> Part:
        character = self._take()
        if character == "%":
            return _repeat(_one(_any), 0, None)
        if character == "_":
            return _one(_any)
        return _one(self._class() if character == "[" else _same(character))

    def _class(self) -> Accepts:
        negated = self._peek() == "^"
        self._at += negated
        ranges = [self._range()]
        while self._peek() != "]":
            ranges.append(self._range())
        self._take("]")
        return _among(ranges, negated)


def compile_pattern(text: str, wildcards: bool) -> Pattern:
    """A pattern of WQL (`wildcards`), or a regular expression. Errors: BadPattern."""
    if len(text) > MAX_PATTERN:
        raise BadPattern(f"the pattern is longer than {MAX_PATTERN} characters")
    reader = _WildcardReader(text) if wildcards else _Reader(text)
    return _Machine().pattern(reader.whole())
