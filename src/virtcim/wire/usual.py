"""Elements in the form that most clients write them, read by patterns in a few steps where a parser takes many.

What is written otherwise, or is to be refused, is not found here; the parser reads it or says what is wrong with it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from virtcim.broker.call import Instance, Path, Value

LONGEST, LONGEST_PATH = 65_536, 2048  # characters of what is read here
STARTS, PATHS = 1024, 256  # of which it is remembered what they mean

# Neither blanks between elements nor CDATA, comments, carriage returns (which are read as line feeds), character
# references, or line feeds and tabs in attributes (which are read as blanks). Nothing here can backtrack.
_IN_TEXT = r"[^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*+"
TEXT = rf"{_IN_TEXT}(?:&(?:[lg]t|quot|apos|amp);{_IN_TEXT})*+"
NAME = r"[A-Za-z_]\w{0,127}+"
START = r'(?: [A-Z][A-Za-z]{1,31}+="[^<>&"\x00-\x1f\ufffe\uffff]{0,128}+"){1,8}+'  # its attributes; xmlns is none
_BETWEEN, _GAP = "</VALUE><VALUE>", "\0"  # which is in no text
# A group that is empty has found no value: what it finds has the first start tag.
ONE = rf"(<VALUE>{TEXT})</VALUE>"
MANY = rf"<VALUE\.ARRAY>(<VALUE>{TEXT}(?:{_BETWEEN}{TEXT})*+)</VALUE></VALUE\.ARRAY>"


def _all(pattern: str) -> str:
    """Repetitions of a pattern; without its groups, as one within a repetition that does not backtrack goes wrong."""
    return f"(?:{re.sub(r'[(](?![?])', '(?:', pattern)})*+"


_ESCAPES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))  # & last
_ATTRIBUTE = re.compile(r' (\w+)="([^"]*)"')
_PROPERTY = (
    rf"<PROPERTY({START})(?:/>|>(?:{ONE})?</PROPERTY>)"
    rf"|<PROPERTY\.ARRAY({START})(?:/>|>(?:{MANY})?</PROPERTY\.ARRAY>)"
)
_PROPERTIES = re.compile(_PROPERTY, re.ASCII)
_INSTANCE = re.compile(rf'<INSTANCE CLASSNAME="({NAME})">({_all(_PROPERTY)})</INSTANCE>', re.ASCII)
_KEY = (
    rf'<KEYBINDING NAME="({NAME})"><KEYVALUE(?: VALUETYPE="\w+")?(?: TYPE="\w+")?>'
    r"([^<>&\x00-\x1f\ufffe\uffff]*+)</KEYVALUE></KEYBINDING>"
)
_KEYS = re.compile(_KEY, re.ASCII)
_NAMESPACE = r'<NAMESPACE NAME="(\w+)"/>'
_NAMESPACES = re.compile(_NAMESPACE, re.ASCII)
_SPACE = rf"<LOCALNAMESPACEPATH>({_all(_NAMESPACE)})</LOCALNAMESPACEPATH>"
_NAMED = rf'<INSTANCENAME CLASSNAME="({NAME})">({_all(_KEY)})</INSTANCENAME>'
_PATH = re.compile(rf"(?:<LOCALINSTANCEPATH>{_SPACE}{_NAMED}</LOCALINSTANCEPATH>|{_NAMED})", re.ASCII)


class Start(NamedTuple):
    """What the attributes of PROPERTY or PARAMVALUE say; `type` is PARAMTYPE in lower case, or what it stands for."""

    name: str
    lower: str
    type: str | None
    embeds: bool


def instance(text: str) -> Instance | None:
    """INSTANCE without embedded ones, references, qualifiers or NULL in arrays; None if it is not of this form."""
    found = _INSTANCE.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    properties: dict[str, Value] = {}
    names: set[str] = set()
    for single, one, plural, many in _PROPERTIES.findall(found[2]):
        start = start_of(single or plural)
        if start is None or start.embeds or start.lower in names:
            return None
        names.add(start.lower)
        properties[start.name] = value(one, many)
    return Instance(found[1], properties)


@lru_cache(STARTS)
def start_of(attributes: str) -> Start | None:
    """What START found; None where an attribute is there twice or there is no name."""
    found = _ATTRIBUTE.findall(attributes)
    given = dict(found)
    name = given.get("NAME", "").strip()
    if len(given) != len(found) or not name:
        return None
    kind = given["PARAMTYPE"].strip().lower() if given.get("PARAMTYPE") else None
    if kind in ("instance", "object"):
        return Start(name, name.lower(), "string", True)
    return Start(name, name.lower(), kind, bool(given.get("EmbeddedObject") or given.get("EMBEDDEDOBJECT")))


def value(one: str | None, many: str | None) -> Value:
    """What ONE or MANY found."""
    if one:
        return _unescaped(one[7:])
    return _unescaped(many[7:].replace(_BETWEEN, _GAP)).split(_GAP) if many else None


def path(text: str) -> Path | None:
    """LOCALINSTANCEPATH or INSTANCENAME without references; None if it is not of this form."""
    return _path(text) if len(text) <= LONGEST_PATH else None


@lru_cache(PATHS)
def _path(text: str) -> Path | None:
    found = _PATH.fullmatch(text)
    if found is None:
        return None
    spaces, there, local, here, alone = found.groups()
    keys = tuple(_KEYS.findall(local or alone))
    namespace = "/".join(_NAMESPACES.findall(spaces)) if there else None
    if namespace == "" or len({name.lower() for name, _ in keys}) != len(keys):
        return None
    return Path(there or here, keys, namespace)


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    return text
