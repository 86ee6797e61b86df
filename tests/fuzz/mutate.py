"""Changes to a request, drawn from a seeded generator: of bytes, of text, and of the tree of elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

LARGE = 50_000  # bytes from which on only bytes are changed: looking for elements takes its time

_TAG = re.compile(rb"<(/?)([A-Z.]+)[^<>]*?(/?)>")
_WORD = re.compile(rb'"[^"<>]*"|>[^<>]+<')
_NASTY = (
    b"",
    b"0",
    b"-1",
    b"65536",
    b"18446744073709551616",
    b"9" * 5000,
    b"1e999",
    b"NaN",
    b"0x" + b"f" * 40,
    b"TRUE",
    b"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
    b"\xff\xfe",
    b"&#0;",
    b"&#x10FFFF;",
    b"&#xD800;",
    b"&amp;lt;",
    b"&lt;INSTANCE CLASSNAME=&quot;CIM_Job&quot;/&gt;",
    b"instance of CIM_Job { a = {{{{ };",
    b"a/b//c",
    b"%00%zz",
    b"(" * 3000,
    b"[[[[*+?{1,99999}",
    b" ",
    b"\r\n\t",
    b"x" * 100_000,
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"<?xml?>",
    b"<!DOCTYPE x>",
)
_NAMES = (
    b"VALUE VALUE.ARRAY VALUE.NULL VALUE.REFERENCE INSTANCE INSTANCENAME CLASSNAME KEYBINDING KEYVALUE PROPERTY"
    b" QUALIFIER CLASS METHOD PARAMVALUE IPARAMVALUE SIMPLEREQ MULTIREQ SIMPLERSP LOCALNAMESPACEPATH NAMESPACE HOST X"
).split()

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]


class Element(NamedTuple):
    """Where an element is in a body: its name, its content, and the whole of it."""

    name: bytes
    start: int
    content: int
    content_end: int
    end: int


def elements(body: bytes) -> list[Element]:
    """The elements that have a start and an end."""
    found: list[Element] = []
    opened: list[re.Match[bytes]] = []
    for tag in _TAG.finditer(body) if len(body) <= LARGE else ():
        if not tag[1] and not tag[3]:
            opened.append(tag)
        elif tag[1] and opened and opened[-1][2] == tag[2]:
            start = opened.pop()
            found.append(Element(tag[2], start.start(), start.end(), tag.start(), tag.end()))
    return found


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after one to four changes; half of the time such that mostly leave a call."""
    body = random.choice(seeds)
    gentle = random.random() < 0.5
    for _ in range(random.choice((1, 1, 2, 4))):
        mutations = GENTLE if gentle else MUTATIONS
        body = random.choice(mutations if len(body) <= LARGE else ON_BYTES)(random, body, seeds)
    return body


def _flip(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(body)
    for _time in range(random.randint(1, 8)):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    start, end = sorted(random.randrange(len(body) + 1) for _ in range(2))
    return body[:start] + body[end:] if random.random() < 0.7 else body[:start]


def _repeat(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    start, end = sorted(random.randrange(len(body) + 1) for _ in range(2))
    return body[:end] + body[start:end] * random.choice((1, 2, 50)) + body[end:]


def _splice(random: Random, body: bytes, seeds: Sequence[bytes]) -> bytes:
    other = random.choice(seeds)
    return body[: random.randrange(len(body) + 1)] + other[random.randrange(len(other) + 1) :]


def _nasty(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """A value or an attribute becomes one that is often not thought of."""
    found = list(_WORD.finditer(body))
    if not found:
        return body
    one = random.choice(found)
    return body[: one.start() + 1] + random.choice(_NASTY) + body[one.end() - 1 :]


def _exchange(random: Random, body: bytes, seeds: Sequence[bytes]) -> bytes:
    """A value or an attribute becomes one that stands elsewhere: the XML stays right."""
    found = list(_WORD.finditer(body))
    if not found:
        return body
    one = random.choice(found)
    others = [word[0] for word in _WORD.finditer(random.choice(seeds)) if word[0][:1] == one[0][:1]]
    return body[: one.start()] + random.choice(others or [one[0]]) + body[one.end() :]


def _rename(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """An element gets another name, at its start and its end."""
    found = elements(body)
    if not found:
        return body
    one, name = random.choice(found), random.choice(_NAMES)
    head = body[one.start + 1 + len(one.name) : one.content_end]
    return body[: one.start + 1] + name + head + b"</" + name + b">" + body[one.end :]


def _transplant(random: Random, body: bytes, seeds: Sequence[bytes]) -> bytes:
    """An element takes the place of another."""
    other = random.choice(seeds)
    found, there = elements(body), elements(other)
    if not (found and there):
        return body
    one, graft = random.choice(found), random.choice(there)
    return body[: one.start] + other[graft.start : graft.end] + body[one.end :]


def _drop(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    found = list(_TAG.finditer(body))
    if not found:
        return body
    one = random.choice(found)
    return body[: one.start()] + body[one.end() :]


def _nest(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """An element within itself, many times."""
    found = elements(body)
    if not found:
        return body
    one, times = random.choice(found), random.choice((2, 40, 3000))
    start, end = body[one.start : one.content], body[one.content_end : one.end]
    return body[: one.start] + start * times + end * times + body[one.end :]


ON_BYTES: tuple[Mutation, ...] = (_flip, _cut)
GENTLE: tuple[Mutation, ...] = (_exchange, _exchange, _exchange, _nasty, _transplant)
MUTATIONS: tuple[Mutation, ...] = (*ON_BYTES, _repeat, _splice, *GENTLE, _rename, _drop, _nest)
