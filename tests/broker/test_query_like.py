"""Patterns of LIKE: against Python's own regular expressions, what sets the DMTF's apart, and hostile ones."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtcim.broker.query_like import BadPattern, compile_pattern


def found(pattern: str, text: str) -> bool:
    return compile_pattern(pattern, wildcards=False).found_in(text)


def patterns() -> st.SearchStrategy[str]:
    """Patterns that mean the same here and in Python."""
    atom = st.sampled_from(["a", "b", ".", "[ab]", "[a-c]", "\\.", "c"])
    repeat = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{1,}"])
    return st.recursive(
        st.builds(str.__add__, atom, repeat),
        lambda inner: st.one_of(
            st.builds(lambda one, other: one + other, inner, inner),
            st.builds(lambda one, other, times: f"({one}|{other}){times}", inner, inner, st.sampled_from(["", "*"])),
        ),
        max_leaves=6,
    )


@settings(deadline=None)
@given(patterns(), st.sampled_from(["", "^"]), st.sampled_from(["", "$"]), st.text("abc.", max_size=8))
def test_as_python(pattern: str, start: str, end: str, text: str) -> None:
    wanted = re.search(f"{start}(?:{pattern}){end}", text) is not None
    assert found(f"{start}({pattern}){end}", text) is wanted


@settings(deadline=None)
@given(st.text("ab%_", max_size=6), st.text("ab", max_size=6))
def test_wildcards_as_python(pattern: str, text: str) -> None:
    wanted = re.fullmatch(pattern.replace("%", ".*").replace("_", "."), text) is not None
    assert compile_pattern(pattern, wildcards=True).found_in(text) is wanted


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("a.c", "xabcx", True),
        ("", "", True),
        ("^$", "", True),
        ("^$", "a", False),
        ("[a-c]^", "abc", False),
        ("[a-c]^", "abcd", True),
        ("^[\\]\\-]+$", "-]", True),
        ("[a-]", "-", True),
        ("a\\.c", "abc", False),
        ("a/c", "a/c", True),
        ("^a", "ba", False),
        ("a$|^b", "ba", True),
        ("a_%", "a_%", True),
        (".", "\n", True),
        ("ä", "Ä", False),
    ],
)
def test_regular_expressions(pattern: str, text: str, wanted: bool) -> None:
    assert found(pattern, text) is wanted


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [("a.c", "abc", False), ("a*", "a*", True), ("[^a-c]%", "dab", True), ("100[%]", "100%", True), ("", "a", False)],
)
def test_wildcards(pattern: str, text: str, wanted: bool) -> None:
    assert compile_pattern(pattern, wildcards=True).found_in(text) is wanted


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "missing"),
        ("a)", "closes nothing"),
        ("[a", "missing"),
        ("[", "missing"),
        ("[^a]", "[abc]^"),
        ("[c-a]", "empty"),
        ("*a", "repeats nothing"),
        ("{2}", "repeats nothing"),
        ("a{", "{ at 2"),
        ("a{x}", "{ at 2"),
        ("a{2,1}", "allows nothing"),
        ("a{99999}", "{ at 2"),
        ("a\\", "missing"),
        ("(" * 33 + ")" * 33, "deeper than 32"),
        ("a{999}{999}", "1024 states"),
    ],
)
def test_refused(pattern: str, reason: str) -> None:
    with pytest.raises(BadPattern, match=re.escape(reason)):
        compile_pattern(pattern, wildcards=False)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a*)*b", "a" * 20_000),
        ("^(a|a)*$", "a" * 20_000 + "b"),
        ("(.*)(.*)(.*)(.*)x", "y" * 20_000),
        ("(a|b)*a(a|b){300}x", "ab" * 5_000),
    ],
)
def test_time_is_linear_in_the_text(pattern: str, text: str) -> None:
    started = time.monotonic()
    assert not found(pattern, text)
    assert time.monotonic() - started < 5
