"""Hand-made classes and instances, a server that answers with them, and requests as bytes."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from virtcim.broker.call import Answer, Call, ClassDef, Form, Item, MethodAnswer, Path, PropertyDef, Value
from virtcim.wire.server import HttpServer

INTEGERS = tuple(f"{sign}int{bits}" for sign in "us" for bits in (8, 16, 32, 64))
SCALARS = ("boolean", "string", "char16", "datetime", "real32", "real64", *INTEGERS)


def class_def(name: str, *properties: PropertyDef, superclass: str | None = None) -> ClassDef:
    return ClassDef(name, superclass, {p.name.lower(): p for p in properties}, {})


def declared(name: str, type_name: str = "string", **more: object) -> PropertyDef:
    return PropertyDef(name, type_name, origin="Virt_Base", **more)  # type: ignore[arg-type]


# Each CIM type as Scalar_<type> and Array_<type>, references and embedded instances.
EVERY = class_def(
    "Virt_Every",
    declared("Name", is_key=True),
    *(declared(f"Scalar_{t}", t) for t in SCALARS),
    *(declared(f"Array_{t}", t, is_array=True) for t in SCALARS),
    declared("Ref", "reference", reference_class="Virt_Keyed"),
    declared("Inner", embedded="Virt_Every"),
    declared("Inners", is_array=True, embedded="Virt_Every"),
    declared("Anything", embedded=""),
)
# Keys of each type; a reference as well.
KEYED = class_def("Virt_Keyed", *(declared(f"Key_{t}", t, is_key=True) for t in SCALARS))
LINK = class_def(
    "Virt_Link",
    declared("Antecedent", "reference", is_key=True, reference_class="Virt_System"),
    declared("Dependent", "reference", is_key=True, reference_class="Virt_System"),
)
SYSTEM = class_def(
    "Virt_System",
    declared("CreationClassName", is_key=True),
    declared("Name", is_key=True),
    declared("EnabledState", "uint16"),
    declared("Caption"),
)
CLASSES = {cls.name: cls for cls in (EVERY, KEYED, LINK, SYSTEM)}


def system_path(name: str = "vm1") -> Path:
    return Path("Virt_System", (("CreationClassName", "Virt_System"), ("Name", name)), "root/virt")


def system(name: str = "vm1", **properties: Value) -> Item:
    return Item(SYSTEM, system_path(name), {"CreationClassName": "Virt_System", "Name": name, **properties})


def link(one: str, other: str) -> Item:
    ends: dict[str, Value] = {"Antecedent": system_path(one), "Dependent": system_path(other)}
    return Item(LINK, Path("Virt_Link", tuple(ends.items()), "root/virt"), ends)


@dataclass
class Served:
    """A running server: `answer` says what a call gets, `calls` are the ones that arrived."""

    url: str = ""
    answer: Callable[[Call], Answer | MethodAnswer] = lambda _call: Answer(Form.NOTHING)
    calls: list[Call] = field(default_factory=list)
    server: HttpServer | None = None

    def dispatch(self, call: Call) -> Answer | MethodAnswer:
        self.calls.append(call)
        return self.answer(call)

    def post(
        self, body: bytes, change: Mapping[str, str | None] | None = None, method: str = "POST"
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request; `change` replaces headers of a correct GetInstance, None leaves one out."""
        headers = {**HEADERS, **(change or {})}
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            connection.request(method, "/cimom", body, {k: v for k, v in headers.items() if v is not None})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


HEADERS: Mapping[str, str] = {
    "Content-Type": 'application/xml; charset="utf-8"',
    "CIMOperation": "MethodCall",
    "CIMMethod": "GetInstance",
    "CIMObject": "root%2Fvirt",
}
SPACE = '<LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="virt"/></LOCALNAMESPACEPATH>'


def message(inner: str, cim: str = "2.0", dtd: str = "2.0", protocol: str = "1.0") -> bytes:
    """`inner` within CIM and MESSAGE."""
    head = f'<?xml version="1.0" encoding="utf-8"?><CIM CIMVERSION="{cim}" DTDVERSION="{dtd}">'
    return f'{head}<MESSAGE ID="7" PROTOCOLVERSION="{protocol}">{inner}</MESSAGE></CIM>'.encode()


def operation(parameters: str = "", name: str = "GetInstance", **versions: str) -> bytes:
    """An intrinsic operation in root/virt."""
    return message(f'<SIMPLEREQ><IMETHODCALL NAME="{name}">{SPACE}{parameters}</IMETHODCALL></SIMPLEREQ>', **versions)


def parameter(value: str, name: str = "X") -> str:
    return f'<IPARAMVALUE NAME="{name}">{value}</IPARAMVALUE>'


def method_call(parameters: str = "", name: str = "Start", target: str | None = None) -> bytes:
    """A method call on Virt_System in root/virt."""
    head = target or f'<LOCALCLASSPATH>{SPACE}<CLASSNAME NAME="Virt_System"/></LOCALCLASSPATH>'
    return message(f'<SIMPLEREQ><METHODCALL NAME="{name}">{head}{parameters}</METHODCALL></SIMPLEREQ>')


GOOD_NAME = operation(
    parameter(
        '<INSTANCENAME CLASSNAME="Ä"><KEYBINDING NAME="k"><KEYVALUE>ß</KEYVALUE></KEYBINDING></INSTANCENAME>',
        "InstanceName",
    )
)
