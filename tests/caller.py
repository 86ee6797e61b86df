"""Operations and method calls as they are written, over a connection of one's own, and the CIM status they get."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import pywbem

from virtcim.conformance.raw import cim_headers, instance_name, intrinsic, message

VIRT, INTEROP, NOWHERE = "root/virt", "interop", "root/nowhere"


class Reply(NamedTuple):
    """The status of a reply, 0 for success, and its text."""

    status: int
    body: str


class Caller:
    """Sends operations as they are written."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def __call__(self, name: str, parameters: Mapping[str, str], namespace: str = VIRT) -> Reply:
        return self.send(name, intrinsic(name, namespace, **parameters), namespace)

    def send(self, name: str, content: str, namespace: str) -> Reply:
        """An operation as given. Errors: AssertionError when HTTP itself refuses."""
        return self._post(content, cim_headers(name, namespace))

    def invoke(self, name: str, target: str, parameters: str = "", namespace: str = VIRT) -> Reply:
        """A method call; `target` is CLASSNAME or INSTANCENAME."""
        classname = re.search(r'NAME="([^"]+)"', target)
        assert classname
        content = method_call(name, target, parameters, namespace)
        return self._post(content, cim_headers(name, f"{namespace}:{classname[1]}"))

    def _post(self, content: str, cim: Mapping[str, str]) -> Reply:
        headers = {"Content-Type": "application/xml", **cim}
        self._connection.request("POST", "/cimom", message(content).encode(), headers)
        response = self._connection.getresponse()
        body = response.read().decode()
        assert response.status == 200, body
        error = re.search(r'<ERROR CODE="(\d+)"', body)
        return Reply(int(error[1]) if error else 0, body)

    def close(self) -> None:
        self._connection.close()


def path(classname: str, **keys: str) -> str:
    return instance_name(pywbem.CIMInstanceName(classname, keys))


def system(name: str = "web1", classname: str = "Test_ComputerSystem") -> str:
    return path(classname, Name=name, CreationClassName=classname)


def instance(classname: str, **properties: str) -> str:
    return str(pywbem.CIMInstance(classname, properties).tocimxml().toxml())


def named(name: str, given: str) -> str:
    return f"<VALUE.NAMEDINSTANCE>{name}{given}</VALUE.NAMEDINSTANCE>"


def method_call(name: str, target: str, parameters: str = "", namespace: str = VIRT) -> str:
    steps = "".join(f'<NAMESPACE NAME="{step}"/>' for step in namespace.split("/"))
    tag = "LOCALCLASSPATH" if target.startswith("<CLASSNAME") else "LOCALINSTANCEPATH"
    head = f"<{tag}><LOCALNAMESPACEPATH>{steps}</LOCALNAMESPACEPATH>{target}</{tag}>"
    return f'<SIMPLEREQ><METHODCALL NAME="{name}">{head}{parameters}</METHODCALL></SIMPLEREQ>'


def value(name: str, content: str) -> str:
    return f'<PARAMVALUE NAME="{name}">{content}</PARAMVALUE>'
