"""Programmatic units (DSP0004 annex C), and the words that older clients use for them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

BYTE = "byte"
KIB = "byte * 2^10"
COUNT = "count"
BLOCK = "count(fixed size block)"
PERCENT = "percent"
BITS_PER_SECOND = "bit / second"

WORDS = {
    "bytes": BYTE,
    "kilobytes": KIB,
    "megabytes": "byte * 2^20",
    "gigabytes": "byte * 2^30",
    "kilobytes per second": "byte / second * 10^3",
    "megabytes per second": "byte / second * 10^6",
    "processors": COUNT,
    "percent": PERCENT,
}
BASES = frozenset({"bit", "byte", "second", "hertz", COUNT, BLOCK, PERCENT})
TERM = re.compile(r"\s*(?:(?P<number>\d+)(?:\s*\^\s*(?P<power>[+-]?\d{1,3}))?|(?P<base>[a-z]+(?:\([a-z ]+\))?))\s*")
BITS_IN_A_BYTE = 8


class UnitError(ValueError):
    """Text that is no unit we know, or units that measure different things."""


@dataclass(frozen=True)
class Unit:
    """`factor` times the base units, each with its power, e.g. (("bit", 1), ("second", -1))."""

    factor: Fraction
    bases: tuple[tuple[str, int], ...]


@lru_cache(maxsize=256)
def parse(text: str) -> Unit:
    """A unit from its text, in any spacing and order of multipliers, or one of the old words. Raises UnitError."""
    plain = text.strip().lower()
    plain = WORDS.get(plain, plain)
    factor, bases, position, sign = Fraction(1), Counter[str](), 0, 1
    while True:
        term = TERM.match(plain, position)
        if term is None:
            raise UnitError(f"{text!r} is not a programmatic unit")
        number, base = _term(term, text)
        factor *= number**sign
        bases.update({base: sign} if base else {})
        position = term.end()
        if position == len(plain):
            return Unit(factor, tuple(sorted((name, power) for name, power in bases.items() if power)))
        if plain[position] not in "*/":
            raise UnitError(f"{text!r} is not a programmatic unit")
        sign = 1 if plain[position] == "*" else -1
        position += 1


def _term(term: re.Match[str], text: str) -> tuple[Fraction, str]:
    if term["number"]:
        number = Fraction(int(term["number"]))
        if not number:
            raise UnitError(f"{text!r} has a multiplier of zero")
        return number ** int(term["power"] or 1), ""
    base = term["base"].removesuffix("s") if term["base"] in ("bytes", "bits", "seconds") else term["base"]
    if base not in BASES:
        raise UnitError(f"{text!r}: {base!r} is not a unit known here")
    return (Fraction(BITS_IN_A_BYTE), "bit") if base == BYTE else (Fraction(1), base)


def convert(amount: int, unit: str, into: str) -> Fraction | int:
    """An amount in another unit, exactly. Raises UnitError when the units measure different things."""
    ratio = _ratio(unit, into)
    return amount * (ratio.numerator if ratio.denominator == 1 else ratio)


@lru_cache(maxsize=256)
def _ratio(unit: str, into: str) -> Fraction:
    source, target = parse(unit), parse(into)
    if source.bases != target.bases:
        raise UnitError(f"{unit!r} cannot be converted to {into!r}")
    return source.factor / target.factor
