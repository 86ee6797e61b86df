"""Programmatic units: exact conversion, and texts that are none."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from virtcim.mapping import units
from virtcim.mapping.units import UnitError, convert, parse


@pytest.mark.parametrize(
    ("amount", "unit", "into", "result"),
    [
        (1, "byte * 2^20", "byte * 2^10", 1024),
        (1, "byte*2^20", "byte", 1048576),
        (1, "byte * 1024 * 1024", "byte * 2^20", 1),
        (1, "2^10 * byte", "byte", 1024),
        (5, "bytes*10^3", "byte", 5000),
        (3, "KiloBytes", "byte", 3072),
        (3, "megabytes", "byte * 2^10", 3072),
        (1, "GIGABYTES", "byte", 2**30),
        (1, "byte / second", "bit / second", 8),
        (1, "KiloBytes per Second", "bit / second", 8000),
        (10, "bit / second * 10^6", "bit / second", 10_000_000),
        (5, "hertz*10^9", "hertz * 10^6", 5000),
        (250, "second * 10^-3", "second", Fraction(1, 4)),
        (7, "Processors", "count", 7),
        (7, "percent", "percent", 7),
        (9, "count(fixed size block)", "count(fixed size block)", 9),
        (1000, "byte * 10^3", "byte * 2^10", Fraction(15625, 16)),
    ],
)
def test_amounts_are_converted_exactly(amount: int, unit: str, into: str, result: Fraction) -> None:
    assert convert(amount, unit, into) == result


@pytest.mark.parametrize(
    "text",
    [
        "",
        "furlong",
        "byte *",
        "* byte",
        "byte ** 2",
        "byte 2^10",
        "byte * 0",
        "byte * 2^^3",
        "2^10 byte",
        "byte;",
        "kilo byte",
    ],
)
def test_what_is_no_unit(text: str) -> None:
    with pytest.raises(UnitError, match=re.escape(repr(text))):
        parse(text)


@pytest.mark.parametrize(
    ("unit", "into"), [("byte", "second"), ("byte / second", "byte"), ("count", "percent"), ("byte * byte", "byte")]
)
def test_units_of_different_things(unit: str, into: str) -> None:
    with pytest.raises(UnitError, match="cannot be converted"):
        convert(1, unit, into)


@pytest.mark.parametrize(
    "text", [units.BYTE, units.KIB, units.COUNT, units.BLOCK, units.PERCENT, units.BITS_PER_SECOND]
)
def test_what_we_emit_is_a_unit(text: str) -> None:
    assert parse(text).factor > 0


def test_a_huge_exponent_is_no_unit() -> None:
    with pytest.raises(UnitError):
        parse("byte * 2^99999999")
