"""Method calls in the form that most clients write them, see `usual`."""

from __future__ import annotations

import re

from virtcim.broker.call import Argument, Call, Value
from virtcim.wire.elements import Size
from virtcim.wire.embedded import unwrapped
from virtcim.wire.faults import Unacceptable
from virtcim.wire.usual import LONGEST, MANY, ONE, START, Start, path, start_of, value

DEEPEST = 10  # levels of elements, of a key of a reference
_BLANK = r"[ \t\r\n]*+"
_HEAD = re.compile(
    rf'<\?xml version="1\.0" encoding="[Uu][Tt][Ff]-8" ?\?>{_BLANK}<CIM CIMVERSION="2\.\d" DTDVERSION="2\.\d">'
    rf'{_BLANK}<MESSAGE ID="([ !#-%\'-;=?-~]*+)" PROTOCOLVERSION="(1\.\d)">{_BLANK}<SIMPLEREQ>'
    rf'{_BLANK}<METHODCALL NAME="(\w+)">'.encode()
)
_TARGET = re.compile("<LOCALINSTANCEPATH>(?:[^<]++|<(?!/LOCALINSTANCEPATH))*+</LOCALINSTANCEPATH>")
_REFERENCE = r"<VALUE\.REFERENCE>((?:[^<]++|<(?!/VALUE\.REFERENCE))++)</VALUE\.REFERENCE>"
_PARAMETER = re.compile(rf"<PARAMVALUE({START})(?:/>|>(?:{ONE}|{MANY}|{_REFERENCE})?</PARAMVALUE>)")
_TAIL = re.compile(rf"</METHODCALL>{_BLANK}</SIMPLEREQ>{_BLANK}</MESSAGE>{_BLANK}</CIM>[ \t\r\n;]*+")


def usual_call(body: bytes, most: Size) -> tuple[Call, str] | None:
    """The call of a method of an instance, and PROTOCOLVERSION; None if it is not of the usual form."""
    head = _HEAD.match(body) if len(body) <= min(LONGEST, most.nodes) and most.levels >= DEEPEST else None
    if head is None:
        return None
    try:
        text = body[head.end() :].decode()
    except UnicodeDecodeError:
        return None
    found = _TARGET.match(text)
    target = path(found[0]) if found else None
    if found is None or target is None:
        return None
    parameters = _parameters(text, found.end())
    if parameters is None:
        return None
    message_id, version, name = (one.decode() for one in head.groups())
    return Call(message_id, name, target.namespace or "", parameters, target), version


def _parameters(text: str, at: int) -> dict[str, Value | Argument] | None:
    """The parameters of a call, up to its end."""
    parameters: dict[str, Value | Argument] = {}
    names: set[str] = set()
    while found := _PARAMETER.match(text, at):
        start, at = start_of(found[1]), found.end()
        argument = _argument(start, found) if start else None
        if start is None or argument is None or start.lower in names:
            return None
        names.add(start.lower)
        parameters[start.name] = argument
    return parameters if _TAIL.fullmatch(text, at) else None


def _argument(start: Start, found: re.Match[str]) -> Argument | None:
    given: Value = path(found[4]) if found[4] else value(found[2], found[3])
    if found[4] and given is None:
        return None
    if not start.embeds:
        return Argument(given, start.type)
    try:
        return Argument(unwrapped(given, start.name), start.type)
    except Unacceptable:  # the parser finds it as well, and says of which call
        return None
