"""Results to CIM-XML (DSP0201): the message around them, one writer a form, in chunks that are joins of kept bytes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from virtcim.broker.batches import Batches
from virtcim.broker.call import (
    Ahead,
    Answer,
    Call,
    CIMError,
    Form,
    Holds,
    Instance,
    MethodAnswer,
    Out,
    PropertyDef,
    Selection,
)
from virtcim.messages import discreet
from virtcim.wire import extended_errors
from virtcim.wire.again import Again
from virtcim.wire.batched import BatchWriter, Chunks, chunks
from virtcim.wire.classes import ClassEncoder, qualifier_declaration
from virtcim.wire.coming import LARGEST, Coming, Made
from virtcim.wire.forms import ItemForms, Pieces
from virtcim.wire.instances import InstanceEncoder, embedded_attribute
from virtcim.wire.kept import Kept
from virtcim.wire.paths import Classes, Elsewhere, class_name
from virtcim.wire.text import escaped, quoted

KEPT, REPLIES = 1_500_000, 4_000_000  # bytes of memory: of single instances, of whole small replies
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID={id}'
    ' PROTOCOLVERSION="1.0"><SIMPLERSP><{tag} NAME={name}>'
)
_START = b"<IRETURNVALUE>"
_TAIL = "</{tag}></SIMPLERSP></MESSAGE></CIM>\n"


class Encoder:
    """Encodes replies. `classes` gives a class by name; `host` is what INSTANCEPATH and CLASSPATH name as HOST.

    `elsewhere` gives the classes of other namespaces; `kept` says how many bytes of single instances are kept.
    """

    def __init__(
        self, classes: Classes, host: str | None = None, elsewhere: Elsewhere | None = None, kept: int = KEPT
    ) -> None:
        shown_host = escaped(host or socket.getfqdn())
        self._instances = InstanceEncoder(classes, elsewhere)
        self._items = ItemForms(self._instances, shown_host, Kept(kept) if kept else None)
        self._again = Again(REPLIES)
        self._returned: dict[tuple[str, str | None], tuple[str, Callable[[Any], str]]] = {}
        self._classes = ClassEncoder()
        self._writers: dict[Form, Callable[[Iterable[Any], Call, Selection], Pieces]] = {
            **self._items.writers,
            Form.VALUE: self._values,
            Form.CLASS: self._class_elements,
            Form.CLASS_NAME: _class_names,
            Form.CLASS_WITH_PATH: self._classes_with_path,
            Form.CLASS_PATH: self._class_paths,
            Form.QUALIFIER: _qualifiers,
        }
        self.coming = Coming()
        self._batches = BatchWriter(self._writers, ItemForms(self._instances, shown_host, None).writers)

    def reply(self, call: Call, answer: Answer) -> Chunks:
        """The response to an intrinsic operation, in chunks of about 512 KiB; takes the items as it goes."""
        head, tail = _message(call, "IMETHODRESPONSE")
        if answer.form is Form.NOTHING:
            return Chunks(head, iter(()), tail)
        made = self.coming.take(call, answer) if answer.ahead else None
        if made is not None:
            return Chunks.of(chain((head + _START,), made.parts), len(head) + len(_START) + made.size)
        start, end = _START, self._end(answer, tail)
        if not isinstance(answer.items, Batches):
            pieces = self._writers[answer.form](answer.items, call, answer.selection)
            if answer.holds is None:
                return Chunks(head + start, pieces, end)
            return Chunks(
                b"", ((one,) for one in self._keeping(call, answer.holds, head, chunks(start, pieces, end))), b""
            )
        return self._batches.reply(call, answer, answer.items, (head + start, end))

    def ahead(self, call: Call, ahead: Ahead) -> bool:
        """Make the response to the next call like this one, which is of what is kept; whether that could be done."""
        answer = ahead[1]
        if not isinstance(answer.items, Batches):
            return False
        parts = self._batches.ahead(call, answer, answer.items, LARGEST)
        if parts is None:
            return False
        parts.append(self._end(answer, _frame(call.name, "IMETHODRESPONSE")[2]))
        self.coming.put(Made(call, ahead, parts, sum(map(len, parts))))
        return True

    def again(self, call: Call) -> bytes | None:
        """The response as it was given to a call of the same text, if it still holds."""
        body = self._again.get(call.memo)
        return None if body is None else _message(call, "IMETHODRESPONSE")[0] + body

    def cool(self) -> None:
        """Let go of what is kept for those who ask all the time."""
        self._batches.cool()
        self.coming.clear()

    def _keeping(self, call: Call, holds: Holds, head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks after the head; where there is only one it is kept."""
        first, second = next(chunks), next(chunks, None)
        if second is None:
            self._again.put(call.memo, holds, first)
        return chain((head + first,), () if second is None else (second,), chunks)

    def method_reply(self, call: Call, answer: MethodAnswer) -> bytes:
        """The response to an extrinsic method: the return value, and the out parameters."""
        head, tail = _message(call, "METHODRESPONSE")
        body = self._return_value(answer) + "".join(map(self._out, answer.out))
        return head + body.encode() + tail

    def error_reply(self, call: Call, error: CIMError, extended: bool = True) -> Iterator[bytes]:
        """The response that holds an ERROR element; `extended` with a CIM_Error in it (DSP0201)."""
        head, tail = _message(call, "IMETHODRESPONSE" if call.target is None else "METHODRESPONSE")
        instance = self._extended(call, error) if extended else ""
        element = f'<ERROR CODE="{error.status:d}" DESCRIPTION={quoted(discreet(error.message))}>{instance}</ERROR>'
        yield head + element.encode() + tail

    def _extended(self, call: Call, error: CIMError) -> str:
        found = extended_errors.extended(call, error)
        shown = Selection(frozenset(name.lower() for name in found.properties))
        return self._instances.instance(extended_errors.CLASS, found.properties, shown)

    def _return_value(self, answer: MethodAnswer) -> str:
        if answer.value is None:
            return ""
        kind = answer.type, "" if isinstance(answer.value, Instance) else None
        if kind not in self._returned:
            declared = PropertyDef("ReturnValue", answer.type, embedded=kind[1])
            start = f'<RETURNVALUE PARAMTYPE="{answer.type}"{embedded_attribute(kind[1])}>'
            self._returned[kind] = start, self._instances.value_encoder(declared)
        start, value = self._returned[kind]
        return f"{start}{value(answer.value)}</RETURNVALUE>"

    def _out(self, out: Out) -> str:
        if out.value is None:
            return ""
        declared = out.declared
        value = self._instances.value_encoder(declared)(out.value)
        return f"{_out_start(declared.name, declared.type, declared.embedded)}{value}</PARAMVALUE>"

    def _end(self, answer: Answer, tail: bytes) -> bytes:
        return b"</IRETURNVALUE>" + self._outs(answer) + tail

    def _outs(self, answer: Answer) -> bytes:
        out = "".join(map(self._out, answer.out)).encode()
        if answer.result_class is None:
            return out
        return (
            b'<PARAMVALUE NAME="QueryResultClass">' + self._classes.encode(answer.result_class) + b"</PARAMVALUE>" + out
        )

    def _values(self, items: Iterable[Out], _call: Call, _selection: Selection) -> Pieces:
        return ((self._instances.value_encoder(one.declared)(one.value).encode(),) for one in items)

    def _class_elements(self, items: Iterable[Any], _call: Call, _selection: Selection) -> Pieces:
        return ((self._classes.encode(view),) for view in items)

    def _classes_with_path(self, items: Iterable[Any], call: Call, _selection: Selection) -> Pieces:
        end = b"</VALUE.OBJECTWITHPATH>"
        for path, view in items:
            yield b"<VALUE.OBJECTWITHPATH>", self._class_path(path, call), self._classes.encode(view), end

    def _class_paths(self, items: Iterable[Any], call: Call, _selection: Selection) -> Pieces:
        return ((b"<OBJECTPATH>", self._class_path(path, call), b"</OBJECTPATH>") for path in items)

    def _class_path(self, path: Any, call: Call) -> bytes:
        space = self._items.space(path.namespace or call.namespace)
        return b"<CLASSPATH>" + space + class_name(path.classname).encode() + b"</CLASSPATH>"


@lru_cache(maxsize=1024)
def _out_start(name: str, kind: str, embedded: str | None) -> str:
    return f'<PARAMVALUE NAME={quoted(name)} PARAMTYPE="{kind}"{embedded_attribute(embedded)}>'


def _class_names(items: Iterable[str], _call: Call, _selection: Selection) -> Pieces:
    return ((class_name(name).encode(),) for name in items)


def _qualifiers(items: Iterable[Any], _call: Call, _selection: Selection) -> Pieces:
    return ((qualifier_declaration(declared).encode(),) for declared in items)


def _message(call: Call, tag: str) -> tuple[bytes, bytes]:
    start, end, tail = _frame(call.name, tag)
    return start + quoted(call.message_id).encode() + end, tail


@lru_cache(maxsize=128)
def _frame(name: str, tag: str) -> tuple[bytes, bytes, bytes]:
    """What is before and after the message ID, and the end of the message."""
    start, _, end = _HEAD.partition("{id}")
    return start.encode(), end.format(tag=tag, name=quoted(name)).encode(), _TAIL.format(tag=tag).encode()
