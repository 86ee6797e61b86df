"""Changes to a request, drawn from a seeded generator: of bytes, of text, and of the tree of elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

_TAG = re.compile(rb"<[^<>]*>")
_WORD = re.compile(rb'"[^"<>]*"|>[^<>]+<')
_ELEMENT = re.compile(rb"<([A-Z.]+)[^<>]*>.*?</\1>", re.DOTALL)
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


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after one to four changes."""
    body = random.choice(seeds)
    for _ in range(random.choice((1, 1, 2, 4))):
        body = random.choice(MUTATIONS)(random, body, seeds)
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


def _rename(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """An element gets another name, at its start and its end."""
    found = list(_ELEMENT.finditer(body))
    if not found:
        return body
    one, name = random.choice(found), random.choice(_NAMES)
    inner = body[one.end(1) : one.end() - len(one[1]) - 1]
    return body[: one.start(1)] + name + inner + name + body[one.end() - 1 :]


def _transplant(random: Random, body: bytes, seeds: Sequence[bytes]) -> bytes:
    """An element takes the place of another."""
    found, there = list(_ELEMENT.finditer(body)), list(_ELEMENT.finditer(random.choice(seeds)))
    if not (found and there):
        return body
    one = random.choice(found)
    return body[: one.start()] + random.choice(there)[0] + body[one.end() :]


def _drop(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    found = list(_TAG.finditer(body))
    if not found:
        return body
    one = random.choice(found)
    return body[: one.start()] + body[one.end() :]


def _nest(random: Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """An element within itself, many times."""
    found = list(_ELEMENT.finditer(body))
    if not found:
        return body
    one, times = random.choice(found), random.choice((2, 40, 3000))
    start = body[one.start() : body.index(b">", one.start()) + 1]
    end = b"</" + one[1] + b">"
    return body[: one.start()] + start * times + end * times + body[one.end() :]


MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _repeat, _splice, _nasty, _nasty, _rename, _transplant, _drop, _nest)
