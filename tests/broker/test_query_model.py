"""The evaluator against a plain model of three-valued logic, and the reader against any text at all."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtcim.broker.call import CIMError, Instance
from virtcim.broker.query import Query, parse_filter, parse_select
from virtcim.broker.schema import Schema

CLASS = "CIM_StorageExtent"
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Values = dict[str, Any]


class Modelled(NamedTuple):
    """A condition as text, and what it ought to answer."""

    text: str
    answer: Callable[[Values], bool | None]


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


numbers = st.integers(0, 2**64 - 1) | st.integers(0, 3)
words = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=3) | st.sampled_from(["", "a", "b"])
instances = st.fixed_dictionaries(
    {},
    optional={
        "NumberOfBlocks": numbers,
        "BlockSize": numbers,
        "Name": words,
        "Primordial": st.booleans(),
        "OperationalStatus": st.lists(st.integers(0, 3) | st.none(), max_size=3),
    },
)


def compared(how: str, left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else OPERATORS[how](left, right)


def number_against_number(how: str, number: int) -> Modelled:
    return Modelled(f"NumberOfBlocks {how} {number}", lambda v: compared(how, v.get("NumberOfBlocks"), number))


def property_against_property(how: str) -> Modelled:
    answer = lambda v: compared(how, v.get("NumberOfBlocks"), v.get("BlockSize"))  # noqa: E731
    return Modelled(f"NumberOfBlocks {how} BlockSize", answer)


def text_against_text(how: str, word: str) -> Modelled:
    return Modelled(f"Name {how} {quoted(word)}", lambda v: compared(how, v.get("Name"), word))


def truth(how: str, value: bool) -> Modelled:
    return Modelled(f"Primordial {how} {str(value).upper()}", lambda v: compared(how, v.get("Primordial"), value))


def null_test(name: str, negated: bool) -> Modelled:
    text = f"{name} IS {'NOT ' if negated else ''}NULL"
    return Modelled(text, lambda v: (v.get(name) is None) is not negated)


def element(index: int, how: str, number: int) -> Modelled:
    def answer(values: Values) -> bool | None:
        found = (values.get("OperationalStatus") or [])[index : index + 1]
        return compared(how, found[0] if found else None, number)

    return Modelled(f"OperationalStatus[{index}] {how} {number}", answer)


def quantified(every: bool, how: str, number: int) -> Modelled:
    def answer(values: Values) -> bool | None:
        found = values.get("OperationalStatus")
        if found is None:
            return None
        answers = [compared(how, one, number) for one in found]
        return all_of(answers) if every else any_of(answers)

    word = "EVERY" if every else "ANY"
    return Modelled(f"{word} s IN OperationalStatus[*] SATISFIES (s {how} {number})", answer)


def any_of(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def all_of(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def inverted(one: Modelled) -> Modelled:
    def answer(values: Values) -> bool | None:
        value = one.answer(values)
        return None if value is None else not value

    return Modelled(f"NOT ({one.text})", answer)


def joined(word: str, parts: list[Modelled]) -> Modelled:
    combine = any_of if word == "OR" else all_of
    text = f" {word} ".join(f"({part.text})" for part in parts)
    return Modelled(text, lambda values: combine([part.answer(values) for part in parts]))


hows = st.sampled_from(sorted(OPERATORS))
names = st.sampled_from(["NumberOfBlocks", "Name", "Primordial", "OperationalStatus"])
small = st.integers(0, 3)
leaves = st.one_of(
    st.builds(number_against_number, hows, numbers),
    st.builds(property_against_property, hows),
    st.builds(text_against_text, hows, words),
    st.builds(truth, st.sampled_from(["=", "<>"]), st.booleans()),
    st.builds(null_test, names, st.booleans()),
    st.builds(element, small, hows, small),
    st.builds(quantified, st.booleans(), hows, small),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(inverted, inner),
        st.builds(joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(condition=conditions, values=instances)
def test_as_the_model(repository: Schema, condition: Modelled, values: Values) -> None:
    query = parse_select(repository, "DMTF:CQL", f"SELECT * FROM {CLASS} WHERE {condition.text}")
    assert query.matches(Instance(CLASS, values)) is condition.answer(values)


@settings(deadline=None)
@given(how=hows, number=small, every=st.booleans(), values=instances)
def test_filters_know_no_unknown(repository: Schema, how: str, number: int, every: bool, values: Values) -> None:
    """Every comparison with NULL is false, one of an element as well."""
    word = "EVERY" if every else "ANY"
    query = parse_filter(repository, "DMTF:FQL", f"{word} OperationalStatus {how} {number}", CLASS)
    found = values.get("OperationalStatus")
    answers = [compared(how, one, number) is True for one in found or []]
    wanted = found is not None and (all(answers) if every else any(answers))
    assert query.matches(Instance(CLASS, values)) is wanted


@settings(deadline=None)
@given(word=st.text(st.characters(codec="utf-8"), max_size=20))
@pytest.mark.parametrize("language", ["WQL", "DMTF:CQL"])
def test_any_string_can_be_written(repository: Schema, language: str, word: str) -> None:
    query = parse_select(repository, language, f"SELECT * FROM {CLASS} WHERE Name = {quoted(word)}")
    assert query.matches(Instance(CLASS, {"Name": word})) is True
    assert query.matches(Instance(CLASS, {"Name": word + "x"})) is False


WORDS = (
    "SELECT * FROM CIM_System WHERE Name = 'a' AND OR NOT ( ) ANY EVERY IN SATISFIES [ ] . :: || LIKE ISA IS NULL "
    "{ } , 1 0x1F 101b 1.5e3 #'Enabled' \"b\" < TRUE ClassName OperationalStatus -"
)
pieces = st.sampled_from(sorted(WORDS.split(" ")))


def outcome(parse: Callable[[], Query]) -> str:
    """What became of a text: an answer, or the refusal."""
    try:
        return str(parse().matches(Instance("CIM_System", {"Name": "a"})))
    except CIMError as refused:
        return f"{refused.status.name} {refused.message}"


@settings(deadline=None)
@given(text=st.lists(pieces, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(repository: Schema, text: str) -> None:
    outcomes = [
        outcome(lambda: parse_select(repository, "WQL", text)),
        outcome(lambda: parse_select(repository, "DMTF:CQL", f"SELECT * FROM CIM_System WHERE {text}")),
        outcome(lambda: parse_filter(repository, "DMTF:FQL", text, "CIM_System")),
    ]
    for one in outcomes:
        assert re.match(
            "True|False|None|(INVALID_QUERY|QUERY_FEATURE_NOT_SUPPORTED) .* query, line [0-9]+, column ", one
        )
