"""CIM-XML requests written by hand, and what comes back, for tests of what no client library would send."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from lxml import etree

HEADERS = {"Content-Type": 'application/xml; charset="utf-8"', "CIMOperation": "MethodCall"}
SPACE = '<LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="virt"/></LOCALNAMESPACEPATH>'


@dataclass(frozen=True)
class Reply:
    """HTTP status and CIMError header; or CIM status, or return value; and what they say."""

    http: int
    cimerror: str | None
    status: int | None
    value: str | None
    text: str


def post(url: str, body: bytes) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request("POST", "/cimom", body, headers_of(body))
        return read(connection.getresponse())
    finally:
        connection.close()


def headers_of(body: bytes) -> dict[str, str]:
    """The headers that go with a call; what they have to repeat is in the body (DSP0200 clause 7.3)."""
    found = re.search(rb'METHODCALL NAME="(\w+)"', body)
    words = re.findall(rb'<NAMESPACE NAME="(\w+)"', body)
    name = found[1].decode() if found else "GetInstance"
    where = b"/".join(words).decode() or "root/virt"
    target = re.search(rb'</LOCALNAMESPACEPATH><(?:CLASSNAME NAME|INSTANCENAME CLASSNAME)="(\w+)"/?>(.*?)</LOCAL', body)
    if target and b"IMETHODCALL" not in body:
        keys = re.findall(rb'KEYBINDING NAME="(\w+)"><KEYVALUE>(.*?)<', target[2])
        bound = ",".join(f'{key.decode()}="{value.decode()}"' for key, value in keys)
        where += f":{target[1].decode()}" + (f".{bound}" if bound else "")
    return {**HEADERS, "CIMMethod": name, "CIMObject": quote(where)}


def read(response: http.client.HTTPResponse) -> Reply:
    content = response.read()
    header = unquote(response.getheader("wbem-reason") or "")
    if response.status != 200:
        return Reply(response.status, response.getheader("CIMError"), None, None, content.decode())
    root = etree.fromstring(content)
    error, value = root.find(".//ERROR"), root.find(".//RETURNVALUE/VALUE")
    if error is not None:
        return Reply(200, None, int(error.get("CODE", "0")), None, error.get("DESCRIPTION", ""))
    return Reply(200, None, None, None if value is None else value.text, header)


def message(inner: str, cim: str = "2.0", protocol: str = "1.0") -> bytes:
    start = f'<?xml version="1.0" encoding="utf-8"?><CIM CIMVERSION="{cim}" DTDVERSION="2.0">'
    return f'{start}<MESSAGE ID="1" PROTOCOLVERSION="{protocol}">{inner}</MESSAGE></CIM>'.encode()


def operation(name: str, parameters: str = "", space: str = SPACE) -> bytes:
    return message(f'<SIMPLEREQ><IMETHODCALL NAME="{name}">{space}{parameters}</IMETHODCALL></SIMPLEREQ>')


def parameter(name: str, value: str) -> str:
    return f'<IPARAMVALUE NAME="{name}">{value}</IPARAMVALUE>'


def path(classname: str, **keys: str) -> str:
    bound = "".join(
        f'<KEYBINDING NAME="{name}"><KEYVALUE>{value}</KEYVALUE></KEYBINDING>' for name, value in keys.items()
    )
    return f'<INSTANCENAME CLASSNAME="{classname}">{bound}</INSTANCENAME>'


def system(name: str) -> str:
    return path("Test_ComputerSystem", CreationClassName="Test_ComputerSystem", Name=name)


def head(instance_id: str = "Test:desktop1/defined") -> str:
    return path("Test_VirtualSystemSettingData", InstanceID=instance_id)


def call(method: str, *parameters: str, target: str = "") -> bytes:
    """A method of the management service, by its class, or of another target."""
    service = '<CLASSNAME NAME="Test_VirtualSystemManagementService"/>'
    where = (
        f"<LOCALINSTANCEPATH>{SPACE}{target}</LOCALINSTANCEPATH>"
        if target
        else f"<LOCALCLASSPATH>{SPACE}{service}</LOCALCLASSPATH>"
    )
    return message(f'<SIMPLEREQ><METHODCALL NAME="{method}">{where}{"".join(parameters)}</METHODCALL></SIMPLEREQ>')


def given(name: str, value: str, kind: str = "string") -> str:
    return f'<PARAMVALUE NAME="{name}" PARAMTYPE="{kind}">{value}</PARAMVALUE>'


def ref(name: str, instance: str) -> str:
    return given(name, f"<VALUE.REFERENCE>{instance}</VALUE.REFERENCE>", "reference")


def text(value: str) -> str:
    return f"<VALUE>{escape(value)}</VALUE>"


def array(*values: str) -> str:
    return f"<VALUE.ARRAY>{''.join(values)}</VALUE.ARRAY>"


def mof(classname: str, body: str = "") -> str:
    return text(f"instance of {classname} {{ {body} }};")
