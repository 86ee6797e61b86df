"""Results to CIM-XML (DSP0201): the message around them, one writer a form, in chunks that are joins of kept bytes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from virtcim.broker.call import (
    EVERYTHING,
    Answer,
    Call,
    CIMError,
    Form,
    Instance,
    Item,
    MethodAnswer,
    Out,
    Path,
    PropertyDef,
    Selection,
)
from virtcim.wire import extended_errors
from virtcim.wire.classes import ClassEncoder, qualifier_declaration
from virtcim.wire.instances import InstanceEncoder, embedded_attribute
from virtcim.wire.paths import Classes, class_name, namespace_path
from virtcim.wire.text import escaped, quoted

CHUNK = 64 * 1024
MAX_KEPT = 8  # encodings kept by one item
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID={id}'
    ' PROTOCOLVERSION="1.0"><SIMPLERSP><{tag} NAME={name}>'
)
_TAIL = "</{tag}></SIMPLERSP></MESSAGE></CIM>\n"
_NAME = "INSTANCENAME"
_INSTANCE = "INSTANCE"

Pieces = Iterator[tuple[bytes, ...]]


class Encoder:
    """Encodes replies. `classes` gives a class by name; `host` is what INSTANCEPATH and CLASSPATH name as HOST."""

    def __init__(self, classes: Classes, host: str | None = None) -> None:
        self._host = escaped(host or socket.getfqdn())
        self._instances = InstanceEncoder(classes)
        self._classes = ClassEncoder()
        self._writers: dict[Form, Callable[[Iterable[Any], Call, Selection], Pieces]] = {
            Form.INSTANCE: self._bare_instances,
            Form.NAMED_INSTANCE: self._named_instances,
            Form.INSTANCE_NAME: self._names,
            Form.OBJECT_WITH_PATH: self._objects_with_path,
            Form.OBJECT_PATH: self._object_paths,
            Form.OBJECT: self._objects,
            Form.INSTANCE_WITH_PATH: self._instances_with_path,
            Form.INSTANCE_PATH: self._instance_paths,
            Form.VALUE: self._values,
            Form.CLASS: self._class_elements,
            Form.CLASS_NAME: _class_names,
            Form.CLASS_WITH_PATH: self._classes_with_path,
            Form.CLASS_PATH: self._class_paths,
            Form.QUALIFIER: _qualifiers,
        }

    def reply(self, call: Call, answer: Answer) -> Iterator[bytes]:
        """The response to an intrinsic operation, in chunks of about 64 KiB; takes the items as it goes."""
        head, tail = _message(call, "IMETHODRESPONSE")
        if answer.form is Form.NOTHING:
            return iter((head + tail,))
        if answer.form is Form.INSTANCE and type(answer.items) is tuple and len(answer.items) == 1 and not answer.out:
            return iter((self._one_instance(head, answer, tail),))
        pieces = self._writers[answer.form](answer.items, call, answer.selection)
        return _chunks(head + b"<IRETURNVALUE>", pieces, b"</IRETURNVALUE>" + self._outs(answer) + tail)

    def _one_instance(self, head: bytes, answer: Answer, tail: bytes) -> bytes:
        """The whole response to GetInstance."""
        (item,) = answer.items
        selection = answer.selection
        instance = self._instance(item, selection, _key(selection))
        return b"".join((head, b"<IRETURNVALUE>", instance, b"</IRETURNVALUE>", tail))

    def method_reply(self, call: Call, answer: MethodAnswer) -> Iterator[bytes]:
        """The response to an extrinsic method: the return value, and the out parameters."""
        head, tail = _message(call, "METHODRESPONSE")
        body = self._return_value(answer) + "".join(map(self._out, answer.out))
        yield head + body.encode() + tail

    def error_reply(self, call: Call, error: CIMError, extended: bool = True) -> Iterator[bytes]:
        """The response that holds an ERROR element; `extended` with a CIM_Error in it (DSP0201)."""
        head, tail = _message(call, "IMETHODRESPONSE" if call.target is None else "METHODRESPONSE")
        instance = self._extended(call, error) if extended else ""
        element = f'<ERROR CODE="{error.status:d}" DESCRIPTION={quoted(error.message)}>{instance}</ERROR>'
        yield head + element.encode() + tail

    def _extended(self, call: Call, error: CIMError) -> str:
        found = extended_errors.extended(call, error)
        shown = Selection(frozenset(name.lower() for name in found.properties))
        return self._instances.instance(extended_errors.CLASS, found.properties, shown)

    def _return_value(self, answer: MethodAnswer) -> str:
        if answer.value is None:
            return ""
        embedded = "" if isinstance(answer.value, Instance) else None
        declared = PropertyDef("ReturnValue", answer.type, embedded=embedded)
        value = self._instances.value_encoder(declared)(answer.value)
        attributes = f'PARAMTYPE="{answer.type}"{embedded_attribute(embedded)}'
        return f"<RETURNVALUE {attributes}>{value}</RETURNVALUE>"

    def _out(self, out: Out) -> str:
        if out.value is None:
            return ""
        declared = out.declared
        value = self._instances.value_encoder(declared)(out.value)
        attributes = f'NAME={quoted(declared.name)} PARAMTYPE="{declared.type}"{embedded_attribute(declared.embedded)}'
        return f"<PARAMVALUE {attributes}>{value}</PARAMVALUE>"

    def _outs(self, answer: Answer) -> bytes:
        out = "".join(map(self._out, answer.out)).encode()
        if answer.result_class is None:
            return out
        return (
            b'<PARAMVALUE NAME="QueryResultClass">' + self._classes.encode(answer.result_class) + b"</PARAMVALUE>" + out
        )

    def _name(self, item: Item | Path) -> bytes:
        """INSTANCENAME, kept by the item."""
        if isinstance(item, Path):
            return self._instances.instance_name(item).encode()
        kept = item.kept.get(_NAME)
        if kept is None:
            kept = item.kept[_NAME] = self._instances.instance_name(item.path, item.cls).encode()
        return kept

    def _instance(self, item: Item, selection: Selection, key: object) -> bytes:
        """INSTANCE, kept by the item; `key` stands for the selection."""
        kept = item.kept.get(key)
        if kept is None:
            kept = self._instances.instance(item.cls, item.properties, selection).encode()
            if key == _INSTANCE or len(item.kept) < MAX_KEPT:
                item.kept[key] = kept
        return kept

    def _bare_instances(self, items: Iterable[Item], _call: Call, selection: Selection) -> Pieces:
        key = _key(selection)
        return ((self._instance(item, selection, key),) for item in items)

    def _named_instances(self, items: Iterable[Item], _call: Call, selection: Selection) -> Pieces:
        key = _key(selection)
        start, end = b"<VALUE.NAMEDINSTANCE>", b"</VALUE.NAMEDINSTANCE>"
        return ((start, self._name(item), self._instance(item, selection, key), end) for item in items)

    def _names(self, items: Iterable[Item | Path], _call: Call, _selection: Selection) -> Pieces:
        return ((self._name(item),) for item in items)

    def _objects(self, items: Iterable[Item], _call: Call, selection: Selection) -> Pieces:
        key = _key(selection)
        start, end = b"<VALUE.OBJECT>", b"</VALUE.OBJECT>"
        return ((start, self._instance(item, selection, key), end) for item in items)

    def _objects_with_path(self, items: Iterable[Item], call: Call, selection: Selection) -> Pieces:
        return self._with_path(b"VALUE.OBJECTWITHPATH", items, call, selection)

    def _instances_with_path(self, items: Iterable[Item], call: Call, selection: Selection) -> Pieces:
        return self._with_path(b"VALUE.INSTANCEWITHPATH", items, call, selection)

    def _with_path(self, tag: bytes, items: Iterable[Item], call: Call, selection: Selection) -> Pieces:
        key = _key(selection)
        head, middle, end = b"<" + tag + b"><INSTANCEPATH>", b"</INSTANCEPATH>", b"</" + tag + b">"
        for item in items:
            start = head + self._space(item.path.namespace or call.namespace)
            yield start, self._name(item), middle, self._instance(item, selection, key), end

    def _object_paths(self, items: Iterable[Item | Path], call: Call, _selection: Selection) -> Pieces:
        end = b"</INSTANCEPATH></OBJECTPATH>"
        for item in items:
            path = item if isinstance(item, Path) else item.path
            start = b"<OBJECTPATH><INSTANCEPATH>" + self._space(path.namespace or call.namespace)
            yield start, self._name(item), end

    def _instance_paths(self, items: Iterable[Item], call: Call, _selection: Selection) -> Pieces:
        for item in items:
            space = self._space(item.path.namespace or call.namespace)
            yield b"<INSTANCEPATH>", space, self._name(item), b"</INSTANCEPATH>"

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
        space = self._space(path.namespace or call.namespace)
        return b"<CLASSPATH>" + space + class_name(path.classname).encode() + b"</CLASSPATH>"

    def _space(self, namespace: str) -> bytes:
        return namespace_path(self._host, namespace).encode()


def _key(selection: Selection) -> object:
    """What an item keeps an INSTANCE by: a constant for the common selection, else a tuple that hashes fast."""
    return _INSTANCE if selection == EVERYTHING else (selection.names, selection.class_origin)


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


def _chunks(head: bytes, pieces: Pieces, tail: bytes) -> Iterator[bytes]:
    pending = [head]
    size = 0
    for parts in pieces:
        pending += parts
        size += sum(map(len, parts))
        if size >= CHUNK:
            yield b"".join(pending)
            pending.clear()
            size = 0
    pending.append(tail)
    yield b"".join(pending)
