"""What holds for every programmatic unit: conversion is exact, goes both ways, and does not mind how it is written."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from virtcim.mapping.units import BASES, UnitError, convert, parse

AMOUNTS = st.integers(0, 2**64 - 1)
FACTORS = st.lists(st.tuples(st.sampled_from([2, 10, 1024]), st.integers(-12, 12)), max_size=4)
UNITS = st.tuples(st.sampled_from(sorted(BASES)), FACTORS)


def written(unit: tuple[str, list[tuple[int, int]]], blank: str = " ") -> str:
    base, factors = unit
    return f"{blank}*{blank}".join([base, *(f"{number}^{power}" for number, power in factors)])


def value(factors: list[tuple[int, int]]) -> Fraction:
    found = Fraction(1)
    for number, power in factors:
        found *= Fraction(number) ** power
    return found


@given(amount=AMOUNTS, unit=UNITS)
def test_conversion_is_exact(amount: int, unit: tuple[str, list[tuple[int, int]]]) -> None:
    assert convert(amount, written(unit), unit[0]) == amount * value(unit[1])


@given(amount=AMOUNTS, base=st.sampled_from(sorted(BASES)), one=FACTORS, other=FACTORS)
def test_conversion_goes_both_ways(
    amount: int, base: str, one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    there = convert(amount, written((base, one)), written((base, other)))
    assert there * convert(1, written((base, other)), written((base, one))) == amount


@given(unit=UNITS, order=st.randoms(use_true_random=False), blank=st.sampled_from(["", " ", "  "]))
def test_spacing_and_order_do_not_matter(unit: tuple[str, list[tuple[int, int]]], order: object, blank: str) -> None:
    shuffled = list(unit[1])
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert parse(written((unit[0], shuffled), blank)) == parse(written(unit))


@given(text=st.text(max_size=40))
def test_any_text_is_a_unit_or_refused(text: str) -> None:
    try:
        factor, reason = parse(text).factor, ""
    except UnitError as error:
        factor, reason = Fraction(0), str(error)
    assert factor > 0 or repr(text) in reason
